//! Networks as energies at every noise level.

mod constant;
mod joint;

use std::f64::consts::TAU;

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use ebm_ops::row_dot::row_dot;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::networks::labelled::Labelled;
use crate::rows::{row_sum, square_length};
use crate::{
    Along, AugmentationConditional, Capabilities, ClassConditional, ClassConditionalPotential,
    ConditionalLayer, Init, Input, Jet, JointPotential, Layer, LevelConditional, ModelError, NetworkConfig,
    NoisyDirectional, NoisyDirectionalScore, NoisyPotential, NoisyScore, RowLabels,
};
use constant::LevelConstant;

/// dc/dln σ of an energy, and of one that is normalised.
const PACE: f64 = 0.25;
const NORMALIZED_PACE: f64 = 0.0625;

/// The description of a [`NoisyEnergy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoisyEnergyConfig<C> {
    /// σ_d, the standard deviation of the data.
    pub sigma_data: f64,
    /// Whether energies of all levels compare: see [`NoisyEnergy::normalized`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub normalized: bool,
    /// The network f(x, c).
    #[serde(flatten)]
    pub network: C,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl<C: NetworkConfig> Default for NoisyEnergyConfig<C> {
    fn default() -> Self {
        let network = C::default();
        Self { sigma_data: network.input().usual_deviation(), normalized: false, network }
    }
}

impl<C: NetworkConfig<Network: LevelConditional>> NetworkConfig for NoisyEnergyConfig<C> {
    type Network = NoisyEnergy<C::Network>;

    fn construct(&self, init: &Init) -> Result<Self::Network, ModelError> {
        let energy = NoisyEnergy::new(self.network.construct(init)?, self.sigma_data)?;
        Ok(if self.normalized { energy.normalized(&init.part("constant")) } else { energy })
    }

    fn input(&self) -> Input {
        self.network.input()
    }

    fn fitted(self, found: Input) -> Self {
        Self { network: self.network.fitted(found), ..self }
    }

    fn classes(&self) -> usize {
        self.network.classes()
    }

    fn augmentations(&self) -> usize {
        self.network.augmentations()
    }
}

/// The energy of a network, scaled so that its score has the right size at every noise level.
///
/// E(x, σ) = ½‖u‖² − (σ_d/σ) uᵀf(u, ln(σ)/4),   u = x/ρ,   ρ² = σ² + σ_d².
///
/// Its score is EDM's form with the network g = f + (∂f/∂u)ᵀu in the place of f:
///
/// s(x, σ) = −x/ρ² + σ_d/(σρ) · g(u, ln(σ)/4),
///
/// so the target of g has unit variance at every σ: the denoiser of s is D = σ_d²/ρ² · x + σσ_d/ρ · g.
/// Where f is zero, as in a new network, p_σ is N(0, ρ²I); every network approaches this as σ grows.
/// In the product uᵀf each coordinate has an output of its own, where a network with one scalar output would have to
/// share it among them.
/// Energies of different levels are not comparable, because each level has its own Z(σ), unless it is
/// [`normalized`](Self::normalized).
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative models*,
/// table 1, for the scales; Salimans and Ho (2021), *Should EBMs model the energy or the score?*, for energies
/// made of a network that looks like a score.
#[derive(Module, Debug)]
pub struct NoisyEnergy<F> {
    network: F,
    sigma_data: f64,
    constant: Option<LevelConstant>,
}

impl<F> NoisyEnergy<F> {
    /// The energy of `network`; `sigma_data`, σ_d, is the standard deviation of the data.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless `0 < sigma_data < ∞`.
    pub fn new(network: F, sigma_data: f64) -> Result<Self, ModelError> {
        Ok(Self { network, sigma_data: OutOfRange::positive("sigma_data", sigma_data)?, constant: None })
    }

