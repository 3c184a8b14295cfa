//! Who watches a run: progress bars, journals, pictures, checkpoints.

use std::ops::ControlFlow;

use burn::module::Module;

use crate::{BoxError, Health, TrainSettings, TrainState};

/// A step has been done.
#[derive(Debug)]
pub struct Event<'a, M> {
    /// Where the run is now.
    pub state: &'a TrainState<M>,
    /// How it goes.
    pub settings: &'a TrainSettings,
    /// How the sampler inside the objective did, if there is one; reading it waits for the device.
    pub health: Option<&'a Health>,
}

impl<M> Event<'_, M> {
    /// Whether this was the last step.
    pub fn is_last(&self) -> bool {
        self.state.step == self.settings.steps
    }
}

impl<M: Module> Event<'_, M> {
    /// The learning rate that the step was done with.
    pub fn learning_rate(&self) -> f64 {
        self.state.learning_rate(self.settings, self.state.step.saturating_sub(1))
    }
}

/// Something that looks at a run after each step and may end it.
pub trait Observer<M> {
    /// Called after every step; `Break` ends the run there.
    ///
    /// # Errors
    /// Whatever keeps the observer from doing its work; the run ends with it.
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError>;
}

impl<M, F: FnMut(&Event<'_, M>) -> Result<ControlFlow<()>, BoxError>> Observer<M> for F {
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        self(event)
    }
}

/// Several observers, asked in order; all of them are, and the run ends if one of them wants it to.
pub struct Observers<'a, M>(pub Vec<Box<dyn Observer<M> + 'a>>);

impl<M> Observer<M> for Observers<'_, M> {
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        let mut flow = ControlFlow::Continue(());
        for observer in &mut self.0 {
            if observer.observe(event)?.is_break() {
                flow = ControlFlow::Break(());
            }
        }
        Ok(flow)
    }
}

/// An observer that is asked only every so many steps, and at the last one.
#[derive(Clone, Debug)]
pub struct Every<O> {
    /// The number of steps; 0 leaves only the last one.
    pub steps: u64,
    /// Who is asked.
    pub observer: O,
}

impl<M, O: Observer<M>> Observer<M> for Every<O> {
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        if event.is_last() || (self.steps != 0 && event.state.step.is_multiple_of(self.steps)) {
            return self.observer.observe(event);
        }
        Ok(ControlFlow::Continue(()))
    }
}
