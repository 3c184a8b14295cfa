//! The traits that models implement and samplers and objectives ask for.

mod augmentation_conditional;
mod capabilities;
mod class_conditional;
mod detach;
mod directional;
mod directional_score;
mod energy;
mod joint_potential;
mod noisy_potential;
mod noisy_score;
mod potential;
mod row_labels;
mod score;

pub use augmentation_conditional::AugmentationConditional;
pub use capabilities::Capabilities;
pub use class_conditional::{ClassConditional, ClassConditionalPotential};
pub use detach::Detach;
pub use directional::{Along, Directional, NoisyDirectional};
pub use directional_score::{DirectionalPotential, DirectionalScore, NoisyDirectionalScore};
pub use energy::Energy;
pub use joint_potential::JointPotential;
pub use noisy_potential::NoisyPotential;
pub use noisy_score::{AtNoise, NoisyScore, ScorePullback};
pub use potential::Potential;
pub use row_labels::RowLabels;
pub use score::Score;