    /// The same with a normal distribution's normaliser and a learned constant of each level, so that energies of all
    /// levels compare once both are trained by dual score matching:
    ///
    /// U(x, σ) = E(x, σ) + d/2 · ln(2πρ²) + d (σ_d/ρ)² a(c),   here with c = ln(σ)/16.
    ///
    /// A new network is N(0, ρ²I) and normalised; every network is so in the limit of large σ, where a normaliser is
    /// easily estimated, and with it that of all levels is known.
    /// The level is a quarter of what it is otherwise, so that the highest frequency of the embedding, 100, is one
    /// radian in a sixth of an e-fold of σ: the derivative along the level has that frequency as a factor.
    ///
    /// # Reference
    /// [`JointPotential`].
    pub fn normalized(self, init: &Init) -> Self {
        Self { constant: Some(LevelConstant::new(init)), ..self }
    }

    /// dc/dln σ.
    fn pace(&self) -> f64 {
        if self.constant.is_some() { NORMALIZED_PACE } else { PACE }
    }

    /// c = ln(σ)/4, or ln(σ)/16 if it is normalised.
    fn level(&self, sigma: Tensor<1>) -> Tensor<1> {
        match self.constant {
            None => sigma.log() / 4.0,
            Some(_) => sigma.log() * NORMALIZED_PACE,
        }
    }

    /// What is added to the energy if it is normalised: d/2 · ln(2πρ²) + d (σ_d/ρ)² a(c).
    fn lifted(&self, energy: Tensor<1>, sigma: Tensor<1>, dim: usize) -> Tensor<1> {
        let Some(constant) = &self.constant else { return energy };
        let (dim, variance) = (dim as f64, self.sigma_data * self.sigma_data);
        let square = sigma.clone().square() + variance;
        let a = constant.value(self.level(sigma));
        energy + (square.clone() * TAU).log() * (0.5 * dim) + a * square.recip() * (dim * variance)
    }

    /// The network f.
    pub fn network(&self) -> &F {
        &self.network
    }

    /// The standard deviation of the data σ_d.
    pub fn sigma_data(&self) -> f64 {
        self.sigma_data
    }

    /// (ρ, σ_d/σ), both `[batch, 1]`.
    fn scales(&self, sigma: &Tensor<1>) -> (Tensor<2>, Tensor<2>) {
        let column = sigma.clone().unsqueeze_dim::<2>(1);
        let rho = (column.clone().square() + self.sigma_data * self.sigma_data).sqrt();
        (rho, column.recip() * self.sigma_data)
    }
}

/// (weight g − u)/ρ, arranged so that autodiff records few operations.
fn score(g: Tensor<2>, weight: Tensor<2>, u: Tensor<2>, rho: Tensor<2>) -> Tensor<2> {
    g * (weight / rho.clone()) - u / rho
}

/// The terms of energy and score.
struct Parts {
    /// ρ, `[batch, 1]`.
    rho: Tensor<2>,
    /// σ_d/σ, `[batch, 1]`.
    weight: Tensor<2>,
    /// u = x/ρ.
    u: Tensor<2>,
    /// f(u, c).
    f: Tensor<2>,
    /// f + (∂f/∂u)ᵀu.
    g: Tensor<2>,
}

impl<F: ConditionalLayer> NoisyEnergy<F> {
    fn parts(&self, x: Tensor<2>, sigma: Tensor<1>) -> Parts {
        let layer = self.network.condition(self.level(sigma.clone()));
        self.parts_by(&layer, x, sigma)
    }

    /// The terms with `layer`, the network at this noise level, as f.
    fn parts_by(&self, layer: &F::Conditioned<'_>, x: Tensor<2>, sigma: Tensor<1>) -> Parts {
        let (rho, weight) = self.scales(&sigma);
        let u = x / rho.clone();
        let (f, trace) = layer.trace(u.clone());
        let g = f.clone() + layer.pullback(trace, u.clone());
        Parts { rho, weight, u, f, g }
    }
}

