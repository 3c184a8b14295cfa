//! `ebm sample --target NAME --kernel NAME`: chains on a closed-form energy.

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use ebm_model::{Banana, DoubleWell, Funnel, Gaussian, GaussianMixture, Potential, Ring, Rosenbrock, Skewed};
use ebm_ops::Noise;
use ebm_sample::diagnostics::Summary;
use ebm_sample::{
    Chain, Hmc, Kernel, Langevin, Mala, MetropolisInfo, State, Tunable, Tuned, Underdamped, WarmUp,
};
use indicatif::ProgressBar;
use serde_json::json;

use crate::output::{self, Format, Samples};
use crate::usage::usage;

/// An energy of which everything is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// N(0, I) in the plane.
    Gaussian,
    /// N(0, Σ) in the plane with variances 1 and a correlation of 0.9.
    Correlated,
    /// 0.3 N((−2, 0), 0.5 I) + 0.7 N((2, 0), 0.5 I).
    TwoModes,
    /// Eight normal distributions of deviation 0.5 on a circle of radius 2.
    EightModes,
    /// A normal law bent along a parabola.
    Banana,
    /// Neal's funnel in the plane: the width of one coordinate is told by the other.
    Funnel,
    /// Two wells on a line, with a barrier of 2 nats between.
    DoubleWell,
    /// A circle of radius 2 with a width of 0.2.
    Ring,
    /// Rosenbrock's valley.
    Rosenbrock,
    /// E = Σ (exp x − x), steep on one side.
    Skewed,
}

/// How the chains move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KernelName {
    /// Unadjusted Langevin dynamics; biased by O(step size).
    Langevin,
    /// Underdamped Langevin dynamics (BAOAB) with friction 1; biased by O(step size²).
    Underdamped,
    /// Metropolis-adjusted Langevin dynamics.
    Mala,
    /// Hamiltonian Monte Carlo.
    Hmc,
}

/// Any of the targets.
type Law = dyn Potential;

/// What the command line asks for.
pub struct Request {
    /// The energy.
    pub target: Target,
    /// The kernel.
    pub kernel: KernelName,
    /// η of a Langevin step; ε of a step of the others.
    pub step_size: f64,
    /// Leapfrog steps of a step of Hamiltonian Monte Carlo.
    pub leapfrog: usize,
    /// Chains.
    pub chains: usize,
    /// Draws kept of each chain.
    pub draws: usize,
    /// Draws thrown away at first.
    pub burn_in: usize,
    /// Whether step size and mass are adapted while they are thrown away.
    pub adapt: bool,
    /// One draw of so many is kept.
    pub thin: usize,
    /// Of all randomness.
    pub seed: u64,
    /// Where the draws go.
    pub out: PathBuf,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// Draws of all chains, `[chain, draw, dim]`, and what a Metropolis test said.
struct Draws {
    kept: Vec<Tensor<3>>,
    acceptance: Option<f64>,
    step_size: f64,
}

/// Runs the chains from N(0, I), writes their draws, `[chain, draw, dim]`, and says whether they can be trusted.
///
/// # Errors
/// A wrong use of the command line, a chain that diverges, or a file that cannot be written.
pub fn sample(request: &Request, device: &Device) -> Result<()> {
    let Request { step_size, chains, draws, thin, seed, out, json, .. } = request;
    for (flag, count) in [("--chains", chains), ("--draws", draws), ("--thin", thin)] {
        ensure!(0 < *count, usage(anyhow!("{flag} 0: expected at least 1")));
    }
    let format = Format::of(out).map_err(usage)?;
    let law = request.target.law()?;
    let dim = request.target.dim();
    format.check(Samples::chains(vec![0.0; dim], [1, 1, dim])?.shape()).map_err(usage)?;

    let noise = Noise::seeded(*seed);
    let start = noise.derive("start").normal([*chains, dim], device);
    let noise = noise.derive("chain");
    let found = match request.kernel {
        KernelName::Langevin => {
            request.plain(&*law, Langevin::new(*step_size).map_err(usage)?, start, noise)?
        }
        KernelName::Underdamped => {
            request.plain(&*law, Underdamped::new(*step_size, 1.0).map_err(usage)?, start, noise)?
        }
        KernelName::Mala => request.tested(&*law, Mala::new(*step_size).map_err(usage)?, start, noise)?,
        KernelName::Hmc => {
            let kernel = Hmc::new(*step_size, request.leapfrog).map_err(usage)?;
            request.tested(&*law, kernel, start, noise)?
        }
    };
    let values = Tensor::cat(found.kept, 1).into_data().convert::<f32>();
    let values: Vec<f32> =
        values.try_to_vec().map_err(|error| anyhow!("the draws cannot be read back: {error:?}"))?;
    ensure!(values.iter().all(|value| value.is_finite()), "a chain diverged; a smaller --step-size may help");
    let shape = [*chains, *draws, dim];
    let summaries = Summary::of_each(&values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), shape);
    let samples = Samples::chains(values, shape)?;
    output::write(out, &samples)?;
    if *json {
        let line = json!({
            "event": "done", "shape": samples.shape().dims(), "seed": seed, "step_size": found.step_size,
            "acceptance": found.acceptance, "coordinates": summaries, "out": out,
        });
        println!("{line}");
        return Ok(());
    }
    println!("          mean        sd        5 %    median      95 %     r_hat  ess_bulk  ess_tail");
    for (i, s) in summaries.iter().enumerate() {
        println!(
            "x{i:<3} {:9.4} {:9.4} {:9.4} {:9.4} {:9.4} {:9.4} {:9.0} {:9.0}",
            s.mean, s.sd, s.q5, s.median, s.q95, s.r_hat, s.ess_bulk, s.ess_tail
        );
    }
    let acceptance = found.acceptance.map(|share| format!(", acceptance {share:.3}")).unwrap_or_default();
    println!(
        "step size {:.4}{acceptance}\n{chains} chains of {draws} draws: {}",
        found.step_size,
        out.display()
    );
    Ok(())
}

