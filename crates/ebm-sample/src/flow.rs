//! The probability flow there and back, by an integrator that chooses its own steps.
//!
//! [`AdaptiveFlow`] takes points to the noise that they are made of, and noise to points; [`integrate`] is the method
//! beneath it, which also carries the log volume that a likelihood needs.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use ebm_model::Gaussian;
//! use ebm_sample::flow::AdaptiveFlow;
//!
//! let (model, flow) = (Gaussian::standard(2), AdaptiveFlow::new(20.0, 0.01)?);
//! let x = Tensor::<2>::from_floats([[0.3, -1.2]], &Device::flex());
//! let code = flow.encode(&model, x.clone())?.position;
//! let back = flow.decode(&model, code)?.position;
//! assert!((back - x).abs().max().into_scalar::<f32>() < 1e-3);
//! # Ok::<(), ebm_sample::SampleError>(())
//! ```

mod adaptive_flow;
mod dormand_prince;

pub use adaptive_flow::{AdaptiveFlow, Carried};
pub use dormand_prince::{Slope, Solution, Stalled, column, integrate};
