//! Posteriors: what is likely both by a model and by a measurement.
//!
//! A [`LinearOperator`] says what was measured of a picture or a row, a [`Likelihood`] how likely the measurement is.
//! A [`Posterior`] is a score at every noise level, so every [`Descent`](crate::Descent) draws from it; of an energy,
//! a [`PosteriorEnergy`] is an energy at every noise level, whose draws a Metropolis test makes exact. A
//! [`Replacement`] holds known coordinates in any descent of the prior alone.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use ebm_model::Gaussian;
//! use ebm_ops::Noise;
//! use ebm_sample::restoring::{Guidance, LinearGaussian, Mask, Posterior};
//! use ebm_sample::{Annealed, Descent, ProbabilityFlow};
//!
//! // Of two coordinates, each N(0, 1), the first was measured as 0.8 with a deviation of 0.5.
//! let measured = Tensor::<2>::from_data([[0.8]], &Device::flex());
//! let likelihood = LinearGaussian::new(Mask::new(&[true, false])?, measured, 0.5)?;
//! let posterior = Posterior::new(Gaussian::standard(2), likelihood, Guidance::pseudoinverse(1.0)?);
//! let (flow, noise) = (ProbabilityFlow::edm(50.0, 0.01, 60)?, Noise::seeded(1));
//! let start = flow.start(2_000, 2, &mut noise.derive("start"), &Device::flex());
//! let draws = flow.run(&posterior, start, noise.derive("chain"));
//! let mean = draws.narrow(1, 0, 1).mean().into_scalar::<f32>();
//! assert!((mean - 0.8 / 1.25).abs() < 0.08);
//! # Ok::<(), ebm_sample::SampleError>(())
//! ```

mod operator;
mod operators;

mod likelihood;
mod linear_gaussian;
mod nonlinear;

mod posterior;
mod posterior_energy;
mod replacement;

pub use likelihood::Likelihood;
pub use linear_gaussian::LinearGaussian;
pub use nonlinear::Nonlinear;
pub use operator::LinearOperator;
pub use operators::block_mean::BlockMean;
pub use operators::blur::Blur;
pub use operators::grey::Grey;
pub use operators::identity::Identity;
pub use operators::linear_map::LinearMap;
pub use operators::mask::Mask;
pub use posterior::{Guidance, Posterior};
pub use posterior_energy::PosteriorEnergy;
pub use replacement::Replacement;
