//! Which network a file holds, in words that can be stored beside its weights.

use std::collections::BTreeMap;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{
    ConvEnergy, ConvEnergyConfig, EnergyNetwork, Init, Mlp, MlpConfig, MlpEnergy, MlpEnergyConfig, MlpScore,
    MlpScoreConfig, ModelError, Network, NoisyEnergy, NoisyEnergyNetwork, Preconditioned, UNet, UNetConfig,
    weights,
};

/// Most numbers in all parameters of a network together: four gibibytes, and with an optimiser four times that.
const MAX_PARAMETERS: u128 = 1 << 30;

/// Most numbers in a position.
const MAX_DIM: u128 = 1 << 26;

/// A network's shape: everything needed to build it but its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Architecture {
    /// [`UNet`] in EDM's form.
    Unet {
        /// σ_d, the standard deviation of the data.
        sigma_data: f64,
        /// The network.
        #[serde(flatten)]
        network: UNetConfig,
    },
    /// [`Mlp`] in EDM's form.
    Mlp {
        /// σ_d, the standard deviation of the data.
        sigma_data: f64,
        /// The network.
        #[serde(flatten)]
        network: MlpConfig,
    },
    /// [`NoisyEnergy`] of an [`Mlp`].
    NoisyEnergy {
        /// σ_d, the standard deviation of the data.
        sigma_data: f64,
        /// The network.
        #[serde(flatten)]
        network: MlpConfig,
    },
    /// [`NoisyEnergy`] of a [`UNet`].
    UnetEnergy {
        /// σ_d, the standard deviation of the data.
        sigma_data: f64,
        /// The network.
        #[serde(flatten)]
        network: UNetConfig,
    },
    /// [`MlpScore`].
    MlpScore(MlpScoreConfig),
    /// [`MlpEnergy`].
    MlpEnergy(MlpEnergyConfig),
    /// [`ConvEnergy`].
    ConvEnergy(ConvEnergyConfig),
}

/// What one row of a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A flattened image.
    Image {
        /// Colours.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A point.
    Row {
        /// Coordinates.
        dim: usize,
    },
}

impl Input {
    /// Numbers in a row.
    pub fn dim(&self) -> usize {
        match *self {
            Self::Image { channels, height, width } => channels * height * width,
            Self::Row { dim } => dim,
        }
    }
}

impl Architecture {
    /// A new network with weights drawn by `init`.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn build(&self, init: &Init) -> Result<Network, ModelError> {
        self.shapes(init.device())?;
        self.network(init)
    }

    /// The shapes of the network's parameters by their paths; no memory is taken for the parameters.
    ///
    /// # Errors
    /// [`ModelError::Architecture`], naming the field that no network can have, or what is too large.
    pub fn shapes(&self, device: &Device) -> Result<BTreeMap<String, Vec<usize>>, ModelError> {
        let network = self.network(&Init::plan(device))?;
        let product =
            |sizes: &[usize]| sizes.iter().fold(1u128, |product, &size| product.saturating_mul(size as u128));
        let dim = match self.input() {
            Input::Image { channels, height, width } => product(&[channels, height, width]),
            Input::Row { dim } => dim as u128,
        };
        let shapes = weights::shapes(&network);
        let parameters = shapes.values().fold(0u128, |sum, shape| sum.saturating_add(product(shape)));
        for (field, found, most) in [("dim", dim, MAX_DIM), ("parameters", parameters, MAX_PARAMETERS)] {
            if most < found {
                let (found, expected) = (found.to_string(), format!("at most {most}"));
                return Err(ModelError::Architecture { field, found, expected });
            }
        }
        Ok(shapes)
    }

    fn network(&self, init: &Init) -> Result<Network, ModelError> {
        Ok(match self {
            Self::Unet { sigma_data, network } => {
                let sigma_data = deviation(*sigma_data)?;
                Network::Unet(Preconditioned::new(UNet::new(network, init)?, sigma_data))
            }
            Self::Mlp { sigma_data, network } => {
                let sigma_data = deviation(*sigma_data)?;
                Network::Mlp(Preconditioned::new(Mlp::new(network, init)?, sigma_data))
            }
            Self::NoisyEnergy { sigma_data, network } => {
                let energy = NoisyEnergy::new(Mlp::new(network, init)?, *sigma_data)?;
                Network::NoisyEnergy(NoisyEnergyNetwork::Mlp(energy))
            }
            Self::UnetEnergy { sigma_data, network } => {
                let energy = NoisyEnergy::new(UNet::new(network, init)?, *sigma_data)?;
                Network::NoisyEnergy(NoisyEnergyNetwork::Unet(energy))
            }
            Self::MlpScore(network) => Network::Score(MlpScore::new(network, init)?),
            Self::MlpEnergy(network) => Network::Energy(EnergyNetwork::Mlp(MlpEnergy::new(network, init)?)),
            Self::ConvEnergy(network) => {
                Network::Energy(EnergyNetwork::Conv(ConvEnergy::new(network, init)?))
            }
        })
    }

    /// What the network is for.
    pub fn input(&self) -> Input {
        let image = |&[channels, height, width]: &[usize; 3]| Input::Image { channels, height, width };
        match self {
            Self::Unet { network, .. } | Self::UnetEnergy { network, .. } => {
                image(&[network.channels, network.height, network.width])
            }
            Self::ConvEnergy(ConvEnergyConfig { network, .. }) => {
                image(&[network.channels, network.height, network.width])
            }
            Self::Mlp { network, .. } | Self::NoisyEnergy { network, .. } => Input::Row { dim: network.dim },
            Self::MlpScore(network) => Input::Row { dim: network.dim },
            Self::MlpEnergy(network) => Input::Row { dim: network.dim },
        }
    }

    /// Numbers in a position.
    pub fn dim(&self) -> usize {
        self.input().dim()
    }

    /// The same for rows that are as `found`, where a size is left open by a zero.
    pub fn fitted(mut self, found: Input) -> Self {
        let fill = |sizes: &mut [(&mut usize, usize)]| {
            sizes.iter_mut().filter(|(size, _)| **size == 0).for_each(|(size, found)| **size = *found);
        };
        match (&mut self, found) {
            (
                Self::Unet { network: n, .. } | Self::UnetEnergy { network: n, .. },
                Input::Image { channels: c, height: h, width: w },
            ) => {
                fill(&mut [(&mut n.channels, c), (&mut n.height, h), (&mut n.width, w)]);
            }
            (
                Self::ConvEnergy(ConvEnergyConfig { network: n, .. }),
                Input::Image { channels: c, height: h, width: w },
            ) => {
                fill(&mut [(&mut n.channels, c), (&mut n.height, h), (&mut n.width, w)]);
            }
            (Self::Mlp { network, .. } | Self::NoisyEnergy { network, .. }, Input::Row { dim }) => {
                fill(&mut [(&mut network.dim, dim)]);
            }
            (Self::MlpScore(network), Input::Row { dim }) => fill(&mut [(&mut network.dim, dim)]),
            (Self::MlpEnergy(network), Input::Row { dim }) => fill(&mut [(&mut network.dim, dim)]),
            _ => {}
        }
        self
    }
}

