//! Models of which only the values are known.

mod autograd;
mod custom;
mod finite_difference;

pub use autograd::Autograd;
pub use custom::Custom;
pub use finite_difference::{FiniteDifference, ScoreDifference};
