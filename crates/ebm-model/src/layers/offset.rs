//! A layer moved by something that it does not see.

use burn::tensor::Tensor;

use crate::layers::{LevelLayer, LevelSlope};
use crate::{Jet, Layer};

/// f(x) + b, where b does not depend on x: how a hidden layer hears the noise level.
#[derive(Clone, Debug)]
pub struct Offset<L, const O: usize> {
    inner: L,
    offset: Tensor<O>,
    /// db/dc, `[batch, channels]`.
    motion: Option<Tensor<2>>,
}

impl<L, const O: usize> Offset<L, O> {
    /// f = `inner`; b = `offset` has the shape of f(x), or one that broadcasts to it.
    pub fn new(inner: L, offset: Tensor<O>) -> Self {
        Self { inner, offset, motion: None }
    }

    /// The same, where b depends on the noise level c: `motion` is db/dc, `[batch, channels]`.
    pub fn moving(self, motion: Option<Tensor<2>>) -> Self {
        Self { motion, ..self }
    }
}

impl<const I: usize, const O: usize, L: Layer<I, O>> Layer<I, O> for Offset<L, O> {
    type Trace = L::Trace;

    fn trace(&self, x: Tensor<I>) -> (Tensor<O>, Self::Trace) {
        let (y, trace) = self.inner.trace(x);
        (y + self.offset.clone(), trace)
    }

    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<O>) -> Tensor<I> {
        self.inner.pullback(trace, cotangent)
    }

    fn push(&self, jet: Jet<I>) -> Jet<O> {
        let jet = self.inner.push(jet);
        Jet { value: jet.value + self.offset.clone(), ..jet }
    }

    fn forward(&self, x: Tensor<I>) -> Tensor<O> {
        self.inner.forward(x) + self.offset.clone()
    }
}

impl<const I: usize, const O: usize, L: LevelLayer<I, O>> LevelLayer<I, O> for Offset<L, O> {
    fn pullback_to_level(
        &self,
        trace: Self::Trace,
        cotangent: Tensor<O>,
        slope: &mut LevelSlope,
    ) -> Tensor<I> {
        if let Some(motion) = &self.motion {
            slope.add(cotangent.clone(), motion.clone());
        }
        self.inner.pullback_to_level(trace, cotangent, slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Dense;
    use crate::testing;

    #[test]
    fn an_offset_layer_keeps_the_laws_of_a_layer() {
        let dense = testing::in_double(|init| Dense::new(2, 3, init));
        testing::assert_layer::<2, 2>(&Offset::new(&dense, testing::points(4, 3, 12)), [4, 2], 13);
    }
}
