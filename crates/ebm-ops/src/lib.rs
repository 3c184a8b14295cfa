//! The hot paths of energy-based models: counter-based noise and fused operations on Burn tensors.
//!
//! [`Noise`] is the only source of randomness of the workspace.
//! Every fused operation has a plain-Burn meaning that it falls back to and is tested against.
#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn keeps ndarray, a second opinion on every number")
)]

pub mod activation;
pub mod adam;
#[cfg(feature = "flex")]
mod buffer;
pub mod conv;
pub mod group_norm;
pub mod langevin;
mod noise;
mod normal;
mod philox;
mod stream;
mod vector;

pub use noise::Noise;
pub use philox::philox4x32;
