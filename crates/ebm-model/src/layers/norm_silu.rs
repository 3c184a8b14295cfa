//! Group normalisation followed by SiLU, as a layer.

use burn::tensor::Tensor;

use crate::layers::{GroupNorm, NormRules};
use crate::{Jet, Layer};

/// A [`GroupNorm`] followed by SiLU, with the rules of [`NormRules`].
#[derive(Clone, Copy, Debug)]
pub struct NormSilu<'a>(pub &'a GroupNorm);

impl Layer<4> for NormSilu<'_> {
    type Trace = <NormRules as Layer<4>>::Trace;

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, Self::Trace) {
        self.0.rules(None).trace(x)
    }

    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<4>) -> Tensor<4> {
        self.0.rules(None).pullback(trace, cotangent)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        self.0.rules(None).push(jet)
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.0.silu(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_fused_operation_and_the_composition_are_one_layer() {
        let norm = testing::in_double(|init| GroupNorm::new(4, 2, init).with_epsilon(0.1));
        testing::assert_layer::<4, 4>(&NormSilu(&norm), [2, 4, 2, 3], 37);
    }
}
