//! Which network a file holds, in words that can be stored beside its weights.

use serde::{Deserialize, Serialize};

use crate::{
    ConvEnergy, ConvEnergyConfig, EnergyNetwork, Init, Mlp, MlpConfig, MlpEnergy, MlpEnergyConfig, MlpScore,
    MlpScoreConfig, ModelError, Network, NoisyEnergy, Preconditioned, UNet, UNetConfig,
};

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
    /// [`ModelError::Architecture`], naming the field that no network can have.
    pub fn build(&self, init: &Init) -> Result<Network, ModelError> {
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
                Network::NoisyEnergy(NoisyEnergy::new(Mlp::new(network, init)?, *sigma_data)?)
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
            Self::Unet { network, .. } => image(&[network.channels, network.height, network.width]),
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
            (Self::Unet { network: n, .. }, Input::Image { channels: c, height: h, width: w }) => {
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
