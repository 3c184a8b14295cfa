//! The energy network for images.

use serde::{Deserialize, Serialize};

use crate::layers::{ConvNetwork, ConvNetworkConfig};
use crate::{Confined, Confinement, Init, ModelError};

/// What a [`ConvEnergy`] is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvEnergyConfig {
    /// The convolutions.
    #[serde(flatten)]
    pub network: ConvNetworkConfig,
    /// λ of the confining ½λ‖x‖²; at zero, exp(−E) has an integral only if the network sees to it.
    pub confinement: f64,
}

impl ConvEnergyConfig {
    /// # Errors
    /// [`ModelError::Architecture`], naming the field that no network can have.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.network.validate()?;
        Confinement::new(self.confinement).map(|_| ())
    }
}

/// The energy of a [`ConvNetwork`] in a bowl.
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

    /// What the network is made of.
    pub fn config(&self) -> ConvEnergyConfig {
        let network = self.network().config().clone();
        ConvEnergyConfig { network, confinement: self.confinement().lambda() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Activation, Downsampling};
    use crate::{laws, weights};
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn config(sides: [usize; 3], activation: Activation, downsampling: Downsampling) -> ConvEnergyConfig {
        let [channels, height, width] = sides;
        let (widths, blocks) = (vec![3, 4], vec![1, 1]);
        let network = ConvNetworkConfig { channels, height, width, widths, blocks, activation, downsampling };
        ConvEnergyConfig { network, confinement: 0.2 }
    }

    #[test]
    fn a_conv_energy_keeps_the_laws_of_a_potential_and_is_trained_exactly() {
        for (config, seed) in [
            (config([1, 5, 4], Activation::Silu, Downsampling::Stride), 95),
            (config([2, 4, 2], Activation::Softplus, Downsampling::MeanPool), 96),
        ] {
            let (model, dim) =
                (laws::in_double(|init| ConvEnergy::new(&config, init).unwrap()), config.network.dim());
            laws::potential(&model, dim, seed);
            laws::precision(&weights::cast(model.clone(), DType::F32), &model, dim, seed);
            laws::trained(&model, dim, seed, laws::losses_and_energy);
        }
    }

    #[test]
    fn in_single_precision_the_fast_convolutions_agree_with_double_precision() {
        // widths in multiples of eight go through the fast kernels
        let mut config = config([1, 14, 14], Activation::Silu, Downsampling::Stride);
        (config.network.widths, config.network.blocks) = (vec![8, 16], vec![1, 1]);
        let model = laws::in_double(|init| ConvEnergy::new(&config, init).unwrap());
        laws::precision(&weights::cast(model.clone(), DType::F32), &model, 196, 97);
    }

    #[test]
    fn a_network_survives_a_file_and_its_configuration_text() {
        let config = config([1, 6, 6], Activation::Tanh, Downsampling::MeanPool);
        let build =
            |seed| ConvEnergy::new(&config, &Init::new(Noise::seeded(seed), &Device::flex())).unwrap();
        assert!(weights::shapes(&build(1)).contains_key("network.stages.0.blocks.0.second.weight"));
        laws::saved(build(1), build(2), 36);
        assert_eq!(build(1).config(), config);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ConvEnergyConfig>(&text).unwrap(), config);
    }

    #[test]
    fn a_configuration_without_a_network_is_refused_by_its_field() {
        let right = config([1, 6, 6], Activation::Tanh, Downsampling::MeanPool);
        right.validate().unwrap();
        let with = |change: &dyn Fn(&mut ConvNetworkConfig)| {
            let mut config = right.clone();
            change(&mut config.network);
            config
        };
        let wrong = [
            (with(&|network| network.height = 5), "height = 5, expected a multiple of 2"),
            (with(&|network| network.widths = vec![4, 0]), "widths = 0"),
            (with(&|network| network.widths = vec![]), "widths = []"),
            (with(&|network| network.blocks = vec![1]), "blocks = [1]"),
            (ConvEnergyConfig { confinement: f64::NAN, ..right.clone() }, "confinement = NaN"),
        ];
        for (config, expected) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
