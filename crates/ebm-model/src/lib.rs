//! The vocabulary of energy-based models, closed-form examples, and networks that learn one.
//!
//! An energy gives every point a number, and low energy is likely:
//!
//! > p(x) = exp(−E(x)) / Z,   Z = ∫ exp(−E(y)) dy,   s(x) = ∇ₓ log p(x) = −∇E(x).
//!
//! Two conventions hold everywhere and are stated here only.
//! The score is **−∇E**.
//! A Langevin step of size η is **x + η s(x) + √(2η) z**, z ~ N(0, I); papers that write
//! x + (ε/2) s + √ε z mean ε = 2η.
//!
//! A batch of positions is always a `Tensor<2>`, `[batch, dim]`; images are flattened, channel by channel,
//! row by row.
//! A wrong shape is a panic with the two shapes in it.
#![forbid(unsafe_code)]

mod energy;
mod noisy_score;
mod potential;
mod score;
mod tempered;

mod directional;
mod jet;
mod layer;
mod noisy_potential;

mod closed_form;
mod gaussian;
mod isotropic_mixture;
mod mixture;
mod rows;
mod symmetric;
mod targets;

mod init;
pub mod layers;

mod confined;
mod confinement;
mod conv_energy;
mod gaussian_bernoulli_rbm;
mod mlp_energy;

mod energy_mixture;
mod product;
mod scaled;
mod shifted;

mod autograd;
mod custom;
mod finite_difference;

mod conditional_layer;
mod mlp;
mod mlp_score;
mod noisy_energy;
mod preconditioned;
mod unet;
mod unet_rules;

mod architecture;
mod capabilities;
mod error;
mod network;
pub mod weights;

#[cfg(test)]
mod laws;

pub use architecture::{Architecture, Input};
pub use autograd::Autograd;
pub use capabilities::{Capabilities, Detach, DirectionalPotential, DirectionalScore, NoisyDirectionalScore};
pub use conditional_layer::ConditionalLayer;
pub use confined::Confined;
pub use confinement::Confinement;
pub use conv_energy::{ConvEnergy, ConvEnergyConfig};
pub use custom::Custom;
pub use directional::{Along, Directional};
pub use energy::Energy;
pub use energy_mixture::EnergyMixture;
pub use error::ModelError;
pub use finite_difference::{FiniteDifference, ScoreDifference};
pub use gaussian::Gaussian;
pub use gaussian_bernoulli_rbm::{GaussianBernoulliRbm, GaussianBernoulliRbmConfig};
pub use init::Init;
pub use isotropic_mixture::IsotropicMixture;
pub use jet::Jet;
pub use layer::Layer;
pub use mixture::GaussianMixture;
pub use mlp::{Mlp, MlpConfig};
pub use mlp_energy::{MlpEnergy, MlpEnergyConfig};
pub use mlp_score::{MlpScore, MlpScoreConfig};
pub use network::{EnergyNetwork, Network, NoisyEnergyNetwork, NoisyNetwork, Unconditional};
pub use noisy_energy::NoisyEnergy;
pub use noisy_potential::{NoisyDirectional, NoisyPotential};
pub use noisy_score::{AtNoise, NoisyScore};
pub use potential::Potential;
pub use preconditioned::{NoiseConditional, Preconditioned};
pub use product::Product;
pub use scaled::Scaled;
pub use score::Score;
pub use shifted::Shifted;
pub use targets::{Banana, DoubleWell, Funnel, Ring, Rosenbrock, Skewed};
pub use tempered::Tempered;
pub use unet::{UNet, UNetConfig};
pub use unet_rules::{HeldUNet, UNetTrace};
