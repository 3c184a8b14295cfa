//! Persistent contrastive divergence.

use burn::tensor::Tensor;
use ebm_model::{Capabilities, Detach, Energy, Potential};
use ebm_ops::{Noise, OutOfRange};
use ebm_sample::{Kernel, StepReport};
use serde::{Deserialize, Serialize};

use super::chain_kernel::mala;
use crate::objectives::bound::OnEnergy;
use crate::range::share;
use crate::{
    Batch, BuildContext, Built, ChainAges, ChainKernel, ContrastSettings, Memory, NamedObjective, Objective,
    Outcome, ReplayBuffer, Restart, Shard, TrainError,
};

/// How many chains there are, and where they begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BufferSettings {
    /// Chains in the buffer; at least 1.
    pub capacity: usize,
    /// The share of a step's chains that restart, so that the chains leave regions that the model has unlearned.
    pub restart_share: f64,
    /// Where they restart.
    pub restart: Restart,
}

impl Default for BufferSettings {
    /// The values of Du and Mordatch (2019), appendix A.5, for data of unit scale.
    fn default() -> Self {
        Self { capacity: 10_000, restart_share: 0.05, restart: Restart::Uniform { low: -1.0, high: 1.0 } }
    }
}

impl BufferSettings {
    /// # Errors
    /// [`OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        OutOfRange::at_least("capacity", 1, self.capacity)?;
        share("restart_share", self.restart_share)?;
        self.restart.validate().map_err(|error| error.within("restart"))
    }
}

/// Persistent contrastive divergence: the negatives are chains that continue from step to step.
///
/// mean E(x) − mean E(y) + α (mean E(x)² + mean E(y)²),   y after k more steps of chains from a buffer.
///
/// The rows are `[batch, dim]`; each step advances as many chains as there are rows, or all of them if there are
/// fewer. One tracked pass of the energy on both, and k steps of the sampler, which are not tracked; see
/// [`ContrastiveDivergence`](crate::ContrastiveDivergence) for the sampler.
///
/// The result is biased by the sampler's own error, as for `ContrastiveDivergence`, and by the lag of the chains
/// behind the model, which grows with the learning rate; a small k does not bias it further.
/// [`ContrastReport`](crate::ContrastReport) has the ages of the chains: with a restart share r the mean age settles
/// at about k/r steps.
///
/// The memory is the buffer: `positions` and `ages`; see [`ReplayBuffer`]. Where batches are cut into shards, its chains
/// are dealt to them as the rows are, at least one to each, and stay with their shard: a chain is advanced as often as
/// in one buffer, the restart share is the same, and only which chains are advanced together is another draw.
///
/// # Reference
/// Tieleman (2008), *Training restricted Boltzmann machines using approximations to the likelihood
/// gradient*, §3; the buffer, restarts and squares are Du and Mordatch's (2019), §3.2 and 3.3.
#[derive(Clone, Debug)]
pub struct PersistentContrastiveDivergence<K> {
    sampler: K,
    settings: ContrastSettings,
    chains: BufferSettings,
}

impl<K> PersistentContrastiveDivergence<K> {
    /// The objective with negatives from `sampler` and a buffer that is filled at the first step.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] with the field of the settings.
    pub fn new(sampler: K, settings: ContrastSettings, chains: BufferSettings) -> Result<Self, TrainError> {
        settings.validate()?;
        chains.validate()?;
        Ok(Self { sampler, settings, chains })
    }

    /// The chains of a shard's buffer.
    fn capacity(&self, shard: Shard) -> usize {
        shard.rows(self.chains.capacity).len().max(1)
    }

    /// The buffer of a shard before the first step.
    fn fill(&self, shard: Shard, data: &Tensor<2>, noise: &mut Noise) -> Memory {
        ReplayBuffer::new(self.chains.restart.draw(self.capacity(shard), data, noise)).into_memory()
    }

    /// Which of `n` chains restart, as ones and zeros, `[n, 1]`.
    fn restarts(&self, n: usize, data: &Tensor<2>, noise: &mut Noise) -> Tensor<2> {
        let below = noise.uniform([n, 1], &data.device()).lower_elem(self.chains.restart_share);
        below.float().cast(data.dtype())
    }
}

