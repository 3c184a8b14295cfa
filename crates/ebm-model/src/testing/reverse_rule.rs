//! The reverse rule of scores at every noise level.

use burn::tensor::{DType, Device, Tensor};

use super::numbers::{assert_close, differences, points};
use crate::{NoisyDirectional, NoisyScore};

/// Checks that the reverse rule of `model`, in double precision, agrees with finite differences of its score, and
/// vᵀ(∇s)v with the curvature along v.
///
/// # Panics
/// If it does not.
pub fn assert_reverse_rule(model: &(impl NoisyScore + NoisyDirectional), dim: usize, seed: u64) {
    let [x, v, w] = [0, 1, 2].map(|i| points(5, dim, seed + i));
    let levels = [0.1, 0.4, 1.0, 3.0, 9.0];
    let sigma = Tensor::<1>::from_data(levels, (&Device::flex(), DType::F64));
    let (score, pullback) = model.score_and_pullback_at(x.clone(), sigma.clone());
    let pulled = pullback(v.clone());
    assert!(!score.is_autodiff() && !pulled.is_autodiff(), "a result is tracked by autodiff");
    assert_close(score, model.score_at(x.clone(), sigma.clone()), 1e-12, "a score");
    let dot = |a: Tensor<2>, b: Tensor<2>| (a * b).sum_dim(1).squeeze_dim::<1>(1);
    let [slope, _] =
        differences(|t| dot(model.score_at(x.clone() + w.clone() * t, sigma.clone()), v.clone()));
    assert_close(dot(pulled.clone(), w), slope, 1e-7, "vᵀ(∇s)w");
    let curvature = model.along_at(x, v.clone(), sigma).curvature;
    assert_close(dot(pulled, v), curvature.neg(), 1e-10, "vᵀ(∇s)v");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::in_double;
    use crate::{
        Gaussian, GaussianMixture, IsotropicMixture, Mlp, MlpConfig, NoisyEnergy, Preconditioned, Tempered,
    };

    #[test]
    fn the_reverse_rule_of_every_kind_of_score_is_the_derivative() {
        let rows = [vec![2.0, 0.8], vec![0.8, 1.0]];
        let gaussian = Gaussian::new(vec![0.5, -1.0], &rows).unwrap();
        assert_reverse_rule(&gaussian, 2, 91);
        assert_reverse_rule(&Tempered::new(&gaussian, 0.7), 2, 92);
        let parts = vec![gaussian, Gaussian::isotropic(vec![-1.0, 1.0], 0.3).unwrap()];
        assert_reverse_rule(&GaussianMixture::new(vec![0.3, 0.7], parts).unwrap(), 2, 93);
        let means = vec![-1.0, 0.0, 1.0, 2.0, 0.5, -1.5];
        assert_reverse_rule(&IsotropicMixture::new(vec![0.0, 0.5, 1.0], means, 0.3).unwrap(), 2, 94);
        let network = || in_double(|init| Mlp::new(&MlpConfig::small(), init).unwrap());
        assert_reverse_rule(&Preconditioned::new(network(), 0.5), 2, 95);
        assert_reverse_rule(&NoisyEnergy::new(network(), 0.5).unwrap(), 2, 96);
    }
}
