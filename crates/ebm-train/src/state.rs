//! Everything about a run that changes from step to step.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_model::weights;
use ebm_ops::Noise;

use crate::watch::{Watch, Watched};
use crate::{Divergence, Health, Memory, Optimizer, Retreats, TrainError, TrainSettings};

/// How much of the running loss stays when a new loss comes in.
const LOSS_DECAY: f64 = 0.98;

/// Where a run is: with the settings and the data it determines the rest of the run to the last bit.
#[derive(Clone, Debug)]
pub struct TrainState<M> {
    /// Empty only while a step replaces it: an update in place needs the weights to itself.
    model: Option<M>,
    pub(crate) optimizer: Optimizer,
    pub(crate) step: u64,
    pub(crate) running: Option<Tensor<1>>,
    pub(crate) noise: Noise,
    pub(crate) memory: Memory,
    pub(crate) retreats: Retreats,
    pub(crate) skips: Skips,
    /// The learning rate of the last step that this process did, for whoever wonders where weights went.
    pub(crate) last_rate: f64,
    watch: Watch,
}

/// Steps that were left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skips {
    /// All of them.
    pub total: u64,
    /// Those since the last step that was not.
    pub in_a_row: u64,
    /// Why the last step was one of them, if it was and this process has seen it.
    pub last: Option<Divergence>,
}

impl<M: Module> TrainState<M> {
    /// The beginning: `model` may be on a plain device; `noise` is the objective's.
    pub fn new(model: M, noise: Noise) -> Self {
        let model = model.train();
        let optimizer = Optimizer::new(&model);
        Self::restore(model, optimizer, 0, noise)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The network as the last step left it, tracked by autodiff.
    pub fn model(&self) -> &M {
        self.model.as_ref().expect("a step puts the model back")
    }

    /// The running loss, 98 % of the one before and 2 % of the last batch's; NaN before the first step.
    ///
    /// Reading it waits for the device.
    pub fn loss(&self) -> f64 {
        self.running.clone().map_or(f64::NAN, |loss| loss.into_scalar::<f64>())
    }

    /// The network with the averaged weights, not tracked: what one samples from.
    pub fn average(&self) -> M {
        let plain = self.model().valid();
        let mut tensors = weights::collect(&plain);
        tensors.extend(self.optimizer.averages(&plain));
        weights::apply(plain, tensors).expect("averages have the names and shapes of the weights")
    }

    /// How often the run had to go back to a checkpoint because it diverged, and what that has halved.
    pub fn retreats(&self) -> Retreats {
        self.retreats
    }

    /// How many of the steps were skipped because a number was not finite.
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

    /// This state, restored from a checkpoint, as one to go on from after the run had come to `diverged` for
    /// `reason`: more carefully than that, as [`Retreats`] says.
    ///
    /// Batches and noise come again as they were. Whoever wants a smaller step of the sampler builds the
    /// objective anew, by [`retreats`](Self::retreats).
    pub fn retreat(self, diverged: &Self, reason: &Divergence) -> Self {
        Self { retreats: self.retreats.after(diverged.retreats, reason), ..self }
    }

    /// Whether every step since the beginning, or since the checkpoint, was sound or skipped: its loss and
    /// gradient finite, the energies of data and negatives and the acceptance of chains within their bounds. Waits for the device.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] with the first step that was not.
    pub fn check(&self) -> Result<(), TrainError> {
        if let Some((step, reason)) = self.watch.alarm() {
            return Err(TrainError::Diverged { step, reason });
        }
        // A GPU's arithmetic may not know of numbers that are none; the host's does.
        let loss = self.loss();
        if loss.is_finite() || self.running.is_none() {
            return Ok(());
        }
        Err(TrainError::Diverged { step: self.step, reason: Divergence::Loss { loss } })
    }

    /// Replaces the model by what `step` makes of it.
    pub(crate) fn update(&mut self, step: impl FnOnce(&mut Optimizer, M) -> M) {
        let model = self.model.take().expect("a step puts the model back");
        self.model = Some(step(&mut self.optimizer, model));
    }

    /// The state of a tracked model at `step`, without running loss, memory, and retreats.
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
            retreats,
            skips,
            last_rate,
            watch,
        }
    }

    /// Counts a step that had this loss and this sampler, and this gradient's square if nobody has looked at
    /// them yet.
    pub(crate) fn record(
        &mut self,
        loss: Tensor<1>,
        health: Option<&Health>,
        not_looked_at: Option<Tensor<1>>,
    ) {
        let loss = loss.inner();
        self.step += 1;
        let gap = health.map(|health| (Watched::Gap(health.gap_bound), health.gap()));
        let rejection = health.and_then(|health| {
            let rejection = health.acceptance.clone()?.neg().add_scalar(1.0);
            (0.0 < health.acceptance_bound)
                .then_some((Watched::Rejection(health.acceptance_bound), rejection))
        });
        let rest = not_looked_at.map(|square| [(Watched::Loss, loss.clone()), (Watched::SquareNorm, square)]);
        self.watch
            .look(self.step, gap.into_iter().chain(rejection).chain(rest.into_iter().flatten()).collect());
        (self.skips.in_a_row, self.skips.last) = (0, None);
        self.running = Some(match self.running.take() {
            None => loss,
            Some(running) => running * LOSS_DECAY + loss * (1.0 - LOSS_DECAY),
        });
    }

    /// Counts a step that was left out for this reason, and takes back what the objective remembered before it.
    pub(crate) fn skip(&mut self, noise: Noise, memory: Memory, reason: Divergence) {
        self.step += 1;
        (self.noise, self.memory) = (noise, memory);
        self.skips =
            Skips { total: self.skips.total + 1, in_a_row: self.skips.in_a_row + 1, last: Some(reason) };
    }

    /// The error that the next step would have been: nothing of this state is kept any more.
    pub(crate) fn diverged(&mut self, reason: Divergence) -> TrainError {
        let step = self.step + 1;
        self.watch.tell(step, reason.clone());
        TrainError::Diverged { step, reason }
    }
}
