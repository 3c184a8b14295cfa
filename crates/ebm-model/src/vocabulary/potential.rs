//! Energies with their gradients.

use burn::tensor::Tensor;

use crate::{Energy, Score};

/// An energy and its score, which agree: s = −∇E.
pub trait Potential: Energy + Score {
    /// Both at once, `[batch]` and `[batch, dim]`; override it if they share work.
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        (self.energy(x.clone()), self.score(x))
    }
}

impl<P: Potential + ?Sized> Potential for &P {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        (**self).energy_and_score(x)
    }
}
