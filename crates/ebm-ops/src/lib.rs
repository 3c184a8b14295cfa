//! The hot paths of energy-based models: counter-based noise and fused operations on Burn tensors.
//!
//! [`Noise`] is the only source of random numbers of the workspace: the same seed gives the same numbers for every
//! batch size, number of threads and backend.
//! The operations (activations, convolutions, normalisation, dense layers, Langevin and leapfrog steps, Adam) each have
//! a reference implementation in Burn's own operations.
//! On the CPU (Flex) in single precision they run as kernels of this crate, which are tested against it.
//! The crate has no networks, samplers or training loops; it is the layer below them.
//!
//! Langevin dynamics on N(0, 1), whose score is -x:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use ebm_ops::{Noise, langevin::langevin_step};
//!
//! let (step_size, mut noise) = (0.2, Noise::seeded(7));
//! let mut x = Tensor::<2>::zeros([20_000, 1], &Device::flex());
//! for _ in 0..100 {
//!     x = langevin_step(x.clone(), -x, step_size, &mut noise);
//! }
//! let x = x.into_data().try_to_vec::<f32>().unwrap();
//! let variance = x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
//! // The stationary variance of the discretised dynamics is 1/(1 - η/2).
//! assert!((variance - 1.0 / 0.9).abs() < 0.06, "{variance}");
//! ```
#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn has deprecated ndarray; it serves as an independent reference")
)]

// Noise.
mod noise;

mod distribution;
mod normal;
mod philox;
mod stream;

// Operations.
pub mod activation;
pub mod adam;
pub mod attention;
pub mod conv;
pub mod dense;
pub mod group_norm;
pub mod langevin;
pub mod leapfrog;
pub mod row_dot;
pub mod sinusoids;
pub mod square_sum;

// Kernels on CubeCL devices.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod cube;

// Kernels on the CPU: functions on vector registers, products, sums, and how work is divided.
#[cfg(feature = "flex")]
mod buffer;
#[cfg(feature = "flex")]
mod elementwise;
#[cfg(feature = "flex")]
mod kernels;
mod lanes;
#[cfg(feature = "flex")]
mod matrix;
mod parallel;
mod polynomial;
#[cfg(feature = "flex")]
mod product;
mod scoped;
pub mod simd;
#[cfg(feature = "flex")]
mod slot;
#[cfg(feature = "flex")]
mod sums;
#[cfg(feature = "flex")]
mod transpose;
mod vector;

// Shared by the whole workspace.
mod device;
mod out_of_range;
pub mod profile;

pub use device::reading_waits;
#[cfg(feature = "flex")]
pub use kernels::without_kernels;
pub use noise::Noise;
pub use out_of_range::OutOfRange;
#[cfg(feature = "flex")]
pub use parallel::join_threads;
pub use philox::philox4x32;
