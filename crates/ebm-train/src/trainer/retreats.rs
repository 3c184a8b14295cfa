//! How often a run went back to a checkpoint, and what was halved each time.

use crate::Divergence;

/// How often a run went back to a sound state, by what was halved.
///
/// A low acceptance slows the sampler down and does not damage the model, so it halves the step size of the sampler
/// alone. Any other divergence halves the learning rate as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retreats {
    /// Retreats that halved the learning rate and the step size of the sampler.
    pub(crate) of_both: u32,
    /// Retreats that halved the step size of the sampler alone.
    pub(crate) of_sampler: u32,
}

impl Retreats {
    /// The number of retreats.
    pub fn count(self) -> u32 {
        self.of_both.saturating_add(self.of_sampler)
    }

    /// The factor of the learning rate: a power of ½.
    pub fn learning_rate_scale(self) -> f64 {
        halved(self.of_both)
    }

    /// The factor of the step size of the sampler: a power of ½.
    pub fn sampler_scale(self) -> f64 {
        halved(self.count())
    }

    /// One retreat for `reason` more than the larger of the two counts.
    pub(crate) fn after(self, other: Self, reason: &Divergence) -> Self {
        let of_both = self.of_both.max(other.of_both);
        let of_sampler = self.of_sampler.max(other.of_sampler);
        match reason {
            Divergence::Acceptance { .. } => Self { of_both, of_sampler: of_sampler.saturating_add(1) },
            _ => Self { of_both: of_both.saturating_add(1), of_sampler },
        }
    }
}

fn halved(times: u32) -> f64 {
    0.5f64.powf(f64::from(times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_acceptance_halves_the_sampler_step_alone_and_other_divergences_halve_both() {
        let (few, apart) = (
            Divergence::Acceptance { acceptance: 0.1, bound: 0.5 },
            Divergence::EnergyGap { gap: 9.0, bound: 1.0 },
        );
        let once = Retreats::default().after(Retreats::default(), &few);
        assert_eq!((once.count(), once.learning_rate_scale(), once.sampler_scale()), (1, 1.0, 0.5));
        // from a checkpoint without retreats
        let twice = Retreats::default().after(once, &apart);
        assert_eq!((twice.count(), twice.learning_rate_scale(), twice.sampler_scale()), (2, 0.5, 0.25));
    }
}
