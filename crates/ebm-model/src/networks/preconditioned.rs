//! Networks as scores at every noise level.

mod form;

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use ebm_ops::row_dot::row_dot;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::networks::labelled::Labelled;
use crate::rows::row_sum;
use crate::{
    Along, AugmentationConditional, Capabilities, ClassConditional, ConditionalLayer, Init, Input, Layer,
    ModelError, NetworkConfig, NoiseConditional, NoisyDirectional, NoisyDirectionalScore, NoisyScore,
    RowLabels,
};
use form::Level;

pub use form::Preconditioning;

/// The description of a network in EDM's form, or in another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreconditionedConfig<C> {
    /// σ_d, the standard deviation of the data, which EDM's form is scaled for.
    pub sigma_data: f64,
    /// The least and the greatest value of a clean point, between which D is brought; D is what it is without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 2]>,
    /// The form; EDM's if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preconditioning: Option<Preconditioning>,
    /// The network f(x, c).
    #[serde(flatten)]
    pub network: C,
}

impl<C: NetworkConfig> Default for PreconditionedConfig<C> {
    fn default() -> Self {
        let network = C::default();
        Self { sigma_data: network.input().usual_deviation(), bounds: None, preconditioning: None, network }
    }
}

impl<C: NetworkConfig<Network: ConditionalLayer>> NetworkConfig for PreconditionedConfig<C> {
    type Network = Preconditioned<C::Network>;

    fn construct(&self, init: &Init) -> Result<Self::Network, ModelError> {
        let sigma_data = OutOfRange::positive("sigma_data", self.sigma_data)?;
        let bounds = self.bounds.map(checked).transpose()?;
        let form = self.preconditioning.unwrap_or_default();
        Ok(Preconditioned { bounds, form, ..Preconditioned::new(self.network.construct(init)?, sigma_data) })
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

/// # Errors
/// [`OutOfRange`] unless both are finite and the first is less.
fn checked(bounds: [f64; 2]) -> Result<[f64; 2], OutOfRange> {
    let [low, high] = bounds;
    if low.is_finite() && high.is_finite() && low < high {
        return Ok(bounds);
    }
    Err(OutOfRange::new(
        "bounds",
        format!("{bounds:?}"),
        "two finite numbers, the first less than the second",
    ))
}

/// A network in EDM's form, where what it must learn has unit variance at every noise level.
///
/// D(y, σ) = σ_d²/(σ² + σ_d²) · y + σ σ_d/√(σ² + σ_d²) · f(y/√(σ² + σ_d²), ln(σ)/4),
/// s(y, σ) = (D(y, σ) − y)/σ² = −y/(σ² + σ_d²) + σ_d/(σ √(σ² + σ_d²)) · f.
///
/// The last form has no difference of large numbers in it.
/// Networks that others trained are in a form of [`Preconditioning`] other than this.
///
/// # Bounds
/// The mean of the clean point lies between the least and the greatest value that a clean point has. Where these are
/// known, D is brought between them, in training as in sampling, and s = (D − y)/σ². A network that is sure of a value
/// at a bound then only has to go beyond it. Without bounds it has to take all noise off by itself: at σ ≪ σ_d that
/// means to multiply what it is given by σ_d/σ, and pixels that are black in the data come out slightly grey.
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative
/// models*, table 1.
#[derive(Module, Debug)]
pub struct Preconditioned<F> {
    network: F,
    sigma_data: f64,
    #[module(skip)]
    bounds: Option<[f64; 2]>,
    #[module(skip)]
    form: Preconditioning,
}

impl<F> Preconditioned<F> {
    /// The score of `network`; `sigma_data`, σ_d, is the standard deviation of the data.
    pub fn new(network: F, sigma_data: f64) -> Self {
        Self { network, sigma_data, bounds: None, form: Preconditioning::Edm }
    }

    /// The same in another form; of EDM's alone σ_d is a part.
    pub fn with_form(self, form: Preconditioning) -> Self {
        Self { form, ..self }
    }

    /// The same with the mean of the clean point between these two.
    ///
    /// # Panics
    /// Unless both are finite and the first is less.
    pub fn with_bounds(self, bounds: [f64; 2]) -> Self {
        let bounds = checked(bounds).unwrap_or_else(|error| panic!("{error}"));
        Self { bounds: Some(bounds), ..self }
    }

    /// The score for rows with these labels.
    fn labelled(&self, labels: RowLabels) -> Preconditioned<Labelled<'_, F>> {
        let network = Labelled::new(&self.network, labels);
        let Self { sigma_data, bounds, form, .. } = *self;
        Preconditioned { network, sigma_data, bounds, form }
    }
}

impl<F: NoiseConditional> Preconditioned<F> {
    /// The form at noise levels, and f there, which is `network`.
    fn parts(
        &self,
        y: Tensor<2>,
        sigma: Tensor<1>,
        network: impl FnOnce(Tensor<2>, Tensor<1>) -> Tensor<2>,
    ) -> (Level, Tensor<2>) {
        let level = Level::new(self.form, self.sigma_data, sigma.clone());
        let f = network(level.input(y), self.form.condition(sigma));
        (level, f)
    }

