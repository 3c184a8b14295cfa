//! The training loop.

use std::collections::BTreeMap;

use burn::module::Module;
use ebm_ops::Noise;
use ebm_ops::adam::AdamStep;

use crate::trainer::nonfinite::Attempt;
use crate::{
    Batch, BoxError, ContrastReport, Divergence, Event, Memory, Objective, Observer, OnNonfinite, Optimizer,
    Outcome, TrainError, TrainSettings, TrainState,
};

/// Steps from one check for divergence to the next; each waits for the device.
const CHECK_EVERY: u64 = 20;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// All steps are done.
    Complete,
    /// An observer ended the run.
    Stopped,
}

/// A training run: its state, its objective, and its settings.
#[derive(Debug)]
pub struct Trainer<M, O> {
    state: TrainState<M>,
    objective: O,
    settings: TrainSettings,
    /// What the objective reported in the last step.
    report: Option<ContrastReport>,
}

impl<M: Module, O: Objective<M>> Trainer<M, O> {
    /// A run that begins, or continues, at `state`.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] with the field of the settings, [`TrainError::Memory`] if the objective cannot
    /// continue from the memory in the state.
    pub fn new(state: TrainState<M>, objective: O, settings: TrainSettings) -> Result<Self, TrainError> {
        settings.validate()?;
        if state.has_memory() {
            objective.check(&state.memory, None).map_err(|reason| TrainError::Memory { reason })?;
        }
        Ok(Self { state, objective, settings, report: None })
    }

    /// The state after the last step.
    pub fn state(&self) -> &TrainState<M> {
        &self.state
    }

    /// Trains until the last step or until `observer` ends the run; `batches` maps a step, counted from 0, to its
    /// batch: a [`Batch`], or rows alone, `[batch, dim]`.
    ///
    /// # Errors
    /// [`TrainError`]; the state is then that of the last step that was done.
    pub fn run<B: Into<Batch>>(
        &mut self,
        mut batches: impl FnMut(u64) -> Result<B, BoxError>,
        observer: &mut dyn Observer<M>,
    ) -> Result<Finish, TrainError> {
        while self.state.step < self.settings.steps {
            let step = self.state.step;
            let batch = batches(step).map_err(|source| TrainError::Data { step, source })?;
            self.step(batch)?;
            let (step, last) = (self.state.step, self.state.step == self.settings.steps);
            if last || step.is_multiple_of(CHECK_EVERY) {
                self.state.check()?;
            }
            let event = Event { state: &self.state, settings: &self.settings, report: self.report.as_ref() };
            let flow = observer.observe(&event).map_err(|source| TrainError::observed(step, source))?;
            if flow.is_break() && !last {
                return Ok(Finish::Stopped);
            }
        }
        Ok(Finish::Complete)
    }

    /// One step on one batch: a [`Batch`], or rows alone, `[batch, dim]`.
    ///
    /// # Errors
    /// [`TrainError::NoGradient`] if the loss depends on no parameter; [`TrainError::Diverged`] if the loss or a
    /// gradient is not finite and this is known at once; [`TrainError::Skipped`] if too many consecutive steps would be
    /// skipped; [`TrainError::Memory`] if the objective's memory does not fit the data.
    pub fn step(&mut self, batch: impl Into<Batch>) -> Result<(), TrainError> {
        let batch = batch.into();
        let (state, settings) = (&mut self.state, &self.settings);
        let skip = settings.on_nonfinite == OnNonfinite::Skip;
        // A GPU is not made to wait at every step for what is checked every twenty steps.
        let look = skip || !ebm_ops::reading_waits(&batch.rows.device());
        let before = if skip { state.memory.clone() } else { Memory::new() };
        let mut noise = state.noise.clone();
        let Outcome { loss, memory, report } = state.evaluate(&self.objective, &batch, &mut noise)?;
        state.memory = memory;
        self.report = report;
        let gradients = if loss.is_tracked() {
            Optimizer::gradients(state.model(), loss.backward())
        } else {
            BTreeMap::new()
        };
        let Some(square_norm) = Optimizer::square_norm(&gradients) else {
            return Err(TrainError::NoGradient { step: state.step });
        };
        // Adam and the average count only the steps that were not skipped.
        let done = state.step - state.skips.total;
        let rate = state.learning_rate(settings, state.step);
        if look {
            let attempt = Attempt {
                data: &batch.rows,
                model: state.model(),
                report: self.report.as_ref(),
                loss: &loss,
                gradients: &gradients,
                square_norm: &square_norm,
                step_size: rate / (1.0 - settings.adam.decays[0].powf(done as f64 + 1.0)),
                rate,
            };
            if let Some(reason) = attempt.wrong() {
                // If the energies had drifted apart before, that is the cause, and skipping would hide it.
                state.check()?;
                return if skip { self.skip(noise, before, reason) } else { Err(state.diverged(reason)) };
            }
        }
        let n = done as f64;
        let update = AdamStep {
            step: done + 1,
            learning_rate: rate,
            decays: settings.adam.decays,
            epsilon: settings.adam.epsilon,
            gradient_scale: 1.0,
            average_decay: settings.average_decay.min((1.0 + n) / (10.0 + n)),
        };
        let (norm, clip) = (square_norm.clone(), settings.clip_norm);
        state.update(|optimizer, model| optimizer.step(model, gradients, norm, clip, update));
        (state.noise, state.last_rate) = (noise, rate);
        state.record(loss, self.report.as_ref(), (!look).then_some(square_norm));
        Ok(())
    }

    /// Skips a step: only the step number and the noise advance.
    fn skip(&mut self, noise: Noise, before: Memory, reason: Divergence) -> Result<(), TrainError> {
        self.state.skip(noise, before, reason.clone());
        let (skipped, limit, step) = (self.state.skips.in_a_row, self.settings.skip_limit, self.state.step);
        if skipped <= limit { Ok(()) } else { Err(TrainError::Skipped { skipped, limit, step, reason }) }
    }
}
