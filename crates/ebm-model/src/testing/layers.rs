//! What every layer must satisfy.

use burn::tensor::Tensor;

use crate::testing::numbers::{TOLERANCE, assert_close, axis, differences, normal};
use crate::{Jet, Layer};

/// Checks that trace, pullback and push of `layer` agree with differences of its forward pass.
///
/// `shape` is that of its input, which is random by `seed`, and so are the directions.
///
/// # Panics
/// If one of them does not.
pub fn assert_layer<const I: usize, const O: usize>(layer: &impl Layer<I, O>, shape: [usize; I], seed: u64) {
    assert_rules(layer, shape, seed, 1e-14);
}

/// The same, where the values of the three ways to compute them agree to `rounding`.
fn assert_rules<const I: usize, const O: usize>(
    layer: &impl Layer<I, O>,
    shape: [usize; I],
    seed: u64,
    rounding: f64,
) {
    let [x, v, a] = [0, 1, 2].map(|k| normal(shape, 100 * seed + k));
    let curve = |t: f64| x.clone() + v.clone() * t + a.clone() * (0.5 * t * t);
    let [slope, curvature] = differences(|t| layer.forward(curve(t)));
    let jet = layer.push(Jet { value: x.clone(), slope: v.clone(), curvature: a.clone() });
    assert_close(jet.value, layer.forward(x.clone()), rounding, "the value of a push");
    assert_close(jet.slope, slope, TOLERANCE, "the slope of a push");
    assert_close(jet.curvature, curvature, TOLERANCE, "the curvature of a push");

    let (y, trace) = layer.trace(x.clone());
    assert_close(y.clone(), layer.forward(x.clone()), rounding, "the value of a trace");
    let cotangent = normal(y.dims(), 100 * seed + 3);
    let pulled = layer.pullback(trace, cotangent.clone());
    assert_eq!(pulled.dims(), shape, "a pullback has the shape of the input");
    let n = x.shape().num_elements();
    let expected = (0..n).map(|i| {
        let [slope, _] = differences(|t| layer.forward(x.clone() + axis(&x, i) * t));
        (slope * cotangent.clone()).sum()
    });
    assert_close(pulled.reshape([n]), Tensor::cat(expected.collect(), 0), TOLERANCE, "a pullback");
}

/// As [`assert_layer`], near a random position: for functions that bend much, x ↦ f(a + x/100), whose differences are
/// exact where those of f are not. What bends a difference magnifies rounding as well.
///
/// # Panics
/// As [`assert_layer`].
#[cfg(test)]
pub(crate) fn assert_layer_near<const I: usize, const O: usize>(
    layer: &impl Layer<I, O>,
    shape: [usize; I],
    seed: u64,
) {
    assert_rules(&Near { layer, at: normal(shape, 100 * seed + 4) }, shape, seed, 1e-12);
}

/// How far a position moves.
#[cfg(test)]
const SHARE: f64 = 0.01;

#[cfg(test)]
struct Near<'a, L, const I: usize> {
    layer: &'a L,
    at: Tensor<I>,
}

#[cfg(test)]
impl<const I: usize, const O: usize, L: Layer<I, O>> Layer<I, O> for Near<'_, L, I> {
    type Trace = L::Trace;

    fn trace(&self, x: Tensor<I>) -> (Tensor<O>, L::Trace) {
        self.layer.trace(self.at.clone() + x * SHARE)
    }

    fn pullback(&self, trace: L::Trace, cotangent: Tensor<O>) -> Tensor<I> {
        self.layer.pullback(trace, cotangent) * SHARE
    }

    fn push(&self, jet: Jet<I>) -> Jet<O> {
        let jet = jet.linear(|x| x * SHARE);
        self.layer.push(Jet { value: self.at.clone() + jet.value, ..jet })
    }

    fn forward(&self, x: Tensor<I>) -> Tensor<O> {
        self.layer.forward(self.at.clone() + x * SHARE)
    }
}