fn deviation(sigma_data: f64) -> Result<f64, ModelError> {
    if sigma_data.is_finite() && 0.0 < sigma_data {
        return Ok(sigma_data);
    }
    let (found, expected) = (sigma_data.to_string(), "a positive, finite number".into());
    Err(ModelError::Architecture { field: "sigma_data", found, expected })
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;

    fn of(text: &str) -> Architecture {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_shapes_of_a_plan_are_those_of_the_network() {
        let device = Device::flex();
        let unet = Architecture::Unet { sigma_data: 0.5, network: UNetConfig::reference() };
        let conv = r#"{"kind":"conv-energy","channels":1,"height":8,"width":8,"widths":[4,8],"blocks":[1,1],
            "activation":"silu","downsampling":"mean-pool","confinement":0.01}"#;
        let score = r#"{"kind":"mlp-score","dim":3,"hidden":[5,7],"activation":"silu"}"#;
        let mlp =
            r#"{"kind":"mlp","sigma_data":1.0,"dim":2,"hidden":9,"layers":2,"embedding":4,"frequencies":3}"#;
        let energy = Architecture::UnetEnergy { sigma_data: 0.5, network: UNetConfig::reference() };
        for architecture in [unet, energy, of(conv), of(score), of(mlp)] {
            let network = architecture.build(&Init::new(Noise::seeded(1), &device)).unwrap();
            assert_eq!(architecture.shapes(&device).unwrap(), weights::shapes(&network), "{architecture:?}");
        }
    }

    #[test]
    fn a_network_beyond_all_memory_is_refused_before_any_is_taken() {
        let wide = of(r#"{"kind":"mlp","sigma_data":1.0,"dim":2,"hidden":65536,"layers":3,"embedding":64,
            "frequencies":16}"#);
        let sizes = |side: usize, width: usize| {
            of(&format!(
                r#"{{"kind":"conv-energy","channels":65536,"height":{side},"width":{side},"widths":[{width}],
                "blocks":[64],"activation":"silu","downsampling":"stride","confinement":0.01}}"#
            ))
        };
        for (architecture, part) in [
            (wide, "parameters = "),
            (sizes(1, 65_536), "parameters = "),
            (sizes(65_536, 1), "dim = 281474976710656"),
        ] {
            let error = architecture.build(&Init::new(Noise::seeded(1), &Device::flex())).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
