//! The fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::dense::{dense, dense_pullback};

use crate::{Init, Jet, Layer};

/// xW + b: `[batch, inputs]` → `[batch, outputs]`.
#[derive(Module, Debug)]
pub struct Dense {
    /// `[inputs, outputs]`.
    weight: Param<Tensor<2>>,
    /// `[outputs]`.
    bias: Param<Tensor<1>>,
}

impl Dense {
    /// Uniform on ±1/√inputs.
    pub fn new(inputs: usize, outputs: usize, init: &Init) -> Self {
        let weight = init.uniform("weight", [inputs, outputs], inputs);
        Self { weight, bias: init.uniform("bias", [outputs], inputs) }
    }

    /// A weight by the law of Glorot and Bengio and a bias of zero.
    pub fn glorot(inputs: usize, outputs: usize, init: &Init) -> Self {
        let weight = init.glorot("weight", [inputs, outputs], inputs + outputs, 1.0);
        Self { weight, bias: init.zeros([outputs]) }
    }

    /// All zero, for a layer that shall do nothing at first.
    pub fn zeros(inputs: usize, outputs: usize, init: &Init) -> Self {
        Self { weight: init.zeros([inputs, outputs]), bias: init.zeros([outputs]) }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.bias.lazy_shape()[0]
    }

    /// ẋW, the derivative of xW + b along ẋ = `slope`.
    pub(crate) fn along(&self, slope: Tensor<2>) -> Tensor<2> {
        dense(slope, self.weight.val(), None)
    }

    /// xW + b.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        dense(x, self.weight.val(), Some(self.bias.val()))
    }
}

impl Layer<2> for Dense {
    type Trace = ();

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, ()) {
        (self.forward(x), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<2>) -> Tensor<2> {
        dense_pullback(cotangent, self.weight.val())
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        let weight = self.weight.val();
        Jet {
            value: self.forward(jet.value),
            slope: dense(jet.slope, weight.clone(), None),
            curvature: dense(jet.curvature, weight, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_dense_layer_keeps_the_laws_of_a_layer() {
        testing::assert_layer::<2, 2>(&testing::in_double(|init| Dense::new(4, 3, init)), [2, 4], 3);
    }
}
