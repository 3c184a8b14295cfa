//! What a checkpoint of others is found to be.

use ebm_model::Architecture;
use ebm_model::weights::NamedTensors;

use crate::sampling::SampleConfig;

/// A network of others, as this program has it.
#[derive(Debug)]
pub(super) struct Found {
    /// For images whose height and width are still zero.
    pub(super) architecture: Architecture,
    /// How its authors sample.
    pub(super) sample: SampleConfig,
    /// Its weights, under our names.
    pub(super) tensors: NamedTensors,
    /// What was assumed, since no tensor says it.
    pub(super) assumed: Option<&'static str>,
}

/// The noise levels of pixels from 0 to 1 that a checkpoint has, from the first to the last; none if it has none.
pub(super) fn levels(tensors: &NamedTensors) -> Vec<f64> {
    tensors.get("sigmas").map_or(vec![], |sigmas| sigmas.iter::<f64>().map(to_six_digits).collect())
}

/// The first and the last of some levels.
pub(super) fn ends(levels: &[f64]) -> Option<[f64; 2]> {
    levels.first().copied().zip(levels.last().copied()).map(|(top, bottom)| [top, bottom])
}

/// A level of a checkpoint, which single precision has made of a number of few digits.
fn to_six_digits(level: f64) -> f64 {
    format!("{level:.5e}").parse().unwrap_or(level)
}
