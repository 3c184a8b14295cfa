//! Targets for samplers, each hard in its own way and known exactly.

mod numbers;
mod quadrature;

mod banana;
mod double_well;
mod funnel;
mod ring;
mod rosenbrock;
mod skewed;

#[cfg(test)]
mod tests;

pub use banana::Banana;
pub use double_well::DoubleWell;
pub use funnel::Funnel;
pub use ring::Ring;
pub use rosenbrock::Rosenbrock;
pub use skewed::Skewed;
