//! What an energy whose noise levels compare must satisfy.

use burn::tensor::{DType, Device, Tensor};

use super::numbers::{TOLERANCE, assert_close, differences, points};
use crate::JointPotential;

/// Checks that the derivative of the energy along ln σ agrees with its differences, the score beside it with the score,
/// that the energy differs from [`energy_at`](crate::NoisyPotential::energy_at) at each level by a constant, and that
/// rows are independent.
///
/// `model` is in double precision; the points in `dim` dimensions are random by `seed`.
///
/// # Panics
/// If one of them does not.
pub fn assert_joint_potential(model: &(impl JointPotential + ?Sized), dim: usize, seed: u64) {
    let levels = [0.1, 0.4, 1.0, 3.0, 9.0];
    let sigma = Tensor::<1>::from_data(levels, (&Device::flex(), DType::F64));
    let x = points(levels.len(), dim, 100 * seed);
    let (score, slope) = model.score_and_level_slope_at(x.clone(), sigma.clone());
    // steps of a tenth: embeddings of the level have frequencies up to 100
    let at = |t: f64| model.joint_energy_at(x.clone(), sigma.clone() * (0.1 * t).exp());
    let [expected, _] = differences(at);
    assert_close(slope.clone() * 0.1, expected, TOLERANCE, "the slope along ln σ");
    assert_close(score.clone(), model.score_at(x.clone(), sigma.clone()), 1e-12, "the score beside a slope");
    for (i, level) in levels.into_iter().enumerate() {
        let one = sigma.clone().narrow(0, i, 1);
        let (alone, its_slope) = model.score_and_level_slope_at(x.clone().narrow(0, i, 1), one);
        assert_close(alone, score.clone().narrow(0, i, 1), 1e-12, "the score of a row by itself");
        assert_close(its_slope, slope.clone().narrow(0, i, 1), 1e-12, "the slope of a row by itself");

        let many = points(4, dim, 100 * seed + 1);
        let same = Tensor::<1>::from_data([level; 4], (&Device::flex(), DType::F64));
        let joint = model.joint_energy_at(many.clone(), same.clone());
        let constant = joint.clone() - model.energy_at(many, same);
        // an energy of 1,000 nats has 13 digits behind the point
        let size = joint.abs().max().into_scalar::<f64>().max(1.0);
        let apart = (constant.clone().max() - constant.min()).into_scalar::<f64>();
        assert!(apart <= 1e-12 * size, "σ = {level}: the constant of a level differs by {apart}");
    }
}
