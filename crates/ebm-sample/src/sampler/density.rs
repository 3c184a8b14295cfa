//! What a model offers to samplers.

use std::fmt;

use ebm_model::{NoisyPotential, NoisyScore, Potential, Score};

use crate::{Need, SampleError};

/// A model as samplers by name see it: views of it as a score, an energy, and both at every noise level, of which
/// it offers one or more.
///
/// An energy is a score too.
///
/// ```
/// use ebm_model::Gaussian;
/// use ebm_sample::{Density, Need};
///
/// let target = Gaussian::standard(2);
/// let density = Density::of_energy(&target).with_noisy_score(&target);
/// assert!(density.offers(Need::Score) && !density.offers(Need::NoisyEnergy));
/// assert_eq!(density.to_string(), "an energy and a score at every noise level");
/// ```
#[derive(Clone, Copy, Default)]
pub struct Density<'a> {
    score: Option<&'a dyn Score>,
    energy: Option<&'a dyn Potential>,
    noisy_score: Option<&'a dyn NoisyScore>,
    noisy_energy: Option<&'a dyn NoisyPotential>,
}

impl<'a> Density<'a> {
    /// A model that is a score and nothing else.
    pub fn of_score(score: &'a dyn Score) -> Self {
        Self::default().with_score(score)
    }

    /// A model that is an energy.
    pub fn of_energy(energy: &'a dyn Potential) -> Self {
        Self::default().with_energy(energy)
    }

    /// A model that is a score at every noise level.
    pub fn of_noisy_score(score: &'a dyn NoisyScore) -> Self {
        Self::default().with_noisy_score(score)
    }

    /// A model that is an energy at every noise level.
    pub fn of_noisy_energy(energy: &'a dyn NoisyPotential) -> Self {
        Self::default().with_noisy_energy(energy)
    }

    /// Offers this score.
    pub fn with_score(self, score: &'a dyn Score) -> Self {
        Self { score: Some(score), ..self }
    }

    /// Offers this energy, and its score.
    pub fn with_energy(self, energy: &'a dyn Potential) -> Self {
        Self { score: Some(energy), energy: Some(energy), ..self }
    }

    /// Offers this score at every noise level.
    pub fn with_noisy_score(self, score: &'a dyn NoisyScore) -> Self {
        Self { noisy_score: Some(score), ..self }
    }

    /// Offers this energy at every noise level, and its score.
    pub fn with_noisy_energy(self, energy: &'a dyn NoisyPotential) -> Self {
        Self { noisy_score: Some(energy), noisy_energy: Some(energy), ..self }
    }

    /// The model as a score.
    pub fn score(&self) -> Option<&'a dyn Score> {
        self.score
    }

    /// The model as an energy.
    pub fn energy(&self) -> Option<&'a dyn Potential> {
        self.energy
    }

    /// The model as a score at every noise level.
    pub fn noisy_score(&self) -> Option<&'a dyn NoisyScore> {
        self.noisy_score
    }

    /// The model as an energy at every noise level.
    pub fn noisy_energy(&self) -> Option<&'a dyn NoisyPotential> {
        self.noisy_energy
    }

    /// Whether the model is what is needed.
    pub fn offers(&self, need: Need) -> bool {
        match need {
            Need::Score => self.score.is_some(),
            Need::Energy => self.energy.is_some(),
            Need::NoisyScore => self.noisy_score.is_some(),
            Need::NoisyEnergy => self.noisy_energy.is_some(),
        }
    }

    /// The score, which `sampler` needs.
    pub(crate) fn score_for(&self, sampler: &'static str) -> Result<&'a dyn Score, SampleError> {
        self.score.ok_or_else(|| self.unfit(sampler, Need::Score))
    }

    /// The energy, which `sampler` needs.
    pub(crate) fn energy_for(&self, sampler: &'static str) -> Result<&'a dyn Potential, SampleError> {
        self.energy.ok_or_else(|| self.unfit(sampler, Need::Energy))
    }

    /// The score at every noise level, which `sampler` needs.
    pub(crate) fn noisy_score_for(&self, sampler: &'static str) -> Result<&'a dyn NoisyScore, SampleError> {
        self.noisy_score.ok_or_else(|| self.unfit(sampler, Need::NoisyScore))
    }

    /// The energy at every noise level, which `sampler` needs.
    pub(crate) fn noisy_energy_for(
        &self,
        sampler: &'static str,
    ) -> Result<&'a dyn NoisyPotential, SampleError> {
        self.noisy_energy.ok_or_else(|| self.unfit(sampler, Need::NoisyEnergy))
    }

    fn unfit(&self, sampler: &'static str, need: Need) -> SampleError {
        SampleError::Unfit { sampler, need, offers: self.to_string() }
    }
}

/// In words, as "an energy"; "nothing" for a model without views.
impl fmt::Display for Density<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stronger = |strong: Need, weak: Need| [strong, weak].into_iter().find(|need| self.offers(*need));
        let clean = stronger(Need::Energy, Need::Score);
        match (clean, stronger(Need::NoisyEnergy, Need::NoisyScore)) {
            (Some(clean), Some(noisy)) => write!(f, "{clean} and {noisy}"),
            (Some(need), None) | (None, Some(need)) => need.fmt(f),
            (None, None) => f.write_str("nothing"),
        }
    }
}

impl fmt::Debug for Density<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Density({self})")
    }
}
