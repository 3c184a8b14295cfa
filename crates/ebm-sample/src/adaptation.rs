//! Step size and mass from a warm-up; both stay fixed after it.

mod adapting;
pub(crate) mod dual_averaging;
mod running_variance;
mod tunable;
mod warm_up;
mod warm_up_report;
mod windows;

pub use dual_averaging::DualAveraging;
pub use running_variance::RunningVariance;
pub use tunable::Tunable;
pub use warm_up::{Tuned, WarmUp};
pub use warm_up_report::WarmUpReport;

pub(crate) use warm_up::mean;
