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
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod cube;
pub mod dense;
mod device;
mod distribution;
#[cfg(feature = "flex")]
mod elementwise;
pub mod group_norm;
#[cfg(feature = "flex")]
mod kernels;
mod lanes;
pub mod langevin;
pub mod leapfrog;
#[cfg(feature = "flex")]
mod matrix;
mod noise;
mod normal;
mod out_of_range;
mod parallel;
mod philox;
mod polynomial;
#[cfg(feature = "flex")]
mod product;
pub mod profile;
pub mod row_dot;
mod scoped;
pub mod simd;
pub mod sinusoids;
#[cfg(feature = "flex")]
mod slot;
pub mod square_sum;
mod stream;
#[cfg(feature = "flex")]
mod sums;
#[cfg(feature = "flex")]
mod transpose;
mod vector;

pub use device::reading_waits;
#[cfg(feature = "flex")]
pub use kernels::without_kernels;
pub use noise::Noise;
pub use out_of_range::OutOfRange;
#[cfg(feature = "flex")]
pub use parallel::join_threads;
pub use philox::philox4x32;
