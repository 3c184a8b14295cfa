//! Chains on a function of plain numbers, for targets that are not tensor models.

mod chains;
mod energy;
mod kernel;
mod log_density;
mod point;
mod warm_up;

pub use chains::{SliceChains, SliceDraw};
pub use energy::SliceEnergy;
pub use kernel::SliceKernel;
pub use log_density::log_density_of;
pub use point::{Point, Room, Step};