    /// The score with `network` as f.
    fn score_by(
        &self,
        x: Tensor<2>,
        sigma: Tensor<1>,
        network: impl FnOnce(Tensor<2>, Tensor<1>) -> Tensor<2>,
    ) -> Tensor<2> {
        let (level, f) = self.parts(x.clone(), sigma, network);
        match self.bounds {
            Some([low, high]) => {
                let mean = level.mean(x.clone(), f).clamp(low, high);
                (mean - x) / level.noise_variance()
            }
            None => level.score(x, f),
        }
    }
}

impl<F: NoiseConditional> NoisyScore for Preconditioned<F> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.score_by(x, sigma, |u, c| self.network.forward(u, c))
    }

    fn score_in_training(&self, x: Tensor<2>, sigma: Tensor<1>, noise: &mut Noise) -> Tensor<2> {
        self.score_by(x, sigma, |u, c| self.network.forward_in_training(u, c, noise))
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let (level, f) = self.parts(x.clone(), sigma, |u, c| self.network.forward(u, c));
        let mean = level.mean(x, f);
        match self.bounds {
            Some([low, high]) => mean.clamp(low, high),
            None => mean,
        }
    }
}

impl<F: ConditionalLayer> NoisyDirectional for Preconditioned<F> {
    /// By the network's reverse rule, one forward and one reverse pass; vᵀ(∇s)v is the product of v with vᵀ∇s.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let level = Level::new(self.form, self.sigma_data, sigma.clone());
        let layer = self.network.condition(self.form.condition(sigma));
        let (f, trace) = layer.trace(level.input(x.clone()));
        if let Some([low, high]) = self.bounds {
            let mean = level.mean(x.clone(), f);
            let beyond = mean.clone().lower_equal_elem(low).bool_or(mean.clone().greater_equal_elem(high));
            // vᵀ(∂D/∂y)v, where D does not move at a bound.
            let moving = v.clone().mask_fill(beyond, 0.0);
            let pulled = layer.pullback(trace, moving.clone());
            let slide = v.clone() * level.mean_pullback(moving, pulled);
            let variance = level.noise_variance();
            let score = (mean.clamp(low, high) - x) / variance.clone();
            let bend = (v.clone().square() - slide) / variance;
            return Along { slope: row_dot(score, v).neg(), curvature: row_sum(bend) };
        }
        let pulled = layer.pullback(trace, v.clone());
        let score = level.score(x, f);
        let bend = level.bend(v.clone(), pulled);
        Along { slope: row_dot(score, v).neg(), curvature: row_sum(bend) }
    }
}

impl<F: ConditionalLayer + Module + 'static> Capabilities for Preconditioned<F> {
    fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        Some(self)
    }

    fn as_class_conditional(&self) -> Option<&dyn ClassConditional> {
        (0 < self.network.n_classes()).then_some(self as &dyn ClassConditional)
    }

    fn as_augmentation_conditional(&self) -> Option<&dyn AugmentationConditional> {
        (0 < self.network.n_augmentations()).then_some(self as &dyn AugmentationConditional)
    }
}

impl<F: ConditionalLayer> ClassConditional for Preconditioned<F> {
    fn n_classes(&self) -> usize {
        self.network.n_classes()
    }

    fn score_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyDirectionalScore + 'a> {
        Box::new(self.labelled(class.into()))
    }
}

impl<F: ConditionalLayer> AugmentationConditional for Preconditioned<F> {
    fn n_augmentations(&self) -> usize {
        self.network.n_augmentations()
    }

