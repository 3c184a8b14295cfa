//! Numbers of annealed Langevin dynamics that are found by rule.

use anyhow::{Result, ensure};
use ebm_sample::{NoiseDesign, SampleError};

use super::config::{LangevinConfig, SampleConfig};
use super::distances::Distances;

impl SampleConfig {
    /// The same with the numbers that its `langevin.sigma` leaves to a rule, in `dim` dimensions, and a line about them;
    /// nothing if it leaves none.
    ///
    /// The top is the largest distance, and `bottom` and `steps_per_level` are what they are.
    ///
    /// # Errors
    /// If no ladder lies between these ends.
    pub fn by_rule(&self, dim: usize, distances: &Distances) -> Result<Option<(Self, String)>> {
        if self.langevin.sigma.is_none() {
            return Ok(None);
        }
        let steps_per_level = self.langevin.steps_per_level;
        let design = design(dim, distances, self.langevin.bottom, steps_per_level)?;
        let NoiseDesign { top, bottom, levels, step_ratio, .. } = design;
        // Rounded, as a person reads it: the variance at its least does not change.
        let step_ratio = format!("{step_ratio:.3e}").parse().unwrap_or(step_ratio);
        let langevin = LangevinConfig { sigma: None, top, bottom, levels, steps_per_level, step_ratio };
        let line = format!(
            "noise levels by rule: {}; {levels} levels from {top} to {bottom}, each {:.4} times the next, {steps_per_level} \
             steps each of {step_ratio} σ², predicted variance ratio {:.3}",
            distances.about(),
            design.ratio,
            design.variance_ratio
        );
        Ok(Some((Self { langevin, distances: Some(distances.clone()), ..self.clone() }, line)))
    }
}

/// The levels from the largest distance down to `bottom`.
///
/// # Errors
/// If `bottom` is not below it, or a number is out of range.
pub fn design(dim: usize, distances: &Distances, bottom: f64, steps_per_level: usize) -> Result<NoiseDesign> {
    let top = distances.largest;
    ensure!(
        bottom < top,
        "noise levels by rule: bottom = {bottom}, expected less than {top}, the largest distance in the data"
    );
    let within = |error| match error {
        SampleError::OutOfRange(error) => error.within("sample.langevin").into(),
        error => anyhow::Error::from(error),
    };
    NoiseDesign::new(dim, top, bottom, steps_per_level).map_err(within)
}
