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
mod mixture;
mod symmetric;

mod init;
pub mod layers;
mod mlp;
mod preconditioned;
mod unet;

mod architecture;
mod error;
pub mod weights;

pub use architecture::{Architecture, Network};
pub use directional::{Along, Directional};
pub use energy::Energy;
pub use error::ModelError;
pub use gaussian::Gaussian;
pub use init::Init;
pub use jet::Jet;
pub use layer::Layer;
pub use mixture::GaussianMixture;
pub use mlp::{Mlp, MlpConfig};
pub use noisy_potential::{NoisyDirectional, NoisyPotential};
pub use noisy_score::{AtNoise, NoisyScore};
pub use potential::Potential;
pub use preconditioned::{NoiseConditional, Preconditioned};
pub use score::Score;
pub use tempered::Tempered;
pub use unet::{UNet, UNetConfig};
