//! Annealed importance sampling from a distribution with a known normaliser.

use burn::tensor::{Device, Tensor};
use ebm_model::{Energy, Gaussian, Potential};
use ebm_ops::{Noise, OutOfRange};
use ebm_sample::Kernel;

use crate::error::require_rows;
use crate::host::numbers;
use crate::{Annealing, Bridge, EvalError, LogNormalizer};

/// Annealed importance sampling between a Gaussian and a target, E_β = (1 − β) E₀ + β E₁.
///
/// A chain makes a few transitions at each inverse temperature, and its weight is
///
/// log w = log Z₀ + Σ_k (β_{k+1} − β_k)(E₀ − E₁)(x_k).
///
/// Forward, E w = Z; in reverse, from exact samples of the target, E 1/w = 1/Z.
/// By Jensen's inequality the forward estimate of log Z is too low in expectation and the reverse one too high,
/// so together they bound the error of each.
/// Transitions must leave E_β invariant and be reversible, as Metropolis kernels are; with unadjusted kernels
/// neither estimate is a bound.
///
/// Cost: at each inverse temperature except the two ends, one evaluation of energy and score and `transitions`
/// kernel steps; at each except the last, one energy of either end and one read of `chains` numbers from the
/// device.
/// Weights are summed in double precision.
///
/// # Reference
/// Neal (2001), *Annealed importance sampling*, §2; in reverse: Grosse, Ghahramani and Adams (2015),
/// *Sandwiching the marginal likelihood using bidirectional Monte Carlo*, §3; Burda, Grosse and Salakhutdinov
/// (2015), *Accurate and conservative estimates of MRF log-likelihood using reverse annealing*.
#[derive(Clone, Debug, PartialEq)]
pub struct AnnealedImportance {
    path: Annealing,
    transitions: usize,
}

impl AnnealedImportance {
    /// One transition at each inverse temperature of the path.
    pub fn new(path: Annealing) -> Self {
        Self { path, transitions: 1 }
    }

    /// Makes `transitions` transitions at each inverse temperature.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] without a transition.
    pub fn with_transitions(self, transitions: usize) -> Result<Self, EvalError> {
        OutOfRange::at_least("transitions", 1, transitions)?;
        Ok(Self { transitions, ..self })
    }

    /// The inverse temperatures.
    pub fn path(&self) -> &Annealing {
        &self.path
    }

    /// Estimates log Z of the target from below, with `chains` chains (at least 2) from the Gaussian to the
    /// target on `device`.
    ///
    /// `kernel` returns the transition at a given β, so that step sizes can depend on β.
    /// The positions in the result are those of the last transition, at β_{K−1}; weighted by the chains' weights
    /// they represent the target.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] with fewer than two chains, [`EvalError::NotFinite`] for an energy that is NaN.
    pub fn forward<'a, P, K>(
        &self,
        start: &'a Gaussian,
        target: &'a P,
        kernel: impl Fn(f64) -> K,
        chains: usize,
        noise: &Noise,
        device: &Device,
    ) -> Result<LogNormalizer, EvalError>
    where
        P: Potential + ?Sized,
        K: Kernel<Bridge<'a, P>>,
    {
        let position = start.sample(chains, &mut noise.derive("start"), device);
        let steps: Vec<[f64; 2]> = self.path.betas().windows(2).map(|pair| [pair[0], pair[1]]).collect();
        self.run_chains(start, target, kernel, position, noise, &steps, 1.0)
    }

    /// Estimates log Z of the target from above, with reverse chains that start from `samples` of the target,
    /// `[chains, dim]`, at least 2 chains.
    ///
    /// From approximate samples the result is an estimate but not a bound: it is too low if their energies are
    /// too high.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn reverse<'a, P, K>(
        &self,
        start: &'a Gaussian,
        target: &'a P,
        kernel: impl Fn(f64) -> K,
        samples: Tensor<2>,
        noise: &Noise,
    ) -> Result<LogNormalizer, EvalError>
    where
        P: Potential + ?Sized,
        K: Kernel<Bridge<'a, P>>,
    {
        let steps: Vec<[f64; 2]> =
            self.path.betas().windows(2).rev().map(|pair| [pair[1], pair[0]]).collect();
        self.run_chains(start, target, kernel, samples, noise, &steps, -1.0)
    }

    /// Runs the chains through `steps`, pairs of successive β; `direction` is 1 for forward and −1 for reverse
    /// chains.
    #[expect(clippy::too_many_arguments, reason = "one implementation of both directions")]
    fn run_chains<'a, P, K>(
        &self,
        start: &'a Gaussian,
        target: &'a P,
        kernel: impl Fn(f64) -> K,
        mut position: Tensor<2>,
        noise: &Noise,
        steps: &[[f64; 2]],
        direction: f64,
    ) -> Result<LogNormalizer, EvalError>
    where
        P: Potential + ?Sized,
        K: Kernel<Bridge<'a, P>>,
    {
        require_rows(position.dims()[0], "chains", 2)?;
        let mut noise = noise.derive("transitions");
        let mut log_weights = vec![start.log_normalizer(); position.dims()[0]];
        for (k, &[from, to]) in steps.iter().enumerate() {
            if 0 < k {
                position =
                    self.transition(&Bridge::new(start, target, from), &kernel(from), position, &mut noise);
            }
            let differences = self::differences(start, target, &position)?;
            for (log_weight, difference) in log_weights.iter_mut().zip(differences) {
                // in reverse the sum has the same positive steps, evaluated at the other end of each
                *log_weight += (to - from).abs() * difference;
            }
        }
        Ok(LogNormalizer::from_chains(log_weights, direction, position))
    }

    fn transition<M, K: Kernel<M>>(
        &self,
        model: &M,
        kernel: &K,
        position: Tensor<2>,
        noise: &mut Noise,
    ) -> Tensor<2> {
        let state = kernel.init(model, position);
        (0..self.transitions).fold(state, |state, _| kernel.step(model, state, noise).0).position
    }
}

