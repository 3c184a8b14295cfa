//! What a kernel has to let a warm-up set.

use crate::{Hmc, Mala, Mass, SampleError};

/// A kernel with a step size and a mass, on neither of which its memo depends.
pub trait Tunable: Clone {
    /// The acceptance at which it is most efficient, for want of better knowledge.
    const ACCEPTANCE: f64;

    /// Its step size.
    fn step_size(&self) -> f64;

    /// Its mass.
    fn mass(&self) -> &Mass;

    /// The same kernel with these.
    ///
    /// # Errors
    /// [`SampleError::StepSize`] unless `0 < step_size < ∞`.
    fn tuned(&self, step_size: f64, mass: Mass) -> Result<Self, SampleError>;
}

impl Tunable for Mala {
    /// Roberts and Rosenthal (1998), in many dimensions.
    const ACCEPTANCE: f64 = 0.574;

    fn step_size(&self) -> f64 {
        self.step_size()
    }

    fn mass(&self) -> &Mass {
        self.mass()
    }

    fn tuned(&self, step_size: f64, mass: Mass) -> Result<Self, SampleError> {
        Ok(Self::new(step_size)?.with_mass(mass))
    }
}

impl Tunable for Hmc {
    /// Stan's, above the 0.651 of Beskos et al. (2013), since a step too long costs more than one too short.
    const ACCEPTANCE: f64 = 0.8;

    fn step_size(&self) -> f64 {
        self.step_size()
    }

    fn mass(&self) -> &Mass {
        self.mass()
    }

    fn tuned(&self, step_size: f64, mass: Mass) -> Result<Self, SampleError> {
        Ok(Self::new(step_size, self.n_leapfrog())?.with_mass(mass))
    }
}
