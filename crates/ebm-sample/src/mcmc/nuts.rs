//! The No-U-Turn sampler of the crate `nuts-rs`.

use std::collections::HashMap;

use ebm_ops::{Noise, OutOfRange};
use nuts_rs::rand::SeedableRng;
use nuts_rs::rand::rngs::StdRng;
use nuts_rs::{
    Chain, CpuLogpFunc, CpuMath, CpuMathError, DiagNutsSettings, HasDims, LogpError, Settings, WalnutsOptions,
};
use rayon::prelude::*;

use crate::SampleError;
use crate::adaptation::dual_averaging::target_acceptance;
use crate::slices::{SliceDraw, Step};

/// The No-U-Turn sampler on a log density of plain numbers: Hamiltonian trajectories that end where they would
/// turn back, with a step size and a diagonal mass of its own for each chain, both adapted before the draws.
///
/// The implementation is that of the crate `nuts-rs`, behind the feature `nuts`; for a model on tensors, use
/// [`log_density_of`](crate::slices::log_density_of).
/// Only its seeds come from [`Noise`], one a chain: the random numbers are those of `nuts-rs`, so that draws stay
/// the same with any number of threads, but not with every version of that crate.
///
/// ```
/// use ebm_ops::{Noise, OutOfRange};
/// use ebm_sample::Nuts;
///
/// let normal = |x: &[f64], gradient: &mut [f64]| {
///     gradient[0] = -x[0];
///     -0.5 * x[0] * x[0]
/// };
/// let run = Nuts::new(300).unwrap().run(normal, vec![vec![1.0]; 4], 100, &Noise::seeded(1)).unwrap();
/// assert_eq!((run.draws.len(), run.draws[0].positions.len()), (100, 4));
/// ```
///
/// # Reference
/// Hoffman and Gelman (2014), *The No-U-Turn sampler*; with the multinomial choice along the trajectory of
/// Betancourt (2017), *A conceptual introduction to Hamiltonian Monte Carlo*, appendix A; steps halved on the way
/// as in Bou-Rabee, Carpenter, Kleppe and Liu (2025), *The within-orbit adaptive leapfrog no-U-turn sampler*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nuts {
    n_warm_up: usize,
    acceptance: f64,
    max_depth: usize,
    energy_bound: Option<f64>,
}

/// How often a step may be halved for its energy: the shortest is 2⁻¹⁰ of the longest.
const MAX_HALVINGS: u64 = 10;

/// The result of a run of [`Nuts`].
#[derive(Clone, Debug, PartialEq)]
pub struct NutsRun {
    /// One after the other, each of all chains, as [`SliceChains`](crate::slices::SliceChains) yields them.
    ///
    /// A step's `acceptance` is the mean over its trajectory, `energy_error` that of the draw, `accepted` says
    /// whether the chain moved, and `diverged` whether the trajectory met a place without numbers, an energy error
    /// above 1000 or, where there is a bound for that of a step, a step that ten halvings did not bring below it.
    pub draws: Vec<SliceDraw>,
    /// The adapted step size of each chain.
    pub step_sizes: Vec<f64>,
    /// The number of trajectories that diverged in the warm-up, over all chains.
    pub n_diverged_in_warm_up: usize,
    /// The number of gradients computed for the draws, over all chains.
    pub n_gradients: u64,
}

impl Nuts {
    /// `n_warm_up` steps of adaptation, to an acceptance of 0.8 and trajectories of at most 2¹⁰ steps.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if there are no steps.
    pub fn new(n_warm_up: usize) -> Result<Self, SampleError> {
        let n_warm_up = OutOfRange::at_least("n_warm_up", 1, n_warm_up)?;
        Ok(Self { n_warm_up, acceptance: 0.8, max_depth: 10, energy_bound: None })
    }

    /// The same to this acceptance.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless it is between 0 and 1.
    pub fn with_acceptance(self, acceptance: f64) -> Result<Self, SampleError> {
        Ok(Self { acceptance: target_acceptance(acceptance)?, ..self })
    }

    /// The same with trajectories of at most 2^`max_depth` steps.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if it is 0.
    pub fn with_max_depth(self, max_depth: usize) -> Result<Self, SampleError> {
        Ok(Self { max_depth: OutOfRange::at_least("max_depth", 1, max_depth)?, ..self })
    }

    /// The same with steps that are halved, each for itself and as often as it takes (ten times at most), until the
    /// energy along one moves by no more than `energy_bound`; a trajectory ends at a step that would not be halved
    /// as often on the way back, so that the draws stay exact.
    ///
    /// For densities whose scale changes from place to place, funnels above all: a step of one length is too long
    /// for the neck, where its chains stick, or too short for the mouth. 0.3 is a good bound; a step then costs
    /// twice to four times as many gradients.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless it is positive and finite.
    pub fn with_energy_bound(self, energy_bound: f64) -> Result<Self, SampleError> {
        let energy_bound = OutOfRange::positive("energy_bound", energy_bound)?;
        Ok(Self { energy_bound: Some(energy_bound), ..self })
    }