impl<M, K> Objective<M> for PersistentContrastiveDivergence<K>
where
    M: Energy + Detach + ?Sized,
    K: Kernel<dyn Potential, Info: StepReport>,
{
    fn start(&self, _: &M, data: &Tensor<2>, noise: &mut Noise) -> Memory {
        self.fill(Shard::WHOLE, data, noise)
    }

    fn check(&self, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
        ReplayBuffer::check(memory, self.chains.capacity, dim)
    }

    fn start_shard(&self, shard: Shard, _: &M, data: &Tensor<2>, noise: &mut Noise) -> Memory {
        self.fill(shard, data, noise)
    }

    fn check_shard(&self, shard: Shard, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
        ReplayBuffer::check(memory, self.capacity(shard), dim)
    }

    /// # Panics
    /// If `memory` is not that of this objective on data of as many columns.
    fn loss(&self, model: &M, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        let (data, restart) = (batch.rows.clone(), self.chains.restart);
        let buffer = ReplayBuffer::of_any_capacity(memory).expect("a memory that was checked");
        let chosen = buffer.choose(data.dims()[0], noise);
        let (position, age) = buffer.get(chosen.clone());
        let [n, dim] = position.dims();
        assert_eq!(dim, data.dims()[1], "chains {:?} were given data {:?}", [n, dim], data.dims());
        let restarts = self.restarts(n, &data, noise);
        let anew = restarts.clone().bool();
        let start = position.mask_where(anew.clone().expand([n, dim]), restart.draw(n, &data, noise));
        let age = age.mask_fill(anew, 0.0) + self.settings.sampler_steps as f64;

        let negatives = self.settings.sample(model, &self.sampler, start, noise);
        let buffer = buffer.put(chosen, negatives.position.clone(), age);
        let ages = buffer.ages().clone();
        let chains = ChainAges { mean: ages.clone().mean(), oldest: ages.max(), restarts: restarts.mean() };

        let (loss, report) = self.settings.contrast(model, data, negatives, Some(chains));
        Outcome { loss, memory: buffer.into_memory(), report: Some(report) }
    }
}

/// The settings of [`PersistentContrastiveDivergence`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PersistentContrastiveDivergenceSettings {
    /// The kernel of the chains, by name or as a table with its numbers; Langevin in a file that does not say.
    #[serde(default)]
    pub sampler: ChainKernel,
    /// The step size of the kernel, η; a leapfrog or underdamped step has ε = √(2η).
    pub step_size: f64,
    /// Steps, regularisation, and bounds.
    pub contrast: ContrastSettings,
    /// The buffer of chains.
    pub chains: BufferSettings,
}

impl Default for PersistentContrastiveDivergenceSettings {
    fn default() -> Self {
        let chains = BufferSettings { capacity: 8192, restart_share: 0.05, restart: Restart::Data };
        Self { sampler: mala(), step_size: 0.01, contrast: ContrastSettings::named(), chains }
    }
}

impl NamedObjective for PersistentContrastiveDivergenceSettings {
    const NAME: &'static str = "persistent-contrastive-divergence";
    const ABOUT: &'static str = "contrastive divergence with chains that continue from step to step";

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, context: &BuildContext<'_>) -> Built<N> {
        let Self { ref sampler, step_size, contrast, chains } = *self;
        OutOfRange::positive("step_size", step_size)?;
        contrast.validate().map_err(|error| error.within("contrast"))?;
        chains.validate().map_err(|error| error.within("chains"))?;
        let kernel = sampler.build(step_size * context.sampler_scale, context)?;
        OnEnergy::build(PersistentContrastiveDivergence::new(kernel, contrast, chains)?, Self::NAME, network)
    }

    fn sampler_step_size(&self) -> Option<f64> {
        Some(self.step_size)
    }

    /// A position and an age for each chain.
    fn memory_numbers(&self, dim: usize) -> usize {
        self.chains.capacity.saturating_mul(dim.saturating_add(1))
    }
}
