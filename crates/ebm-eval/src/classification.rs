//! Classification by a generative model of each class.

mod calibrated;
mod evidence;

pub use calibrated::CalibratedClasses;
pub use evidence::Evidence;
