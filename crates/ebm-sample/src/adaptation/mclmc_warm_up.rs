//! Steps that adapt microcanonical Langevin Monte Carlo.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use super::energy_variance::{EnergyVariance, energy_variance};
use super::numbers::numbers;
use super::windows::windows;
use crate::diagnostics::ess_mean;
use crate::{Kernel, Mass, Mclmc, MclmcMemo, RunningVariance, SampleError, State};

/// The variance of the energy error per dimension unless said otherwise.
const TARGET: f64 = 5e-4;

/// The share of the steps, in tenths, in which step size and mass are adapted; the rest is for the length.
const TENTHS: usize = 7;

/// Fewer steps say nothing of a length.
const LEAST: usize = 20;

/// The length is this share of the time in which draws become independent.
const SHARE: f64 = 0.4;

/// Chains and coordinates of which autocorrelations are taken, evenly spaced, at most.
const SAMPLED: [usize; 2] = [8, 1024];

/// Steps in which [`Mclmc`] gets its step size, mass and length; all stay fixed afterwards.
///
/// The step size comes to a variance of the energy error per dimension, 5 · 10⁻⁴ by default, on which its bias depends
/// (see [`EnergyVariance`]); the diagonal mass to the variances of the draws, in Stan's windows, in whose units the
/// square root of the total variance is √d and the length 1; and in the last three tenths of the steps the length to 0.4
/// times the time in which draws become independent, by their autocorrelation.
/// All chains of the batch share all three.
/// Each step also computes the energy, and reads it back from the device.
///
/// # Reference
/// Robnik, De Luca, Silverstein and Seljak (2023), *Microcanonical Hamiltonian Monte Carlo*, §4.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Settings")]
pub struct MclmcWarmUp {
    n_steps: usize,
    energy_variance: f64,
}

/// The result of a [`MclmcWarmUp`].
#[derive(Clone, Debug)]
pub struct TunedMclmc {
    /// The adapted kernel.
    pub kernel: Mclmc,
    /// The state of the chains, to continue from.
    pub state: State<MclmcMemo>,
    /// What happened.
    pub report: MclmcReport,
}

/// What happened during a [`MclmcWarmUp`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MclmcReport {
    /// The number of steps.
    pub n_steps: usize,
    /// The number of chains in the batch.
    pub n_chains: usize,
    /// The adapted step size h.
    pub step_size: f64,
    /// The adapted time ℓ in which the direction is forgotten.
    pub length: f64,
    /// The adapted mass.
    pub mass: Mass,
    /// The variance of the energy error per dimension that was aimed at.
    pub target_energy_variance: f64,
    /// The mean square of the energy error per dimension since the step size was fixed, or of the last step.
    pub energy_variance: f64,
    /// Steps that were not finite, over all chains.
    pub n_diverged: usize,
}

impl MclmcWarmUp {
    /// `n_steps` steps; fewer than 28 adapt no mass, fewer than 67 no length.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if there are no steps.
    pub fn new(n_steps: usize) -> Result<Self, SampleError> {
        let n_steps = OutOfRange::at_least("warm_up_steps", 1, n_steps)?;
        Ok(Self { n_steps, energy_variance: TARGET })
    }

    /// The same steps to this variance of the energy error per dimension.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless it is positive and finite.
    pub fn with_energy_variance(self, target: f64) -> Result<Self, SampleError> {
        Ok(Self { energy_variance: energy_variance(target)?, ..self })
    }

    /// As many steps, to the same variance.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if there are no steps.
    pub fn with_n_steps(self, n_steps: usize) -> Result<Self, SampleError> {
        Self::new(n_steps)?.with_energy_variance(self.energy_variance)
    }

