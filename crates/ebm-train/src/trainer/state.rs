//! The part of a run that changes from step to step.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_model::weights;
use ebm_ops::Noise;

use crate::trainer::evaluation::Evaluation;
use crate::trainer::memories;
use crate::trainer::watch::{Watch, Watched};
use crate::{
    Batch, ContrastReport, Divergence, Memory, Objective, Optimizer, Outcome, Retreats, Shard, TrainError,
    TrainSettings,
};

/// The decay of the running loss per step.
const LOSS_DECAY: f64 = 0.98;

/// The state of a run: with the settings and the data it determines the rest of the run to the last bit.
#[derive(Clone, Debug)]
pub struct TrainState<M> {
    /// `None` only during an update: updating in place requires that nothing else holds the weights.
    model: Option<M>,
    pub(crate) optimizer: Optimizer,
    pub(crate) step: u64,
    pub(crate) running: Option<Tensor<1>>,
    pub(crate) noise: Noise,
    pub(crate) memory: Memory,
    /// Whether the memory of some shards is on other ranks.
    pub(crate) is_partial: bool,
    pub(crate) retreats: Retreats,
    pub(crate) skips: Skips,
    /// The learning rate of the last step in this process, for error messages.
    pub(crate) last_rate: f64,
    /// The squared norm of the last step's gradient in this process, `[1]`.
    pub(crate) square_norm: Option<Tensor<1>>,
    watch: Watch,
}

/// Skipped steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skips {
    /// In total.
    pub total: u64,
    /// Since the last step that was not skipped.
    pub in_a_row: u64,
    /// Why the last step was skipped, if it was, and in this process.
    pub last: Option<Divergence>,
}

