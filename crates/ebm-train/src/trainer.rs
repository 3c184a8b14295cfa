//! The training loop.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::adam::AdamStep;

use crate::{BoxError, Event, Objective, Observer, Optimizer, TrainError, TrainSettings, TrainState};

/// Every so many steps the loss is read, which waits for the device, to see that it is still a number.
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
    /// [`TrainError::Setting`], naming the setting that is out of range.
    pub fn new(state: TrainState<M>, objective: O, settings: TrainSettings) -> Result<Self, TrainError> {
        settings.validate()?;
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
                self.check()?;
            }
            let event = Event { state: &self.state, settings: &self.settings };
            let flow = observer.observe(&event).map_err(|source| TrainError::Observer { step, source })?;
            if flow.is_break() && !last {
                return Ok(Finish::Stopped);
            }
        }
        Ok(Finish::Complete)
    }

    /// One step on one batch, `[batch, dim]`.
    ///
    /// # Errors
    /// [`TrainError::NoGradient`] if the loss depends on no parameter.
    pub fn step(&mut self, data: Tensor<2>) -> Result<(), TrainError> {
        let (state, settings) = (&mut self.state, &self.settings);
        let mut noise = state.noise.clone();
        let loss = self.objective.loss(state.model(), data, &mut noise);
        let gradients = if loss.is_tracked() {
            Optimizer::gradients(state.model(), loss.backward())
        } else {
            BTreeMap::new()
        };
        if gradients.is_empty() {
            return Err(TrainError::NoGradient { step: state.step });
        }
        let n = state.step as f64;
        let update = AdamStep {
            step: state.step + 1,
            learning_rate: settings.schedule().at(state.step),
            decays: settings.adam.decays,
            epsilon: settings.adam.epsilon,
            gradient_scale: 1.0,
            average_decay: settings.average_decay.min((1.0 + n) / (10.0 + n)),
        };
        state.update(|optimizer, model| optimizer.step(model, gradients, settings.clip_norm, update));
        state.record(loss);
        state.noise = noise;
        state.step += 1;
        Ok(())
    }

    fn check(&self) -> Result<(), TrainError> {
        let loss = self.state.loss();
        if loss.is_finite() { Ok(()) } else { Err(TrainError::NotFinite { step: self.state.step, loss }) }
    }
}