/// (E₀ − E₁)(x) of each row.
fn differences(
    start: &Gaussian,
    target: &(impl Energy + ?Sized),
    x: &Tensor<2>,
) -> Result<Vec<f64>, EvalError> {
    let (low, high) = (numbers(start.energy(x.clone())), numbers(target.energy(x.clone())));
    let differences: Vec<f64> = low.iter().zip(high).map(|(low, high)| low - high).collect();
    match differences.iter().position(|difference| difference.is_nan()) {
        Some(row) => Err(EvalError::NotFinite { what: "energy", row, value: f64::NAN }),
        None => Ok(differences),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Estimate;
    use crate::log_likelihood;
    use crate::report::variance;
    use ebm_model::{GaussianBernoulliRbm, GaussianBernoulliRbmConfig, GaussianMixture, Init, Score};
    use ebm_sample::{Langevin, Mala, State};

    /// Exact and independent draws from N(0, `variance`).
    struct Exact {
        variance: f64,
    }

    impl<M> Kernel<M> for Exact {
        type Memo = ();
        type Info = ();

        fn init(&self, _: &M, position: Tensor<2>) -> State<()> {
            State { position, memo: () }
        }

        fn step(&self, _: &M, state: State<()>, noise: &mut Noise) -> (State<()>, ()) {
            let position = noise.normal_like(&state.position) * self.variance.sqrt();
            (State { position, memo: () }, ())
        }
    }

    #[test]
    fn with_exact_transitions_the_weights_have_their_known_distribution() {
        // precisions from ¼ to 3 in ten steps: E log w = −½ Σ Δ_k/λ_k, Var = ½ Σ (Δ_k/λ_k)², E w = √(λ₀/λ_K)
        let (n, first, last) = (40_000, 0.25, 3.0);
        let start = Gaussian::isotropic(vec![0.0], 1.0 / first).unwrap();
        let target = Gaussian::isotropic(vec![0.0], 1.0 / last).unwrap();
        let ais = AnnealedImportance::new(Annealing::linear(10).unwrap());
        let precision = |beta: f64| first + beta * (last - first);
        let kernel = |beta| Exact { variance: 1.0 / precision(beta) };
        let noise = Noise::seeded(121);
        let forward = ais.forward(&start, &target, kernel, n, &noise, &Device::flex()).unwrap();
        let samples = target.sample(n, &mut noise.derive("samples"), &Device::flex());
        let reverse = ais.reverse(&start, &target, kernel, samples, &noise.derive("reverse")).unwrap();

        let log_z0 = start.log_normalizer();
        let ratios: Vec<[f64; 2]> = ais
            .path()
            .betas()
            .windows(2)
            .map(|pair| [precision(pair[0]), precision(pair[1])])
            .map(|[low, high]| [(high - low) / low, (high - low) / high])
            .collect();
        for (found, end) in [(&forward, 0), (&reverse, 1)] {
            let mean = -0.5 * ratios.iter().map(|ratio| ratio[end]).sum::<f64>();
            let exact_variance = 0.5 * ratios.iter().map(|ratio| ratio[end] * ratio[end]).sum::<f64>();
            if end == 0 {
                assert!((mean + 1.540_322).abs() < 1e-7 && (exact_variance - 0.898_916_9).abs() < 1e-7);
            }
            let log_mean = found.mean_log_weight;
            assert!(log_mean.errors_above(log_z0 + mean).abs() < 5.0, "{end}: {log_mean:?} against {mean}");
            let squares: Vec<f64> = found.log_weights.iter().map(|w| (w - log_mean.value).powi(2)).collect();
            let error = Estimate::mean(&squares).standard_error;
            let found_variance = variance(&found.log_weights);
            assert!(
                (found_variance - exact_variance).abs() < 5.0 * error,
                "{end}: {found_variance} against {exact_variance}"
            );

            let log_z = found.estimate;
            let exact = log_z0 - 1.242_453_3;
            assert!((target.log_normalizer() - exact).abs() < 1e-7);
            assert!(log_z.errors_above(exact).abs() < 5.0, "{end}: {log_z:?} against {exact}");
            // the mean log weights are loose bounds, so a wrong sign would be detected
            let side = if end == 0 { -1.0 } else { 1.0 };
            assert!(20.0 < side * log_mean.errors_above(exact), "{end}: {log_mean:?}");
        }
    }

    /// Forward and reverse chains with MALA steps of `step` at β = 1, from N(0, `wide` I) and from exact
    /// `samples`.
    fn assert_bracketed<P: Potential>(
        target: &P,
        samples: Tensor<2>,
        exact: f64,
        [wide, step]: [f64; 2],
        seed: u64,
    ) -> [LogNormalizer; 2] {
        let ([n, dim], noise) = (samples.dims(), Noise::seeded(seed));
        let start = Gaussian::isotropic(vec![0.0; dim], wide).unwrap();
        let ais = AnnealedImportance::new(Annealing::linear(150).unwrap());
        let kernel = |beta: f64| Mala::new(step / (beta + (1.0 - beta) * step / wide)).unwrap();
        let forward =
            ais.forward(&start, target, kernel, n, &noise.derive("forward"), &samples.device()).unwrap();
        let reverse = ais.reverse(&start, target, kernel, samples, &noise.derive("reverse")).unwrap();
        for (found, side) in [(&forward, 1.0), (&reverse, -1.0)] {
            let (log_z, bound) = (found.estimate, found.mean_log_weight);
            assert!(log_z.standard_error < 0.05, "{side}: {log_z:?}");
            assert!(log_z.errors_above(exact).abs() < 5.0, "{side}: {log_z:?} against {exact}");
            assert!(side * bound.errors_above(exact) < 5.0, "{side}: {bound:?} against {exact}");
            assert!(0.1 * n as f64 <= found.effective_sample_size, "{}", found.effective_sample_size);
        }
        // the bracket is not empty and not too wide
        let width = reverse.mean_log_weight.value - forward.mean_log_weight.value;
        assert!(0.0 < width && width < 1.0, "{width}");
        [forward, reverse]
    }

    #[test]
    fn the_normaliser_of_a_correlated_gaussian_is_bracketed() {
        let target = Gaussian::new(vec![1.0, -0.5], &[vec![1.0, 0.3], vec![0.3, 0.4]]).unwrap();
        let samples = target.sample(1000, &mut Noise::seeded(122), &Device::flex());
        assert_bracketed(&target, samples, target.log_normalizer(), [4.0, 0.2], 123);
    }

    #[test]
    fn the_normaliser_of_a_mixture_is_bracketed() {
        let mode = |mean: f64| Gaussian::isotropic(vec![mean, 0.0], 0.3).unwrap();
        let target = GaussianMixture::new(vec![0.3, 0.7], vec![mode(-2.0), mode(2.0)]).unwrap();
        let samples = target.sample(1000, &mut Noise::seeded(124), &Device::flex());
        assert_bracketed(&target, samples, 0.0, [4.0, 0.15], 125);
    }

    #[test]
    fn normaliser_and_likelihood_of_a_boltzmann_machine_are_bracketed() {
        let config = GaussianBernoulliRbmConfig { dim: 6, hidden: 8, scale: 0.6 };
        let device = Device::flex();
        let machine = GaussianBernoulliRbm::new(&config, &Init::new(Noise::seeded(128), &device)).unwrap();
        let (mixture, exact) = (machine.mixture().unwrap(), machine.log_normalizer().unwrap());
        let samples = mixture.sample(1000, &mut Noise::seeded(129), &device);
        let [forward, reverse] = assert_bracketed(&machine, samples, exact, [1.0, 0.15], 130);

        let points = mixture.sample(500, &mut Noise::seeded(131), &device);
        let found = log_likelihood(&machine, points.clone(), &forward, &reverse).unwrap();
        let likelihood = Estimate::mean(&numbers(mixture.energy(points).neg()));
        assert!((found.points_error - likelihood.standard_error).abs() < 1e-4, "{found:?}, {likelihood:?}");
        for end in [found.low, found.high] {
            assert!(end.errors_above(likelihood.value).abs() < 5.0, "{end:?} against {likelihood:?}");
        }
        // without its hidden units the machine is another distribution
        let normal = 3.0 * (std::f64::consts::TAU * 0.36).ln();
        assert!(5.0 < forward.estimate.errors_above(normal), "{normal}");
    }

    /// An energy raised by a constant a, which lowers log Z by a.
    struct Raised<P>(P, f64);

    impl<P: Energy> Energy for Raised<P> {
        fn energy(&self, x: Tensor<2>) -> Tensor<1> {
            self.0.energy(x) + self.1
        }
    }

    impl<P: Score> Score for Raised<P> {
        fn score(&self, x: Tensor<2>) -> Tensor<2> {
            self.0.score(x)
        }
    }

    impl<P: Potential> Potential for Raised<P> {}

    #[test]
    fn a_raised_energy_lowers_log_z_and_an_unadjusted_kernel_biases_it() {
        let gaussian = Gaussian::isotropic(vec![0.5], 0.5).unwrap();
        let target = Raised(&gaussian, 300.0);
        let start = Gaussian::isotropic(vec![0.0], 2.0).unwrap();
        let ais = AnnealedImportance::new(Annealing::sigmoid(40, 4.0).unwrap()).with_transitions(2).unwrap();
        let (noise, device, exact) = (Noise::seeded(126), Device::flex(), gaussian.log_normalizer() - 300.0);
        let kernel = |_| Mala::new(0.4).unwrap();
        let found = ais.forward(&start, &target, kernel, 10_000, &noise, &device).unwrap().estimate;
        assert!(found.errors_above(exact).abs() < 5.0, "{found:?} against {exact}");
        let kernel = |_| Langevin::new(0.4).unwrap();
        let biased = ais.forward(&start, &target, kernel, 10_000, &noise, &device).unwrap().estimate;
        assert!(10.0 < biased.errors_above(exact).abs(), "{biased:?} against {exact}");
    }

    #[test]
    fn one_chain_and_a_nan_energy_are_refused() {
        let start = Gaussian::standard(1);
        let ais = AnnealedImportance::new(Annealing::linear(2).unwrap());
        let kernel = |_| Mala::new(0.4).unwrap();
        let (noise, device) = (Noise::seeded(127), Device::flex());
        let error = ais.forward(&start, &start, kernel, 1, &noise, &device).unwrap_err().to_string();
        assert_eq!(error, "chains: expected at least 2 rows, found 1");
        let broken = Raised(&start, f64::NAN);
        let error = ais.forward(&start, &broken, kernel, 5, &noise, &device).unwrap_err().to_string();
        assert_eq!(error, "energy: expected finite numbers, found NaN in row 0");
        assert!(ais.with_transitions(0).is_err());
    }
}
