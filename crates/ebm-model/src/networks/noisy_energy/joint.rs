//! The derivative along the noise level.

use burn::tensor::Tensor;
use ebm_ops::row_dot::row_dot;

use super::{NoisyEnergy, score};
use crate::{JointPotential, LevelConditional};

/// Its levels compare if it is [`normalized`](NoisyEnergy::normalized) and trained so; without that the slope is still
/// that of its energy.
impl<F: LevelConditional> JointPotential for NoisyEnergy<F> {
    /// With q = (σ/ρ)², ℓ = uᵀ ∂f/∂c and w = σ_d/σ, by one pass forward and one back:
    ///
    /// ∂E/∂ln σ = uᵀ(q (w g − u) + w f) − w ℓ dc/dln σ,
    ///
    /// to which a normalised energy adds d q + d (σ_d/ρ)² (a′ dc/dln σ − 2 q a).
    fn score_and_level_slope_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        let (rho, weight) = self.scales(&sigma);
        let u = x / rho.clone();
        let c = self.level(sigma.clone());
        let (f, pullback) = self.network.trace_to_level(u.clone(), c.clone());
        let (pulled, along) = pullback(u.clone());
        let g = f.clone() + pulled;
        let square = rho.clone().squeeze_dim::<1>(1).square();
        let share = sigma.square() / square.clone();
        let pulls = (g.clone() * weight.clone() - u.clone()) * share.clone().unsqueeze_dim::<2>(1);
        let slope = row_dot(u.clone(), pulls + f * weight.clone())
            - along * (weight.clone().squeeze_dim::<1>(1) * self.pace());
        let dim = u.dims()[1] as f64;
        let score = score(g, weight, u, rho);
        let Some(constant) = &self.constant else { return (score, slope) };
        let (a, its_slope) = constant.with_slope(c);
        let rest = square.recip() * (self.sigma_data * self.sigma_data);
        let constant = rest * (its_slope * self.pace() - a * share.clone() * 2.0);
        (score, slope + (share + constant) * dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, Init, Mlp, MlpConfig, NoisyScore, testing, weights};
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn plain() -> NoisyEnergy<Mlp> {
        testing::in_double(|init| {
            NoisyEnergy::new(Mlp::new(&MlpConfig::small(), init).unwrap(), 0.5).unwrap()
        })
    }

    fn normalized() -> NoisyEnergy<Mlp> {
        testing::in_double(|init| {
            let network = Mlp::new(&MlpConfig::small(), init).unwrap();
            NoisyEnergy::new(network, 0.5).unwrap().normalized(&init.part("constant"))
        })
    }

    #[test]
    fn along_the_level_its_slope_is_the_derivative_with_and_without_the_constants() {
        testing::assert_joint_potential(&plain(), 2, 60);
        testing::assert_joint_potential(&normalized(), 2, 61);
    }

    #[test]
    fn normalized_it_is_a_potential_and_its_slope_is_trained_exactly() {
        let model = normalized();
        testing::assert_potential(&model.at(0.7), 2, 63);
        testing::assert_trainable(&model, 2, 64, |model, x, _| {
            let sigma = Tensor::full([x.dims()[0]], 0.6, (&x.device(), x.dtype()));
            let (score, slope) = model.score_and_level_slope_at(x.clone(), sigma.clone());
            let both = score.square().sum_dim(1).squeeze_dim::<1>(1) + slope.clone().square();
            vec![slope.square().mean(), both.mean(), model.joint_energy_at(x, sigma).mean()]
        });
    }

    #[test]
    fn in_single_precision_the_slope_is_what_it_is_in_double_precision() {
        let double = normalized();
        let single = weights::cast(double.clone(), DType::F32);
        let x = Noise::seeded(65).normal([64, 2], &Device::flex());
        let sigma = (Noise::seeded(66).normal([64], &Device::flex()) * 1.5).exp();
        let (_, found) = single.score_and_level_slope_at(x.clone(), sigma.clone());
        let (_, expected) = double.score_and_level_slope_at(x.cast(DType::F64), sigma.cast(DType::F64));
        assert_eq!(found.dtype(), DType::F32);
        testing::assert_close(found, expected, 1e-4, "the slope in single precision");
    }

    #[test]
    fn a_new_normalized_network_is_the_normalised_normal_distribution_at_every_level() {
        let device = Device::flex();
        let init = Init::new(Noise::seeded(58), &device);
        let network = Mlp::new(&MlpConfig::small(), &init).unwrap();
        let model = NoisyEnergy::new(network, 0.5).unwrap().normalized(&init.part("constant"));
        let model = weights::cast(model, DType::F64);
        let exact = Gaussian::isotropic(vec![0.0; 2], 0.25).unwrap();
        let (x, sigma) = (testing::points(6, 2, 59), testing::normal([6], 60).exp());
        let (score, slope) = model.score_and_level_slope_at(x.clone(), sigma.clone());
        let (exact_score, exact_slope) = exact.score_and_level_slope_at(x.clone(), sigma.clone());
        testing::assert_close(score, exact_score, 1e-6, "a score");
        testing::assert_close(slope, exact_slope, 1e-6, "a slope");
        let energy = model.joint_energy_at(x.clone(), sigma.clone());
        testing::assert_close(energy, exact.joint_energy_at(x, sigma), 1e-6, "an energy");
    }
}
