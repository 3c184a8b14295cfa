//! The event that observers see.

use burn::module::Module;

use crate::{ContrastReport, TrainSettings, TrainState};

/// A step has been done.
#[derive(Debug)]
pub struct Event<'a, M> {
    /// The state after the step.
    pub state: &'a TrainState<M>,
    /// The settings of the run.
    pub settings: &'a TrainSettings,
    /// How the sampler inside the objective did, if there is one; reading it waits for the device.
    pub report: Option<&'a ContrastReport>,
}

impl<M> Event<'_, M> {
    /// Whether this was the last step of the run.
    pub fn is_last(&self) -> bool {
        self.state.step == self.settings.steps
    }
}

impl<M: Module> Event<'_, M> {
    /// The learning rate of the step.
    pub fn learning_rate(&self) -> f64 {
        self.state.learning_rate(self.settings, self.state.step.saturating_sub(1))
    }
}
