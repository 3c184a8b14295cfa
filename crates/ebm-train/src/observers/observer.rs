//! The trait of observers.

use std::ops::ControlFlow;

use crate::{BoxError, Event};

/// Something that looks at a run after each step and may end it: a progress bar, a journal, pictures, checkpoints.
///
/// A closure is an observer, `()` is the observer that does nothing, and `&Checkpoints` is the one that saves.
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

/// Does nothing.
impl<M> Observer<M> for () {
    fn observe(&mut self, _: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        Ok(ControlFlow::Continue(()))
    }
}
