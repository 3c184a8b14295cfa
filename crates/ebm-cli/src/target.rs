//! `ebm sample --target NAME --kernel NAME`: chains on a closed-form energy.

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use ebm_model::{Gaussian, GaussianMixture};
use ebm_ops::Noise;
use ebm_sample::{Chain, Langevin};
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
    Ring,
}

/// How the chains move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KernelName {
    /// Unadjusted Langevin dynamics; biased by O(step size).
    Langevin,
}

/// What the command line asks for.
pub struct Request {
    /// The energy.
    pub target: Target,
    /// The kernel.
    pub kernel: KernelName,
    /// η of a Langevin step.
    pub step_size: f64,
    /// Chains.
    pub chains: usize,
    /// Draws kept of each chain.
    pub draws: usize,
    /// Draws thrown away at first.
    pub burn_in: usize,
    /// One draw of so many is kept.
    pub thin: usize,
    /// Of all randomness.
    pub seed: u64,
    /// Where the draws go.
    pub out: PathBuf,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// Runs the chains from N(0, I) and writes their draws, `[chain, draw, dim]`.
///
/// # Errors
/// A wrong use of the command line, a chain that diverges, or a file that cannot be written.
pub fn sample(request: &Request, device: &Device) -> Result<()> {
    let Request { step_size, chains, draws, burn_in, thin, seed, out, json, .. } = request;
    for (flag, count) in [("--chains", chains), ("--draws", draws), ("--thin", thin)] {
        ensure!(0 < *count, usage(anyhow!("{flag} 0: expected at least 1")));
    }
    let format = Format::of(out).map_err(usage)?;
    let target = request.target.law()?;
    let kernel = match request.kernel {
        KernelName::Langevin => Langevin::new(*step_size).map_err(usage)?,
    };
    format.check(Samples::chains(vec![0.0; target.dim()], [1, 1, target.dim()])?.shape()).map_err(usage)?;

    let noise = Noise::seeded(*seed);
    let start = noise.derive("start").normal([*chains, target.dim()], device);
    let bar = ProgressBar::new(*draws as u64);
    let chain = Chain::start(&target, kernel, start, noise.derive("chain"));
    let kept: Vec<Tensor<3>> = chain
        .skip(*burn_in)
        .step_by(*thin)
        .take(*draws)
        .inspect(|_| bar.inc(1))
        .map(|draw| draw.position.unsqueeze_dim(1))
        .collect();
    bar.finish_and_clear();
    let values = Tensor::cat(kept, 1).into_data().convert::<f32>();
    let values: Vec<f32> =
        values.try_to_vec().map_err(|error| anyhow!("the draws cannot be read back: {error:?}"))?;
    ensure!(values.iter().all(|value| value.is_finite()), "a chain diverged; a smaller --step-size may help");
    let samples = Samples::chains(values, [*chains, *draws, target.dim()])?;
    output::write(out, &samples)?;
    if *json {
        println!("{}", json!({"event": "done", "shape": samples.shape().dims(), "seed": seed, "out": out}));
    } else {
        println!("{chains} chains of {draws} draws: {}", out.display());
    }
    Ok(())
}

impl Target {
    fn law(self) -> Result<GaussianMixture> {
        let one = |gaussian: Gaussian| GaussianMixture::new(vec![1.0], vec![gaussian]);
        let mode = |x: f64, y: f64, variance: f64| Gaussian::isotropic(vec![x, y], variance);
        Ok(match self {
            Self::Gaussian => one(Gaussian::standard(2))?,
            Self::Correlated => one(Gaussian::new(vec![0.0; 2], &[vec![1.0, 0.9], vec![0.9, 1.0]])?)?,
            Self::TwoModes => {
                GaussianMixture::new(vec![0.3, 0.7], vec![mode(-2.0, 0.0, 0.5)?, mode(2.0, 0.0, 0.5)?])?
            }
            Self::Ring => {
                let angle = |k: usize| std::f64::consts::TAU * k as f64 / 8.0;
                let modes = (0..8).map(|k| mode(2.0 * angle(k).cos(), 2.0 * angle(k).sin(), 0.25));
                GaussianMixture::new(vec![1.0; 8], modes.collect::<Result<_, _>>()?)?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_model::Score;

    #[test]
    fn every_target_is_a_law_in_the_plane_with_a_finite_score() {
        for target in Target::value_variants() {
            let law = target.law().unwrap();
            let score = law.score(Tensor::ones([1, law.dim()], &Device::flex()));
            assert!(law.dim() == 2 && score.abs().sum().into_scalar::<f32>().is_finite(), "{target:?}");
        }
    }
}
