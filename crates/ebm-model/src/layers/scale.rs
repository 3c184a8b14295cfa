//! A multiple.

use burn::tensor::Tensor;

use crate::{Jet, Layer};

/// a·x for a number a.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(pub f64);

impl<const D: usize> Layer<D> for Scale {
    type Trace = ();

    fn trace(&self, x: Tensor<D>) -> (Tensor<D>, ()) {
        (x * self.0, ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<D>) -> Tensor<D> {
        cotangent * self.0
    }

    fn push(&self, jet: Jet<D>) -> Jet<D> {
        jet.linear(|x| x * self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_multiple_keeps_the_laws_of_a_layer() {
        testing::assert_layer::<2, 2>(&Scale(-0.7), [2, 3], 32);
    }
}
