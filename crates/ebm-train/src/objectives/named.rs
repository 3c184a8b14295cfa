//! An objective by name, with its settings.

use std::fmt;

use burn::tensor::Tensor;
use ebm_model::Capabilities;

use crate::{BoxError, Objective, TrainError};

/// What an objective is built from besides its settings and the network.
pub struct BuildContext<'a> {
    /// Factor of the step size of the sampler inside the objective; see [`Retreats`](crate::Retreats).
    pub sampler_scale: f64,
    /// Reads this many rows of the data, `[n, dim]`, for what is fitted to them.
    pub rows: &'a dyn Fn(usize) -> Result<Tensor<2>, BoxError>,
}

impl fmt::Debug for BuildContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildContext").field("sampler_scale", &self.sampler_scale).finish_non_exhaustive()
    }
}

/// The settings of an objective that can be built by name.
///
/// `Default` are the settings that the name alone stands for.
/// To add an objective, implement this for its settings and add a line to the list in `registry.rs`.
pub trait NamedObjective: Default {
    /// The name in configurations.
    const NAME: &'static str;

    /// What it is, in one line.
    const ABOUT: &'static str;

    /// The objective for networks like `network`.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] with the path of the setting, [`TrainError::Unfit`] if it does not train such a
    /// network, [`TrainError::Rows`] if data that it needs cannot be read.
    fn build<N: Capabilities + ?Sized + 'static>(
        &self,
        network: &N,
        context: &BuildContext<'_>,
    ) -> Result<Box<dyn Objective<N>>, TrainError>;

    /// The step size of the sampler that draws negatives, if there is one.
    fn sampler_step_size(&self) -> Option<f64> {
        None
    }

    /// How many numbers the objective remembers between steps, for data of `dim` columns.
    fn memory_numbers(&self, _dim: usize) -> usize {
        0
    }

    /// Rows on which the network is evaluated for each row of data, approximately.
    fn rows_per_row(&self) -> usize {
        1
    }
}
