//! The difference of two energies, coordinate by coordinate.

use burn::tensor::Tensor;
use ebm_model::Score;
use ebm_ops::OutOfRange;

use crate::EvalError;
use crate::host::{Rows, assert_one_space};

/// Nodes and weights of the Gauss–Legendre rule of three points on [0, 1]; ±√(3/5)/2 from the middle.
const NODES: [(f64, f64); 3] = [
    (0.5 - 0.387_298_334_620_741_7, 5.0 / 18.0),
    (0.5, 4.0 / 9.0),
    (0.5 + 0.387_298_334_620_741_7, 5.0 / 18.0),
];

/// What each coordinate adds to E(x) − E(from) on the straight line between the two:
/// −(x − from)_i ∫₀¹ s_i(from + t (x − from)) dt.
///
/// The contributions of an energy sum to the difference of its energies, which is that of −log p; those of a score
/// that is no gradient sum to its line integral. They are negative where the way to x is one to likelier values.
/// `x` is `[batch, dim]`, `from` the same or one row, `[1, dim]`, for all; the result `[batch, dim]`, in nats.
/// Cost: three scores for each of the `segments` of the line; the rule is exact where the score along it is a
/// polynomial of degree five.
///
/// # Errors
/// [`EvalError::NotFinite`] for an end, or where a score is not finite; [`EvalError::OutOfRange`] without a segment.
///
/// # Panics
/// If the ends do not have the same number of coordinates, or `from` has neither one row nor as many as `x`.
///
/// # Reference
/// Sundararajan, Taly and Yan (2017), *Axiomatic attribution for deep networks*, eq. 1.
pub fn path_contributions<S: Score + ?Sized>(
    model: &S,
    from: Tensor<2>,
    x: Tensor<2>,
    segments: usize,
) -> Result<Tensor<2>, EvalError> {
    assert_one_space(&from, &x);
    OutOfRange::at_least("segments", 1, segments)?;
    Rows::read(from.clone(), "beginnings", 1)?;
    Rows::read(x.clone(), "points", 0)?;
    let way = x.clone() - from.clone();
    let from = from.expand(x.dims());
    let places = (0..segments).flat_map(|i| NODES.map(|(node, weight)| (i as f64 + node, weight)));
    let score = |(place, weight): (f64, f64)| {
        let at = from.clone() + way.clone() * (place / segments as f64);
        model.score(at) * (weight / segments as f64)
    };
    let mean = places.map(score).reduce(|sum, score| sum + score).expect("there is at least one segment");
    let found = mean.neg() * way;
    Rows::read(found.clone(), "scores", 0)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::numbers;
    use burn::tensor::{DType, Device};
    use ebm_model::{Energy, Gaussian, GaussianMixture};

    fn doubles<const N: usize, const D: usize>(x: [[f64; D]; N]) -> Tensor<2> {
        Tensor::from_data(x, (&Device::flex(), DType::F64))
    }

    #[test]
    fn contributions_to_the_energy_of_a_gaussian_are_those_of_its_coordinates() {
        let target = Gaussian::diagonal(vec![0.5, -1.0], vec![0.25, 4.0]).unwrap();
        let (from, x) = (doubles([[0.1, 0.2]]), doubles([[1.5, -3.0], [0.5, -1.0]]));
        let found = numbers(path_contributions(&target, from, x, 1).unwrap());
        let of = |x: f64, mean: f64, variance: f64| 0.5 * (x - mean).powi(2) / variance;
        for (row, x) in [[1.5, -3.0], [0.5, -1.0]].iter().enumerate() {
            let exact = [of(x[0], 0.5, 0.25) - of(0.1, 0.5, 0.25), of(x[1], -1.0, 4.0) - of(0.2, -1.0, 4.0)];
            for (i, exact) in exact.iter().enumerate() {
                let found = found[2 * row + i];
                assert!((found - exact).abs() < 1e-12 * (1.0 + exact.abs()), "{found} against {exact}");
            }
        }
        assert!(found[2] < 0.0 && found[3] < 0.0, "on the way to the mean every coordinate gets likelier");
    }

    #[test]
    fn contributions_sum_to_the_difference_of_energies_wherever_the_line_goes() {
        let mode = |mean: [f64; 2]| Gaussian::isotropic(mean.to_vec(), 0.1).unwrap();
        let target = GaussianMixture::new(vec![0.3, 0.7], vec![mode([-1.0, 0.0]), mode([1.0, 0.5])]).unwrap();
        let (from, x) = (doubles([[-1.2, 0.3], [0.0, 0.0]]), doubles([[1.1, 0.9], [0.8, -0.4]]));
        let exact = numbers(target.energy(x.clone()) - target.energy(from.clone()));
        let found = numbers(path_contributions(&target, from.clone(), x.clone(), 64).unwrap());
        for (row, exact) in exact.iter().enumerate() {
            let sum = found[2 * row] + found[2 * row + 1];
            assert!((sum - exact).abs() < 1e-6, "{sum} against {exact}");
        }
        let coarse = numbers(path_contributions(&target, from, x, 1).unwrap());
        assert!(
            (coarse[0] + coarse[1] - exact[0]).abs() > 1e-3,
            "one segment does not see the pass between modes"
        );
    }

    #[test]
    fn ends_that_are_not_finite_are_refused() {
        let target = Gaussian::standard(2);
        let (good, bad) = (doubles([[0.0, 1.0]]), doubles([[0.0, f64::INFINITY]]));
        assert!(path_contributions(&target, good.clone(), bad.clone(), 2).is_err());
        assert!(path_contributions(&target, bad, good.clone(), 2).is_err());
        assert!(path_contributions(&target, good.clone(), good, 0).is_err());
    }
}
