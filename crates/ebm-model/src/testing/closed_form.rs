//! Checks of closed forms at given points.

use burn::tensor::Tensor;

use crate::testing::numbers::{doubles, rows};
use crate::{NoisyScore, Potential, Score};

/// ∇ of `f` by central differences at one point.
fn slope<const D: usize>(f: &dyn Fn(Tensor<2>) -> Tensor<1>, at: [f64; D]) -> [f64; D] {
    let h = 1e-4;
    std::array::from_fn(|i| {
        let value = |step: f64| {
            let mut moved = at;
            moved[i] += step;
            rows(f(doubles(&[moved])).unsqueeze_dim::<2>(1))[0][0]
        };
        // fourth order: the error is about h⁴ times a fifth derivative
        (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h)
    })
}

/// Checks the score of `model` at `points` against differences of its energy.
///
/// # Panics
/// If it is not −∇E.
pub fn assert_score_is_minus_gradient<const D: usize>(model: &impl Potential, points: &[[f64; D]]) {
    let (_, scores) = model.energy_and_score(doubles(points));
    for (point, score) in points.iter().zip(rows(scores)) {
        let gradient = slope(&|x| model.energy(x), *point);
        for (s, g) in score.iter().zip(gradient) {
            assert!((s + g).abs() < 1e-8 * (1.0 + g.abs()), "at {point:?}: score {s}, gradient {g}");
        }
    }
}

/// Checks the score of `model` at `points` and three noise levels against differences of `log_density`.
///
/// # Panics
/// If it is not ∇ log p_σ.
pub fn assert_noisy_score_is_the_gradient_of<const D: usize>(
    model: &impl NoisyScore,
    log_density: impl Fn(Tensor<2>, Tensor<1>) -> Tensor<1>,
    points: &[[f64; D]],
) {
    for sigma in [0.1, 0.8, 5.0] {
        let scores = rows(model.at(sigma).score(doubles(points)));
        for (point, score) in points.iter().zip(scores) {
            let level = |x: &Tensor<2>| Tensor::full([x.dims()[0]], sigma, (&x.device(), x.dtype()));
            let gradient = slope(&|x| log_density(x.clone(), level(&x)), *point);
            for (s, g) in score.iter().zip(gradient) {
                assert!((s - g).abs() < 1e-8 * (1.0 + g.abs()), "at {point:?}, σ = {sigma}: {s} against {g}");
            }
        }
    }
}
