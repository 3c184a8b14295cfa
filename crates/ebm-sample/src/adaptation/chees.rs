//! Trajectories as long as suits many chains.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::Noise;
use ebm_ops::leapfrog::choose_rows;
use ebm_ops::row_dot::row_dot;
use serde::{Deserialize, Serialize};

use super::numbers::{mean, numbers};
use super::trajectory_length::TrajectoryLength;
use super::warm_up::over_warm_up;
use crate::mcmc::trajectory::{Trajectory, n_steps};
use crate::{Evaluated, Hmc, Kernel, Mass, MetropolisInfo, SampleError, Tuned, WarmUp, WarmUpReport};

/// By how much the logarithm of the trajectory's length moves in a step.
const RATE: f64 = 0.05;

/// Harmonic mean of the acceptances unless said otherwise; the best acceptance of Hamiltonian Monte Carlo is about as large.
const ACCEPTANCE: f64 = 0.651;

/// Steps in which the trajectories of [`Hmc`] get their length, beside the step size and mass of a [`WarmUp`].
///
/// The length T climbs the change in the estimator of the expected square,
///
/// ChEES = ¼ E(‖x′ − E x′‖² − ‖x − E x‖²)²,
///
/// where a trajectory from x ends at x′ after a time hT, with h of Halton's sequence, in units of the mass. Its slope in
/// log T, estimated from all chains and weighted by their acceptances, is
/// hT (‖x′ − x̄′‖² − ‖x − x̄‖²)(x′ − x̄′)·v′, v′ the velocity at x′. The step size comes to an acceptance of which the
/// harmonic mean over the chains is the target.
/// On N(0, I) the best T solves tan 2T = 2T: T = 2.247.
///
/// The more chains, the better the estimate; with one chain there is none, and the trajectories stay as they are.
/// Afterwards all is fixed, and trajectories have from 1 to ⌈T/ε⌉ steps at random.
///
/// # Reference
/// Hoffman, Radul and Sountsov (2021), *An adaptive MCMC scheme for setting trajectory lengths in Hamiltonian Monte
/// Carlo*, §3, with Adam's rate 0.05 for shorter warm-ups.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chees(WarmUp);

over_warm_up! { Chees {
    /// `n_steps` steps, to a harmonic mean of the acceptances of 0.651; fewer than 20 adapt no mass.
    new,
    /// The same steps to this harmonic mean of the acceptances.
    with_acceptance
}}

impl Chees {
    /// Warms up chains that start at `position`, `[chains, dim]`; `kernel` has the first step size and mass, and for one
    /// chain the trajectories.
    ///
    /// The report's acceptance is the mean over steps and chains.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if the positions are not finite, which happens only if they start so.
    pub fn run<M: Potential + ?Sized>(
        &self,
        model: &M,
        kernel: &Hmc,
        position: Tensor<2>,
        noise: &mut Noise,
    ) -> Result<Tuned<Hmc, Evaluated>, SampleError> {
        let [n_chains, dim] = position.dims();
        let target = self.0.acceptance().unwrap_or(ACCEPTANCE);
        let mut adapting = self.0.with_acceptance(target)?.adapting(kernel, dim)?;
        // the first trajectories are short, and cost little
        let mut length = TrajectoryLength::new(kernel.step_size(), RATE);
        let mut state = kernel.init(model, position);
        let mut acceptances = vec![];
        for step in 1..=self.0.n_steps() {
            let trial = adapting.trial()?;
            let (share, mass) = (halton(step), trial.mass().clone());
            let longest = if n_chains < 2 { trial.longest() } else { length.time() };
            let n = n_steps(share * longest, trial.step_size());
            let before = state.position.clone();
            let Trajectory { state: next, info, end, velocity } =
                trial.leapfrog(n).trajectory(model, state, noise);
            if 1 < n_chains {
                let of_time = slope(&mass, before, end, velocity, &info);
                let step_size = trial.step_size();
                length.update(share * longest * of_time, [step_size, 1000.0 * step_size]);
            }
            state = next;

            let positions = adapting.is_in_window().then(|| numbers(state.position.clone()));
            let rows = positions.iter().flat_map(|positions| positions.chunks_exact(dim));
            let sound: Vec<bool> =
                info.diverged.into_data().iter::<bool>().map(|diverged| !diverged).collect();
            let n_diverged = sound.iter().filter(|sound| !**sound).count();
            let of_chains = numbers(info.acceptance);
            acceptances.push(mean(&of_chains));
            adapting.observe(harmonic_mean(&of_chains, &sound), n_diverged, rows)?;
            if *adapting.mass() != mass {
                // in its units the widest direction is as wide as it is in the new ones after this
                length = length.in_units(widest(adapting.mass(), &mass).sqrt());
                acceptances.clear();
            }
        }
        let (kernel, report) = adapting.finish(n_chains)?;
        let kernel = if n_chains < 2 { kernel } else { kernel.with_longest(length.average())? };
        let report = WarmUpReport { acceptance: mean(&acceptances), ..report };
        Ok(Tuned { kernel, state, report })
    }
}

