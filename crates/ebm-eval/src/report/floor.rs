//! What a perfect sampler would have had.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::EvalError;

/// A figure of a sample beside the same figure of a fresh draw of the true law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithFloor<T> {
    /// The sample's.
    pub value: T,
    /// The fresh draw's: no sampler can be better but by chance.
    pub floor: T,
}

/// `metric(sample, reference)` and `metric(fresh, reference)`.
///
/// Most distances of finite samples are biased by their size, so `fresh` has to be as large as the sample:
/// both are `[n, dim]`; the reference is `[m, dim]`.
///
/// # Errors
/// Those of the metric.
///
/// # Panics
/// If sample and fresh draw have not one shape.
pub fn with_floor<T>(
    sample: Tensor<2>,
    fresh: Tensor<2>,
    reference: Tensor<2>,
    mut metric: impl FnMut(Tensor<2>, Tensor<2>) -> Result<T, EvalError>,
) -> Result<WithFloor<T>, EvalError> {
    assert_eq!(sample.dims(), fresh.dims(), "a floor is that of a draw of the sample's shape");
    let floor = metric(fresh, reference.clone())?;
    Ok(WithFloor { value: metric(sample, reference)?, floor })
}

/// Real data as a fresh draw and a reference: two random halves of the rows, the first one smaller if odd.
pub fn halves(x: Tensor<2>, noise: &mut Noise) -> [Tensor<2>; 2] {
    let n = x.dims()[0];
    let order: Vec<i64> = noise.permutation(n).into_iter().map(|i| i as i64).collect();
    let part = |indices: &[i64]| x.clone().select(0, Tensor::from_data(indices, &x.device()));
    let (first, second) = order.split_at(n / 2);
    [part(first), part(second)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::numbers;
    use burn::tensor::Device;

    #[test]
    fn halves_hold_every_row_once() {
        let x = Tensor::<2>::from_data([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], &Device::flex());
        let [first, second] = halves(x, &mut Noise::seeded(91));
        assert_eq!((first.dims(), second.dims()), ([3, 1], [4, 1]));
        let mut rows = [numbers(first), numbers(second)].concat();
        assert_ne!(rows, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        rows.sort_unstable_by(f64::total_cmp);
        assert_eq!(rows, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn value_and_floor_are_not_exchanged() {
        let full = |value: f64| Tensor::<2>::full([1, 1], value, &Device::flex());
        let metric = |a: Tensor<2>, b: Tensor<2>| Ok(numbers(a)[0] * 10.0 + numbers(b)[0]);
        let found = with_floor(full(1.0), full(2.0), full(3.0), metric).unwrap();
        assert_eq!(found, WithFloor { value: 13.0, floor: 23.0 });
    }
}
