//! A kernel on a posterior, against the exact mean and variance of every parameter.

use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_ops::Noise;
#[cfg(feature = "nuts")]
use ebm_sample::Nuts;
use ebm_sample::diagnostics::{ess_mean, r_hat};
use ebm_sample::slices::{SliceChains, SliceDraw, SliceEnergy, SliceKernel};
use ebm_sample::{
    Chain, Chees, Draw, Hmc, Mala, Mamclmc, MamclmcWarmUp, Mclmc, MclmcWarmUp, StepReport, Tunable, WarmUp,
};

use super::posteriors::{Expected, Posterior, Reference, steepened};

/// Which kernel, each with its own adaptation.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(dead_code, reason = "each program that has this module uses its own part of it")]
pub enum Method {
    /// Trajectories of so many leapfrog steps.
    Hmc(usize),
    /// One gradient a step.
    Mala,
    /// Trajectories of the length that its warm-up finds.
    Chees,
    /// Microcanonical trajectories with a test, of the length that their warm-up finds.
    Mamclmc,
    /// Microcanonical dynamics without one, whose bias has to be below the errors.
    Mclmc,
    /// Trajectories that end where they turn back.
    #[cfg(feature = "nuts")]
    Nuts,
    /// The same with steps that are halved until the energy along each moves by no more than this.
    #[cfg(feature = "nuts")]
    NutsWithin(f64),
}

/// How long a run is.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Chains.
    pub n_chains: usize,
    /// Steps of adaptation, of each.
    pub n_warm_up: usize,
    /// Draws that are kept, of each.
    pub n_draws: usize,
    /// Steps from one to the next; NUTS makes each of them a draw.
    pub thinning: usize,
    /// The acceptance that the warm-up comes to, unless that is the kernel's own.
    pub acceptance: Option<f64>,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The largest distance from an exact mean or variance, in standard errors √(s²/ESS + e²), with ESS that of
    /// the averaged function and e the error of the reference; infinite if there is none.
    pub worst_z: f64,
    /// The largest R̂ of a parameter.
    pub worst_r_hat: f64,
    /// The least ESS of an averaged function.
    pub least_ess: f64,
    /// Proposals or trajectories that diverged after the warm-up.
    pub n_diverged: usize,
}

impl Outcome {
    /// The worse of both, figure by figure.
    pub fn worse(self, other: Self) -> Self {
        Self {
            worst_z: self.worst_z.max(other.worst_z),
            worst_r_hat: self.worst_r_hat.max(other.worst_r_hat),
            least_ess: self.least_ess.min(other.least_ess),
            n_diverged: self.n_diverged + other.n_diverged,
        }
    }

    /// Whether it is as it should be.
    pub fn holds(&self) -> bool {
        self.worst_z < 5.0 && self.worst_r_hat < 1.01 && 1000.0 <= self.least_ess
    }
}

/// Runs `method` on the log density times `factor` and compares with what the reference expects.
pub fn run(
    posterior: &dyn Posterior,
    reference: &Reference,
    method: Method,
    length: Length,
    factor: f64,
    seed: u64,
) -> Outcome {
    let (noise, expected) = (Noise::seeded(seed), posterior.expected(reference));
    let starts = starts(posterior, reference, length.n_chains, &noise.derive("starts"));
    let density = steepened(posterior, factor);
    let mut traces = Traces::new(posterior, &expected, length.n_chains);
    let n_diverged = match method {
        Method::Hmc(n_leapfrog) => {
            let kernel = Hmc::new(0.1, n_leapfrog).expect("a trajectory");
            warm_chains(density, kernel, starts, length, noise.derive("chains"), |draw| traces.add(&draw))
        }
        Method::Mala => {
            let kernel = Mala::new(0.01).expect("a step");
            warm_chains(density, kernel, starts, length, noise.derive("chains"), |draw| traces.add(&draw))
        }
        Method::Chees | Method::Mamclmc | Method::Mclmc => {
            on_tensors(method, density, &starts, length, noise.derive("chains"), |draw| traces.add_rows(draw))
        }
        #[cfg(feature = "nuts")]
        Method::Nuts | Method::NutsWithin(_) => {
            let nuts = nuts(method, length).run(density, starts, length.n_draws, &noise.derive("chains"));
            let run = nuts.expect("a start");
            run.draws.iter().for_each(|draw| traces.add(draw));
            run.draws.iter().flat_map(|draw| &draw.steps).filter(|step| step.diverged).count()
        }
    };
    Outcome { n_diverged, ..traces.outcome(&expected) }
}

