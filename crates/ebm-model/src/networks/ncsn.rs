//! The noise-conditional score network, whose noise levels are classes.

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use ebm_ops::OutOfRange;
use ebm_ops::row_dot::row_dot;
use serde::{Deserialize, Serialize};

use crate::layers::Activation;
use crate::networks::input::fill_image;
use crate::{
    Along, Capabilities, Init, Input, Layer, ModelError, NetworkConfig, NoisyDirectional,
    NoisyDirectionalScore, NoisyScore, RefineNet, RefineNetShape,
};

/// The values of pixels for which a network was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pixels {
    /// From 0 to 1, as in the papers and their code: what the network returns is the score of x = (y + 1)/2.
    Unit,
    /// From −1 to 1, as positions y are: what the network returns is the score of y.
    Symmetric,
}

impl Pixels {
    /// dx/dy, by which a score of x becomes one of y.
    fn rate(self) -> f64 {
        match self {
            Self::Unit => 0.5,
            Self::Symmetric => 1.0,
        }
    }
}

/// The description of an [`Ncsn`]; by default that of the paper for CIFAR-10.
///
/// Positions y are pixels from −1 to 1, so that the paper's levels, which are of x = (y + 1)/2, are half of these:
/// 1 … 0.01 are `top` 2 and `bottom` 0.02.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NcsnConfig {
    /// Number of colour channels; 0 is taken from the data.
    pub channels: usize,
    /// Rows of pixels; 0 is taken from the data.
    pub height: usize,
    /// Columns of pixels; 0 is taken from the data.
    pub width: usize,
    /// Channels at the finest resolution; the coarser ones have twice as many. `ngf` in the authors' code.
    pub features: usize,
    /// Number of noise levels, in geometric progression.
    pub levels: usize,
    /// The highest noise level of a position.
    pub top: f64,
    /// The lowest noise level of a position.
    pub bottom: f64,
    /// Of which values of pixels the network returns the score.
    pub pixels: Pixels,
    /// The function between layers.
    pub activation: Activation,
}

impl Default for NcsnConfig {
    fn default() -> Self {
        Self {
            channels: 0,
            height: 0,
            width: 0,
            features: 128,
            levels: 10,
            top: 2.0,
            bottom: 0.02,
            pixels: Pixels::Unit,
            activation: Activation::Elu,
        }
    }
}

impl NcsnConfig {
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.shape().validate()?;
        OutOfRange::at_least("levels", 2, self.levels)?;
        let (top, bottom) = (self.top, OutOfRange::positive("bottom", self.bottom)?);
        if !(top.is_finite() && bottom < top) {
            let expected = format!("a finite number greater than bottom = {bottom}");
            return Err(OutOfRange::new("top", top, expected).into());
        }
        Ok(())
    }

    fn shape(&self) -> RefineNetShape {
        RefineNetShape {
            image: [self.channels, self.height, self.width],
            features: self.features,
            classes: Some(self.levels),
            activation: self.activation,
        }
    }
}

impl NetworkConfig for NcsnConfig {
    type Network = Ncsn;

    fn construct(&self, init: &Init) -> Result<Ncsn, ModelError> {
        Ncsn::new(self, init)
    }

    fn input(&self) -> Input {
        Input::Image { channels: self.channels, height: self.height, width: self.width }
    }

    fn fitted(mut self, found: Input) -> Self {
        fill_image([&mut self.channels, &mut self.height, &mut self.width], found);
        self
    }
}

/// s(y, σ) = ½ f(y, i), where f is a [`RefineNet`] with conditional instance normalisation++ and i the class of σ.
///
/// The class is that of the nearest level of the network's ladder, by the logarithm; above the ladder its highest,
/// below it its lowest. Between levels the score is therefore a step function of σ: train and sample on the network's
/// own ladder.
/// f is the score of pixels x in [0, 1], whose inside map 2x − 1 is y, and a score of y is half of one of x.
///
/// # Reference
/// Song and Ermon (2019), *Generative modeling by estimating gradients of the data distribution*, §4 and appendix A.
#[derive(Module, Debug)]
pub struct Ncsn {
    network: RefineNet,
    #[module(skip)]
    config: NcsnConfig,
}

