//! What a network can do, asked at run time.

use burn::module::Module;

use crate::{Directional, Network, NoisyDirectional, NoisyPotential, NoisyScore, Potential, Score};

/// A score with derivatives along directions.
pub trait DirectionalScore: Score + Directional {}

impl<M: Score + Directional + ?Sized> DirectionalScore for M {}

/// An energy with derivatives along directions that can be sampled while it is trained.
pub trait DirectionalPotential: Potential + Directional + Detach {}

impl<M: Potential + Directional + Detach + ?Sized> DirectionalPotential for M {}

/// A score at every noise level with derivatives along directions.
pub trait NoisyDirectionalScore: NoisyScore + NoisyDirectional {}

impl<M: NoisyScore + NoisyDirectional + ?Sized> NoisyDirectionalScore for M {}

/// An energy that autodiff tracks, and the same energy without.
pub trait Detach {
    /// The energy with its parameters as they are now, not tracked by autodiff: what a sampler runs on.
    fn detached(&self) -> Box<dyn Potential>;
}

impl<M: Module + Potential + 'static> Detach for M {
    fn detached(&self) -> Box<dyn Potential> {
        Box::new(self.valid())
    }
}

/// A network as what it can do.
///
/// Samplers and objectives by name look here for what they need; each method answers `None` for a network that has
/// no such side. A network of your own implements the methods that it has.
pub trait Capabilities {
    /// As a score of the data themselves.
    fn as_score(&self) -> Option<&dyn DirectionalScore> {
        None
    }

    /// As an energy of the data themselves; its score is [`as_score`](Self::as_score).
    fn as_energy(&self) -> Option<&dyn DirectionalPotential> {
        None
    }

    /// As a score at every noise level.
    fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        None
    }

    /// As an energy at every noise level; its score is [`as_noisy_score`](Self::as_noisy_score).
    fn as_noisy_energy(&self) -> Option<&dyn NoisyPotential> {
        None
    }
}

impl Capabilities for Network {
    fn as_score(&self) -> Option<&dyn DirectionalScore> {
        match self {
            Self::Score(network) => Some(network),
            Self::Energy(network) => Some(network),
            Self::Unet(_) | Self::Mlp(_) | Self::NoisyEnergy(_) => None,
        }
    }

    fn as_energy(&self) -> Option<&dyn DirectionalPotential> {
        match self {
            Self::Energy(network) => Some(network),
            _ => None,
        }
    }

    fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        match self {
            Self::Unet(network) => Some(network),
            Self::Mlp(network) => Some(network),
            Self::NoisyEnergy(network) => Some(network),
            Self::Score(_) | Self::Energy(_) => None,
        }
    }

    fn as_noisy_energy(&self) -> Option<&dyn NoisyPotential> {
        match self {
            Self::NoisyEnergy(network) => Some(network),
            _ => None,
        }
    }
}
