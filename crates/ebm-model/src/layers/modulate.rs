//! A gain and a bias for every channel.

use burn::tensor::Tensor;

use crate::layers::{LevelLayer, LevelSlope};
use crate::{Jet, Layer};

/// gain · x + bias, channel by channel; neither depends on x.
#[derive(Clone, Debug)]
pub struct Modulate {
    /// `[batch or 1, channels, 1, 1]`.
    gain: Tensor<4>,
    /// The same.
    bias: Tensor<4>,
    /// The derivatives of both in the noise level, each `[batch, channels]`.
    motion: Option<[Tensor<2>; 2]>,
}

impl Modulate {
    /// `gain` and `bias` are `[batch, channels]`, or `[1, channels]` for all rows.
    pub fn new(gain: Tensor<2>, bias: Tensor<2>) -> Self {
        let [gain, bias] = [gain, bias].map(|t| {
            let [rows, channels] = t.dims();
            t.reshape([rows, channels, 1, 1])
        });
        Self { gain, bias, motion: None }
    }

    /// The same, where gain and bias depend on the noise level c: `motion` is their derivatives in c, each `[batch,
    /// channels]`.
    pub fn moving(self, motion: Option<[Tensor<2>; 2]>) -> Self {
        Self { motion, ..self }
    }
}

impl Layer<4> for Modulate {
    /// x, where the gain depends on the noise level.
    type Trace = Option<Tensor<4>>;

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, Self::Trace) {
        let kept = self.motion.is_some().then(|| x.clone());
        (x * self.gain.clone() + self.bias.clone(), kept)
    }

    fn pullback(&self, _: Self::Trace, cotangent: Tensor<4>) -> Tensor<4> {
        cotangent * self.gain.clone()
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let jet = jet.linear(|x| x * self.gain.clone());
        Jet { value: jet.value + self.bias.clone(), ..jet }
    }
}

impl LevelLayer<4> for Modulate {
    fn pullback_to_level(
        &self,
        trace: Self::Trace,
        cotangent: Tensor<4>,
        slope: &mut LevelSlope,
    ) -> Tensor<4> {
        if let (Some([gain, bias]), Some(x)) = (&self.motion, trace) {
            slope.add(cotangent.clone() * x, gain.clone());
            slope.add(cotangent.clone(), bias.clone());
        }
        self.pullback(None, cotangent)
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
