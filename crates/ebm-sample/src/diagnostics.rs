//! Whether draws can be trusted: plain numbers in, plain numbers out.
//!
//! Draws of one variable are `[chain][draw]`; definitions are those of Vehtari, Gelman, Simpson, Carpenter and
//! Bürkner (2021), *Rank-normalization, folding, and localization: an improved R̂ for assessing convergence of
//! MCMC*, as the R package posterior has them.
//! A [`Verdict`] reads them as Stan does, and says what to try.

mod distribution;

mod autocorrelation;
mod effective_sample_size;
mod r_hat;
mod rank_histogram;
mod standard_error;
mod summary;

mod verdict;

mod group;
mod steps;
mod thresholds;
mod warning;

mod autocovariance;
mod beta;
mod chains;
mod normal;

pub use autocorrelation::autocorrelation;
pub use distribution::{dkw_band, largest_gap};
pub use effective_sample_size::{ess_basic, ess_bulk, ess_mean, ess_quantile, ess_sd, ess_tail};
pub use group::Group;
pub use r_hat::{r_hat, r_hat_basic, split_r_hat};
pub use rank_histogram::rank_histogram;
pub use standard_error::{mcse_mean, mcse_quantile, mcse_sd};
pub use steps::Steps;
pub use summary::Summary;
pub use verdict::Verdict;
pub use warning::Warning;