    fn score_given<'a>(&'a self, labels: RowLabels) -> Box<dyn NoisyDirectionalScore + 'a> {
        Box::new(self.labelled(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mlp, MlpConfig, Score, testing, weights};
    use burn::tensor::{DType, Device};

    fn model() -> Preconditioned<Mlp> {
        testing::in_double(|init| Preconditioned::new(Mlp::new(&MlpConfig::small(), init).unwrap(), 0.5))
    }

    fn assert_laws(model: &Preconditioned<Mlp>) {
        let single = weights::cast(model.clone(), DType::F32);
        for (sigma, seed) in [(0.1, 63), (0.7, 64), (8.0, 65)] {
            testing::assert_directional(&model.at(sigma), 2, seed);
            testing::assert_precision(&single.at(sigma), &model.at(sigma), 2, seed);
        }
        for (sigma, seed) in [(0.1, 66), (1.5, 67)] {
            testing::assert_trainable(model, 2, seed, |model, x, v| testing::losses(&model.at(sigma), x, v));
        }
    }

    /// The laws but for single precision: the highest of the sines that this network has turn a hundred times as fast
    /// as c, and c is large.
    fn assert_laws_in_double(model: &Preconditioned<Mlp>) {
        for (sigma, seed) in [(0.1, 63), (0.7, 64), (8.0, 65)] {
            testing::assert_directional(&model.at(sigma), 2, seed);
        }
        testing::assert_trainable(model, 2, 67, |model, x, v| testing::losses(&model.at(1.5), x, v));
    }

    #[test]
    fn a_noisy_score_network_knows_its_slope_and_curvature_and_is_trained_exactly() {
        assert_laws(&model());
    }

    #[test]
    fn so_does_one_whose_clean_points_are_bounded() {
        assert_laws(&model().with_bounds([-0.4, 0.6]));
    }

    #[test]
    fn so_does_one_in_another_form() {
        for form in [Preconditioning::Ve, Preconditioning::Vp] {
            assert_laws_in_double(&model().with_form(form));
            assert_laws_in_double(&model().with_form(form).with_bounds([-0.4, 0.6]));
        }
    }

    #[test]
    fn the_other_forms_are_the_network_divided_by_the_level() {
        let (model, x) = (model(), testing::points(4, 2, 69));
        for sigma in [0.02, 1.3, 50.0f64] {
            let log = sigma.mul_add(sigma, 1.0).ln();
            let time = ((0.01 + 39.8 * log).sqrt() - 0.1) / 19.9;
            let cases = [
                (Preconditioning::Ve, 1.0, (sigma / 2.0).ln(), sigma),
                (Preconditioning::Vp, sigma.hypot(1.0), 999.0 * time, -sigma),
            ];
            for (form, scale, c, weight) in cases {
                let formed = model.clone().with_form(form);
                let f = model.network.forward(x.clone() / scale, testing::doubles(&[[c; 4]]).reshape([4]));
                testing::assert_close(formed.at(sigma).score(x.clone()), f.clone() / weight, 1e-6, "a score");
                let mean = x.clone() + f * (sigma * sigma / weight);
                testing::assert_close(formed.at(sigma).denoise(x.clone()), mean, 1e-6, "a mean");
            }
        }
    }

    #[test]
    fn a_form_that_is_not_said_is_that_of_edm_and_is_not_written() {
        let config = PreconditionedConfig::<MlpConfig>::default();
        let text = serde_json::to_string(&config).unwrap();
        assert!(!text.contains("preconditioning"), "{text}");
        assert_eq!(serde_json::from_str::<PreconditionedConfig<MlpConfig>>(&text).unwrap(), config);
        let other = PreconditionedConfig { preconditioning: Some(Preconditioning::Vp), ..config };
        let text = serde_json::to_string(&other).unwrap();
        assert!(text.contains(r#""preconditioning":"vp""#), "{text}");
        assert_eq!(serde_json::from_str::<PreconditionedConfig<MlpConfig>>(&text).unwrap(), other);
    }

    #[test]
    fn the_mean_of_the_clean_point_is_that_without_bounds_brought_between_them() {
        let (model, bounds) = (model(), [-0.2, 0.2]);
        let bounded = model.clone().with_bounds(bounds);
        let x = testing::points(40, 2, 68);
        for sigma in [0.1, 0.7] {
            let expected = model.at(sigma).denoise(x.clone()).clamp(bounds[0], bounds[1]);
            let values: Vec<f64> = expected.clone().into_data().iter::<f64>().collect();
            let at = |bound: f64| values.iter().filter(|value| **value == bound).count();
            assert!([at(-0.2), at(0.2), 80 - at(-0.2) - at(0.2)].iter().all(|n| 5 < *n), "{values:?}");
            testing::assert_close(bounded.at(sigma).denoise(x.clone()), expected.clone(), 1e-15, "D");
            let score = (expected - x.clone()) / (sigma * sigma);
            testing::assert_close(bounded.at(sigma).score(x.clone()), score, 1e-12, "a score");
        }
    }

    #[test]
    fn bounds_are_two_numbers_in_order() {
        let error = |bounds| {
            let config = PreconditionedConfig {
                sigma_data: 0.5,
                bounds: Some(bounds),
                preconditioning: None,
                network: MlpConfig::small(),
            };
            config.construct(&Init::new(Noise::seeded(1), &Device::flex())).unwrap_err().to_string()
        };
        let expected = "bounds: expected two finite numbers, the first less than the second, found";
        assert_eq!(error([1.0, -1.0]), format!("{expected} [1.0, -1.0]"));
        assert!(error([f64::NAN, 1.0]).starts_with(expected));
    }
}