#[cfg(feature = "nuts")]
fn nuts(method: Method, length: Length) -> Nuts {
    let plain = Nuts::new(length.n_warm_up).expect("a warm-up");
    let nuts = length.acceptance.map_or(Ok(plain), |acceptance| plain.with_acceptance(acceptance));
    let nuts = nuts.expect("an acceptance");
    match method {
        Method::NutsWithin(bound) => nuts.with_energy_bound(bound).expect("a bound"),
        _ => nuts,
    }
}

/// Where chains start, twice as wide as the posterior: x̄ + √2 (a − x̄) + √2 (b − x̄), with a and b two of the
/// reference's points and x̄ their mean; N(0, I) where there are none.
fn starts(posterior: &dyn Posterior, reference: &Reference, n_chains: usize, noise: &Noise) -> Vec<Vec<f64>> {
    let (dim, points) = (posterior.dim(), reference.fixtures(posterior.name()));
    let center = |i: usize| points.iter().map(|point| point.position[i]).sum::<f64>() / points.len() as f64;
    let start = |c: usize| {
        let mut noise = noise.child(c as u64);
        if points.is_empty() {
            return noise.normals_f64(dim);
        }
        let pair = noise.permutation(points.len());
        let from = |which: usize, i: usize| points[pair[which]].position[i] - center(i);
        (0..dim).map(|i| center(i) + 2f64.sqrt() * (from(0, i) + from(1, i))).collect()
    };
    (0..n_chains).map(start).collect()
}

/// Warms chains up, hands every draw that is kept to `add`, and counts the proposals that diverged after the
/// warm-up.
fn warm_chains<F, K>(
    density: F,
    kernel: K,
    starts: Vec<Vec<f64>>,
    length: Length,
    noise: Noise,
    mut add: impl FnMut(SliceDraw),
) -> usize
where
    F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
    K: SliceKernel + Tunable,
{
    let chains = SliceChains::start(density, kernel, starts, noise);
    let plain = WarmUp::new(length.n_warm_up).expect("a warm-up");
    let warm_up = length.acceptance.map_or(Ok(plain), |acceptance| plain.with_acceptance(acceptance));
    let warm = warm_up.expect("an acceptance").run_on_slices(chains);
    let (mut chains, _) = warm.expect("variances");
    let mut n_diverged = 0;
    for _ in 0..length.n_draws {
        for i in 1..=length.thinning {
            let draw = chains.next().expect("a chain does not end");
            n_diverged += draw.steps.iter().filter(|step| step.diverged).count();
            if i == length.thinning {
                add(draw);
            }
        }
    }
    n_diverged
}

/// The same for kernels that move all chains at once, in double precision.
fn on_tensors<F>(
    method: Method,
    density: F,
    starts: &[Vec<f64>],
    length: Length,
    mut noise: Noise,
    add: impl FnMut(&[f64]),
) -> usize
where
    F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
{
    let model = SliceEnergy::new(density);
    let data = TensorData::new(starts.concat(), [starts.len(), starts[0].len()]);
    let start = Tensor::<2>::from_data(data, (&Device::flex(), DType::F64));
    let chees = Chees::new(length.n_warm_up).expect("a warm-up");
    let chees = length.acceptance.map_or(Ok(chees), |acceptance| chees.with_acceptance(acceptance));
    let chees = chees.expect("an acceptance");
    match method {
        Method::Mclmc => {
            let (plain, warm_up) = (Mclmc::new(0.05), MclmcWarmUp::new(length.n_warm_up).expect("a warm-up"));
            let tuned = warm_up.run(&model, &plain.expect("a step"), start, &mut noise).expect("variances");
            keep(Chain::resume(&model, tuned.kernel, tuned.state, noise), length, add)
        }
        Method::Mamclmc => {
            let (plain, warm_up) = (Mamclmc::new(0.05), MamclmcWarmUp::new(length.n_warm_up));
            let (plain, warm_up) = (plain.expect("a step"), warm_up.expect("a warm-up"));
            let tuned = warm_up.run(&model, &plain, start, &mut noise).expect("variances");
            keep(Chain::resume(&model, tuned.kernel, tuned.state, noise), length, add)
        }
        _ => {
            let plain = Hmc::new(0.05, 10).expect("a trajectory");
            let tuned = chees.run(&model, &plain, start, &mut noise).expect("variances");
            keep(Chain::resume(&model, tuned.kernel, tuned.state, noise), length, add)
        }
    }
}

