//! Group normalisation followed by SiLU at one noise level, as a layer.

use burn::tensor::Tensor;
use ebm_ops::group_norm;

use crate::layers::{Activation, LevelLayer, LevelSlope, Modulate, Normalize};
use crate::{Jet, Layer};

/// The layer as a composition, for what no fused operation gives.
type Composition = (Normalize, (Modulate, Activation));

/// A [`GroupNorm`](super::GroupNorm) followed by SiLU at a fixed scale and shift: SiLU(gain · x̂ + bias).
///
/// The forward pass, the reverse rule and the gradients of both are one operation each. Along a line, and where scale and
/// shift depend on the noise level, it is the composition of [`Normalize`], [`Modulate`] and [`Activation`].
#[derive(Clone, Debug)]
pub struct NormRules {
    /// `[batch or 1, channels]`.
    gain: Tensor<2>,
    /// The same.
    bias: Tensor<2>,
    /// The derivatives of both in the noise level, each `[batch, channels]`.
    motion: Option<[Tensor<2>; 2]>,
    groups: usize,
    epsilon: f64,
}

/// What [`NormRules`] remember of a forward pass.
#[derive(Debug)]
pub struct NormTrace(Kept);

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one is made for each layer and used once")]
enum Kept {
    Fused { x: Tensor<4>, statistics: Tensor<3> },
    Composed(<Composition as Layer<4>>::Trace),
}

impl NormRules {
    /// Over `groups` equal groups, with `epsilon` added to the variance; `gain` and `bias` are `[batch, channels]`, or
    /// `[1, channels]` for all rows.
    pub fn new(gain: Tensor<2>, bias: Tensor<2>, groups: usize, epsilon: f64) -> Self {
        Self { gain, bias, motion: None, groups, epsilon }
    }

    /// The same, where gain and bias depend on the noise level c: `motion` is their derivatives in c, each `[batch,
    /// channels]`.
    pub fn moving(self, motion: [Tensor<2>; 2]) -> Self {
        Self { motion: Some(motion), ..self }
    }

    fn composition(&self) -> Composition {
        let modulate = Modulate::new(self.gain.clone(), self.bias.clone()).moving(self.motion.clone());
        (Normalize::new(self.groups, self.epsilon), (modulate, Activation::Silu))
    }
}

impl Layer<4> for NormRules {
    type Trace = NormTrace;

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, NormTrace) {
        if self.motion.is_some() {
            let (y, trace) = self.composition().trace(x);
            return (y, NormTrace(Kept::Composed(trace)));
        }
        let (gain, bias) = (self.gain.clone(), self.bias.clone());
        let (y, statistics) = group_norm::traced(x.clone(), gain, bias, self.groups, self.epsilon);
        (y, NormTrace(Kept::Fused { x, statistics }))
    }

    fn pullback(&self, NormTrace(kept): NormTrace, cotangent: Tensor<4>) -> Tensor<4> {
        match kept {
            Kept::Composed(trace) => self.composition().pullback(trace, cotangent),
            Kept::Fused { x, statistics } => {
                group_norm::pullback(x, self.gain.clone(), self.bias.clone(), statistics, cotangent)
            }
        }
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        self.composition().push(jet)
    }

    /// Keeps nothing of x, whose place the result can then take.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        group_norm::traced(x, self.gain.clone(), self.bias.clone(), self.groups, self.epsilon).0
    }
}

impl LevelLayer<4> for NormRules {
    fn pullback_to_level(
        &self,
        NormTrace(kept): NormTrace,
        cotangent: Tensor<4>,
        slope: &mut LevelSlope,
    ) -> Tensor<4> {
        match kept {
            Kept::Composed(trace) => self.composition().pullback_to_level(trace, cotangent, slope),
            kept @ Kept::Fused { .. } => self.pullback(NormTrace(kept), cotangent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_fused_rules_are_those_of_the_composition_and_pass_the_tests_of_a_layer() {
        for rows in [1, 2] {
            let (gain, bias) = (testing::points(rows, 4, 45), testing::points(rows, 4, 46));
            let rules = NormRules::new(gain, bias, 2, 0.1);
            testing::assert_layer::<4, 4>(&rules, [2, 4, 2, 3], 47);

            let (x, v) = (testing::normal([2, 4, 2, 3], 48), testing::normal([2, 4, 2, 3], 49));
            let (y, trace) = rules.trace(x.clone());
            testing::assert_close(rules.forward(x.clone()), y.clone(), 0.0, "f alone");
            let (expected, composed) = rules.composition().trace(x);
            testing::assert_close(y, expected, 1e-12, "f");
            let expected = rules.composition().pullback(composed, v.clone());
            testing::assert_close(rules.pullback(trace, v), expected, 1e-12, "pullback");
        }
    }
}
