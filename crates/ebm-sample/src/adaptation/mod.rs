//! Step size and mass from a warm-up, then frozen.

mod adapting;
mod dual_averaging;
mod running_variance;
mod tunable;
mod warm_up;
mod windows;

pub use dual_averaging::DualAveraging;
pub use running_variance::RunningVariance;
pub use tunable::Tunable;
pub use warm_up::{Tuned, WarmUp, WarmUpReport};
