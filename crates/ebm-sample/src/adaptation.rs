//! Step size, mass and length of trajectories from a warm-up; all stay fixed after it.

mod adapting;
mod chees;
pub(crate) mod chees_by_name;
pub(crate) mod dual_averaging;
mod energy_variance;
mod mamclmc_warm_up;
mod mclmc_warm_up;
mod numbers;
mod running_variance;
mod trajectory_length;
mod tunable;
mod warm_up;
mod warm_up_report;
mod widest_direction;
mod windows;

pub use chees::Chees;
pub use dual_averaging::DualAveraging;
pub use energy_variance::EnergyVariance;
pub use mamclmc_warm_up::MamclmcWarmUp;
pub use mclmc_warm_up::{MclmcReport, MclmcWarmUp, TunedMclmc};
pub use running_variance::RunningVariance;
pub use tunable::Tunable;
pub use warm_up::{Tuned, WarmUp};
pub use warm_up_report::WarmUpReport;

pub(crate) use numbers::mean;