impl<M: Module> TrainState<M> {
    /// The state before the first step; `model` may be untracked, and `noise` is the objective's.
    pub fn new(model: M, noise: Noise) -> Self {
        let model = model.train();
        let optimizer = Optimizer::new(&model);
        Self::restore(model, optimizer, 0, noise)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The network after the last step, tracked by autodiff.
    pub fn model(&self) -> &M {
        self.model.as_ref().expect("an update puts the model back")
    }

    /// The running loss: 98 % of the previous value plus 2 % of the last batch's loss; NaN before the first step.
    ///
    /// Reading it waits for the device.
    pub fn loss(&self) -> f64 {
        self.running.clone().map_or(f64::NAN, |loss| loss.into_scalar::<f64>())
    }

    /// The norm of the last step's gradient over all parameters, before it was clipped; `None` before the first step in
    /// this process.
    ///
    /// Reading it waits for the device.
    pub fn gradient_norm(&self) -> Option<f64> {
        self.square_norm.clone().map(|square| square.into_scalar::<f64>().sqrt())
    }

    /// The network with the averaged weights, not tracked by autodiff: the one to sample from.
    pub fn average(&self) -> M {
        let plain = self.model().valid();
        let mut tensors = weights::collect(&plain);
        tensors.extend(self.optimizer.averages(&plain));
        weights::apply(plain, tensors).expect("averages have the names and shapes of the weights")
    }

    /// How often the run diverged and went back to a checkpoint, and what was halved each time.
    pub fn retreats(&self) -> Retreats {
        self.retreats
    }

    /// How many steps were skipped because something was not finite.
    pub fn skipped(&self) -> u64 {
        self.skips.total
    }

    /// Why the last step was skipped, if it was.
    pub fn skip_reason(&self) -> Option<&Divergence> {
        self.skips.last.as_ref()
    }

    /// The learning rate of the step with this number, counted from 0: the schedule's, halved by each retreat.
    pub fn learning_rate(&self, settings: &TrainSettings, step: u64) -> f64 {
        settings.schedule().at(step) * self.retreats.learning_rate_scale()
    }

    /// This state, restored from a checkpoint, to continue from after the run reached `diverged` for `reason`: with
    /// what [`Retreats`] halves.
    ///
    /// Batches and noise repeat as they were. To reduce the step size of the sampler, build the objective anew with
    /// [`retreats`](Self::retreats).
    pub fn retreat(self, diverged: &Self, reason: &Divergence) -> Self {
        Self { retreats: self.retreats.after(diverged.retreats, reason), ..self }
    }

    /// Whether every step since the beginning, or since the checkpoint, was sound or skipped: loss and gradient finite,
    /// the energies of data and negatives and the acceptance of chains within their bounds. Waits for the device.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] with the first step that was not.
    pub fn check(&self) -> Result<(), TrainError> {
        if let Some((step, reason)) = self.watch.alarm() {
            return Err(TrainError::Diverged { step, reason });
        }
        // The arithmetic of a GPU may not propagate NaN; that of the host does.
        let loss = self.loss();
        if loss.is_finite() || self.running.is_none() {
            return Ok(());
        }
        Err(TrainError::Diverged { step: self.step, reason: Divergence::Loss { loss } })
    }

    /// Whether the state holds what an objective remembers: some step was done and not skipped.
    pub(crate) fn has_memory(&self) -> bool {
        self.skips.total < self.step
    }

    /// The noise of `shard` in the next step: of a batch that is not cut, the stream that goes on from step to step,
    /// and otherwise a function of the step and the shard.
    pub(crate) fn noise_of(&self, shard: Shard) -> Noise {
        if shard.is_whole() {
            return self.noise.clone();
        }
        self.noise.derive("shards").child(self.step).child(shard.index() as u64)
    }

    /// Loss, gradient and report of `shard` of `batch`, with its memory in this state or, before the first step, a new
    /// one. What the shard remembers then is the next step's.
    ///
    /// The memory is moved out of the state, so that the objective can update it in place; it was checked.
    pub(crate) fn evaluate<O: Objective<M> + ?Sized>(
        &mut self,
        objective: &O,
        shard: Shard,
        batch: &Batch,
        noise: &mut Noise,
    ) -> Evaluation {
        let (part, weight) = (batch.part(shard), shard.weight(batch.rows.dims()[0]));
        let memory = if self.has_memory() {
            memories::take(&mut self.memory, shard)
        } else {
            objective.start_shard(shard, self.model(), &part.rows, noise)
        };
        let Outcome { loss, memory, report } = objective.loss(self.model(), &part, memory, noise);
        memories::put(&mut self.memory, shard, memory);
        Evaluation::of(self.model(), loss, report, weight)
    }

    /// Replaces the model by the one that `step` makes of it.
    pub(crate) fn update(&mut self, step: impl FnOnce(&mut Optimizer, M) -> M) {
        let model = self.model.take().expect("an update puts the model back");
        self.model = Some(step(&mut self.optimizer, model));
    }

    /// The state of a tracked model at `step`, without running loss, memory, skipped steps and retreats.
    pub(crate) fn restore(model: M, optimizer: Optimizer, step: u64, noise: Noise) -> Self {
        let (memory, skips, watch) = (Memory::new(), Skips::default(), Watch::default());
        let (running, retreats, last_rate) = (None, Retreats::default(), f64::NAN);
        Self {
            model: Some(model),
            optimizer,
            step,
            running,
            noise,
            memory,
            is_partial: false,
            retreats,
            skips,
            last_rate,
            square_norm: None,
            watch,
        }
    }

    /// Counts a step with this loss and report; `unchecked` is the squared norm of a gradient that has not been
    /// checked on the host.
    pub(crate) fn record(
        &mut self,
        loss: Tensor<1>,
        report: Option<&ContrastReport>,
        unchecked: Option<Tensor<1>>,
    ) {
        let loss = loss.inner();
        self.step += 1;
        let gap = report.map(|report| (Watched::Gap(report.gap_bound), report.gap()));
        let rejection = report.and_then(|report| {
            let rejection = report.acceptance.clone()?.neg().add_scalar(1.0);
            (0.0 < report.acceptance_bound)
                .then_some((Watched::Rejection(report.acceptance_bound), rejection))
        });
        let rest = unchecked.map(|square| [(Watched::Loss, loss.clone()), (Watched::SquareNorm, square)]);
        self.watch
            .observe(self.step, gap.into_iter().chain(rejection).chain(rest.into_iter().flatten()).collect());
        (self.skips.in_a_row, self.skips.last) = (0, None);
        self.running = Some(match self.running.take() {
            None => loss,
            Some(running) => running * LOSS_DECAY + loss * (1.0 - LOSS_DECAY),
        });
    }

    /// Counts a step that was skipped for this reason, and restores the memory from before it.
    pub(crate) fn skip(&mut self, noise: Noise, memory: Memory, reason: Divergence) {
        self.step += 1;
        (self.noise, self.memory) = (noise, memory);
        self.skips =
            Skips { total: self.skips.total + 1, in_a_row: self.skips.in_a_row + 1, last: Some(reason) };
    }

    /// The error for the step that was attempted; the state can no longer be saved.
    pub(crate) fn diverged(&mut self, reason: Divergence) -> TrainError {
        let step = self.step + 1;
        self.watch.record(step, reason.clone());
        TrainError::Diverged { step, reason }
    }
}
