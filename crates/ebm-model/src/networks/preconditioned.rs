//! Networks as scores at every noise level.

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use ebm_ops::row_dot::row_dot;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::networks::of_class::OfClass;
use crate::rows::row_sum;
use crate::{
    Along, Capabilities, ClassConditional, ConditionalLayer, Init, Input, Layer, ModelError, NetworkConfig,
    NoiseConditional, NoisyDirectional, NoisyDirectionalScore, NoisyScore,
};

/// The description of a network in EDM's form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreconditionedConfig<C> {
    /// σ_d, the standard deviation of the data.
    pub sigma_data: f64,
    /// The least and the greatest value of a clean point, between which D is brought; D is what it is without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 2]>,
    /// The network f(x, c).
    #[serde(flatten)]
    pub network: C,
}

impl<C: NetworkConfig> Default for PreconditionedConfig<C> {
    fn default() -> Self {
        let network = C::default();
        Self { sigma_data: network.input().usual_deviation(), bounds: None, network }
    }
}

impl<C: NetworkConfig<Network: ConditionalLayer>> NetworkConfig for PreconditionedConfig<C> {
    type Network = Preconditioned<C::Network>;

    fn construct(&self, init: &Init) -> Result<Self::Network, ModelError> {
        let sigma_data = OutOfRange::positive("sigma_data", self.sigma_data)?;
        let bounds = self.bounds.map(checked).transpose()?;
        Ok(Preconditioned { bounds, ..Preconditioned::new(self.network.construct(init)?, sigma_data) })
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
}

impl<F> Preconditioned<F> {
    /// The score of `network`; `sigma_data`, σ_d, is the standard deviation of the data.
    pub fn new(network: F, sigma_data: f64) -> Self {
        Self { network, sigma_data, bounds: None }
    }

    /// The same with the mean of the clean point between these two.
    ///
    /// # Panics
    /// Unless both are finite and the first is less.
    pub fn with_bounds(self, bounds: [f64; 2]) -> Self {
        let bounds = checked(bounds).unwrap_or_else(|error| panic!("{error}"));
        Self { bounds: Some(bounds), ..self }
    }

    /// D without bounds from f; `variance` is σ² + σ_d², `[batch, 1]` as `sigma` is.
    fn mean(&self, y: Tensor<2>, variance: Tensor<2>, sigma: Tensor<2>, f: Tensor<2>) -> Tensor<2> {
        let weight = sigma / variance.clone().sqrt() * self.sigma_data;
        f * weight + y * (variance.recip() * (self.sigma_data * self.sigma_data))
    }
}

impl<F: NoiseConditional> Preconditioned<F> {
    /// (σ² + σ_d², σ, f), the first two `[batch, 1]`; f is `network`.
    fn parts(
        &self,
        y: Tensor<2>,
        sigma: Tensor<1>,
        network: impl FnOnce(Tensor<2>, Tensor<1>) -> Tensor<2>,
    ) -> (Tensor<2>, Tensor<2>, Tensor<2>) {
        let column = sigma.clone().unsqueeze_dim::<2>(1);
        let variance = column.clone().square() + self.sigma_data * self.sigma_data;
        let f = network(y / variance.clone().sqrt(), sigma.log() / 4.0);
        (variance, column, f)
    }

    /// The score with `network` as f.
    fn score_by(
        &self,
        x: Tensor<2>,
        sigma: Tensor<1>,
        network: impl FnOnce(Tensor<2>, Tensor<1>) -> Tensor<2>,
    ) -> Tensor<2> {
        let (variance, sigma, f) = self.parts(x.clone(), sigma, network);
        if let Some([low, high]) = self.bounds {
            let mean = self.mean(x.clone(), variance, sigma.clone(), f).clamp(low, high);
            return (mean - x) / sigma.square();
        }
        let weight = (sigma * variance.clone().sqrt()).recip() * self.sigma_data;
        f * weight - x / variance
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
        let (variance, sigma, f) = self.parts(x.clone(), sigma, |u, c| self.network.forward(u, c));
        let mean = self.mean(x, variance, sigma, f);
        match self.bounds {
            Some([low, high]) => mean.clamp(low, high),
            None => mean,
        }
    }
}

impl<F: ConditionalLayer> NoisyDirectional for Preconditioned<F> {
    /// By the network's reverse rule, one forward and one reverse pass; vᵀ(∇s)v is the product of v with vᵀ∇s.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let column = sigma.clone().unsqueeze_dim::<2>(1);
        let variance = column.clone().square() + self.sigma_data * self.sigma_data;
        let deviation = variance.clone().sqrt();
        let layer = self.network.condition(sigma.log() / 4.0);
        let (f, trace) = layer.trace(x.clone() / deviation.clone());
        if let Some([low, high]) = self.bounds {
            let mean = self.mean(x.clone(), variance.clone(), column.clone(), f);
            let beyond = mean.clone().lower_equal_elem(low).bool_or(mean.clone().greater_equal_elem(high));
            // vᵀ(∂D/∂y)v, where D does not move at a bound.
            let moving = v.clone().mask_fill(beyond, 0.0);
            let pulled = layer.pullback(trace, moving.clone());
            let own = moving * (variance.clone().recip() * (self.sigma_data * self.sigma_data));
            let slide = v.clone() * (own + pulled * (column.clone() / variance * self.sigma_data));
            let variance = column.square();
            let score = (mean.clamp(low, high) - x) / variance.clone();
            let bend = (v.clone().square() - slide) / variance;
            return Along { slope: row_dot(score, v).neg(), curvature: row_sum(bend) };
        }
        let pulled = layer.pullback(trace, v.clone());
        let weight = (column * deviation.clone()).recip() * self.sigma_data;
        let score = f * weight.clone() - x / variance.clone();
        let bend = v.clone().square() / variance - v.clone() * pulled * weight / deviation;
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
}

impl<F: ConditionalLayer> ClassConditional for Preconditioned<F> {
    fn n_classes(&self) -> usize {
        self.network.n_classes()
    }

    fn score_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyDirectionalScore + 'a> {
        let network = OfClass::new(&self.network, class);
        Box::new(Preconditioned { network, sigma_data: self.sigma_data, bounds: self.bounds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mlp, MlpConfig, Score, testing, weights};
    use burn::tensor::{DType, Device};

    const CONFIG: MlpConfig = MlpConfig {
        dim: 2,
        hidden: 6,
        layers: 2,
        embedding: 5,
        frequencies: 3,
        fourier_features: 0,
        classes: 0,
    };

    fn model() -> Preconditioned<Mlp> {
        testing::in_double(|init| Preconditioned::new(Mlp::new(&CONFIG, init).unwrap(), 0.5))
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

    #[test]
    fn a_noisy_score_network_knows_its_slope_and_curvature_and_is_trained_exactly() {
        assert_laws(&model());
    }

    #[test]
    fn so_does_one_whose_clean_points_are_bounded() {
        assert_laws(&model().with_bounds([-0.4, 0.6]));
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
            let config = PreconditionedConfig { sigma_data: 0.5, bounds: Some(bounds), network: CONFIG };
            config.construct(&Init::new(Noise::seeded(1), &Device::flex())).unwrap_err().to_string()
        };
        let expected = "bounds: expected two finite numbers, the first less than the second, found";
        assert_eq!(error([1.0, -1.0]), format!("{expected} [1.0, -1.0]"));
        assert!(error([f64::NAN, 1.0]).starts_with(expected));
    }
}
