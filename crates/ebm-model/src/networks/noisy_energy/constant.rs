//! The constant of each noise level.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::Init;
use crate::layers::{Dense, NoiseEmbedding};

/// Frequencies of the embedding of the level, and its width.
const FREQUENCIES: usize = 8;
const WIDTH: usize = 32;

/// A function a(c) of the noise level alone, zero in a new network: `[batch]` → `[batch]`.
///
/// uᵀf is 0 at u = 0, so that a network alone leaves the density at 0 that of the normal distribution at every level;
/// a(c) is what the energy at 0 differs by.
#[derive(Module, Debug)]
pub(super) struct LevelConstant {
    embedding: NoiseEmbedding,
    out: Dense,
}

impl LevelConstant {
    pub(super) fn new(init: &Init) -> Self {
        Self {
            embedding: NoiseEmbedding::new(FREQUENCIES, WIDTH, &init.part("embedding")),
            out: Dense::zeros(WIDTH, 1, &init.part("out")),
        }
    }

    /// a(c).
    pub(super) fn value(&self, c: Tensor<1>) -> Tensor<1> {
        self.out.forward(self.embedding.forward(c)).squeeze_dim::<1>(1)
    }

    /// a(c) and da/dc.
    pub(super) fn with_slope(&self, c: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
        let (e, motion) = self.embedding.with_slope(c);
        (self.out.forward(e).squeeze_dim::<1>(1), self.out.along(motion).squeeze_dim::<1>(1))
    }
}
