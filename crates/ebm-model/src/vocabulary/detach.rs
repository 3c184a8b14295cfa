//! Copies without autodiff.

use burn::module::Module;

use crate::Potential;

/// A model that can be copied without autodiff.
pub trait Detach {
    /// The energy with its current parameters, not tracked by autodiff: what a sampler runs on.
    fn detached(&self) -> Box<dyn Potential>;
}

impl<M: Module + Potential + 'static> Detach for M {
    fn detached(&self) -> Box<dyn Potential> {
        Box::new(self.valid())
    }
}
