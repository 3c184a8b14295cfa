//! The traits that models implement and samplers and objectives ask for.

mod capabilities;
mod class_conditional;
mod directional;
mod energy;
mod joint_potential;
mod noisy_potential;
mod noisy_score;
mod potential;
mod score;

pub use capabilities::{Capabilities, Detach, DirectionalPotential, DirectionalScore, NoisyDirectionalScore};
pub use class_conditional::{ClassConditional, ClassConditionalPotential};
pub use directional::{Along, Directional, NoisyDirectional};
pub use energy::Energy;
pub use joint_potential::JointPotential;
pub use noisy_potential::NoisyPotential;
pub use noisy_score::{AtNoise, NoisyScore, ScorePullback};
pub use potential::Potential;
pub use score::Score;
