//! Saving checkpoints while a run goes.

use std::ops::ControlFlow;

use burn::module::Module;

use crate::{BoxError, Checkpoints, Event, Observer};

/// Saves the state whenever it is called; for every hundredth step, `Every { steps: 100, observer: &checkpoints }`.
impl<M: Module> Observer<M> for &Checkpoints {
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        self.save(event.state)?;
        Ok(ControlFlow::Continue(()))
    }
}
