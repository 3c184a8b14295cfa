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
    /// The network f(x, c).
    #[serde(flatten)]
    pub network: C,
}

impl<C: NetworkConfig> Default for PreconditionedConfig<C> {
    fn default() -> Self {
        let network = C::default();
        Self { sigma_data: network.input().usual_deviation(), network }
    }
}

impl<C: NetworkConfig<Network: ConditionalLayer>> NetworkConfig for PreconditionedConfig<C> {
    type Network = Preconditioned<C::Network>;

    fn construct(&self, init: &Init) -> Result<Self::Network, ModelError> {
        let sigma_data = OutOfRange::positive("sigma_data", self.sigma_data)?;
        Ok(Preconditioned::new(self.network.construct(init)?, sigma_data))
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

/// A network in EDM's form, where what it must learn has unit variance at every noise level.
///
/// D(y, σ) = σ_d²/(σ² + σ_d²) · y + σ σ_d/√(σ² + σ_d²) · f(y/√(σ² + σ_d²), ln(σ)/4),
/// s(y, σ) = (D(y, σ) − y)/σ² = −y/(σ² + σ_d²) + σ_d/(σ √(σ² + σ_d²)) · f.
///
/// The last form has no difference of large numbers in it.
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative
/// models*, table 1.
#[derive(Module, Debug)]
pub struct Preconditioned<F> {
    network: F,
    sigma_data: f64,
}

impl<F> Preconditioned<F> {
    /// The score of `network`; `sigma_data`, σ_d, is the standard deviation of the data.
    pub fn new(network: F, sigma_data: f64) -> Self {
        Self { network, sigma_data }
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
        let weight = sigma / variance.clone().sqrt() * self.sigma_data;
        f * weight + x * (variance.recip() * (self.sigma_data * self.sigma_data))
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
        Box::new(Preconditioned::new(OfClass::new(&self.network, class), self.sigma_data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mlp, MlpConfig, testing, weights};
    use burn::tensor::DType;

    #[test]
    fn a_noisy_score_network_knows_its_slope_and_curvature_and_is_trained_exactly() {
        let config = MlpConfig {
            dim: 2,
            hidden: 6,
            layers: 2,
            embedding: 5,
            frequencies: 3,
            fourier_features: 0,
            classes: 0,
        };
        let model = testing::in_double(|init| Preconditioned::new(Mlp::new(&config, init).unwrap(), 0.5));
        let single = weights::cast(model.clone(), DType::F32);
        for (sigma, seed) in [(0.1, 63), (0.7, 64), (8.0, 65)] {
            testing::assert_directional(&model.at(sigma), 2, seed);
            testing::assert_precision(&single.at(sigma), &model.at(sigma), 2, seed);
        }
        for (sigma, seed) in [(0.1, 66), (1.5, 67)] {
            testing::assert_trainable(&model, 2, seed, |model, x, v| testing::losses(&model.at(sigma), x, v));
        }
    }
}