/// The mean of (‖x′ − x̄′‖² − ‖x − x̄‖²)(x′ − x̄′)·v′ over the chains, with their acceptances as weights; NaN if no
/// proposal could be accepted.
fn slope(mass: &Mass, before: Tensor<2>, end: Tensor<2>, velocity: Tensor<2>, info: &MetropolisInfo) -> f64 {
    let scale = mass.scale(&before);
    // Where a trajectory diverged its end may be no number, which a weight of 0 would not take away.
    let lost = info.acceptance.zeros_like().mask_fill(info.diverged.clone(), 1.0);
    let end = choose_rows(lost.clone(), end, before.clone());
    let velocity = choose_rows(lost, velocity, before.zeros_like());
    let (before, end) = (scale.undo(before), scale.undo(end));

    let acceptance = info.acceptance.clone().mask_fill(info.diverged.clone(), 0.0);
    let weights = acceptance.clone() / acceptance.sum();
    let center = (end.clone() * weights.clone().unsqueeze_dim::<2>(1)).sum_dim(0);
    let (to, from) = (end - center, before.clone() - before.mean_dim(0));
    let change = row_dot(to.clone(), to.clone()) - row_dot(from.clone(), from);
    let slopes = change * row_dot(to, velocity);
    numbers((slopes * weights).sum())[0]
}

/// The harmonic mean of the acceptances of proposals that did not diverge, times their share: one that ran into the end of the
/// support does not take all others with it. 0 if there are none, or one of them is.
fn harmonic_mean(acceptances: &[f64], sound: &[bool]) -> f64 {
    let sound = || acceptances.iter().zip(sound).filter(|(_, sound)| **sound);
    let n = sound().count() as f64;
    if n == 0.0 {
        return 0.0;
    }
    let inverse = sound().map(|(acceptance, _)| acceptance.recip()).sum::<f64>() / n;
    n / acceptances.len() as f64 / inverse
}

/// The largest ratio of a coordinate's variance in `new` to that in `old`.
fn widest(new: &Mass, old: &Mass) -> f64 {
    let Some(new) = new.variances() else { return 1.0 };
    let ratio = |(i, variance): (usize, &f64)| variance / old.variances().map_or(1.0, |old| old[i]);
    new.iter().enumerate().map(ratio).fold(0.0, f64::max)
}

