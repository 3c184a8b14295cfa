//! A sampler of any type.

use crate::{AnyDescent, AnyKernel, Need};

/// A sampler chosen at run time: steps of a chain, or a descent down noise levels.
#[derive(Clone, Debug)]
pub enum AnySampler {
    /// Moves chains.
    Kernel(AnyKernel),
    /// Takes samples from high noise to none.
    Descent(AnyDescent),
}

impl AnySampler {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kernel(kernel) => kernel.name(),
            Self::Descent(descent) => descent.name(),
        }
    }

    /// What it needs of a model.
    pub fn need(&self) -> Need {
        match self {
            Self::Kernel(kernel) => kernel.need(),
            Self::Descent(descent) => descent.need(),
        }
    }
}

impl From<AnyKernel> for AnySampler {
    fn from(kernel: AnyKernel) -> Self {
        Self::Kernel(kernel)
    }
}

impl From<AnyDescent> for AnySampler {
    fn from(descent: AnyDescent) -> Self {
        Self::Descent(descent)
    }
}
