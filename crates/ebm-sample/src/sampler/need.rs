//! What a sampler needs of a model.

use std::fmt;

/// What a sampler needs of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A [`Score`](ebm_model::Score).
    Score,
    /// A [`Potential`](ebm_model::Potential).
    Energy,
    /// A [`NoisyScore`](ebm_model::NoisyScore).
    NoisyScore,
    /// A [`NoisyPotential`](ebm_model::NoisyPotential).
    NoisyEnergy,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Score => "a score",
            Self::Energy => "an energy",
            Self::NoisyScore => "a score at every noise level",
            Self::NoisyEnergy => "an energy at every noise level",
        })
    }
}
