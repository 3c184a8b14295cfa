//! Layers made of layers: one after another, many after another, one or none, one beside its input.

mod level;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::{Jet, Layer};

/// First one, then the other; the first keeps the rank.
impl<const I: usize, const O: usize, A: Layer<I>, B: Layer<I, O>> Layer<I, O> for (A, B) {
    type Trace = (A::Trace, B::Trace);

    fn trace(&self, x: Tensor<I>) -> (Tensor<O>, Self::Trace) {
        let (h, first) = self.0.trace(x);
        let (y, second) = self.1.trace(h);
        (y, (first, second))
    }

    fn pullback(&self, (first, second): Self::Trace, cotangent: Tensor<O>) -> Tensor<I> {
        self.0.pullback(first, self.1.pullback(second, cotangent))
    }

    fn push(&self, jet: Jet<I>) -> Jet<O> {
        self.1.push(self.0.push(jet))
    }

    fn forward(&self, x: Tensor<I>) -> Tensor<O> {
        self.1.forward(self.0.forward(x))
    }
}

/// One after another; none is the identity.
///
/// For slices and not for `Vec`, whose own `push` it would hide.
impl<const D: usize, L: Layer<D>> Layer<D> for [L] {
    type Trace = Vec<L::Trace>;

    fn trace(&self, mut x: Tensor<D>) -> (Tensor<D>, Self::Trace) {
        let mut traces = Vec::with_capacity(self.len());
        for layer in self {
            let (y, trace) = layer.trace(x);
            traces.push(trace);
            x = y;
        }
        (x, traces)
    }

    fn pullback(&self, traces: Self::Trace, cotangent: Tensor<D>) -> Tensor<D> {
        let back = self.iter().zip(traces).rev();
        back.fold(cotangent, |cotangent, (layer, trace)| layer.pullback(trace, cotangent))
    }

    fn push(&self, jet: Jet<D>) -> Jet<D> {
        self.iter().fold(jet, |jet, layer| layer.push(jet))
    }

    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        self.iter().fold(x, |x, layer| layer.forward(x))
    }
}

/// The layer, or the identity.
impl<const D: usize, L: Layer<D>> Layer<D> for Option<L> {
    type Trace = Option<L::Trace>;

    fn trace(&self, x: Tensor<D>) -> (Tensor<D>, Self::Trace) {
        match self {
            None => (x, None),
            Some(layer) => {
                let (y, trace) = layer.trace(x);
                (y, Some(trace))
            }
        }
    }

    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<D>) -> Tensor<D> {
        match self.as_ref().zip(trace) {
            None => cotangent,
            Some((layer, trace)) => layer.pullback(trace, cotangent),
        }
    }

    fn push(&self, jet: Jet<D>) -> Jet<D> {
        match self {
            None => jet,
            Some(layer) => layer.push(jet),
        }
    }

    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            None => x,
            Some(layer) => layer.forward(x),
        }
    }
}

/// The layer itself, so that a network can name its layers once and its order another time.
impl<const I: usize, const O: usize, L: Layer<I, O> + ?Sized> Layer<I, O> for &L {
    type Trace = L::Trace;

    fn trace(&self, x: Tensor<I>) -> (Tensor<O>, Self::Trace) {
        (**self).trace(x)
    }

    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<O>) -> Tensor<I> {
        (**self).pullback(trace, cotangent)
    }

    fn push(&self, jet: Jet<I>) -> Jet<O> {
        (**self).push(jet)
    }

    fn forward(&self, x: Tensor<I>) -> Tensor<O> {
        (**self).forward(x)
    }
}

/// The layer that it holds.
impl<const I: usize, const O: usize, L: Layer<I, O> + ?Sized> Layer<I, O> for Box<L> {
    type Trace = L::Trace;

    fn trace(&self, x: Tensor<I>) -> (Tensor<O>, Self::Trace) {
        (**self).trace(x)
    }

    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<O>) -> Tensor<I> {
        (**self).pullback(trace, cotangent)
    }

    fn push(&self, jet: Jet<I>) -> Jet<O> {
        (**self).push(jet)
    }

    fn forward(&self, x: Tensor<I>) -> Tensor<O> {
        (**self).forward(x)
    }
}

