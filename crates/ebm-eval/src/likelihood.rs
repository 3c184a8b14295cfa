//! Likelihoods of points under a model.

mod bracket;

mod bits;

mod central_differences;
mod flow_likelihood;

mod auroc;

pub use auroc::auroc;
pub use bits::{BIN, bits_per_dim};
pub use bracket::{Bracket, log_likelihood};
pub use central_differences::CentralDifferences;
pub use flow_likelihood::{FlowDensity, FlowLikelihood};