    /// `n_draws` of each chain after the warm-up; chains start at `positions`, `[chain][dim]`, and run on all
    /// threads.
    ///
    /// `log_density(x, gradient)` gives log p(x) up to a constant and writes its gradient; where it is not
    /// finite, trajectories end.
    ///
    /// # Errors
    /// [`SampleError::Start`] if a chain starts where the log density is not finite or a coordinate of its
    /// gradient is 0 or not finite, as `nuts-rs` asks for.
    ///
    /// # Panics
    /// If the positions are not of one length.
    pub fn run<F>(
        &self,
        log_density: F,
        positions: Vec<Vec<f64>>,
        n_draws: usize,
        noise: &Noise,
    ) -> Result<NutsRun, SampleError>
    where
        F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
    {
        let dim = positions.first().map_or(0, Vec::len);
        let odd = positions.iter().find(|position| position.len() != dim);
        assert!(odd.is_none(), "positions have {dim} coordinates, found {:?}", odd.map(Vec::len));
        let chains = positions.into_par_iter().enumerate();
        let chains = chains.map(|(chain, start)| {
            let words = noise.child(chain as u64).words(2);
            let seed = u64::from(words[0]) << 32 | u64::from(words[1]);
            let drawn = self.chain(&log_density, &start, n_draws, seed);
            drawn.map_err(|source| SampleError::Start { chain, source })
        });
        Ok(gather(chains.collect::<Result<_, _>>()?, n_draws))
    }

    fn chain<F>(&self, log_density: &F, start: &[f64], n_draws: usize, seed: u64) -> Result<OneChain, Failure>
    where
        F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
    {
        let mut settings = DiagNutsSettings {
            num_tune: self.n_warm_up as u64,
            num_draws: n_draws as u64,
            maxdepth: self.max_depth as u64,
            max_energy_error: crate::mcmc::metropolis::DIVERGENCE,
            walnuts: self.energy_bound.map(|max_error| WalnutsOptions {
                max_error,
                max_step_halvings: MAX_HALVINGS,
                ..WalnutsOptions::default()
            }),
            ..Default::default()
        };
        settings.adapt_options.step_size_settings.target_accept = self.acceptance;
        let math = CpuMath::new(Density { log_density, dim: start.len() });
        let mut chain = settings.new_chain(0, math, &mut StdRng::seed_from_u64(seed))?;
        chain.set_position(start)?;

        let (mut one, mut before) = (OneChain::default(), start.to_vec());
        for _ in 0..self.n_warm_up {
            let (position, progress) = chain.draw()?;
            one.n_diverged_in_warm_up += usize::from(progress.diverging);
            one.step_size = progress.step_size;
            before = position.into_vec();
        }
        for _ in 0..n_draws {
            let (position, _, stats, progress) = chain.expanded_draw()?;
            let position = position.into_vec();
            one.n_gradients += progress.num_gradients;
            one.step_size = progress.step_size;
            one.steps.push(Step {
                acceptance: stats.adapt.step_size.mean_tree_accept,
                accepted: position != before,
                diverged: progress.diverging,
                energy_error: stats.point.energy_error,
            });
            before.clone_from(&position);
            one.positions.push(position);
        }
        Ok(one)
    }
}

/// The error of `nuts-rs` for a chain that could not continue.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The result of one chain.
#[derive(Default)]
struct OneChain {
    positions: Vec<Vec<f64>>,
    steps: Vec<Step>,
    step_size: f64,
    n_diverged_in_warm_up: usize,
    n_gradients: u64,
}

/// The draws of all chains together, draw by draw.
fn gather(mut chains: Vec<OneChain>, n_draws: usize) -> NutsRun {
    let mut draw = |i: usize| SliceDraw {
        positions: chains.iter_mut().map(|chain| std::mem::take(&mut chain.positions[i])).collect(),
        steps: chains.iter().map(|chain| chain.steps[i]).collect(),
    };
    NutsRun {
        draws: (0..n_draws).map(&mut draw).collect(),
        step_sizes: chains.iter().map(|chain| chain.step_size).collect(),
        n_diverged_in_warm_up: chains.iter().map(|chain| chain.n_diverged_in_warm_up).sum(),
        n_gradients: chains.iter().map(|chain| chain.n_gradients).sum(),
    }
}

/// A log density in the form that `nuts-rs` needs.
struct Density<'a, F> {
    log_density: &'a F,
    dim: usize,
}