impl Request {
    /// Chains of a kernel without a Metropolis test.
    fn plain<K: Kernel<Law>>(&self, law: &Law, kernel: K, start: Tensor<2>, noise: Noise) -> Result<Draws> {
        ensure!(
            !self.adapt,
            usage(anyhow!("--adapt needs a kernel with a Metropolis test: --kernel mala or hmc"))
        );
        let state = kernel.init(law, start);
        let (kept, _) = self.run(law, kernel, state, noise, |_| None)?;
        Ok(Draws { kept, acceptance: None, step_size: self.step_size })
    }

    /// Chains of a kernel with one, adapted before if that is asked for.
    fn tested<K>(&self, law: &Law, kernel: K, start: Tensor<2>, mut noise: Noise) -> Result<Draws>
    where
        K: Tunable + Kernel<Law, Info = MetropolisInfo>,
    {
        let (kernel, state, request) = if self.adapt && 0 < self.burn_in {
            let warm_up = WarmUp::new(self.burn_in).map_err(usage)?;
            let Tuned { kernel, state, .. } = warm_up.run(law, &kernel, start, &mut noise)?;
            (kernel, state, Self { burn_in: 0, out: self.out.clone(), ..*self })
        } else {
            let state = kernel.init(law, start);
            (kernel, state, Self { out: self.out.clone(), ..*self })
        };
        let step_size = kernel.step_size();
        let mean = |info: MetropolisInfo| Some(info.acceptance.mean());
        let (kept, acceptance) = request.run(law, kernel, state, noise, mean)?;
        Ok(Draws { kept, acceptance, step_size })
    }

    /// The draws that are kept, and the mean of what `number` says of their steps.
    fn run<K: Kernel<Law>>(
        &self,
        law: &Law,
        kernel: K,
        state: State<K::Memo>,
        noise: Noise,
        number: impl Fn(K::Info) -> Option<Tensor<1>>,
    ) -> Result<(Vec<Tensor<3>>, Option<f64>)> {
        let bar = ProgressBar::new(self.draws as u64);
        let chain = Chain::resume(law, kernel, state, noise);
        let (mut kept, mut numbers) = (Vec::with_capacity(self.draws), Vec::new());
        for draw in chain.skip(self.burn_in).step_by(self.thin).take(self.draws) {
            bar.inc(1);
            kept.push(draw.position.unsqueeze_dim(1));
            numbers.extend(number(draw.info));
        }
        bar.finish_and_clear();
        let mean = match numbers.is_empty() {
            true => None,
            false => Some(Tensor::cat(numbers, 0).mean().into_scalar::<f64>()),
        };
        Ok((kept, mean))
    }
}

impl Target {
    fn law(self) -> Result<Box<Law>> {
        let mode = |x: f64, y: f64, variance: f64| Gaussian::isotropic(vec![x, y], variance);
        Ok(match self {
            Self::Gaussian => Box::new(Gaussian::standard(2)),
            Self::Correlated => Box::new(Gaussian::new(vec![0.0; 2], &[vec![1.0, 0.9], vec![0.9, 1.0]])?),
            Self::TwoModes => {
                let modes = vec![mode(-2.0, 0.0, 0.5)?, mode(2.0, 0.0, 0.5)?];
                Box::new(GaussianMixture::new(vec![0.3, 0.7], modes)?)
            }
            Self::EightModes => {
                let angle = |k: usize| std::f64::consts::TAU * k as f64 / 8.0;
                let modes = (0..8).map(|k| mode(2.0 * angle(k).cos(), 2.0 * angle(k).sin(), 0.25));
                Box::new(GaussianMixture::new(vec![1.0; 8], modes.collect::<Result<_, _>>()?)?)
            }
            Self::Banana => Box::new(Banana::new(10.0, 0.03)?),
            Self::Funnel => Box::new(Funnel::new(2, 3.0)?),
            Self::DoubleWell => Box::new(DoubleWell::new(2.0, 1.0, 0.0)?),
            Self::Ring => Box::new(Ring::new(2.0, 0.2)?),
            Self::Rosenbrock => Box::new(Rosenbrock::new(1.0, 0.05, 5.0)?),
            Self::Skewed => Box::new(Skewed::new(2)?),
        })
    }

    /// Coordinates of a point.
    fn dim(self) -> usize {
        match self {
            Self::DoubleWell => 1,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_law_with_a_finite_score() {
        for target in Target::value_variants() {
            let law = target.law().unwrap();
            let score = law.score(Tensor::ones([1, target.dim()], &Device::flex()));
            assert!(score.abs().sum().into_scalar::<f32>().is_finite(), "{target:?}");
        }
    }
}
