//! Energies.

use burn::tensor::Tensor;

/// An energy E, the negative logarithm of a density up to a constant: low energy is likely.
pub trait Energy {
    /// The energy of each row: `[batch, dim]` → `[batch]`, in nats.
    fn energy(&self, x: Tensor<2>) -> Tensor<1>;
}

impl<E: Energy + ?Sized> Energy for &E {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        (**self).energy(x)
    }
}
