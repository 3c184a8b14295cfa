//! Chains of a kernel by name.

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Tensor;
use ebm_ops::Noise;
use ebm_sample::{
    Chain, Evaluated, Hmc, Kernel, Langevin, Mala, Mass, MetropolisInfo, PreconditionedLangevin, State,
    Tunable, Tuned, Underdamped, WarmUp,
};
use indicatif::ProgressBar;

use super::Request;
use super::draws::{Draws, Record, Tell};
use super::kernel::{KernelConfig, KernelName};
use super::law::Law;
use crate::sampler::replicas;
use crate::usage::usage;

/// Draws thrown away at first if nothing else is said.
const BURN_IN: usize = 500;

impl Request {
    /// The draws of chains from N(0, I).
    pub(super) fn chains(
        &self,
        law: &Law,
        config: &KernelConfig,
        start: Tensor<2>,
        noise: Noise,
    ) -> Result<Draws> {
        let burn_in = self.burn_in.unwrap_or(BURN_IN);
        let step_size = self.step_size;
        let can_adapt = [KernelName::Mala, KernelName::Hmc, KernelName::PreconditionedLangevin];
        ensure!(
            !self.adapt || can_adapt.contains(&self.kernel),
            usage(anyhow!(
                "--adapt needs a kernel with a mass: --kernel mala or hmc, or preconditioned-langevin"
            ))
        );
        match self.kernel {
            KernelName::Langevin => {
                let kernel = Langevin::new(step_size).map_err(usage)?;
                self.run(law, kernel, kernel.init(law, start), burn_in, step_size, noise)
            }
            KernelName::PreconditionedLangevin => self.preconditioned(law, config, start, burn_in, noise),
            KernelName::Underdamped => {
                let kernel = Underdamped::new(step_size, config.underdamped.friction).map_err(usage)?;
                self.run(law, kernel, kernel.init(law, start), burn_in, step_size, noise)
            }
            KernelName::Mala => self.tested(law, Mala::new(step_size).map_err(usage)?, start, burn_in, noise),
            KernelName::Hmc => {
                let kernel = Hmc::new(step_size, self.leapfrog).map_err(usage)?;
                self.tested(law, kernel, start, burn_in, noise)
            }
            KernelName::ParallelTempering => {
                let kernel = replicas(step_size, &config.tempering.temperatures).map_err(usage)?;
                let state = kernel.init(law, start);
                self.run(law, kernel, state, burn_in, step_size, noise)
            }
            _ => bail!("a descent is no chain"),
        }
    }

    /// Chains of a kernel with a Metropolis test, adapted before if that is asked for.
    fn tested<K>(
        &self,
        law: &Law,
        kernel: K,
        start: Tensor<2>,
        burn_in: usize,
        mut noise: Noise,
    ) -> Result<Draws>
    where
        K: Tunable + Kernel<Law, Memo = Evaluated, Info = MetropolisInfo>,
    {
        if !(self.adapt && 0 < burn_in) {
            let (state, step_size) = (kernel.init(law, start), kernel.step_size());
            return self.run(law, kernel, state, burn_in, step_size, noise);
        }
        let Tuned { kernel, state, .. } =
            WarmUp::new(burn_in).map_err(usage)?.run(law, &kernel, start, &mut noise)?;
        let step_size = kernel.step_size();
        self.run(law, kernel, state, 0, step_size, noise)
    }

    /// Chains in units of the variances that were given, or that a warm-up of mala finds.
    fn preconditioned(
        &self,
        law: &Law,
        config: &KernelConfig,
        start: Tensor<2>,
        burn_in: usize,
        mut noise: Noise,
    ) -> Result<Draws> {
        let given = config.preconditioned.of(start.dims()[1]).map_err(usage)?;
        let (mass, position, burn_in) = match given {
            Some(variances) => (Mass::from_variances(variances).map_err(usage)?, start, burn_in),
            None if self.adapt && 0 < burn_in => {
                let first = Mala::new(self.step_size).map_err(usage)?;
                let Tuned { kernel, state, .. } =
                    WarmUp::new(burn_in)?.run(law, &first, start, &mut noise)?;
                (kernel.mass().clone(), state.position, 0)
            }
            None => bail!(usage(anyhow!(
                "preconditioned-langevin needs a variance for each coordinate: --set preconditioned.variances=[1.0, 2.0], or --adapt"
            ))),
        };
        let kernel = PreconditionedLangevin::new(self.step_size, mass).map_err(usage)?;
        let state = kernel.init(law, position);
        self.run(law, kernel, state, burn_in, self.step_size, noise)
    }

    /// The draws that are kept, and what the kernel told of its steps.
    fn run<K>(
        &self,
        law: &Law,
        kernel: K,
        state: State<K::Memo>,
        burn_in: usize,
        step_size: f64,
        noise: Noise,
    ) -> Result<Draws>
    where
        K: Kernel<Law>,
        K::Info: Tell,
    {
        let thin = self.thin.unwrap_or(1);
        let steps = (self.draws - 1).saturating_mul(thin).saturating_add(1);
        let bar = ProgressBar::new(self.draws as u64);
        let mut record = Record::default();
        for (i, draw) in Chain::resume(law, kernel, state, noise).skip(burn_in).take(steps).enumerate() {
            let is_draw = i.is_multiple_of(thin);
            bar.inc(u64::from(is_draw));
            record.add(draw.position, &draw.info, is_draw);
        }
        bar.finish_and_clear();
        record.finish(step_size)
    }
}
