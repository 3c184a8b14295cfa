//! The checks fail on the mistakes that such code is prone to.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::layers::{Activation, Dense, Hidden};
use crate::testing::models::assert_rows_independent;
use crate::testing::{assert_layer, assert_potential, assert_trainable, in_double, losses};
use crate::{Along, Directional, Energy, Jet, Layer, MlpEnergy, MlpEnergyConfig, Potential, Score};

/// A dense layer and tanh with one mistake.
#[derive(Clone, Copy, PartialEq)]
enum Mistake {
    /// σ″ḣ² without σ′ḧ.
    BentInputIgnored,
    /// The weight not transposed.
    WeightNotTransposed,
}

struct Wrong(Dense, Mistake);

impl Layer<2> for Wrong {
    type Trace = Tensor<2>;

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        Activation::Tanh.trace(self.0.forward(x))
    }

    fn pullback(&self, z: Tensor<2>, cotangent: Tensor<2>) -> Tensor<2> {
        let back = Activation::Tanh.pullback(z, cotangent);
        if self.1 == Mistake::WeightNotTransposed {
            return self.0.push(Jet::line(back.zeros_like(), back)).slope;
        }
        self.0.pullback((), back)
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        let mut jet = self.0.push(jet);
        if self.1 == Mistake::BentInputIgnored {
            jet.curvature = jet.curvature.zeros_like();
        }
        Activation::Tanh.push(jet)
    }
}

#[test]
#[should_panic(expected = "the curvature of a push")]
fn a_push_that_ignores_the_curvature_of_its_input_is_refused() {
    assert_layer::<2, 2>(
        &Wrong(in_double(|init| Dense::new(3, 3, init)), Mistake::BentInputIgnored),
        [2, 3],
        1,
    );
}

#[test]
#[should_panic(expected = "a pullback")]
fn a_pullback_by_the_weight_not_transposed_is_refused() {
    assert_layer::<2, 2>(
        &Wrong(in_double(|init| Dense::new(3, 3, init)), Mistake::WeightNotTransposed),
        [2, 3],
        1,
    );
}

fn network() -> MlpEnergy {
    let network = Hidden::new(vec![4], Activation::Silu);
    in_double(|init| MlpEnergy::new(&MlpEnergyConfig { dim: 2, network, confinement: 0.3 }, init).unwrap())
}

/// A network's energy whose score has something done to it.
#[derive(Module, Debug)]
struct Spoiled {
    inner: MlpEnergy,
    detached: bool,
    sign: f64,
    centered: bool,
}

impl Spoiled {
    fn place(&self, x: Tensor<2>) -> Tensor<2> {
        if self.centered { x.clone() - x.mean_dim(0) } else { x }
    }
}

impl Energy for Spoiled {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.inner.energy(self.place(x))
    }
}

impl Score for Spoiled {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let score = self.inner.score(self.place(x)) * self.sign;
        // half of the gradient is lost where half of the value is a constant
        if self.detached { score.clone() * 0.5 + score.detach() * 0.5 } else { score }
    }
}

impl Potential for Spoiled {}

impl Directional for Spoiled {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        self.inner.along(self.place(x), v)
    }
}

#[test]
#[should_panic(expected = "a component of −s")]
fn a_score_of_the_wrong_sign_is_refused() {
    assert_potential(&Spoiled { inner: network(), detached: false, sign: -1.0, centered: false }, 2, 1);
}

#[test]
#[should_panic(expected = "a row by itself")]
fn rows_that_depend_on_each_other_are_refused() {
    let model = Spoiled { inner: network(), detached: false, sign: 1.0, centered: true };
    assert_rows_independent(|x| model.score(x), 2, 1);
}

#[test]
#[should_panic(expected = "loss 0 in ")]
fn a_score_detached_from_its_parameters_is_refused() {
    let model = Spoiled { inner: network(), detached: true, sign: 1.0, centered: false };
    assert_trainable(&model, 2, 1, losses);
}
