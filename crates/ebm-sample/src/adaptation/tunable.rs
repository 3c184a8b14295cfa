//! Kernels whose step size and mass a warm-up can set.

use crate::{Mass, SampleError};

/// A kernel with a step size and a mass, on neither of which its memo depends.
pub trait Tunable: Clone {
    /// The acceptance at which the kernel is most efficient, where nothing better is known.
    const ACCEPTANCE: f64;

    /// Its step size.
    fn step_size(&self) -> f64;

    /// Its mass.
    fn mass(&self) -> &Mass;

    /// The same kernel with this step size and mass.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞`.
    fn tuned(&self, step_size: f64, mass: Mass) -> Result<Self, SampleError>;
}
