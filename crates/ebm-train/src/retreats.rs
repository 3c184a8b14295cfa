//! How often a run had to go back, and what it does more carefully since.

use crate::Divergence;

/// How often a run went back to a healthy state, by what was halved for it.
///
/// A sampler of which too few proposals are accepted draws badly and does no harm to the model: its steps alone are
/// halved. Any other divergence halves the learning rate as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retreats {
    /// Those that halved the learning rate and the step of the sampler.
    pub(crate) of_both: u32,
    /// Those that halved the step of the sampler alone.
    pub(crate) of_sampler: u32,
}

impl Retreats {
    /// All of them.
    pub fn count(self) -> u32 {
        self.of_both.saturating_add(self.of_sampler)
    }

    /// What is left of the learning rate.
    pub fn learning_rate_scale(self) -> f64 {
        halved(self.of_both)
    }

    /// What is left of the step of the sampler.
    pub fn sampler_scale(self) -> f64 {
        halved(self.count())
    }

    /// One more than either of these has, for `reason`.
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
    fn few_accepted_proposals_halve_the_step_of_the_sampler_alone_and_all_else_both() {
        let (few, apart) = (
            Divergence::Acceptance { acceptance: 0.1, bound: 0.5 },
            Divergence::EnergyGap { gap: 9.0, bound: 1.0 },
        );
        let once = Retreats::default().after(Retreats::default(), &few);
        assert_eq!((once.count(), once.learning_rate_scale(), once.sampler_scale()), (1, 1.0, 0.5));
        // from a checkpoint that knows of no retreat
        let twice = Retreats::default().after(once, &apart);
        assert_eq!((twice.count(), twice.learning_rate_scale(), twice.sampler_scale()), (2, 0.5, 0.25));
    }
}