/// The log density or its gradient is not finite; the trajectory ends there.
#[derive(Debug, thiserror::Error)]
#[error("expected a finite log density and gradient, found {0}")]
struct NoNumber(f64);

impl LogpError for NoNumber {
    fn is_recoverable(&self) -> bool {
        true
    }
}

impl<F> HasDims for Density<'_, F> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        // the names that its storage looks for
        ["unconstrained_parameter", "dim"].map(|name| (name.to_owned(), self.dim as u64)).into()
    }
}

impl<F: Fn(&[f64], &mut [f64]) -> f64> CpuLogpFunc for Density<'_, F> {
    type LogpError = NoNumber;
    type FlowParameters = ();
    type ExpandedVector = Vec<f64>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, NoNumber> {
        let value = (self.log_density)(position, gradient);
        let mut numbers = std::iter::once(&value).chain(gradient.iter());
        numbers.find(|number| !number.is_finite()).map_or(Ok(value), |odd| Err(NoNumber(*odd)))
    }

    fn expand_vector<R: nuts_rs::rand::Rng + ?Sized>(
        &mut self,
        _: &mut R,
        position: &[f64],
    ) -> Result<Vec<f64>, CpuMathError> {
        Ok(position.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{ess_mean, mcse_mean, r_hat};
    use crate::slices::log_density_of;
    use burn::tensor::{DType, Device};
    use ebm_model::layers::{Activation, Hidden};
    use ebm_model::{Gaussian, Init, MlpEnergy, MlpEnergyConfig, Skewed};

    /// The draws of f(x), `[chain][draw]`.
    fn traces(run: &NutsRun, f: impl Fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
        let n_chains = run.draws[0].positions.len();
        (0..n_chains).map(|c| run.draws.iter().map(|draw| f(&draw.positions[c])).collect()).collect()
    }

    fn starts(n_chains: u64, dim: usize) -> Vec<Vec<f64>> {
        (0..n_chains).map(|c| Noise::seeded(151).child(c).normals_f64(dim)).collect()
    }

    /// How many standard errors the mean of the draws is from `exact`.
    fn error(draws: &[Vec<f64>], exact: f64) -> f64 {
        assert!(r_hat(draws) < 1.01 && 1000.0 < ess_mean(draws));
        let n = draws.concat().len() as f64;
        (draws.iter().flatten().sum::<f64>() / n - exact).abs() / mcse_mean(draws)
    }

    #[test]
    fn a_model_on_tensors_and_the_function_it_is_have_the_same_exact_moments() {
        let target = Skewed::new(2).unwrap();
        let on_tensors = log_density_of(&target, &Device::flex(), DType::F64);
        let plain = |x: &[f64], gradient: &mut [f64]| {
            gradient.iter_mut().zip(x).for_each(|(g, x)| *g = 1.0 - x.exp());
            x.iter().map(|x| x - x.exp()).sum()
        };
        let (nuts, noise) = (Nuts::new(300).unwrap(), Noise::seeded(152));
        let run = nuts.run(plain, starts(4, 2), 2000, &noise).unwrap();

        // the mean of x is −γ, its variance π²/6; steeper by half, it is not
        let gamma = 0.577_215_664_901_532_9;
        let square = |x: &[f64]| (x[1] + gamma).powi(2);
        let variance = std::f64::consts::PI.powi(2) / 6.0;
        assert!(error(&traces(&run, |x| x[0]), -gamma) < 5.0);
        assert!(error(&traces(&run, square), variance) < 5.0);
        let steeper = |x: &[f64], gradient: &mut [f64]| {
            let value = 1.5 * plain(x, gradient);
            gradient.iter_mut().for_each(|g| *g *= 1.5);
            value
        };
        let wrong = nuts.run(steeper, starts(4, 2), 2000, &noise).unwrap();
        assert!(5.0 < error(&traces(&wrong, square), variance));

        // before rounding has grown to a difference
        let shorter = Nuts::new(20).unwrap();
        let one = shorter.run(&on_tensors, starts(2, 2), 20, &noise).unwrap();
        let other = shorter.run(plain, starts(2, 2), 20, &noise).unwrap();
        for (a, b) in one.draws.iter().zip(&other.draws) {
            let (a, b) = (a.positions.concat(), b.positions.concat());
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} against {b:?}");
        }
    }

    #[test]
    fn steps_halved_for_their_energy_reach_the_neck_of_a_funnel() {
        let funnel = |x: &[f64], gradient: &mut [f64]| {
            let (squares, scale) = (x[1] * x[1] + x[2] * x[2], (-x[0]).exp());
            gradient[0] = -x[0] / 9.0 + 0.5 * squares * scale - 1.0;
            gradient[1] = -x[1] * scale;
            gradient[2] = -x[2] * scale;
            -x[0] * x[0] / 18.0 - 0.5 * squares * scale - x[0]
        };
        let plain = Nuts::new(1000).unwrap().with_acceptance(0.9).unwrap();
        let halving = plain.with_energy_bound(0.3).unwrap();
        let run = |nuts: Nuts| nuts.run(funnel, starts(8, 3), 10_000, &Noise::seeded(160)).unwrap();
        let diverged = |run: &NutsRun| {
            run.draws.iter().flat_map(|draw| &draw.steps).filter(|step| step.diverged).count()
        };
        let (fixed, halved) = (run(plain), run(halving));
        assert!(10 * diverged(&halved) < diverged(&fixed));
        // x₀ ~ N(0, 9) whatever the others are; below −3 is the neck, where steps of one length come too seldom
        let in_neck = |run: &NutsRun| traces(run, |x| f64::from(u8::from(x[0] < -3.0)));
        assert!(error(&traces(&halved, |x| x[0]), 0.0) < 5.0);
        assert!(error(&traces(&halved, |x| x[0] * x[0]), 9.0) < 5.0);
        assert!(error(&in_neck(&halved), 0.158_655_253_931_457) < 5.0);
        let share = in_neck(&fixed).concat().iter().sum::<f64>() / 80_000.0;
        assert!(share < 0.13, "{share}");
    }

    #[test]
    fn a_network_is_sampled_in_its_own_precision() {
        let config =
            MlpEnergyConfig { dim: 2, network: Hidden::new(vec![8], Activation::Softplus), confinement: 1.0 };
        let network = MlpEnergy::new(&config, &Init::new(Noise::seeded(157), &Device::flex())).unwrap();
        let density = log_density_of(&network, &Device::flex(), DType::F32);
        let run = Nuts::new(200).unwrap().run(density, starts(4, 2), 500, &Noise::seeded(158)).unwrap();
        // the mean of ∇E is 0 under exp(−E)
        let slope = |x: &[f64]| {
            let mut gradient = [0.0; 2];
            log_density_of(&network, &Device::flex(), DType::F32)(x, &mut gradient);
            gradient[0]
        };
        let slopes = traces(&run, slope);
        let mean = slopes.iter().flatten().sum::<f64>() / 2000.0;
        assert!(mean.abs() < 5.0 * mcse_mean(&slopes), "{mean}");
        assert!(run.draws.iter().all(|draw| draw.steps.iter().all(|step| !step.diverged)));
    }

    #[test]
    fn a_seed_is_a_run_with_any_number_of_threads() {
        let law = Gaussian::new(vec![1.0, -2.0], &[vec![2.0, 0.6], vec![0.6, 0.5]]).unwrap();
        let run = |threads: usize, seed: u64| {
            let density = log_density_of(&law, &Device::flex(), DType::F64);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let nuts = Nuts::new(30).unwrap();
            pool.install(|| nuts.run(density, starts(3, 2), 20, &Noise::seeded(seed)).unwrap())
        };
        let once = run(1, 153);
        assert_eq!(once, run(4, 153));
        assert_ne!(once.draws, run(1, 154).draws);
    }

    #[test]
    fn a_chain_stays_where_the_density_is_finite_and_reports_divergences() {
        let within = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = -x[0];
            if x[0].abs() < 1.0 { -0.5 * x[0] * x[0] } else { f64::NAN }
        };
        let nuts = Nuts::new(50).unwrap();
        let run = nuts.run(within, vec![vec![0.3]; 4], 200, &Noise::seeded(155)).unwrap();
        assert!(run.draws.iter().flat_map(|draw| &draw.positions).all(|x| x[0].abs() < 1.0));
        let n_diverged = run.draws.iter().flat_map(|draw| &draw.steps).filter(|step| step.diverged).count();
        assert!(100 < n_diverged, "{n_diverged}");

        let outside = nuts.run(within, vec![vec![0.3], vec![2.0]], 5, &Noise::seeded(156)).unwrap_err();
        assert!(matches!(outside, SampleError::Start { chain: 1, .. }), "{outside}");
        assert_eq!(outside.to_string(), "chain 1 could not go on from where it starts");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(matches!(Nuts::new(0), Err(SampleError::OutOfRange(_))));
        assert!(matches!(Nuts::new(9).unwrap().with_acceptance(1.0), Err(SampleError::OutOfRange(_))));
        assert!(Nuts::new(9).unwrap().with_max_depth(0).is_err());
        for bound in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = Nuts::new(9).unwrap().with_energy_bound(bound).unwrap_err();
            assert!(refused.to_string().starts_with("energy_bound"), "{refused}");
        }
    }
}
