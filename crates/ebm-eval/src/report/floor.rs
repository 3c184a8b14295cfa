//! The figure a perfect sampler would reach.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::EvalError;

/// A figure for a sample and the same figure for a fresh draw from the true distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithFloor<T> {
    /// The figure for the sample.
    pub value: T,
    /// The figure for the fresh draw; a sampler can only fall below it by chance.
    pub floor: T,
}

/// `metric(sample, reference)` and `metric(fresh, reference)`; the second is computed first.
///
/// `sample` and `fresh` are `[n, dim]`, `reference` is `[m, dim]`.
/// Most distances between finite samples have a bias that depends on the sample size, so `fresh` must be as
/// large as `sample`.
///
/// # Errors
/// Returns the errors of `metric`.
///
/// # Panics
/// If the shapes of `sample` and `fresh` differ.
pub fn with_floor<T>(
    sample: Tensor<2>,
    fresh: Tensor<2>,
    reference: Tensor<2>,
    mut metric: impl FnMut(Tensor<2>, Tensor<2>) -> Result<T, EvalError>,
) -> Result<WithFloor<T>, EvalError> {
    assert_eq!(sample.dims(), fresh.dims(), "the fresh draw must have the shape of the sample");
    let floor = metric(fresh, reference.clone())?;
    Ok(WithFloor { value: metric(sample, reference)?, floor })
}

/// Splits data into a fresh draw and a reference: two random halves of the rows.
///
/// With an odd number of rows the first half is the smaller one.
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
    fn halves_contain_every_row_once() {
        let x = Tensor::<2>::from_data([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], &Device::flex());
        let [first, second] = halves(x, &mut Noise::seeded(91));
        assert_eq!((first.dims(), second.dims()), ([3, 1], [4, 1]));
        let mut rows = [numbers(first), numbers(second)].concat();
        assert_ne!(rows, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        rows.sort_unstable_by(f64::total_cmp);
        assert_eq!(rows, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn the_floor_is_the_figure_of_the_fresh_draw() {
        let full = |value: f64| Tensor::<2>::full([1, 1], value, &Device::flex());
        let metric = |a: Tensor<2>, b: Tensor<2>| Ok(numbers(a)[0] * 10.0 + numbers(b)[0]);
        let found = with_floor(full(1.0), full(2.0), full(3.0), metric).unwrap();
        assert_eq!(found, WithFloor { value: 13.0, floor: 23.0 });
    }
}
