//! Numbers of annealed Langevin dynamics that are found by rule.

use ebm_sample::{LevelNoise, NoiseDesign};

use super::config::{LangevinConfig, SampleConfig, within};
use super::distances::Distances;
use crate::error::{Result, ensure};

impl SampleConfig {
    /// The same with the numbers that its `langevin.sigma` leaves to a rule, in `dim` dimensions, and a line about them;
    /// nothing if it leaves none.
    ///
    /// The top is the largest distance, or the highest level that the network has learned where that is less: above it
    /// a score is a guess, and below it the samples are led to the data from wherever they are. `bottom` and
    /// `steps_per_level` are what they are. The noise is consistent ([`LevelNoise::Consistent`]), since that of plain
    /// steps is too much by the predicted variance ratio at one level, and by more after several.
    ///
    /// # Errors
    /// If no ladder lies between these ends.
    pub fn by_rule(&self, dim: usize, distances: &Distances) -> Result<Option<(Self, String)>> {
        if self.langevin.sigma.is_none() {
            return Ok(None);
        }
        let LangevinConfig { bottom, steps_per_level, .. } = self.langevin;
        let reach = self.reach.filter(|reach| *reach < distances.largest);
        let design = design(dim, reach.unwrap_or(distances.largest), bottom, steps_per_level)?;
        let NoiseDesign { top, bottom, levels, step_ratio, .. } = design;
        // Rounded, as a person reads it: the variance at its least does not change.
        let step_ratio = format!("{step_ratio:.3e}").parse().unwrap_or(step_ratio);
        let noise = Some(LevelNoise::Consistent);
        let langevin =
            LangevinConfig { sigma: None, top, bottom, levels, steps_per_level, step_ratio, noise };
        let learned = reach.map(|reach| format!(", the network has learned levels up to {reach}"));
        let line = format!(
            "noise levels by rule: {}{}; {levels} levels from {top} to {bottom}, each {:.4} times the next, \
             {steps_per_level} steps each of {step_ratio} σ²; predicted variance ratio {:.3}, which consistent noise makes 1",
            distances.about(),
            learned.unwrap_or_default(),
            design.ratio,
            design.variance_ratio
        );
        Ok(Some((Self { langevin, distances: Some(distances.clone()), ..self.clone() }, line)))
    }
}

/// The levels from `top` down to `bottom`.
///
/// # Errors
/// If `bottom` is not below it, or a number is out of range.
pub fn design(dim: usize, top: f64, bottom: f64, steps_per_level: usize) -> Result<NoiseDesign> {
    ensure!(
        bottom < top,
        "noise levels by rule: bottom = {bottom}, expected less than {top}, the highest level"
    );
    NoiseDesign::new(dim, top, bottom, steps_per_level).map_err(|error| within("sample.langevin", error))
}
