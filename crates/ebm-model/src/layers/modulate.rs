//! A gain and a bias for every channel.

use burn::tensor::Tensor;

use crate::{Jet, Layer};

/// gain · x + bias, channel by channel; neither depends on x.
#[derive(Clone, Debug)]
pub struct Modulate {
    /// `[batch or 1, channels, 1, 1]`.
    gain: Tensor<4>,
    /// The same.
    bias: Tensor<4>,
}

impl Modulate {
    /// `gain` and `bias` are `[batch, channels]`, or `[1, channels]` for all rows.
    pub fn new(gain: Tensor<2>, bias: Tensor<2>) -> Self {
        let [gain, bias] = [gain, bias].map(|t| {
            let [rows, channels] = t.dims();
            t.reshape([rows, channels, 1, 1])
        });
        Self { gain, bias }
    }
}

impl Layer<4> for Modulate {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (x * self.gain.clone() + self.bias.clone(), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        cotangent * self.gain.clone()
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let jet = jet.linear(|x| x * self.gain.clone());
        Jet { value: jet.value + self.bias.clone(), ..jet }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_modulation_keeps_the_laws_of_a_layer() {
        let modulate = Modulate::new(testing::points(2, 3, 19), testing::points(1, 3, 20));
        testing::assert_layer::<4, 4>(&modulate, [2, 3, 2, 2], 21);
    }
}