    /// The number of steps.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// Warms up chains that start at `position`, `[chains, dim]`; `kernel` has the first step size, mass and length.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if the positions are not finite.
    ///
    /// # Panics
    /// In one dimension.
    pub fn run<M: Potential + ?Sized>(
        &self,
        model: &M,
        kernel: &Mclmc,
        position: Tensor<2>,
        noise: &mut Noise,
    ) -> Result<TunedMclmc, SampleError> {
        let [n_chains, dim] = position.dims();
        let mut chains = Chains::start(model, kernel, position);
        let n_first = if self.n_steps < LEAST { self.n_steps } else { (self.n_steps * TENTHS).div_ceil(10) };
        let (begin, ends) = windows(n_first).unwrap_or((n_first, vec![]));
        let mut size = EnergyVariance::new(kernel.step_size(), self.energy_variance)?;
        let (mut seen, mut mass, mut length) =
            (RunningVariance::new(dim), kernel.mass().clone(), kernel.length());
        let (mut squares, mut n_diverged) = (0.0, 0);

        for step in 1..=n_first {
            let trial = kernel.clone().with_mass(mass.clone()).with_step_size(size.step_size())?;
            let errors = chains.step(&trial, noise);
            n_diverged += errors.iter().filter(|error| !error.is_finite()).count();
            squares = mean_square(&errors);
            size.update(&errors, dim);
            if begin < step && ends.last().is_some_and(|end| step <= *end) {
                numbers(chains.position()).chunks_exact(dim).for_each(|row| seen.add(row));
            }
            if step == begin {
                size = size.restarted();
            }
            if ends.contains(&step) {
                let before = mass.variances().map_or(vec![1.0; dim], <[f64]>::to_vec);
                mass = Mass::from_variances(seen.variances_or(&before))?;
                // in the units of the new mass the total variance is d
                (seen, size, length) = (RunningVariance::new(dim), size.restarted(), 1.0);
            }
        }

        let step_size = size.step_size();
        let tuned = kernel.clone().with_mass(mass.clone()).with_step_size(step_size)?.with_length(length)?;
        let n_last = self.n_steps - n_first;
        let mut draws = Draws::of([n_chains, dim]);
        let mut all = 0.0;
        for _ in 0..n_last {
            let errors = chains.step(&tuned, noise);
            n_diverged += errors.iter().filter(|error| !error.is_finite()).count();
            all += mean_square(&errors) / n_last as f64;
            draws.add(&numbers(chains.position()));
        }
        if LEAST <= n_last
            && let Some(steps) = draws.steps_to_independence()
        {
            // at least half a step, and at most all of them
            length = step_size * (SHARE * steps).clamp(0.5, n_last as f64);
        }
        let kernel = tuned.with_length(length)?;
        let report = MclmcReport {
            n_steps: self.n_steps,
            n_chains,
            step_size,
            length,
            mass,
            target_energy_variance: self.energy_variance,
            energy_variance: if n_last == 0 { squares } else { all } / dim as f64,
            n_diverged,
        };
        Ok(TunedMclmc { kernel, state: chains.into_state(), report })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    n_steps: usize,
    energy_variance: f64,
}

impl TryFrom<Settings> for MclmcWarmUp {
    type Error = SampleError;

    fn try_from(Settings { n_steps, energy_variance }: Settings) -> Result<Self, SampleError> {
        Self::new(n_steps)?.with_energy_variance(energy_variance)
    }
}

/// Chains with the energies of where they are.
struct Chains<'a, M: ?Sized> {
    model: &'a M,
    state: Option<State<MclmcMemo>>,
    energy: Tensor<1>,
}

impl<'a, M: Potential + ?Sized> Chains<'a, M> {
    fn start(model: &'a M, kernel: &Mclmc, position: Tensor<2>) -> Self {
        let energy = model.energy(position.clone());
        Self { model, state: Some(kernel.init(model, position)), energy }
    }

    /// The energy errors of a step; NaN where it was not finite.
    fn step(&mut self, kernel: &Mclmc, noise: &mut Noise) -> Vec<f64> {
        let state = self.state.take().expect("no step has panicked");
        let (state, info) = kernel.step(self.model, state, noise);
        let energy = self.model.energy(state.position.clone());
        let error = energy.clone() - self.energy.clone() + info.kinetic_change;
        (self.state, self.energy) = (Some(state), energy);
        numbers(error.mask_fill(info.diverged, f64::NAN))
    }

    fn position(&self) -> Tensor<2> {
        self.state.as_ref().expect("no step has panicked").position.clone()
    }

    fn into_state(self) -> State<MclmcMemo> {
        self.state.expect("no step has panicked")
    }
}

