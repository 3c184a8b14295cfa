//! Distributions of which everything is known, as oracles for tests and targets for samplers.

mod covariance;
mod gaussian;
mod isotropic_mixture;
mod mixture;
mod symmetric;
mod targets;

pub use gaussian::Gaussian;
pub use isotropic_mixture::IsotropicMixture;
pub use mixture::GaussianMixture;
pub use targets::{Banana, DoubleWell, Funnel, Ring, Rosenbrock, Skewed};
