//! How good is a sample, how likely is a point.
//!
//! Two samples are compared by [`mmd`], [`sliced_wasserstein`], [`frechet`] and [`ClassifierTwoSample`]; a
//! sample and a score by [`kernel_stein`]; energies of two sets by [`auroc`].
//! How likely points are is answered by [`AnnealedImportance`], a bracket of log Z for any energy, and by
//! [`FlowLikelihood`], the log density of a score's probability flow.
//!
//! A number without its error or its protocol means nothing: estimates are an [`Estimate`], [`with_floor`]
//! says what a perfect sampler would have had, and a [`Report`] names how each [`Figure`] was made.
//!
//! Sums are made in double precision on the host, in one order whatever the number of threads; tensors may be
//! of any backend and float type.
#![forbid(unsafe_code)]

mod estimate;
mod floor;
mod host;

mod pairs;
mod radial;
mod u_statistic;

mod mmd;
mod sliced_wasserstein;

mod frechet;
mod matrix;
mod moments;

mod classifier;
mod logistic;

mod stein;

mod annealed_importance;
mod annealing;
mod bridge;
mod normalizer;

mod central_differences;
mod dormand_prince;
mod flow_likelihood;

mod auroc;
mod error;
mod report;

pub use annealed_importance::AnnealedImportance;
pub use annealing::Annealing;
pub use auroc::auroc;
pub use bridge::Bridge;
pub use central_differences::CentralDifferences;
pub use classifier::{ClassifierTwoSample, Told};
pub use error::EvalError;
pub use estimate::Estimate;
pub use floor::{WithFloor, halves, with_floor};
pub use flow_likelihood::{FlowDensity, FlowLikelihood};
pub use frechet::frechet;
pub use mmd::mmd;
pub use moments::{Features, Moments};
pub use normalizer::{Bracket, LogNormalizer, log_likelihood};
pub use radial::RadialKernel;
pub use report::{Figure, Protocol, Report};
pub use sliced_wasserstein::{Order, sliced_wasserstein};
pub use stein::{kernel_stein, kernel_stein_biased};
