//! Draws that each go their own way from high noise to none.

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::{Device, Tensor};
use ebm_model::GaussianMixture;
use ebm_ops::Noise;
use ebm_sample::{
    AnnealedLangevin, AnnealedMala, Descent as _, NoiseLadder, PredictorCorrector, ProbabilityFlow,
    ReverseDiffusion, StochasticHeun,
};
use indicatif::ProgressBar;

use super::Request;
use super::draws::{Draws, host};
use super::kernel::{KernelConfig, KernelName, name};
use crate::usage::usage;

/// Draws that go down together. A constant, so that draw `i` does not depend on how many are asked for.
const TOGETHER: usize = 4000;

/// A way down a ladder: from where it starts to its end.
type Descent = Box<dyn Fn(&GaussianMixture, Tensor<2>, Noise) -> Tensor<2>>;

impl Request {
    /// The draws, those of a chain one after the other.
    pub(super) fn descents(
        &self,
        law: &GaussianMixture,
        config: &KernelConfig,
        noise: &Noise,
        device: &Device,
    ) -> Result<Draws> {
        let of_chains =
            [("--adapt", self.adapt), ("--burn-in", self.burn_in.is_some()), ("--thin", self.thin.is_some())];
        if let Some((flag, _)) = of_chains.into_iter().find(|(_, is_given)| *is_given) {
            bail!(usage(anyhow!(
                "{flag} is for chains; each draw of {} is one of its own, from high noise to none",
                name(self.kernel)
            )));
        }
        let (ladder, descent) = self.descent(config).map_err(usage)?;
        let (n, dim) = (self.chains.checked_mul(self.draws), self.target.dim());
        let n =
            n.ok_or_else(|| usage(anyhow!("--chains {} --draws {}: too many", self.chains, self.draws)))?;
        let bar = ProgressBar::new(n as u64);
        let mut values = Vec::new();
        for (group, first) in (0..n).step_by(TOGETHER).enumerate() {
            let together = TOGETHER.min(n - first);
            let noise = noise.child(group as u64);
            let start = ladder.start(together, dim, &mut noise.derive("start"), device);
            values.extend(host(descent(law, start, noise.derive("chain")))?);
            bar.inc(together as u64);
        }
        bar.finish_and_clear();
        ensure!(values.len() == n * dim, "{} numbers for {n} draws", values.len());
        Draws::new(values, [self.chains, self.draws, dim], None, None, vec![])
    }

    fn descent(&self, config: &KernelConfig) -> Result<(NoiseLadder, Descent)> {
        let KernelConfig { langevin, reverse, heun, .. } = config;
        Ok(match self.kernel {
            KernelName::AnnealedLangevin => {
                let ladder = langevin.ladder()?;
                let sampler =
                    AnnealedLangevin::new(ladder.clone(), langevin.steps_per_level, langevin.step_ratio)?;
                (ladder, Box::new(move |law, start, noise| sampler.run(law, start, noise)))
            }
            KernelName::AnnealedMala => {
                let ladder = langevin.ladder()?;
                let sampler =
                    AnnealedMala::new(ladder.clone(), langevin.steps_per_level, langevin.step_ratio)?;
                (ladder, Box::new(move |law, start, noise| sampler.run(law, start, noise)))
            }
            KernelName::ReverseDiffusion => {
                let sampler = ReverseDiffusion::new(reverse.ladder()?);
                (reverse.ladder()?, Box::new(move |law, start, noise| sampler.run(law, start, noise)))
            }
            KernelName::PredictorCorrector => {
                let sampler =
                    PredictorCorrector::new(reverse.ladder()?, reverse.corrections, reverse.step_ratio)?;
                (reverse.ladder()?, Box::new(move |law, start, noise| sampler.run(law, start, noise)))
            }
            KernelName::ProbabilityFlow => {
                let sampler = ProbabilityFlow::new(heun.ladder()?);
                (heun.ladder()?, Box::new(move |law, start, noise| sampler.run(law, start, noise)))
            }
            KernelName::StochasticHeun => {
                let sampler = StochasticHeun::new(heun.ladder()?, heun.churn)?;
                (heun.ladder()?, Box::new(move |law, start, noise| sampler.run(law, start, noise)))
            }
            _ => bail!("a chain is no descent"),
        })
    }
}