impl<F: ConditionalLayer> NoisyPotential for NoisyEnergy<F> {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        let (rho, weight) = self.scales(&sigma);
        let u = x / rho;
        let f = self.network.forward(u.clone(), self.level(sigma.clone()));
        let dim = u.dims()[1];
        self.lifted(row_dot(u.clone(), u * 0.5 - f * weight), sigma, dim)
    }

    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        let Parts { rho, weight, u, f, g } = self.parts(x, sigma.clone());
        let score = score(g, weight.clone(), u.clone(), rho);
        let dim = u.dims()[1];
        (self.lifted(row_dot(u.clone(), u * 0.5 - f * weight), sigma, dim), score)
    }
}

impl<F: ConditionalLayer> NoisyScore for NoisyEnergy<F> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let Parts { rho, weight, u, g, .. } = self.parts(x, sigma);
        score(g, weight, u, rho)
    }

    fn score_in_training(&self, x: Tensor<2>, sigma: Tensor<1>, noise: &mut Noise) -> Tensor<2> {
        let layer = self.network.condition_in_training(self.level(sigma.clone()), noise);
        let Parts { rho, weight, u, g, .. } = self.parts_by(&layer, x, sigma);
        score(g, weight, u, rho)
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        // σ² s + x without the difference of large numbers: σ_d²/ρ² x + σσ_d/ρ g
        let Parts { rho, weight, u, g, .. } = self.parts(x, sigma.clone());
        let variance = sigma.square().unsqueeze_dim::<2>(1);
        (g * weight * variance + u * (self.sigma_data * self.sigma_data)) / rho
    }
}

impl<F: ConditionalLayer> NoisyDirectional for NoisyEnergy<F> {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let (rho, weight) = self.scales(&sigma);
        let (u, w) = (x / rho.clone(), v / rho);
        let f = self.network.condition(self.level(sigma)).push(Jet::line(u.clone(), w.clone()));
        // (uᵀf)˙ = wᵀf + uᵀḟ and (uᵀf)¨ = 2wᵀḟ + uᵀf̈, since u has no curvature
        let first = row_sum((w.clone() * f.value + u.clone() * f.slope.clone()) * weight.clone());
        let second = row_sum((w.clone() * f.slope * 2.0 + u.clone() * f.curvature) * weight);
        Along { slope: row_dot(u, w.clone()) - first, curvature: square_length(w) - second }
    }
}

impl<F: LevelConditional + Module + 'static> Capabilities for NoisyEnergy<F> {
    fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        Some(self)
    }

    fn as_noisy_energy(&self) -> Option<&dyn NoisyPotential> {
        Some(self)
    }

    fn as_joint_energy(&self) -> Option<&dyn JointPotential> {
        self.constant.as_ref().map(|_| self as &dyn JointPotential)
    }

    fn as_class_conditional(&self) -> Option<&dyn ClassConditional> {
        (0 < self.network.n_classes()).then_some(self as &dyn ClassConditional)
    }

    fn as_class_conditional_energy(&self) -> Option<&dyn ClassConditionalPotential> {
        (0 < self.network.n_classes()).then_some(self as &dyn ClassConditionalPotential)
    }

    fn as_augmentation_conditional(&self) -> Option<&dyn AugmentationConditional> {
        (0 < self.network.n_augmentations()).then_some(self as &dyn AugmentationConditional)
    }
}

impl<F> NoisyEnergy<F> {
    /// The energy for rows with these labels.
    fn labelled(&self, labels: RowLabels) -> NoisyEnergy<Labelled<'_, F>> {
        NoisyEnergy {
            network: Labelled::new(&self.network, labels),
            sigma_data: self.sigma_data,
            constant: self.constant.clone(),
        }
    }
}

impl<F: ConditionalLayer> ClassConditional for NoisyEnergy<F> {
    fn n_classes(&self) -> usize {
        self.network.n_classes()
    }

    fn score_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyDirectionalScore + 'a> {
        Box::new(self.labelled(class.into()))
    }
}