/// x + f(x).
///
/// # Reference
/// He, Zhang, Ren and Sun (2016), *Deep residual learning for image recognition*, eq. 1.
#[derive(Module, Debug)]
pub struct Residual<L> {
    inner: L,
}

impl<L> Residual<L> {
    /// f = `inner`, whose result has the shape of its input.
    pub fn new(inner: L) -> Self {
        Self { inner }
    }
}

impl<const D: usize, L: Layer<D>> Layer<D> for Residual<L> {
    type Trace = L::Trace;

    fn trace(&self, x: Tensor<D>) -> (Tensor<D>, Self::Trace) {
        let (y, trace) = self.inner.trace(x.clone());
        (beside(x, y), trace)
    }

    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<D>) -> Tensor<D> {
        cotangent.clone() + self.inner.pullback(trace, cotangent)
    }

    fn push(&self, jet: Jet<D>) -> Jet<D> {
        let inner = self.inner.push(jet.clone());
        jet + inner
    }

    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        beside(x.clone(), self.inner.forward(x))
    }
}

/// f(x) + g(x), two ways from one place to another.
#[derive(Module, Debug)]
pub struct Sum<F, G> {
    first: F,
    second: G,
}

impl<F, G> Sum<F, G> {
    /// f = `first` and g = `second`, whose results have one shape.
    pub fn new(first: F, second: G) -> Self {
        Self { first, second }
    }
}

impl<const I: usize, const O: usize, F: Layer<I, O>, G: Layer<I, O>> Layer<I, O> for Sum<F, G> {
    type Trace = (F::Trace, G::Trace);

    fn trace(&self, x: Tensor<I>) -> (Tensor<O>, Self::Trace) {
        let (first, trace) = self.first.trace(x.clone());
        let (second, beside_it) = self.second.trace(x);
        (beside(first, second), (trace, beside_it))
    }

    fn pullback(&self, (first, second): Self::Trace, cotangent: Tensor<O>) -> Tensor<I> {
        self.first.pullback(first, cotangent.clone()) + self.second.pullback(second, cotangent)
    }

    fn push(&self, jet: Jet<I>) -> Jet<O> {
        self.first.push(jet.clone()) + self.second.push(jet)
    }

    fn forward(&self, x: Tensor<I>) -> Tensor<O> {
        beside(self.first.forward(x.clone()), self.second.forward(x))
    }
}

fn beside<const D: usize>(x: Tensor<D>, y: Tensor<D>) -> Tensor<D> {
    assert_eq!(x.dims(), y.dims(), "both ways of a sum end in one shape");
    x + y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Activation, Convolution, Dense, GlobalMeanPool};
    use crate::testing;

    #[test]
    fn compositions_keep_the_laws_of_a_layer() {
        let dense = |inputs, outputs, activation| {
            testing::in_double(move |init| (Dense::new(inputs, outputs, init), activation))
        };
        let silu = || dense(3, 3, Activation::Silu);
        testing::assert_layer::<2, 2>(&(dense(2, 3, Activation::Tanh), Dense::clone(&silu().0)), [2, 2], 6);
        let stack = [dense(2, 5, Activation::Tanh), dense(5, 1, Activation::Softplus)];
        testing::assert_layer::<2, 2>(&stack.as_slice(), [3, 2], 7);
        let residual: Box<[_]> = Box::new([Residual::new(silu()), Residual::new(silu())]);
        testing::assert_layer::<2, 2>(&residual, [2, 3], 8);
        testing::assert_layer::<2, 2>(&(Some(silu()), None::<Dense>), [2, 3], 9);
        testing::assert_layer::<2, 2>(
            &Sum::new(dense(2, 3, Activation::Tanh), dense(2, 3, Activation::Silu)),
            [2, 2],
            15,
        );
        let convolution = testing::in_double(|init| Convolution::new(1, 2, 3, 2, init));
        testing::assert_layer::<4, 2>(&((&convolution, Activation::Silu), GlobalMeanPool), [2, 1, 5, 4], 10);
    }

    #[test]
    #[should_panic(expected = "both ways of a sum end in one shape")]
    fn a_residual_layer_of_another_width_is_refused_rather_than_broadcast() {
        let widening = testing::in_double(|init| Residual::new(Dense::new(1, 3, init)));
        let _ = widening.forward(testing::points(2, 1, 11));
    }
}
