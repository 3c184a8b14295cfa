//! Estimates of log Z, the logarithm of a normaliser.

mod annealed_importance;
mod annealing;
mod bridge;
mod importance;
mod log_normalizer;

mod quadrature;

pub use annealed_importance::AnnealedImportance;
pub use annealing::Annealing;
pub use bridge::Bridge;
pub use importance::importance;
pub use log_normalizer::LogNormalizer;
pub use quadrature::quadrature;