impl<F: ConditionalLayer> AugmentationConditional for NoisyEnergy<F> {
    fn n_augmentations(&self) -> usize {
        self.network.n_augmentations()
    }

    fn score_given<'a>(&'a self, labels: RowLabels) -> Box<dyn NoisyDirectionalScore + 'a> {
        Box::new(self.labelled(labels))
    }
}

impl<F: ConditionalLayer> ClassConditionalPotential for NoisyEnergy<F> {
    fn energy_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyPotential + 'a> {
        Box::new(self.labelled(class.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, Init, Mlp, MlpConfig, Score, testing, weights};
    use burn::tensor::{DType, Device};

    fn model() -> NoisyEnergy<Mlp> {
        testing::in_double(|init| {
            NoisyEnergy::new(Mlp::new(&MlpConfig::small(), init).unwrap(), 0.5).unwrap()
        })
    }

    #[test]
    fn at_every_level_it_passes_the_tests_of_a_potential() {
        let model = model();
        let single = weights::cast(model.clone(), DType::F32);
        for (sigma, seed) in [(0.1, 51), (0.7, 52), (8.0, 53)] {
            testing::assert_potential(&model.at(sigma), 2, seed);
            testing::assert_precision(&single.at(sigma), &model.at(sigma), 2, seed);
        }
    }

    #[test]
    fn at_every_level_it_is_trained_exactly() {
        for (sigma, seed) in [(0.2, 54), (3.0, 55)] {
            testing::assert_trainable(&model(), 2, seed, |model, x, v| {
                testing::losses_and_energy(&model.at(sigma), x, v)
            });
        }
    }

    #[test]
    fn each_row_is_evaluated_at_its_own_level() {
        let (model, x, v) = (model(), testing::points(3, 2, 56), testing::points(3, 2, 57));
        let levels = [0.1, 1.0, 7.0];
        let sigma = Tensor::<1>::from_data(levels, (&Device::flex(), DType::F64));
        let (energy, score) = model.energy_and_score_at(x.clone(), sigma.clone());
        let denoised = model.denoise_at(x.clone(), sigma.clone());
        let by_tweedie = x.clone() + score.clone() * sigma.clone().square().unsqueeze_dim::<2>(1);
        testing::assert_close(denoised, by_tweedie, 1e-12, "a denoised position");
        let along = model.along_at(x.clone(), v.clone(), sigma);
        for (i, level) in levels.into_iter().enumerate() {
            use crate::{Directional, Potential};
            let row = |t: &Tensor<2>| t.clone().narrow(0, i, 1);
            let (alone, alone_score) = model.at(level).energy_and_score(row(&x));
            testing::assert_close(energy.clone().narrow(0, i, 1), alone, 1e-13, "an energy");
            testing::assert_close(row(&score), alone_score, 1e-13, "a score");
            let alone = model.at(level).along(row(&x), row(&v));
            testing::assert_close(
                along.curvature.clone().narrow(0, i, 1),
                alone.curvature,
                1e-13,
                "a curvature",
            );
        }
    }

    #[test]
    fn a_new_network_is_the_normal_distribution_of_the_blurred_data() {
        let init = Noise::seeded(58);
        let network = Mlp::new(&MlpConfig::small(), &Init::new(init, &Device::flex())).unwrap();
        let model = NoisyEnergy::new(network, 0.5).unwrap();
        let x = Noise::seeded(59).normal([5, 2], &Device::flex());
        let exact = Gaussian::isotropic(vec![0.0; 2], 0.25 + 0.49).unwrap();
        testing::assert_close(model.at(0.7).score(x.clone()), exact.score(x), 1e-6, "a score");
    }

    #[test]
    fn a_standard_deviation_that_is_not_positive_is_refused() {
        for sigma_data in [0.0, -1.0, f64::NAN] {
            assert!(NoisyEnergy::new((), sigma_data).unwrap_err().to_string().contains("sigma_data"));
        }
    }
}
