//! The traits that models implement and samplers and objectives ask for.

mod capabilities;
mod directional;
mod energy;
mod noisy_potential;
mod noisy_score;
mod potential;
mod score;

pub use capabilities::{Capabilities, Detach, DirectionalPotential, DirectionalScore, NoisyDirectionalScore};
pub use directional::{Along, Directional, NoisyDirectional};
pub use energy::Energy;
pub use noisy_potential::NoisyPotential;
pub use noisy_score::{AtNoise, NoisyScore, ScorePullback};
pub use potential::Potential;
pub use score::Score;
