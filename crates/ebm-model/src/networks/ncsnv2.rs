//! The score network that is divided by the noise level.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::row_dot::row_dot;
use serde::{Deserialize, Serialize};

use crate::layers::Activation;
use crate::networks::input::fill_image;
use crate::{
    Along, Capabilities, Init, Input, Layer, ModelError, NetworkConfig, NoisyDirectional,
    NoisyDirectionalScore, NoisyScore, RefineNet, RefineNetShape,
};

/// The description of an [`NcsnV2`]; by default that of the paper for CIFAR-10.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NcsnV2Config {
    /// Number of colour channels; 0 is taken from the data.
    pub channels: usize,
    /// Rows of pixels; 0 is taken from the data.
    pub height: usize,
    /// Columns of pixels; 0 is taken from the data.
    pub width: usize,
    /// Channels at the finest resolution; the coarser ones have twice as many. `ngf` in the authors' code.
    pub features: usize,
    /// The function between layers.
    pub activation: Activation,
}

impl Default for NcsnV2Config {
    fn default() -> Self {
        Self { channels: 0, height: 0, width: 0, features: 128, activation: Activation::Elu }
    }
}

impl NcsnV2Config {
    fn shape(&self) -> RefineNetShape {
        RefineNetShape {
            image: [self.channels, self.height, self.width],
            features: self.features,
            classes: None,
            activation: self.activation,
        }
    }

    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.shape().validate()
    }
}

impl NetworkConfig for NcsnV2Config {
    type Network = NcsnV2;

    fn construct(&self, init: &Init) -> Result<NcsnV2, ModelError> {
        NcsnV2::new(self, init)
    }

    fn input(&self) -> Input {
        Input::Image { channels: self.channels, height: self.height, width: self.width }
    }

    fn fitted(mut self, found: Input) -> Self {
        fill_image([&mut self.channels, &mut self.height, &mut self.width], found);
        self
    }
}

/// s(y, σ) = f(y)/σ, where f is a [`RefineNet`] without a condition.
///
/// It is defined at every σ > 0, and is the same whether pixels are from 0 to 1 or from −1 to 1: at x = (y + 1)/2 with
/// noise σ/2 the paper's score is f(2x − 1)/(σ/2), and a score of y is half of one of x.
///
/// # Reference
/// Song and Ermon (2020), *Improved techniques for training score-based generative models*, §3.3 (technique 3) and
/// appendix B.1.
#[derive(Module, Debug)]
pub struct NcsnV2 {
    network: RefineNet,
    #[module(skip)]
    config: NcsnV2Config,
}

impl NcsnV2 {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`NcsnV2Config::validate`].
    pub fn new(config: &NcsnV2Config, init: &Init) -> Result<Self, ModelError> {
        Ok(Self { network: RefineNet::new(&config.shape(), &init.part("network"))?, config: config.clone() })
    }

    /// The description of the network.
    pub fn config(&self) -> &NcsnV2Config {
        &self.config
    }
}

impl NoisyScore for NcsnV2 {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.network.condition(None).forward(x) / sigma.unsqueeze_dim::<2>(1)
    }
}

impl NoisyDirectional for NcsnV2 {
    /// By the network's reverse rule, one forward and one reverse pass; vᵀ(∇s)v is the product of v with vᵀ∇s.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let layer = self.network.condition(None);
        let (f, trace) = layer.trace(x);
        let pulled = layer.pullback(trace, v.clone());
        let [slope, curvature] = [f, pulled].map(|t| row_dot(t, v.clone()).neg() / sigma.clone());
        Along { slope, curvature }
    }
}

impl Capabilities for NcsnV2 {
    fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Directional, Jet, testing};

    fn network() -> NcsnV2 {
        let config =
            NcsnV2Config { channels: 1, height: 4, width: 4, features: 2, activation: Activation::Silu };
        testing::in_double(|init| NcsnV2::new(&config, init).unwrap())
    }

    /// By the forward rule, which shares nothing with the reverse one; gradients by the parameters are compared with
    /// PyTorch's in `tests/refinenet.rs`.
    #[test]
    fn it_knows_its_slope_and_curvature() {
        let model = network();
        let (x, v) = (testing::points(2, 16, 97), testing::points(2, 16, 98));
        let along = model.at(0.4).along(x.clone(), v.clone());
        let jet = model.network.condition(None).push(Jet::line(x, v.clone()));
        let over = |t: Tensor<2>| (t * v.clone()).sum_dim(1).squeeze_dim::<1>(1) / -0.4;
        testing::assert_close(along.slope, over(jet.value), 1e-9, "−vᵀs");
        testing::assert_close(along.curvature, over(jet.slope), 1e-9, "−vᵀ(∇s)v");
    }

    #[test]
    fn its_score_is_one_function_over_the_noise_level() {
        let (model, x) = (network(), testing::points(3, 16, 99));
        let at = |sigma: f64| (model.at(sigma).denoise(x.clone()) - x.clone()) / sigma;
        testing::assert_close(at(100.0), at(0.02), 1e-12, "f");
    }
}
