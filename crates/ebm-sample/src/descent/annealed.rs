//! What every annealed sampler has, whatever the model.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use ebm_ops::Noise;

use crate::{NoiseLadder, Rung};

/// A sampler with a ladder of noise levels.
///
/// This is the part of a [`Descent`](crate::Descent) that no model has a say in.
pub trait Annealed {
    /// The noise levels.
    fn ladder(&self) -> &NoiseLadder;

    /// The noise level of the samples once the work at a rung is done: the next level below, unless the sampler
    /// stays at the rung's own.
    fn reached(&self, at: Rung) -> f64 {
        at.below
    }

    /// How many items a descent yields: one per level, and one more for the denoised samples if noise is left
    /// after the last level.
    fn n_items(&self) -> usize {
        let ladder = self.ladder();
        let n = ladder.levels().len();
        n + usize::from(0.0 < self.reached(ladder.rung(n - 1)))
    }

    /// N(0, σ₁²I), where a descent starts, `[n, dim]`, on `device`.
    fn start(&self, n: usize, dim: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        self.ladder().start(n, dim, noise, device)
    }
}

impl<D: Annealed + ?Sized> Annealed for &D {
    fn ladder(&self) -> &NoiseLadder {
        (**self).ladder()
    }

    fn reached(&self, at: Rung) -> f64 {
        (**self).reached(at)
    }
}

impl<D: Annealed + ?Sized> Annealed for Arc<D> {
    fn ladder(&self) -> &NoiseLadder {
        (**self).ladder()
    }

    fn reached(&self, at: Rung) -> f64 {
        (**self).reached(at)
    }
}
