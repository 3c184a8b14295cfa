//! An objective by name, with its settings.

use std::fmt;

use burn::tensor::Tensor;
use ebm_model::Capabilities;

use crate::{BoxError, NoiseSettings, Objective, TrainError};

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

/// An objective for networks `N`, or why it does not train them.
pub type Built<N> = Result<Box<dyn Objective<N>>, TrainError>;

/// The settings of an objective that can be built by name.
///
/// `Default` are the settings that the name alone stands for.
/// To add an objective, implement this for its settings and add a line to the list in `registry.rs`.
pub trait NamedObjective: Default {
    /// The name in configurations.
    const NAME: &'static str;

    /// What it is, in one line.
    const ABOUT: &'static str;

    /// Whether the dropout of a network has an effect; false by default.
    const HAS_DROPOUT: bool = false;

    /// Whether a network that knows augmentations is given those of a batch; false by default.
    const GIVES_AUGMENTATIONS: bool = false;

    /// Whether the loss has no least value on data without a density, such as a column in which one value is frequent;
    /// false by default.
    const NEEDS_DENSITY: bool = false;

    /// The objective for networks like `network`.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] with the path of the setting, [`TrainError::Unfit`] if it does not train such a
    /// network, [`TrainError::Rows`] if data that it needs cannot be read.
    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, context: &BuildContext<'_>) -> Built<N>;

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

    /// The distribution of the noise levels that it trains, if it trains several.
    fn noise(&self) -> Option<&NoiseSettings> {
        None
    }

    /// The same, to be changed; a rule that finds the levels from the data does.
    fn noise_mut(&mut self) -> Option<&mut NoiseSettings> {
        None
    }

    /// The share of labels that are left out for networks of classes, as set or by default; `None` if the objective
    /// leaves out none.
    fn label_dropout(&self) -> Option<f64> {
        None
    }

    /// The setting of this share, to be changed; `None` if the objective has no such setting.
    fn label_dropout_mut(&mut self) -> Option<&mut Option<f64>> {
        None
    }
}
