//! What is known of chains beside their draws.

use ebm_sample::diagnostics::Steps;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is known of chains that were drawn together, beside their draws.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Of a kernel whose steps have a size; of several runs the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_size: Option<f64>,
    /// Of a kernel whose trajectories have a length that a burn-in adapts; of several runs the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trajectory: Option<f64>,
    /// Whether the burn-in has set them.
    pub adapted: bool,
    /// For each pair of neighbouring temperatures, how often they changed places; NaN of a pair that was never tried.
    pub swaps: Vec<f64>,
    /// Of a kernel with a Metropolis test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Tested>,
    /// What all steps after the burn-in reported; `None` of independent draws.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "written",
        deserialize_with = "read"
    )]
    pub steps: Option<Steps>,
}

/// What the Metropolis test decided, in sums.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// Draws, and the sum of their acceptances.
    n_draws: usize,
    acceptance: f64,
    /// Draws whose proposal did not diverge, the sum of their energy errors, and the largest; NaN without any.
    n_sound: usize,
    error: f64,
    largest: f64,
    /// Proposals that diverged since the burn-in, of all chains and steps, and of how many.
    pub n_diverged: [usize; 2],
}

impl Tested {
    /// Of draws with these acceptances and energy errors, some of which diverged.
    pub fn of(acceptance: &[f32], energy_error: &[f32], diverged: &[bool], n_diverged: [usize; 2]) -> Self {
        let errors = energy_error.iter().zip(diverged);
        let sound: Vec<f64> =
            errors.filter(|(_, diverged)| !**diverged).map(|(error, _)| f64::from(*error)).collect();
        Self {
            n_draws: acceptance.len(),
            acceptance: acceptance.iter().map(|&a| f64::from(a)).sum(),
            n_sound: sound.len(),
            error: sound.iter().sum(),
            largest: sound.iter().copied().fold(f64::NAN, f64::max),
            n_diverged,
        }
    }

    /// The mean acceptance.
    pub fn mean_acceptance(&self) -> f64 {
        self.acceptance / self.n_draws as f64
    }

    /// The mean and the largest of the energy errors of proposals that did not diverge; NaN if there is none.
    pub fn mean_and_largest_error(&self) -> [f64; 2] {
        [self.error / self.n_sound as f64, self.largest]
    }

    fn damage(&self, [chains, draws]: [usize; 2], n_steps: usize) -> Option<String> {
        let (n, [diverged, of]) = (self.n_draws, self.n_diverged);
        let expected = chains.checked_mul(draws);
        if n == 0 || Some(n) != expected {
            return Some(format!("test.n_draws is {n}, of {chains} chains of {draws} draws"));
        }
        if n < self.n_sound {
            return Some(format!("test.n_sound is {} of {n} draws", self.n_sound));
        }
        let is_possible = diverged <= of && of == n_steps;
        (!is_possible).then(|| format!("test.n_diverged is {diverged} of {of}, there are {n_steps} steps"))
    }

    fn beside(self, other: Self) -> Self {
        let [n, of] = self.n_diverged;
        Self {
            n_draws: self.n_draws + other.n_draws,
            acceptance: self.acceptance + other.acceptance,
            n_sound: self.n_sound + other.n_sound,
            error: self.error + other.error,
            largest: self.largest.max(other.largest),
            n_diverged: [n + other.n_diverged[0], of + other.n_diverged[1]],
        }
    }
}

impl About {
    /// The first field that cannot be of so many chains of so many draws, and why; nothing if all can. Of independent
    /// draws there are no steps.
    pub fn damage(&self, [chains, draws]: [usize; 2], is_independent: bool) -> Option<String> {
        let Some(steps) = &self.steps else {
            if !is_independent {
                return Some("steps are missing".into());
            }
            return self.test.map(|_| "test is there, and no steps".into());
        };
        if is_independent {
            return Some("steps are there, of independent draws".into());
        }
        let Steps { n_steps, acceptance, diverged, energies } = steps;
        let Some(all) = n_steps.checked_mul(chains).filter(|&all| 0 < all) else {
            return Some(format!("steps.n_steps is {n_steps}, of {chains} chains"));
        };
        let lengths = [
            ("acceptance", acceptance.as_ref().map(Vec::len)),
            ("diverged", diverged.as_ref().map(Vec::len)),
            ("energies", energies.as_ref().map(Vec::len)),
        ];
        for (field, n) in lengths {
            if let Some(n) = n.filter(|&n| n != chains) {
                return Some(format!("steps.{field} are of {n} chains, expected {chains}"));
            }
        }
        if let Some(n) = diverged.iter().flatten().find(|&n| n_steps < n) {
            return Some(format!("steps.diverged is {n} of {n_steps} steps"));
        }
        if let Some(chain) = energies.iter().flatten().find(|chain| chain.len() != draws) {
            return Some(format!("steps.energies are of {} draws, expected {draws}", chain.len()));
        }
        self.test.and_then(|test| test.damage([chains, draws], all))
    }

