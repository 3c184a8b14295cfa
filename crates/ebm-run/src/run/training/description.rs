//! What determines a run.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::Noise;
use ebm_train::{
    Alone, Batch, BoxError, Checkpoints, Objective, Ranks, Restored, Retreats, TrainError, TrainSettings,
    TrainState, Trainer,
};

use crate::config::RecordConfig;
use crate::error::{Context, Result, usage};
use crate::history::Change;

/// Batches by step, counted from 0: rows, `[batch, dim]`, with labels for a network of classes and with what was done to
/// them for one that is told, a pure function of the step.
pub type Source<'a> = Box<dyn FnMut(u64) -> Result<Batch, BoxError> + 'a>;

/// The objective, anew after a retreat.
pub type ObjectiveSource<'a, O> = Box<dyn Fn(Retreats) -> Result<O> + 'a>;

/// Lines for the person who waits.
pub type Notice<'a> = &'a dyn Fn(&str);

/// All that determines a run, besides its data.
pub struct Training<'a, M, O> {
    /// The run's `config.toml`. A run is resumed under the text that it began with.
    pub config: String,
    /// Seed of the random number generator, for the journal.
    pub seed: u64,
    /// What was read of the data, for the journal.
    pub data: Option<serde_json::Value>,
    /// The network before its first step.
    pub network: M,
    /// The objective, of what its sampler's step has left after retreats.
    pub objective: ObjectiveSource<'a, O>,
    /// The step size of the objective's sampler, if it has one: then a run that diverges retreats.
    pub sampler_step_size: Option<f64>,
    /// The data.
    pub batches: Source<'a>,
    /// Steps, learning rate, optimiser.
    pub settings: TrainSettings,
    /// What is recorded, and how often.
    pub record: RecordConfig,
    /// The noise of the objective.
    pub noise: Noise,
    /// Numbers that the objective remembers from step to step, for the size of a checkpoint.
    pub memory_numbers: usize,
    /// What a resume changes in the run's settings, which are the new ones already.
    pub changes: Vec<Change>,
    /// Whether the network has weights of another run: then the beginning is kept as a checkpoint.
    pub has_origin: bool,
    /// The ranks that compute the shards of a batch. Rank 0 has the folder; the others [`follow`](Self::follow) it.
    pub ranks: Arc<dyn Ranks>,
}

impl<'a, M: Module, O: Objective<M>> Training<'a, M, O> {
    /// A run of `network` by an objective that has no sampler inside; `rows(step)` is the batch of a step, counted
    /// from 0, and a function of the step only. The settings are the run's configuration.
    pub fn new(
        network: M,
        objective: impl Fn() -> O + 'a,
        mut rows: impl FnMut(u64) -> Tensor<2> + 'a,
        settings: TrainSettings,
        noise: Noise,
    ) -> Result<Self> {
        let config = toml::to_string(&settings).context("the settings cannot be written")?;
        Ok(Self {
            // Not in the text of runs from before there were shards, which go on as well.
            config: config.replacen("shards = 1\n", "", 1),
            seed: 0,
            data: None,
            network,
            objective: Box::new(move |_| Ok(objective())),
            sampler_step_size: None,
            batches: Box::new(move |step| Ok(rows(step).into())),
            settings,
            record: RecordConfig::default(),
            noise,
            memory_numbers: 0,
            changes: Vec::new(),
            has_origin: false,
            ranks: Arc::new(Alone),
        })
    }

    /// The state before the first step.
    pub(super) fn beginning(&self) -> TrainState<M> {
        TrainState::new(self.network.clone(), self.noise.clone())
    }

    /// The state of the last checkpoint that is whole; a run that had come to none begins.
    pub(super) fn restore(&self, checkpoints: &Checkpoints, notice: Notice<'_>) -> Result<TrainState<M>> {
        let restored = match checkpoints.latest(&self.network) {
            Err(TrainError::NoCheckpoint { refused, .. }) if refused.is_empty() => {
                notice("there is no checkpoint yet: beginning");
                return Ok(self.beginning());
            }
            found => found?,
        };
        if self.ranks.rank() == 0 {
            checkpoints.tidy(&restored);
        }
        let Restored { state, path, refused } = restored;
        refused.iter().for_each(|reason| notice(&format!("not used: {reason}")));
        notice(&format!("going on from {}", path.display()));
        Ok(state)
    }

    /// About as many bytes as a checkpoint has: weights, two moments and the average, and the objective's memory.
    pub(super) fn checkpoint_bytes(&self) -> u64 {
        4 * (4 * self.network.num_params() + self.memory_numbers) as u64
    }

    pub(super) fn trainer(&self, state: TrainState<M>) -> Result<Trainer<M, O>> {
        let objective = (self.objective)(state.retreats())?;
        let trainer = Trainer::new(state, objective, self.settings.clone()).map_err(usage)?;
        // As often as there are checkpoints, which have to be of a whole state.
        let trainer = trainer.with_ranks(self.ranks.clone(), self.record.checkpoint_every);
        trainer.map_err(|error| usage(error.within("train")))
    }
}
