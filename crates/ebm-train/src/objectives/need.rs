//! What an objective needs of a network.

use std::fmt;

/// The kind of network that an objective trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A score at every noise level.
    NoisyScore,
    /// An energy whose noise levels compare.
    JointEnergy,
    /// A score of the data themselves, which an energy has too.
    Score,
    /// An energy of the data themselves.
    Energy,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoisyScore => "a network conditioned on the noise level",
            Self::JointEnergy => "an energy at every noise level that is normalized",
            Self::Score => "a score or an energy without noise levels",
            Self::Energy => "an energy without noise levels",
        })
    }
}
