//! Networks as the sum types of earlier versions; to be removed once all callers use [`Capabilities`].

use burn::module::Module;
use burn::tensor::Tensor;

use crate::{
    Along, Capabilities, ConvEnergy, Directional, DirectionalScore, Energy, MlpEnergy, Network,
    NoisyDirectionalScore, Potential, Score,
};

/// Any of the energies that are not conditioned on the noise level.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one network lives at a time")]
#[doc(hidden)]
pub enum EnergyNetwork {
    /// For points and tables.
    Mlp(MlpEnergy),
    /// For images.
    Conv(ConvEnergy),
}

#[doc(hidden)]
impl Network {
    /// [`Capabilities::as_noisy_score`].
    pub fn noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        self.as_noisy_score()
    }

    /// [`Capabilities::as_score`].
    pub fn unconditional(&self) -> Option<&dyn DirectionalScore> {
        self.as_score()
    }

    /// A copy of the network as an energy that shares its parameters.
    pub fn energy(&self) -> Option<EnergyNetwork> {
        match self {
            Self::MlpEnergy(network) => Some(EnergyNetwork::Mlp(network.clone())),
            Self::ConvEnergy(network) => Some(EnergyNetwork::Conv(network.clone())),
            _ => None,
        }
    }
}

impl EnergyNetwork {
    fn inner(&self) -> &dyn crate::DirectionalPotential {
        match self {
            Self::Mlp(network) => network,
            Self::Conv(network) => network,
        }
    }
}

impl Energy for EnergyNetwork {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.inner().energy(x)
    }
}

impl Score for EnergyNetwork {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.inner().score(x)
    }
}

impl Potential for EnergyNetwork {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        self.inner().energy_and_score(x)
    }
}

impl Directional for EnergyNetwork {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        self.inner().along(x, v)
    }
}
