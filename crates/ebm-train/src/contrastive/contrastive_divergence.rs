//! Contrastive divergence.

use ebm_model::{Capabilities, Detach, Energy, Potential};
use ebm_ops::{Noise, OutOfRange};
use ebm_sample::{Kernel, StepReport};
use serde::{Deserialize, Serialize};

use super::chain_kernel::mala;
use crate::objectives::bound::OnEnergy;
use crate::{
    Batch, BuildContext, Built, ChainKernel, ContrastSettings, Memory, NamedObjective, Objective, Outcome,
    TrainError,
};

/// Contrastive divergence, CD-k: lower the energy of the data, and raise it where k steps of a sampler lead from
/// there.
///
/// mean E(x) − mean E(y) + α (mean E(x)² + mean E(y)²),   y the position after k steps that begin at x.
///
/// The rows are `[batch, dim]`. One tracked pass of the energy on twice the batch, and k steps of the sampler on the
/// batch, which are not tracked: the gradient ignores that y depends on the parameters.
///
/// The sampler is any kernel on a [`Potential`] whose info implements [`StepReport`]; the example `own_kernel` has one
/// of its own.
///
/// The loss is not a likelihood and need not fall. The result is biased by the sampler's own error and by the finite
/// k; the first bias stays however large k is. With [`Langevin`](ebm_sample::Langevin) of step η, data of variance S in one dimension and a
/// Gaussian energy, the learned variance is (S + √(S² − 2Sη))/2 for every k; an exact sampler such as MALA gives S.
///
/// # Reference
/// Hinton (2002), *Training products of experts by minimizing contrastive divergence*, §3; the squares are
/// Du and Mordatch's (2019), §3.3.
#[derive(Clone, Debug)]
pub struct ContrastiveDivergence<K> {
    sampler: K,
    settings: ContrastSettings,
}

impl<K> ContrastiveDivergence<K> {
    /// The objective with negatives from `sampler`.
    ///
    /// # Errors
    /// Those of [`ContrastSettings::validate`].
    pub fn new(sampler: K, settings: ContrastSettings) -> Result<Self, TrainError> {
        settings.validate()?;
        Ok(Self { sampler, settings })
    }
}

impl<M, K> Objective<M> for ContrastiveDivergence<K>
where
    M: Energy + Detach + ?Sized,
    K: Kernel<dyn Potential, Info: StepReport>,
{
    fn loss(&self, model: &M, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        let data = batch.rows.clone();
        let negatives = self.settings.sample(model, &self.sampler, data.clone(), noise);
        let (loss, report) = self.settings.contrast(model, data, negatives, None);
        Outcome { loss, memory, report: Some(report) }
    }
}

/// The settings of [`ContrastiveDivergence`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContrastiveDivergenceSettings {
    /// The kernel of the chains, by name or as a table with its numbers; Langevin in a file that does not say.
    #[serde(default)]
    pub sampler: ChainKernel,
    /// The step size of the kernel, η; a leapfrog or underdamped step has ε = √(2η).
    pub step_size: f64,
    /// Steps, regularisation, and bounds.
    pub contrast: ContrastSettings,
}

impl Default for ContrastiveDivergenceSettings {
    fn default() -> Self {
        Self { sampler: mala(), step_size: 0.01, contrast: ContrastSettings::named() }
    }
}

impl NamedObjective for ContrastiveDivergenceSettings {
    const NAME: &'static str = "contrastive-divergence";
    const ABOUT: &'static str = "contrastive divergence: short chains that begin at the data";

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, context: &BuildContext<'_>) -> Built<N> {
        let Self { ref sampler, step_size, contrast } = *self;
        OutOfRange::positive("step_size", step_size)?;
        contrast.validate().map_err(|error| error.within("contrast"))?;
        let kernel = sampler.build(step_size * context.sampler_scale, context)?;
        OnEnergy::build(ContrastiveDivergence::new(kernel, contrast)?, Self::NAME, network)
    }

    fn sampler_step_size(&self) -> Option<f64> {
        Some(self.step_size)
    }
}