/// The mean square of those that are finite; 0 if there are none.
fn mean_square(errors: &[f64]) -> f64 {
    let finite = || errors.iter().filter(|error| error.is_finite());
    finite().map(|error| error * error).sum::<f64>() / finite().count().max(1) as f64
}

/// Draws of some chains and coordinates, `[coordinate][chain][draw]`.
struct Draws {
    dim: usize,
    chains: Vec<usize>,
    coordinates: Vec<usize>,
    values: Vec<Vec<Vec<f64>>>,
}

impl Draws {
    fn of(shape: [usize; 2]) -> Self {
        let [chains, coordinates] = [0, 1].map(|i| {
            let every = shape[i].div_ceil(SAMPLED[i]).max(1);
            (0..shape[i]).step_by(every).collect::<Vec<usize>>()
        });
        let values = vec![vec![vec![]; chains.len()]; coordinates.len()];
        Self { dim: shape[1], chains, coordinates, values }
    }

    /// Adds a draw of all chains, `[chains, dim]`.
    fn add(&mut self, draw: &[f64]) {
        for (i, of_chains) in self.coordinates.iter().zip(&mut self.values) {
            for (chain, values) in self.chains.iter().zip(of_chains) {
                values.push(draw[chain * self.dim + i]);
            }
        }
    }