/// Hands the rows of every draw that is kept to `add`, and counts the steps that diverged.
fn keep<I: StepReport>(
    mut chain: impl Iterator<Item = Draw<I>>,
    length: Length,
    mut add: impl FnMut(&[f64]),
) -> usize {
    let mut n_diverged = 0;
    for i in 1..=length.n_draws * length.thinning {
        let draw = chain.next().expect("a chain does not end");
        let flags = draw.info.diverged().map(|flags| flags.clone().into_data());
        n_diverged += flags.map_or(0, |flags| flags.iter::<bool>().filter(|flag| *flag).count());
        if i % length.thinning == 0 {
            add(&draw.position.into_data().iter::<f64>().collect::<Vec<_>>());
        }
    }
    n_diverged
}

/// Draws of every parameter.
struct Traces<'a> {
    posterior: &'a dyn Posterior,
    /// `[parameter][chain][draw]`.
    parameters: Vec<Vec<Vec<f64>>>,
}

impl<'a> Traces<'a> {
    fn new(posterior: &'a dyn Posterior, expected: &Expected, n_chains: usize) -> Self {
        let parameters = vec![vec![vec![]; n_chains]; expected.means.len()];
        Self { posterior, parameters }
    }

    fn add(&mut self, draw: &SliceDraw) {
        draw.positions.iter().enumerate().for_each(|(chain, position)| self.add_to(chain, position));
    }

    /// Adds the positions of all chains, `[chains, dim]`.
    fn add_rows(&mut self, positions: &[f64]) {
        let rows = positions.chunks_exact(self.posterior.dim());
        rows.enumerate().for_each(|(chain, position)| self.add_to(chain, position));
    }

    fn add_to(&mut self, chain: usize, position: &[f64]) {
        let values = self.posterior.parameters(position);
        assert_eq!(values.len(), self.parameters.len(), "parameters of {}", self.posterior.name());
        self.parameters.iter_mut().zip(values).for_each(|(trace, value)| trace[chain].push(value));
    }

    fn outcome(&self, expected: &Expected) -> Outcome {
        let parameter = |(i, draws): (usize, &Vec<Vec<f64>>)| {
            let (mean, variance) = (expected.means[i], expected.variances[i]);
            let squares: Vec<Vec<f64>> =
                draws.iter().map(|chain| chain.iter().map(|x| (x - mean).powi(2)).collect()).collect();
            let (first, ess) = error(draws, mean, expected.mean_errors[i]);
            let (second, ess_of_squares) = error(&squares, variance, expected.variance_errors[i]);
            Outcome {
                worst_z: first.max(second),
                worst_r_hat: or_infinite(r_hat(draws)),
                least_ess: ess.min(ess_of_squares),
                n_diverged: 0,
            }
        };
        let outcomes = self.parameters.iter().enumerate().map(parameter);
        outcomes.reduce(Outcome::worse).expect("a parameter")
    }
}

/// How far the mean of the draws is from `exact`, in standard errors, and their effective sample size.
fn error(draws: &[Vec<f64>], exact: f64, exact_error: f64) -> (f64, f64) {
    let n = draws.iter().map(Vec::len).sum::<usize>() as f64;
    let mean = draws.iter().flatten().sum::<f64>() / n;
    let variance = draws.iter().flatten().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let ess = ess_mean(draws);
    let standard_error = (variance / ess + exact_error.powi(2)).sqrt();
    (or_infinite((mean - exact).abs() / standard_error), if ess.is_nan() { 0.0 } else { ess })
}

fn or_infinite(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x }
}
