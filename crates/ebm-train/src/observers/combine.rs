//! Several observers as one, and one that is called less often.

use std::ops::ControlFlow;

use crate::{BoxError, Event, Observer};

/// Several observers, called in order. All of them are called, and the run ends if any of them ends it.
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

/// An observer that is called every so many steps, and after the last one.
#[derive(Clone, Debug)]
pub struct Every<O> {
    /// Steps from one call to the next; 0 leaves only the call after the last step.
    pub steps: u64,
    /// The observer that is called.
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
