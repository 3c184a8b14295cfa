//! Which network a file holds, in words that can be stored beside its weights.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{Init, Mlp, MlpConfig, ModelError, NoisyScore, Preconditioned, UNet, UNetConfig};

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
}

impl Architecture {
    /// A new network with weights drawn by `init`.
    ///
    /// # Errors
    /// [`ModelError::Architecture`], naming the field that no network can have.
    pub fn build(&self, init: &Init) -> Result<Network, ModelError> {
        let sigma_data = self.sigma_data();
        if !(sigma_data.is_finite() && 0.0 < sigma_data) {
            let (found, expected) = (sigma_data.to_string(), "a positive, finite number".into());
            return Err(ModelError::Architecture { field: "sigma_data", found, expected });
        }
        Ok(match self {
            Self::Unet { network, .. } => {
                Network::Unet(Preconditioned::new(UNet::new(network, init)?, sigma_data))
            }
            Self::Mlp { network, .. } => {
                Network::Mlp(Preconditioned::new(Mlp::new(network, init)?, sigma_data))
            }
        })
    }

    /// σ_d, the standard deviation of the data.
    pub fn sigma_data(&self) -> f64 {
        match self {
            Self::Unet { sigma_data, .. } | Self::Mlp { sigma_data, .. } => *sigma_data,
        }
    }

    /// Numbers in a position.
    pub fn dim(&self) -> usize {
        match self {
            Self::Unet { network, .. } => network.channels * network.height * network.width,
            Self::Mlp { network, .. } => network.dim,
        }
    }
}

/// Any of the score networks, for programs that learn which one from a file.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one network lives at a time")]
pub enum Network {
    /// For images.
    Unet(Preconditioned<UNet>),
    /// For points and tables.
    Mlp(Preconditioned<Mlp>),
}

impl NoisyScore for Network {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        match self {
            Self::Unet(network) => network.score_at(x, sigma),
            Self::Mlp(network) => network.score_at(x, sigma),
        }
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        match self {
            Self::Unet(network) => network.denoise_at(x, sigma),
            Self::Mlp(network) => network.denoise_at(x, sigma),
        }
    }
}
