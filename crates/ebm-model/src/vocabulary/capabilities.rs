//! What a network can do, queried at run time.

use crate::{
    AugmentationConditional, ClassConditional, ClassConditionalPotential, DirectionalPotential,
    DirectionalScore, JointPotential, NoisyDirectionalScore, NoisyPotential,
};

/// The traits that a network implements, queried at run time.
///
/// Samplers and objectives that are chosen by name look here for what they need. Each method returns `None` unless a
/// network overrides it.
pub trait Capabilities {
    /// The network as a score of the data without noise.
    fn as_score(&self) -> Option<&dyn DirectionalScore> {
        None
    }

    /// The network as an energy of the data without noise; its score is [`as_score`](Self::as_score).
    fn as_energy(&self) -> Option<&dyn DirectionalPotential> {
        None
    }

    /// The network as a score at every noise level.
    fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        None
    }

    /// The network as an energy at every noise level; its score is [`as_noisy_score`](Self::as_noisy_score).
    fn as_noisy_energy(&self) -> Option<&dyn NoisyPotential> {
        None
    }

    /// The network as an energy whose noise levels compare; without that, it is
    /// [`as_noisy_energy`](Self::as_noisy_energy).
    fn as_joint_energy(&self) -> Option<&dyn JointPotential> {
        None
    }

    /// The network as a score of each class at every noise level; [`as_noisy_score`](Self::as_noisy_score) is then that
    /// of no class.
    fn as_class_conditional(&self) -> Option<&dyn ClassConditional> {
        None
    }

    /// The network as an energy of each class at every noise level.
    fn as_class_conditional_energy(&self) -> Option<&dyn ClassConditionalPotential> {
        None
    }

    /// The network as a score of augmented data at every noise level; [`as_noisy_score`](Self::as_noisy_score) is then that
    /// of data to which nothing was done.
    fn as_augmentation_conditional(&self) -> Option<&dyn AugmentationConditional> {
        None
    }
}
