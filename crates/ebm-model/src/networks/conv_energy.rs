//! The energy network for images.

use serde::{Deserialize, Serialize};

use crate::layers::{Activation, ConvNetwork, ConvNetworkConfig, Downsampling};
use crate::networks::input::fill_image;
use crate::{Confined, Confinement, Init, Input, ModelError, NetworkConfig};

/// The description of a [`ConvEnergy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvEnergyConfig {
    /// The convolutions.
    #[serde(flatten)]
    pub network: ConvNetworkConfig,
    /// λ of the confining ½λ‖x‖²; with zero, exp(−E) is integrable only if the network makes it so.
    pub confinement: f64,
}

impl Default for ConvEnergyConfig {
    fn default() -> Self {
        let network = ConvNetworkConfig {
            channels: 0,
            height: 0,
            width: 0,
            widths: vec![32, 64],
            blocks: vec![1, 1],
            activation: Activation::Silu,
            downsampling: Downsampling::MeanPool,
        };
        Self { network, confinement: 0.01 }
    }
}

impl ConvEnergyConfig {
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.network.validate()?;
        Confinement::new(self.confinement).map(|_| ())
    }
}

impl NetworkConfig for ConvEnergyConfig {
    type Network = ConvEnergy;

    fn construct(&self, init: &Init) -> Result<ConvEnergy, ModelError> {
        ConvEnergy::new(self, init)
    }

    fn input(&self) -> Input {
        let ConvNetworkConfig { channels, height, width, .. } = self.network;
        Input::Image { channels, height, width }
    }

    fn fitted(mut self, found: Input) -> Self {
        let network = &mut self.network;
        fill_image([&mut network.channels, &mut network.height, &mut network.width], found);
        self
    }
}

/// The energy of a [`ConvNetwork`] with a confinement added.
pub type ConvEnergy = Confined<ConvNetwork>;

impl ConvEnergy {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`ConvEnergyConfig::validate`].
    pub fn new(config: &ConvEnergyConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let network = ConvNetwork::new(&config.network, &init.part("network"))?;
        Ok(Self::around(network, Confinement::new(config.confinement)?))
    }

    /// The description of the network.
    pub fn config(&self) -> ConvEnergyConfig {
        let network = self.network().config().clone();
        ConvEnergyConfig { network, confinement: self.confinement().lambda() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing, weights};
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn config(sides: [usize; 3], activation: Activation, downsampling: Downsampling) -> ConvEnergyConfig {
        let [channels, height, width] = sides;
        let (widths, blocks) = (vec![3, 4], vec![1, 1]);
        let network = ConvNetworkConfig { channels, height, width, widths, blocks, activation, downsampling };
        ConvEnergyConfig { network, confinement: 0.2 }
    }

    #[test]
    fn a_conv_energy_passes_the_tests_of_a_potential_and_is_trained_exactly() {
        for (config, seed) in [
            (config([1, 5, 4], Activation::Silu, Downsampling::Stride), 95),
            (config([2, 4, 2], Activation::Softplus, Downsampling::MeanPool), 96),
            (config([1, 5, 3], Activation::Silu, Downsampling::MeanPool), 98),
        ] {
            let (model, dim) =
                (testing::in_double(|init| ConvEnergy::new(&config, init).unwrap()), config.network.dim());
            testing::assert_potential(&model, dim, seed);
            testing::assert_precision(&weights::cast(model.clone(), DType::F32), &model, dim, seed);
            testing::assert_trainable(&model, dim, seed, testing::losses_and_energy);
        }
    }

    #[test]
    fn in_single_precision_the_fast_convolutions_agree_with_double_precision() {
        // widths in multiples of eight go through the fast kernels
        let mut config = config([1, 14, 14], Activation::Silu, Downsampling::Stride);
        (config.network.widths, config.network.blocks) = (vec![8, 16], vec![1, 1]);
        let model = testing::in_double(|init| ConvEnergy::new(&config, init).unwrap());
        testing::assert_precision(&weights::cast(model.clone(), DType::F32), &model, 196, 97);
    }

    #[test]
    fn a_network_survives_a_file_and_its_configuration_text() {
        let config = config([1, 6, 6], Activation::Tanh, Downsampling::MeanPool);
        let build =
            |seed| ConvEnergy::new(&config, &Init::new(Noise::seeded(seed), &Device::flex())).unwrap();
        assert!(weights::shapes(&build(1)).contains_key("network.stages.0.blocks.0.second.weight"));
        testing::assert_saved(build(1), build(2), 36);
        assert_eq!(build(1).config(), config);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ConvEnergyConfig>(&text).unwrap(), config);
    }

    #[test]
    fn an_impossible_configuration_is_refused_by_its_field() {
        let right = config([1, 6, 6], Activation::Tanh, Downsampling::MeanPool);
        right.validate().unwrap();
        let with = |change: &dyn Fn(&mut ConvNetworkConfig)| {
            let mut config = right.clone();
            change(&mut config.network);
            config
        };
        let wrong = [
            (with(&|network| network.height = 0), "height: expected 1 to 65,536, found 0"),
            (with(&|network| network.widths = vec![4, 0]), "widths: expected 1 to 65,536, found 0"),
            (with(&|network| network.widths = vec![]), "widths: expected 1 to 8 resolutions, found []"),
            (with(&|network| network.blocks = vec![1]), "found [1]"),
            (
                ConvEnergyConfig { confinement: f64::NAN, ..right.clone() },
                "confinement: expected a finite number, zero or more, found NaN",
            ),
        ];
        for (config, expected) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