    /// What is known of all chains, from what is known of each run of them, in their order.
    pub fn all(runs: &[Self]) -> Self {
        let all = |of: fn(&Self) -> Option<f64>| {
            let numbers: Option<Vec<f64>> = runs.iter().map(of).collect();
            numbers.filter(|numbers| !numbers.is_empty())
        };
        let n_pairs = runs.iter().map(|run| run.swaps.len()).max().unwrap_or(0);
        // Of equal numbers exactly their value.
        let mean = |values: Vec<f64>| {
            let first = values.first().copied().unwrap_or(f64::NAN);
            first + values.iter().map(|value| value - first).sum::<f64>() / values.len() as f64
        };
        let swaps = |pair: usize| {
            let tried =
                runs.iter().filter_map(|run| run.swaps.get(pair).copied()).filter(|share| !share.is_nan());
            mean(tried.collect())
        };
        let tests: Option<Vec<Tested>> = runs.iter().map(|run| run.test).collect();
        let steps: Option<Vec<&Steps>> = runs.iter().map(|run| run.steps.as_ref()).collect();
        Self {
            step_size: all(|run| run.step_size).map(mean),
            trajectory: all(|run| run.trajectory).map(mean),
            adapted: runs.iter().any(|run| run.adapted),
            swaps: (0..n_pairs).map(swaps).collect(),
            test: tests.and_then(|tests| tests.into_iter().reduce(Tested::beside)),
            steps: steps.filter(|steps| !steps.is_empty()).map(|steps| together(&steps)),
        }
    }
}

/// The steps of chains one after the other.
fn together(steps: &[&Steps]) -> Steps {
    fn each<T: Clone>(steps: &[&Steps], of: impl Fn(&Steps) -> Option<&Vec<T>>) -> Option<Vec<T>> {
        let lists: Option<Vec<&Vec<T>>> = steps.iter().map(|steps| of(steps)).collect();
        Some(lists?.into_iter().flatten().cloned().collect())
    }
    Steps {
        n_steps: steps.first().map_or(0, |steps| steps.n_steps),
        acceptance: each(steps, |steps| steps.acceptance.as_ref()),
        diverged: each(steps, |steps| steps.diverged.as_ref()),
        energies: each(steps, |steps| steps.energies.as_ref()),
    }
}

/// [`Steps`] as a file has them.
#[derive(Serialize, Deserialize)]
struct Form {
    n_steps: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acceptance: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diverged: Option<Vec<usize>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    energies: Option<Vec<Vec<f64>>>,
}

fn written<S: Serializer>(steps: &Option<Steps>, serializer: S) -> Result<S::Ok, S::Error> {
    let form = steps.clone().map(|Steps { n_steps, acceptance, diverged, energies }| Form {
        n_steps,
        acceptance,
        diverged,
        energies,
    });
    form.serialize(serializer)
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Steps>, D::Error> {
    let form = Option::<Form>::deserialize(deserializer)?;
    Ok(form.map(|Form { n_steps, acceptance, diverged, energies }| Steps {
        n_steps,
        acceptance,
        diverged,
        energies,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(step_size: f64, errors: &[f32], swaps: &[f64]) -> About {
        let n = errors.len();
        let diverged: Vec<bool> = errors.iter().map(|error| !error.is_finite()).collect();
        let n_diverged = diverged.iter().filter(|diverged| **diverged).count();
        About {
            step_size: Some(step_size),
            trajectory: None,
            adapted: true,
            swaps: swaps.to_vec(),
            test: Some(Tested::of(&vec![0.5; n], errors, &diverged, [n_diverged, n])),
            steps: Some(Steps {
                n_steps: n,
                acceptance: Some(vec![0.1 + 0.2]),
                diverged: Some(vec![n_diverged]),
                energies: Some(vec![vec![1.0 / 3.0, f64::INFINITY]]),
            }),
        }
    }

    #[test]
    fn runs_together_are_as_if_they_had_been_drawn_together() {
        let runs = [run(0.1, &[1.0, f32::NAN], &[0.25, f64::NAN]), run(0.3, &[3.0, 2.0], &[0.75, 0.5])];
        let all = About::all(&runs);
        let expected = Tested::of(&[0.5; 4], &[1.0, 0.0, 3.0, 2.0], &[false, true, false, false], [1, 4]);
        assert_eq!((all.step_size, all.adapted, all.test), (Some(0.2), true, Some(expected)));
        assert_eq!((expected.mean_and_largest_error(), expected.mean_acceptance()), ([2.0, 3.0], 0.5));
        assert_eq!(all.swaps, [0.5, 0.5]);
        let steps = all.steps.unwrap();
        assert_eq!((steps.n_steps, steps.diverged), (2, Some(vec![1, 0])));
        assert_eq!(steps.energies.unwrap().len(), 2);
        assert_eq!(About::all(&[]), About::default());
        let independent = About::all(&[About::default(), About::default()]);
        assert_eq!((independent.steps, independent.step_size), (None, None));
    }

    #[test]
    fn it_comes_back_from_a_file_to_the_bit() {
        let about = run(0.1, &[1.0, f32::NAN], &[0.25, f64::NAN]);
        let text = toml::to_string(&about).unwrap();
        let found: About = toml::from_str(&text).unwrap();
        assert_eq!((found.steps.clone(), found.test), (about.steps, about.test));
        assert!(found.swaps[1].is_nan() && found.swaps[0] == 0.25, "{text}");
    }
}
