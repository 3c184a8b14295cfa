//! The training loop.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::Noise;
use ebm_ops::adam::AdamStep;

use crate::nonfinite::Attempt;
use crate::{
    BoxError, Divergence, Event, Memory, Objective, Observer, OnNonfinite, Optimizer, TrainError,
    TrainSettings, TrainState,
};

/// Every so many steps it is read, which waits for the device, whether all of them were sound.
const CHECK_EVERY: u64 = 20;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// All steps were done.
    Complete,
    /// An observer ended it.
    Stopped,
}

/// A model, an objective, and the loop that brings them together.
#[derive(Debug)]
pub struct Trainer<M, O> {
    state: TrainState<M>,
    objective: O,
    settings: TrainSettings,
}

impl<M: Module, O: Objective<M>> Trainer<M, O> {
    /// A run that begins, or goes on, at `state`.
    ///
    /// # Errors
    /// [`TrainError::Setting`], naming the setting that is out of range, or [`TrainError::Memory`] if the
    /// objective cannot go on from what the state remembers of it.
    pub fn new(state: TrainState<M>, mut objective: O, settings: TrainSettings) -> Result<Self, TrainError> {
        settings.validate()?;
        // Steps that were skipped have left it nothing to remember.
        if state.skips.total < state.step {
            objective.recall(state.memory.clone()).map_err(|reason| TrainError::Memory { reason })?;
        }
        Ok(Self { state, objective, settings })
    }

    /// Where the run is.
    pub fn state(&self) -> &TrainState<M> {
        &self.state
    }

    /// Trains until the last step or until `observer` ends it; `batches` maps a step, counted from 0, to its
    /// batch, `[batch, dim]`.
    ///
    /// # Errors
    /// [`TrainError`]; the state is then that of the last step that was done.
    pub fn run(
        &mut self,
        mut batches: impl FnMut(u64) -> Result<Tensor<2>, BoxError>,
        observer: &mut dyn Observer<M>,
    ) -> Result<Finish, TrainError> {
        while self.state.step < self.settings.steps {
            let step = self.state.step;
            let data = batches(step).map_err(|source| TrainError::Data { step, source })?;
            self.step(data)?;
            let (step, last) = (self.state.step, self.state.step == self.settings.steps);
            if last || step.is_multiple_of(CHECK_EVERY) {
                self.state.check()?;
            }
            let (state, settings, health) = (&self.state, &self.settings, self.objective.health());
            let event = Event { state, settings, health };
            let flow = observer.observe(&event).map_err(|source| TrainError::observed(step, source))?;
            if flow.is_break() && !last {
                return Ok(Finish::Stopped);
            }
        }
        Ok(Finish::Complete)
    }

    /// One step on one batch, `[batch, dim]`.
    ///
    /// # Errors
    /// [`TrainError::NoGradient`] if the loss depends on no parameter; [`TrainError::Diverged`] if loss or
    /// gradient are not finite and this is known at once; [`TrainError::Skipped`] if too many steps in a row are
    /// to be left out; [`TrainError::Memory`] if what the objective remembers is of data of another shape.
    pub fn step(&mut self, data: Tensor<2>) -> Result<(), TrainError> {
        let (state, settings, objective) = (&mut self.state, &self.settings, &mut self.objective);
        objective.fits(data.dims()[1]).map_err(|reason| TrainError::Memory { reason })?;
        let skip = settings.on_nonfinite == OnNonfinite::Skip;
        // A GPU is not made to wait at every step for what is looked at every twenty.
        let look = skip || !ebm_ops::reading_waits(&data.device());
        let before = if skip { state.memory.clone() } else { Memory::new() };
        // Nobody else holds the objective's memory now, so that it can be changed in place.
        state.memory.clear();
        let mut noise = state.noise.clone();
        let loss = objective.loss(state.model(), data.clone(), &mut noise);
        state.memory = objective.memory();
        let gradients = if loss.is_tracked() {
            Optimizer::gradients(state.model(), loss.backward())
        } else {
            BTreeMap::new()
        };
        let Some(square_norm) = Optimizer::square_norm(&gradients) else {
            return Err(TrainError::NoGradient { step: state.step });
        };
        // Adam and the average know only of the steps that were not skipped.
        let done = state.step - state.skips.total;
        let rate = state.learning_rate(settings, state.step);
        if look {
            let attempt = Attempt {
                data: &data,
                model: state.model(),
                health: objective.health(),
                loss: &loss,
                gradients: &gradients,
                square_norm: &square_norm,
                step_size: rate / (1.0 - settings.adam.decays[0].powf(done as f64 + 1.0)),
                rate,
            };
            if let Some(reason) = attempt.wrong() {
                // If energies had come apart before, that is where it began, and nothing to be skipped.
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
        state.record(loss, objective.health(), (!look).then_some(square_norm));
        Ok(())
    }

    /// Leaves a step out: all is as before it but its number and its noise.
    fn skip(&mut self, noise: Noise, before: Memory, reason: Divergence) -> Result<(), TrainError> {
        self.objective.forget();
        if !before.is_empty() {
            let back = self.objective.recall(before.clone());
            back.map_err(|reason| TrainError::Memory { reason })?;
        }
        self.state.skip(noise, before, reason.clone());
        let (skipped, limit, step) = (self.state.skips.in_a_row, self.settings.skip_limit, self.state.step);
        if skipped <= limit { Ok(()) } else { Err(TrainError::Skipped { skipped, limit, step, reason }) }
    }
}
