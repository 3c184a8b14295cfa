//! Persistent contrastive divergence.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_model::Energy;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::{
    ChainAges, ContrastSettings, Health, Memory, NegativeSampler, Objective, ReplayBuffer, Restart,
    TrainError,
};

/// How many chains there are, and how they begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BufferSettings {
    /// Chains in the buffer.
    pub capacity: usize,
    /// The share of a step's chains that begin anew, so that what the model has unlearned is left.
    pub restart_share: f64,
    /// Where they begin.
    pub restart: Restart,
}

impl Default for BufferSettings {
    /// Du and Mordatch's numbers (2019), appendix A.5, for data of unit scale.
    fn default() -> Self {
        Self { capacity: 10_000, restart_share: 0.05, restart: Restart::Uniform { low: -1.0, high: 1.0 } }
    }
}

impl BufferSettings {
    /// # Errors
    /// [`TrainError::Setting`], naming the field that is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let Self { capacity, restart_share, restart } = *self;
        let refuse = |field, found, expected| Err(TrainError::Setting { field, found, expected });
        if capacity == 0 {
            return refuse("objective.capacity", capacity.to_string(), "at least 1");
        }
        if !(0.0..=1.0).contains(&restart_share) {
            return refuse("objective.restart_share", restart_share.to_string(), "between 0 and 1");
        }
        restart.validate()
    }
}

/// Persistent contrastive divergence: the negatives are chains that go on from step to step.
///
/// mean E(x) − mean E(y) + α (mean E(x)² + mean E(y)²),   y after k more steps of chains from a buffer.
///
/// `data` is `[batch, dim]`; as many chains as rows, or all of them if they are fewer; one tracked pass of the
/// energy on both, and the k steps of the sampler, which are not tracked.
///
/// Biased by the sampler's own error, as [`ContrastiveDivergence`](crate::ContrastiveDivergence), and by the
/// lag of the chains behind the model, which goes with the learning rate; not by k being finite if that is
/// small. [`Health`] says how old the chains are: with a share of restarts r the mean age settles at about
/// k/r steps.
///
/// The buffer is the objective's memory, and so part of the run's state and of its checkpoints.
///
/// # Reference
/// Tieleman (2008), *Training restricted Boltzmann machines using approximations to the likelihood
/// gradient*, §3; the buffer, restarts and squares are Du and Mordatch's (2019), §3.2 and 3.3.
#[derive(Clone, Debug)]
pub struct PersistentContrastiveDivergence<K> {
    sampler: K,
    settings: ContrastSettings,
    chains: BufferSettings,
    buffer: Option<ReplayBuffer>,
    health: Option<Health>,
}

impl<K> PersistentContrastiveDivergence<K> {
    /// The objective with negatives from `sampler` and a buffer that is filled at the first step.
    ///
    /// # Errors
    /// [`TrainError::Setting`], naming the setting that is out of range.
    pub fn new(sampler: K, settings: ContrastSettings, chains: BufferSettings) -> Result<Self, TrainError> {
        settings.validate()?;
        chains.validate()?;
        Ok(Self { sampler, settings, chains, buffer: None, health: None })
    }

    /// The chains; none before the first step.
    pub fn buffer(&self) -> Option<&ReplayBuffer> {
        self.buffer.as_ref()
    }

    /// Which of `n` chains begin anew, as ones and zeros, `[n, 1]`.
    fn restarts(&self, n: usize, data: &Tensor<2>, noise: &mut Noise) -> Tensor<2> {
        let below = noise.uniform([n, 1], &data.device()).lower_elem(self.chains.restart_share);
        below.float().cast(data.dtype())
    }
}

impl<M: Module + Energy, K: NegativeSampler<M>> Objective<M> for PersistentContrastiveDivergence<K> {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        let (restart, capacity) = (self.chains.restart, self.chains.capacity);
        let buffer = self.buffer.take();
        let buffer = buffer.unwrap_or_else(|| ReplayBuffer::new(restart.draw(capacity, &data, noise)));

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
        self.buffer = Some(buffer);

        let (loss, health) = self.settings.contrast(model, data, negatives, Some(chains));
        self.health = Some(health);
        loss
    }

    fn memory(&self) -> Memory {
        self.buffer.as_ref().map(ReplayBuffer::memory).unwrap_or_default()
    }

    fn recall(&mut self, memory: Memory) -> Result<(), String> {
        self.buffer = Some(ReplayBuffer::from_memory(memory, self.chains.capacity)?);
        Ok(())
    }

    fn fits(&self, dim: usize) -> Result<(), String> {
        match self.buffer.as_ref().map(|buffer| buffer.positions().dims()[1]) {
            Some(found) if found != dim => {
                Err(format!("positions of the replay buffer have {found} columns, expected {dim}"))
            }
            _ => Ok(()),
        }
    }

    fn forget(&mut self) {
        self.buffer = None;
    }

    fn health(&self) -> Option<&Health> {
        self.health.as_ref()
    }
}
