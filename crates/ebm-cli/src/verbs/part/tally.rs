//! What the steps of many chains came to, in sums that parts of them can be added to.

use ebm_sample::diagnostics::Steps;
use serde::{Deserialize, Serialize};

/// What the steps of many chains, or of descents with a Metropolis test, came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    chains: usize,
    /// Steps of each chain.
    steps: usize,
    /// The sum of the chains' mean acceptances, of steps with a Metropolis test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acceptance: Option<f64>,
    /// Steps that diverged, or were not finite where there is no test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diverged: Option<usize>,
}

impl Tally {
    /// Of chains that reported something; nothing of others.
    pub fn of(steps: &Steps) -> Option<Self> {
        let Steps { acceptance, diverged, .. } = steps;
        let chains = acceptance.as_ref().map(Vec::len).or(diverged.as_ref().map(Vec::len))?;
        let acceptance = acceptance.as_ref().map(|acceptance| acceptance.iter().sum());
        let diverged = diverged.as_ref().map(|diverged| diverged.iter().sum());
        Some(Self { chains, steps: steps.n_steps, acceptance, diverged })
    }

    /// These chains and others.
    pub fn beside(self, other: Self) -> Self {
        let diverged = self.diverged.zip(other.diverged).map(|(a, b)| a.saturating_add(b));
        let chains = self.chains.saturating_add(other.chains);
        let acceptance = self.acceptance.zip(other.acceptance).map(|(a, b)| a + b);
        Self { chains, acceptance, diverged, ..self }
    }

    /// The mean acceptance of steps with a Metropolis test.
    pub fn mean_acceptance(self) -> Option<f64> {
        self.acceptance.map(|acceptance| acceptance / self.chains as f64)
    }

    /// The first number that cannot be, and why; nothing if all can.
    pub fn damage(self) -> Option<String> {
        let Self { chains, steps, diverged, .. } = self;
        let Some(all) = chains.checked_mul(steps).filter(|&all| 0 < all) else {
            return Some(format!("tally is of {chains} chains of {steps} steps"));
        };
        let diverged = diverged.filter(|&diverged| all < diverged)?;
        Some(format!("tally.diverged is {diverged} of {all} steps"))
    }

    /// The same as the steps of one chain, about which there is the same to say.
    pub fn steps(self) -> Steps {
        Steps {
            n_steps: self.chains.saturating_mul(self.steps),
            acceptance: self.mean_acceptance().map(|acceptance| vec![acceptance]),
            diverged: self.diverged.map(|diverged| vec![diverged]),
            energies: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_sample::diagnostics::Verdict;

    #[test]
    fn a_tally_that_cannot_be_is_damaged() {
        let tally = |chains, steps, diverged| Tally { chains, steps, acceptance: Some(0.5), diverged };
        assert_eq!(tally(3, 4, Some(12)).damage(), None);
        assert_eq!(tally(3, 4, None).damage(), None);
        let damage = |tally: Tally| tally.damage().unwrap();
        assert_eq!(damage(tally(3, 4, Some(13))), "tally.diverged is 13 of 12 steps");
        assert_eq!(damage(tally(3, 0, None)), "tally is of 3 chains of 0 steps");
        assert!(tally(usize::MAX, 2, None).damage().is_some());
    }

    #[test]
    fn tallies_of_parts_say_of_all_what_the_steps_of_all_say() {
        let steps = |acceptance: &[f64], diverged: &[usize]| Steps {
            n_steps: 10,
            acceptance: Some(acceptance.to_vec()),
            ..untested(diverged)
        };
        let all = Verdict::of_steps(&steps(&[0.25, 0.5, 0.0, 0.25], &[1, 0, 2, 0]));
        let [a, b] = [steps(&[0.25, 0.5, 0.0], &[1, 0, 2]), steps(&[0.25], &[0])];
        let tally = Tally::of(&a).unwrap().beside(Tally::of(&b).unwrap());
        assert_eq!(Verdict::of_steps(&tally.steps()).to_string(), all.to_string());
        assert!(all.to_string().contains("3 of 40"), "{all}");
    }

    /// Ten steps of each chain without a Metropolis test, of which so many were not finite.
    fn untested(diverged: &[usize]) -> Steps {
        Steps { n_steps: 10, diverged: Some(diverged.to_vec()), ..Steps::default() }
    }

    #[test]
    fn tallies_of_steps_without_a_test_count_what_is_not_finite() {
        let [a, b] = [untested(&[1, 0]), untested(&[4])];
        let tally = Tally::of(&a).unwrap().beside(Tally::of(&b).unwrap());
        assert_eq!((tally.mean_acceptance(), tally.damage()), (None, None));
        let verdict = Verdict::of_steps(&tally.steps()).to_string();
        assert!(verdict.starts_with("5 of 30 steps were not finite"), "{verdict}");
        let text = toml::to_string(&tally).unwrap();
        assert_eq!(toml::from_str::<Tally>(&text).unwrap(), tally, "{text}");
        assert_eq!(Tally::of(&Steps::default()), None);
    }
}
