//! What a sampler needs to have a name.

use crate::{AnySampler, Need, SampleError};

/// The numbers of a sampler that has a name, with their defaults.
///
/// A sampler implements it for its settings, in its own file, and has a line in the list in `sampler.rs`.
pub trait NamedSampler: Default {
    /// Its name, in kebab case: that of the variant of [`Sampler`](crate::Sampler).
    const NAME: &'static str;
    /// What it is, in one line.
    const ABOUT: &'static str;
    /// The table of a configuration file whose keys replace its numbers.
    const SECTION: &'static str;
    /// What it needs of a model; a descent needs it at every noise level.
    const NEED: Need;
    /// The number that is the size of its steps, by its name in the table; `None` where steps follow from noise levels.
    const STEP: Option<&'static str> = None;

    /// The sampler with these numbers.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`], naming the number that is out of range.
    fn build(&self) -> Result<AnySampler, SampleError>;

    /// The same numbers with this step size; a descent, whose steps follow its levels, stays as it is.
    fn with_step_size(self, step_size: f64) -> Self {
        let _ = step_size;
        self
    }

    /// The same numbers with up to so many leapfrog steps; a sampler without a momentum stays as it is.
    fn with_leapfrog(self, leapfrog: usize) -> Self {
        let _ = leapfrog;
        self
    }

    /// The most evaluations of the score in one step of a chain.
    fn evaluations(&self) -> usize {
        1
    }

    /// The same numbers with the step that corresponds to a Langevin step of size η.
    fn with_langevin_step(self, eta: f64) -> Self {
        self.with_step_size(eta)
    }
}