impl Ncsn {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`NcsnConfig::validate`].
    pub fn new(config: &NcsnConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        Ok(Self { network: RefineNet::new(&config.shape(), &init.part("network"))?, config: config.clone() })
    }

    /// The description of the network.
    pub fn config(&self) -> &NcsnConfig {
        &self.config
    }

    /// The class of each level, `[batch]`, from 0 for the highest.
    fn classes(&self, sigma: Tensor<1>) -> Tensor<1, Int> {
        let NcsnConfig { levels, top, bottom, .. } = self.config;
        let last = (levels - 1) as f64;
        let place = (sigma.log() - top.ln()) * (last / (bottom / top).ln());
        place.round().clamp(0.0, last).int()
    }
}

impl NoisyScore for Ncsn {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let class = self.classes(sigma);
        self.network.condition(Some(&class)).forward(x) * self.config.pixels.rate()
    }
}

impl NoisyDirectional for Ncsn {
    /// By the network's reverse rule, one forward and one reverse pass; vᵀ(∇s)v is the product of v with vᵀ∇s.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let class = self.classes(sigma);
        let layer = self.network.condition(Some(&class));
        let (f, trace) = layer.trace(x);
        let pulled = layer.pullback(trace, v.clone());
        let [slope, curvature] = [f, pulled].map(|t| row_dot(t, v.clone()) * -self.config.pixels.rate());
        Along { slope, curvature }
    }
}

impl Capabilities for Ncsn {
    fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Directional, Jet, testing};
    use burn::tensor::{DType, Device};

    fn network(pixels: Pixels) -> Ncsn {
        let config = NcsnConfig {
            channels: 1,
            height: 4,
            width: 4,
            features: 2,
            levels: 3,
            pixels,
            activation: Activation::Silu,
            ..NcsnConfig::default()
        };
        testing::in_double(|init| Ncsn::new(&config, init).unwrap())
    }

    /// By the forward rule, which shares nothing with the reverse one; gradients by the parameters are compared with
    /// PyTorch's in `tests/refinenet.rs`.
    #[test]
    fn it_knows_its_slope_and_curvature_at_each_level() {
        let model = network(Pixels::Unit);
        for (sigma, seed) in [(2.0, 93), (0.2, 94), (0.02, 95)] {
            let (x, v) = (testing::points(2, 16, seed), testing::points(2, 16, seed + 100));
            let along = model.at(sigma).along(x.clone(), v.clone());
            let class = model.classes(Tensor::full([2], sigma, (&Device::flex(), DType::F64)));
            let jet = model.network.condition(Some(&class)).push(Jet::line(x, v.clone()));
            let half = |t: Tensor<2>| (t * v.clone()).sum_dim(1).squeeze_dim::<1>(1) * -0.5;
            testing::assert_close(along.slope, half(jet.value), 1e-9, "−vᵀs");
            testing::assert_close(along.curvature, half(jet.slope), 1e-9, "−vᵀ(∇s)v");
        }
    }

    #[test]
    fn a_level_has_the_class_of_the_nearest_one_by_the_logarithm() {
        let sigma = [1e3, 2.0, 0.64, 0.63, 0.2, 0.064, 0.063, 0.02, 1e-9f64];
        let classes = network(Pixels::Unit).classes(Tensor::from_data(sigma, (&Device::flex(), DType::F64)));
        let found: Vec<i64> = classes.into_data().iter::<i64>().collect();
        assert_eq!(found, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn a_score_of_pixels_from_0_to_1_is_halved() {
        let x = testing::points(2, 16, 96);
        let [unit, symmetric] =
            [Pixels::Unit, Pixels::Symmetric].map(|pixels| network(pixels).at(0.2).denoise(x.clone()));
        testing::assert_close((unit - x.clone()) * 2.0, symmetric - x, 1e-12, "σ² s");
    }

    #[test]
    fn an_impossible_configuration_is_refused_by_its_field() {
        let right = NcsnConfig { channels: 1, height: 4, width: 4, ..NcsnConfig::default() };
        let wrong = [
            (NcsnConfig { height: 0, ..right.clone() }, "height: expected 1 to 65,536, found 0"),
            (NcsnConfig { features: 1, ..right.clone() }, "features: expected at least 2, found 1"),
            (NcsnConfig { levels: 1, ..right.clone() }, "levels: expected at least 2, found 1"),
            (
                NcsnConfig { top: 0.01, ..right },
                "top: expected a finite number greater than bottom = 0.02, found 0.01",
            ),
        ];
        for (config, expected) in wrong {
            assert_eq!(config.validate().unwrap_err().to_string(), expected);
        }
    }
}
