//! Chains on a function of plain numbers, for targets that are no tensor model.

mod chains;
mod kernel;
mod point;

pub use chains::{SliceChains, SliceDraw};
pub use kernel::SliceKernel;
pub use point::{Point, Step};