    /// How many steps an independent draw takes, on average over the coordinates of which that can be told.
    fn steps_to_independence(&self) -> Option<f64> {
        let steps = self.values.iter().filter_map(|chains| {
            let n: usize = chains.iter().map(Vec::len).sum();
            let steps = n as f64 / ess_mean(chains);
            steps.is_finite().then_some(steps)
        });
        let (sum, count) = steps.fold((0.0, 0), |(sum, count), steps| (sum + steps, count + 1));
        (0 < count).then(|| sum / f64::from(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{mean_and_variance, warmed_up_where_finite};
    use crate::{Chain, Integrator};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    fn warm(target: &Gaussian, n_chains: usize, n_steps: usize, seed: u64) -> TunedMclmc {
        let noise = Noise::seeded(seed);
        let start = noise.derive("start").normal([n_chains, target.dim()], &Device::flex());
        let kernel = Mclmc::new(0.05).unwrap();
        let warm_up = MclmcWarmUp::new(n_steps).unwrap();
        warm_up.run(target, &kernel, start, &mut noise.derive("chain")).unwrap()
    }

    #[test]
    fn it_finds_variances_steps_and_lengths_in_any_dimension_and_condition() {
        for (dim, condition) in [(2, 1.0), (2, 1e3), (10, 1.0), (10, 1e3), (100, 1.0), (100, 1e3)] {
            let variances: Vec<f64> =
                (0..dim).map(|i| f64::powf(condition, i as f64 / (dim - 1) as f64)).collect();
            let target = Gaussian::diagonal(vec![0.0; dim], variances.clone()).unwrap();
            let tuned = warm(&target, 8, 1500, 341);
            let report = &tuned.report;
            let found = report.mass.variances().unwrap();
            let ratios: Vec<f64> = found.iter().zip(&variances).map(|(f, v)| f / v).collect();
            let worst = ratios.iter().fold(0f64, |worst, ratio| worst.max(ratio.ln().abs()));
            assert!(worst < 0.7, "{dim}, {condition}: {ratios:?}");
            let of_target = report.energy_variance / report.target_energy_variance;
            assert!((0.4..2.5).contains(&of_target), "{dim}, {condition}: {of_target}");
            // in units of the mass the target is N(0, I) whatever the condition is
            assert!((0.2..3.0).contains(&report.step_size), "{dim}, {condition}: {}", report.step_size);
            assert!((0.2..5.0).contains(&report.length), "{dim}, {condition}: {}", report.length);
            assert_eq!((tuned.kernel.step_size(), tuned.kernel.length()), (report.step_size, report.length));
        }
    }

    #[test]
    fn chains_go_on_to_the_moments_of_the_target_and_a_smaller_energy_variance_to_a_smaller_step() {
        let target = Gaussian::diagonal(vec![1.0, -1.0, 0.0], vec![100.0, 0.01, 1.0]).unwrap();
        let tuned = warm(&target, 100, 600, 342);
        let chain = Chain::resume(&target, tuned.kernel.clone(), tuned.state, Noise::seeded(343));
        let last: Vec<f64> =
            chain.skip(99).step_by(100).take(10).flat_map(|draw| numbers(draw.position)).collect();
        for (i, (mean, variance)) in [(1.0, 100.0), (-1.0, 0.01), (0.0, 1.0)].into_iter().enumerate() {
            let column: Vec<f64> = last.iter().skip(i).step_by(3).copied().collect();
            let (found_mean, found) = mean_and_variance(&column);
            let n = column.len() as f64;
            assert!((found_mean - mean).abs() < 5.0 * (variance / n).sqrt(), "x{i}: {found_mean}");
            // and the bias, which is below this
            let error = 5.0 * (2.0 / n).sqrt() + 0.03;
            assert!((found / variance - 1.0).abs() < error, "x{i}: {found} of {variance}");
        }
        let strict = MclmcWarmUp::new(600).unwrap().with_energy_variance(5e-7).unwrap();
        let start = Noise::seeded(344).normal([100, 3], &Device::flex());
        let strict = strict.run(&target, &tuned.kernel, start, &mut Noise::seeded(345)).unwrap();
        // the sixth root of 1000
        let ratio = tuned.kernel.step_size() / strict.kernel.step_size();
        assert!((2.0..5.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_leapfrog_has_a_shorter_step_than_the_minimal_norm() {
        let target = Gaussian::standard(20);
        let of = |integrator: Integrator| {
            let kernel = Mclmc::new(0.05).unwrap().with_integrator(integrator);
            let start = Noise::seeded(346).normal([10, 20], &Device::flex());
            let warm_up = MclmcWarmUp::new(400).unwrap();
            warm_up.run(&target, &kernel, start, &mut Noise::seeded(347)).unwrap().kernel
        };
        let (leapfrog, minimal) = (of(Integrator::Leapfrog), of(Integrator::MinimalNorm));
        assert!(1.5 * leapfrog.step_size() < minimal.step_size());
        assert_eq!(leapfrog.integrator(), Integrator::Leapfrog);
    }

    #[test]
    fn few_steps_adapt_what_they_can_and_a_warm_up_is_a_function_of_the_seed() {
        let target = Gaussian::standard(2);
        for n_steps in [1, 5, 19, 20, 27, 28, 66, 67, 150] {
            let tuned = warm(&target, 3, n_steps, 348);
            assert_eq!(tuned.report.n_steps, n_steps);
            assert_eq!(tuned.report.mass.variances().is_some(), 28 <= n_steps, "{n_steps}");
            if n_steps < 67 {
                assert_eq!(tuned.report.length, 1.0, "{n_steps}");
            }
        }
        let (once, again) = (warm(&target, 3, 200, 349), warm(&target, 3, 200, 349));
        assert_eq!((&once.kernel, &once.report), (&again.kernel, &again.report));
        assert_eq!(once.state.position.into_data(), again.state.position.into_data());
    }

    #[test]
    fn chains_warm_up_where_the_model_is_finite_and_starts_that_are_not_are_an_error() {
        let warm_up = MclmcWarmUp::new(100).unwrap();
        let tuned = warmed_up_where_finite(|model, start| {
            warm_up.run(model, &Mclmc::new(0.3).unwrap(), start, &mut Noise::seeded(350))
        });
        assert!(0 < tuned.report.n_diverged && tuned.report.step_size.is_finite());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(MclmcWarmUp::new(0).is_err());
        assert!(MclmcWarmUp::new(10).unwrap().with_energy_variance(f64::INFINITY).is_err());
        let warm_up = MclmcWarmUp::new(10).unwrap();
        let text = serde_json::to_string(&warm_up).unwrap();
        assert_eq!(serde_json::from_str::<MclmcWarmUp>(&text).unwrap(), warm_up);
        assert!(serde_json::from_str::<MclmcWarmUp>(r#"{"n_steps":0,"energy_variance":1.0}"#).is_err());
    }
}