/// Halton's sequence in base 2: the binary digits of `index` behind the point, in reverse.
fn halton(index: usize) -> f64 {
    (index as u64).reverse_bits() as f64 * (-64f64).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::testing::{mean_and_variance, warmed_up_where_finite};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    fn warm(kernel: &Hmc, target: &Gaussian, n_chains: usize, n_steps: usize) -> Tuned<Hmc, Evaluated> {
        let start = Noise::seeded(361).normal([n_chains, target.dim()], &Device::flex());
        Chees::new(n_steps).unwrap().run(target, kernel, start, &mut Noise::seeded(362)).unwrap()
    }

    #[test]
    fn on_a_standard_normal_the_length_is_the_root_of_tan_2t_equals_2t() {
        // at short steps, so that a whole number of them is about as long as the trajectory
        let (target, warm_up) = (Gaussian::standard(20), Chees::new(700).unwrap());
        let start = Noise::seeded(365).normal([64, 20], &Device::flex());
        let warm_up = warm_up.with_acceptance(0.995).unwrap();
        let kernel = Hmc::new(0.05, 10).unwrap();
        let tuned = warm_up.run(&target, &kernel, start, &mut Noise::seeded(366)).unwrap();
        let found = tuned.kernel.longest();
        assert!((found / 2.2467).ln().abs() < 0.15, "{found}");
    }

    #[test]
    fn few_chains_find_lengths_and_steps_in_any_dimension_and_condition() {
        for (dim, condition) in [(2, 1.0), (2, 1e3), (10, 1e3), (100, 1.0), (100, 1e3)] {
            let variances: Vec<f64> =
                (0..dim).map(|i| f64::powf(condition, i as f64 / (dim - 1) as f64)).collect();
            let target = Gaussian::diagonal(vec![0.0; dim], variances).unwrap();
            let tuned = warm(&Hmc::new(0.05, 10).unwrap(), &target, 8, 800);
            let (longest, acceptance) = (tuned.kernel.longest(), tuned.report.acceptance);
            assert!((1.0..5.0).contains(&longest), "{dim}, {condition}: {longest}");
            assert!((0.6..0.97).contains(&acceptance), "{dim}, {condition}: {acceptance}");
            assert!((0.1..2.0).contains(&tuned.kernel.step_size()), "{dim}, {condition}");
        }
    }

    #[test]
    fn a_direction_that_no_diagonal_mass_sees_makes_the_trajectories_longer() {
        let correlated = Gaussian::new(vec![0.0; 2], &[vec![1.0, 0.995], vec![0.995, 1.0]]).unwrap();
        let (short, long) = (
            warm(&Hmc::new(0.05, 10).unwrap(), &Gaussian::standard(2), 32, 700),
            warm(&Hmc::new(0.05, 10).unwrap(), &correlated, 32, 700),
        );
        // the wide direction is 20 times the narrow one, which sets the step
        assert!(4 * short.kernel.n_leapfrog() < long.kernel.n_leapfrog());
        let chain = Chain::resume(&correlated, long.kernel, long.state, Noise::seeded(363));
        let last: Vec<f64> =
            chain.skip(19).step_by(10).take(40).flat_map(|draw| numbers(draw.position)).collect();
        let sums: Vec<f64> = last.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect();
        let (_, found) = mean_and_variance(&sums);
        assert!((found / 3.99 - 1.0).abs() < 5.0 * (2.0 / sums.len() as f64).sqrt() * 2.0, "{found}");
    }

    #[test]
    fn with_one_chain_the_trajectories_stay_and_a_warm_up_is_a_function_of_the_seed() {
        let target = Gaussian::standard(3);
        let tuned = warm(&Hmc::new(0.1, 10).unwrap(), &target, 1, 300);
        assert_eq!(tuned.kernel.n_leapfrog(), 10);
        let (once, again) = (
            warm(&Hmc::new(0.05, 10).unwrap(), &target, 5, 100),
            warm(&Hmc::new(0.05, 10).unwrap(), &target, 5, 100),
        );
        assert_eq!((&once.kernel, &once.report), (&again.kernel, &again.report));
        assert_eq!(once.state.position.into_data(), again.state.position.into_data());
    }

    #[test]
    fn chains_warm_up_where_the_model_is_finite_and_starts_that_are_not_are_an_error() {
        let tuned = warmed_up_where_finite(|model, start| {
            Chees::new(60).unwrap().run(model, &Hmc::new(0.3, 5).unwrap(), start, &mut Noise::seeded(364))
        });
        assert!(0 < tuned.report.n_diverged && tuned.kernel.longest().is_finite());
        assert!(0.05 < tuned.kernel.step_size(), "{}", tuned.kernel.step_size());
    }

    #[test]
    fn the_sequence_and_the_mean_are_those_computed_by_hand() {
        assert_eq!([1, 2, 3, 4, 6].map(halton), [0.5, 0.25, 0.75, 0.125, 0.375]);
        assert_eq!(harmonic_mean(&[1.0, 0.5], &[true; 2]), 2.0 / 3.0);
        assert_eq!(harmonic_mean(&[1.0, 0.0], &[true; 2]), 0.0);
        assert_eq!(harmonic_mean(&[1.0, 0.0], &[true, false]), 0.5);
        assert_eq!(harmonic_mean(&[0.0, 0.0], &[false; 2]), 0.0);
        let (old, new) = (Mass::from_variances(vec![1.0, 4.0]), Mass::from_variances(vec![2.0, 36.0]));
        let (old, new) = (old.unwrap(), new.unwrap());
        assert_eq!(
            [widest(&new, &old), widest(&new, &Mass::unit()), widest(&Mass::unit(), &old)],
            [9.0, 36.0, 1.0]
        );
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(Chees::new(0).is_err() && Chees::new(5).unwrap().with_acceptance(1.0).is_err());
        let chees = Chees::new(10).unwrap().with_acceptance(0.7).unwrap();
        let text = serde_json::to_string(&chees).unwrap();
        assert_eq!(serde_json::from_str::<Chees>(&text).unwrap(), chees);
        assert!(serde_json::from_str::<Chees>(r#"{"n_steps":0,"acceptance":null}"#).is_err());
    }
}
