//! Any of the networks, for programs that learn which one from a file.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::{
    Along, ConvEnergy, Directional, Energy, Mlp, MlpEnergy, MlpScore, NoisyDirectional, NoisyEnergy,
    NoisyPotential, NoisyScore, Potential, Preconditioned, Score, UNet,
};

/// Any of the networks. What one can do, [`noisy_score`](Self::noisy_score),
/// [`unconditional`](Self::unconditional) and [`energy`](Self::energy) tell.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one network lives at a time")]
pub enum Network {
    /// A score at every noise level, for images.
    Unet(Preconditioned<UNet>),
    /// A score at every noise level, for points and tables.
    Mlp(Preconditioned<Mlp>),
    /// An energy at every noise level.
    NoisyEnergy(NoisyEnergyNetwork),
    /// A score, for points and tables.
    Score(MlpScore),
    /// An energy.
    Energy(EnergyNetwork),
}

/// Any of the energies that are told no noise level.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one network lives at a time")]
pub enum EnergyNetwork {
    /// For points and tables.
    Mlp(MlpEnergy),
    /// For images.
    Conv(ConvEnergy),
}

/// Any of the energies that are told the noise level.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one network lives at a time")]
pub enum NoisyEnergyNetwork {
    /// For points and tables.
    Mlp(NoisyEnergy<Mlp>),
    /// For images.
    Unet(NoisyEnergy<UNet>),
}

/// A network that is told the noise level.
#[derive(Clone, Copy, Debug)]
pub enum NoisyNetwork<'a> {
    /// For images.
    Unet(&'a Preconditioned<UNet>),
    /// For points and tables.
    Mlp(&'a Preconditioned<Mlp>),
    /// The score of an energy.
    Energy(&'a NoisyEnergyNetwork),
}

/// A network that is told no noise level, which has derivatives along directions.
#[derive(Clone, Copy, Debug)]
pub enum Unconditional<'a> {
    /// A score.
    Score(&'a MlpScore),
    /// The score of an energy.
    Energy(&'a EnergyNetwork),
}

impl Network {
    /// The network as a score at every noise level, if it is one.
    pub fn noisy_score(&self) -> Option<NoisyNetwork<'_>> {
        match self {
            Self::Unet(network) => Some(NoisyNetwork::Unet(network)),
            Self::Mlp(network) => Some(NoisyNetwork::Mlp(network)),
            Self::NoisyEnergy(network) => Some(NoisyNetwork::Energy(network)),
            Self::Score(_) | Self::Energy(_) => None,
        }
    }

    /// The network as an energy at every noise level, if it is one.
    pub fn noisy_energy(&self) -> Option<&NoisyEnergyNetwork> {
        match self {
            Self::NoisyEnergy(network) => Some(network),
            _ => None,
        }
    }

    /// The network as a score without noise levels, if it is one.
    pub fn unconditional(&self) -> Option<Unconditional<'_>> {
        match self {
            Self::Score(network) => Some(Unconditional::Score(network)),
            Self::Energy(network) => Some(Unconditional::Energy(network)),
            Self::Unet(_) | Self::Mlp(_) | Self::NoisyEnergy(_) => None,
        }
    }

    /// The network as an energy without noise levels, if it is one.
    pub fn energy(&self) -> Option<&EnergyNetwork> {
        match self {
            Self::Energy(network) => Some(network),
            _ => None,
        }
    }
}

impl NoisyScore for NoisyNetwork<'_> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        match self {
            Self::Unet(network) => network.score_at(x, sigma),
            Self::Mlp(network) => network.score_at(x, sigma),
            Self::Energy(network) => network.score_at(x, sigma),
        }
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        match self {
            Self::Unet(network) => network.denoise_at(x, sigma),
            Self::Mlp(network) => network.denoise_at(x, sigma),
            Self::Energy(network) => network.denoise_at(x, sigma),
        }
    }
}

impl NoisyDirectional for NoisyNetwork<'_> {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        match self {
            Self::Unet(network) => network.along_at(x, v, sigma),
            Self::Mlp(network) => network.along_at(x, v, sigma),
            Self::Energy(network) => network.along_at(x, v, sigma),
        }
    }
}

impl NoisyScore for NoisyEnergyNetwork {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        match self {
            Self::Mlp(network) => network.score_at(x, sigma),
            Self::Unet(network) => network.score_at(x, sigma),
        }
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        match self {
            Self::Mlp(network) => network.denoise_at(x, sigma),
            Self::Unet(network) => network.denoise_at(x, sigma),
        }
    }
}

impl NoisyPotential for NoisyEnergyNetwork {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Mlp(network) => network.energy_at(x, sigma),
            Self::Unet(network) => network.energy_at(x, sigma),
        }
    }

    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        match self {
            Self::Mlp(network) => network.energy_and_score_at(x, sigma),
            Self::Unet(network) => network.energy_and_score_at(x, sigma),
        }
    }
}

impl NoisyDirectional for NoisyEnergyNetwork {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        match self {
            Self::Mlp(network) => network.along_at(x, v, sigma),
            Self::Unet(network) => network.along_at(x, v, sigma),
        }
    }
}

impl Score for Unconditional<'_> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Score(network) => network.score(x),
            Self::Energy(network) => network.score(x),
        }
    }
}

impl Directional for Unconditional<'_> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        match self {
            Self::Score(network) => network.along(x, v),
            Self::Energy(network) => network.along(x, v),
        }
    }
}

impl Energy for EnergyNetwork {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Mlp(network) => network.energy(x),
            Self::Conv(network) => network.energy(x),
        }
    }
}

impl Score for EnergyNetwork {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Mlp(network) => network.score(x),
            Self::Conv(network) => network.score(x),
        }
    }
}

impl Potential for EnergyNetwork {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        match self {
            Self::Mlp(network) => network.energy_and_score(x),
            Self::Conv(network) => network.energy_and_score(x),
        }
    }
}

impl Directional for EnergyNetwork {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        match self {
            Self::Mlp(network) => network.along(x, v),
            Self::Conv(network) => network.along(x, v),
        }
    }
}
