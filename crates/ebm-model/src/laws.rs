//! Laws that every layer and every model keeps, checked in double precision against finite differences.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Tensor};
use ebm_ops::Noise;

use crate::weights::{self, ParameterPath};
use crate::{Directional, Energy, Init, Jet, Layer, Potential, Score};

/// What differences in double precision have to agree to, relative to the largest number compared.
const TOLERANCE: f64 = 1e-6;
/// The step of the differences: their error is about h⁴ = 1e-10 times a fifth derivative, and 1e-16/h² = 1e-11.
const STEP: f64 = 3e-3;

/// Standard normal numbers in double precision.
pub(crate) fn normal<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    Noise::seeded(seed).normal(shape, &Device::flex()).cast(DType::F64)
}

/// `[n, dim]` of them.
pub(crate) fn points(n: usize, dim: usize, seed: u64) -> Tensor<2> {
    normal([n, dim], seed)
}

/// A module in double precision, moved so that no weight is zero; its weights are numbers of single precision.
pub(crate) fn in_double<M: Module>(build: impl FnOnce(&Init) -> M) -> M {
    let module = build(&Init::new(Noise::seeded(1), &Device::flex()));
    weights::cast(module.map(&mut Stir(Noise::seeded(2))), DType::F64)
}

struct Stir(Noise);

impl ModuleMapper for Stir {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weight| weight.clone() + self.0.normal_like(&weight) * 0.2)
    }
}

/// Whether two tensors agree to `tolerance` of the largest number in them.
#[track_caller]
pub(crate) fn assert_close<const D: usize>(
    found: Tensor<D>,
    expected: Tensor<D>,
    tolerance: f64,
    what: &str,
) {
    assert_eq!(found.dims(), expected.dims(), "the shape of {what}");
    let [found, expected] = [found, expected].map(|t| t.into_data().iter::<f64>().collect::<Vec<_>>());
    let largest = expected.iter().fold(1e-3, |largest: f64, value| largest.max(value.abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance * largest, "{what}, element {i}: {found} against {expected}");
    }
}

/// The first and second derivative of `f` at 0, by five points each.
pub(crate) fn differences<const D: usize>(f: impl Fn(f64) -> Tensor<D>) -> [Tensor<D>; 2] {
    let [far_left, left, middle, right, far_right] = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|k| f(k * STEP));
    let first = (right.clone() - left.clone()) * 8.0 - (far_right.clone() - far_left.clone());
    let second = (right + left) * 16.0 - (far_right + far_left) - middle * 30.0;
    [first / (12.0 * STEP), second / (12.0 * STEP * STEP)]
}

/// The first derivative of `f` at 0, where higher ones are large: a tenth of the step, for rounding of 1e-12.
fn fine_slope(f: impl Fn(f64) -> f64) -> f64 {
    let h = 0.1 * STEP;
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

/// `i`-th unit vector in the shape of `x`, all of its rows and channels counted through.
fn axis<const D: usize>(x: &Tensor<D>, i: usize) -> Tensor<D> {
    let n = x.shape().num_elements();
    let flat =
        x.zeros_like().reshape([n]).slice_assign(i..i + 1, Tensor::<1>::ones([1], (&x.device(), x.dtype())));
    flat.reshape(x.dims())
}

/// Its trace, its pullback and its push are what differences say; `shape` is that of its input.
pub(crate) fn layer<const I: usize, const O: usize>(layer: &impl Layer<I, O>, shape: [usize; I], seed: u64) {
    let [x, v, a] = [0, 1, 2].map(|k| normal(shape, 100 * seed + k));
    let curve = |t: f64| x.clone() + v.clone() * t + a.clone() * (0.5 * t * t);
    let [slope, curvature] = differences(|t| layer.forward(curve(t)));
    let jet = layer.push(Jet { value: x.clone(), slope: v.clone(), curvature: a.clone() });
    assert_close(jet.value, layer.forward(x.clone()), 1e-14, "the value of a push");
    assert_close(jet.slope, slope, TOLERANCE, "the slope of a push");
    assert_close(jet.curvature, curvature, TOLERANCE, "the curvature of a push");

    let (y, trace) = layer.trace(x.clone());
    assert_close(y.clone(), layer.forward(x.clone()), 1e-14, "the value of a trace");
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

/// Energy, score, slope and curvature agree with differences of the energy; rows do not see each other.
pub(crate) fn potential<M: Potential + Directional>(model: &M, dim: usize, seed: u64) {
    let x = points(3, dim, 100 * seed);
    let v = points(3, dim, 100 * seed + 1);
    let (energy, score) = model.energy_and_score(x.clone());
    assert_close(energy, model.energy(x.clone()), 1e-13, "the energy beside a score");
    assert_close(score.clone(), model.score(x.clone()), 1e-13, "the score beside an energy");
    for i in 0..dim {
        let unit = axis(&Tensor::zeros([1, dim], (&x.device(), x.dtype())), i);
        let [slope, _] = differences(|t| model.energy(x.clone() + unit.clone() * t));
        let column = score.clone().narrow(1, i, 1).squeeze_dim::<1>(1);
        assert_close(column.neg(), slope, TOLERANCE, "a component of −s");
    }
    let [slope, curvature] = differences(|t| model.energy(x.clone() + v.clone() * t));
    let along = model.along(x, v);
    assert_close(along.slope, slope, TOLERANCE, "the slope of the energy");
    assert_close(along.curvature, curvature, TOLERANCE, "the curvature of the energy");
    directional(model, dim, seed);
    rows(|x| model.energy(x).unsqueeze_dim(1), dim, seed);
}

/// Slope and curvature agree with the score and its differences; rows do not see each other.
pub(crate) fn directional<M: Score + Directional>(model: &M, dim: usize, seed: u64) {
    let (x, v) = (points(3, dim, 100 * seed + 2), points(3, dim, 100 * seed + 3));
    let down = |x: Tensor<2>| (model.score(x) * v.clone()).sum_dim(1).squeeze_dim::<1>(1).neg();
    let along = model.along(x.clone(), v.clone());
    assert_close(along.slope, down(x.clone()), 1e-12, "−vᵀs");
    let [curvature, _] = differences(|t| down(x.clone() + v.clone() * t));
    assert_close(along.curvature, curvature, TOLERANCE, "−vᵀ(∇s)v");
    rows(|x| model.score(x), dim, seed);
    let both = |x: Tensor<2>| {
        let along = model.along(x.clone(), x.flip([1]) + 1.0);
        Tensor::stack(vec![along.slope, along.curvature], 1)
    };
    rows(both, dim, seed);
}

/// A row's result does not depend on its place, nor on how many rows there are.
fn rows(f: impl Fn(Tensor<2>) -> Tensor<2>, dim: usize, seed: u64) {
    let n = 1_025;
    let x = points(n, dim, 100 * seed + 4);
    let all = f(x.clone());
    assert_close(f(x.clone().flip([0])).flip([0]), all.clone(), 1e-12, "rows in another order");
    for i in [0, 7, n - 1] {
        assert_close(f(x.clone().narrow(0, i, 1)), all.clone().narrow(0, i, 1), 1e-12, "a row by itself");
    }
}

/// The model in single precision gives what the same model gives in double precision.
///
/// A sum of a few hundred products of order one loses about 1e-5; convolutions promise 3e-5 of the largest.
pub(crate) fn precision<M: Score + Directional>(single: &M, double: &M, dim: usize, seed: u64) {
    let [x, v] = [5, 6].map(|k| Noise::seeded(100 * seed + k).normal([64, dim], &Device::flex()));
    let [wide_x, wide_v] = [&x, &v].map(|t: &Tensor<2>| t.clone().cast(DType::F64));
    let (found, expected) = (single.along(x.clone(), v), double.along(wide_x.clone(), wide_v));
    let score = single.score(x);
    assert_eq!(
        (score.dtype(), found.slope.dtype(), found.curvature.dtype()),
        (DType::F32, DType::F32, DType::F32)
    );
    assert_close(score, double.score(wide_x), 1e-4, "the score in single precision");
    assert_close(found.slope, expected.slope, 1e-4, "the slope in single precision");
    assert_close(found.curvature, expected.curvature, 1e-4, "the curvature in single precision");
}

/// The means over rows of ½‖s‖², of the curvature, and of ½ slope²: what score matching is made of.
pub(crate) fn losses<M: Score + Directional>(model: &M, x: Tensor<2>, v: Tensor<2>) -> Vec<Tensor<1>> {
    let along = model.along(x.clone(), v);
    let square = model.score(x).square().sum_dim(1).mean();
    vec![square * 0.5, along.curvature.mean(), along.slope.square().mean() * 0.5]
}

/// Those, and the mean energy.
pub(crate) fn losses_and_energy<M: Potential + Directional>(
    model: &M,
    x: Tensor<2>,
    v: Tensor<2>,
) -> Vec<Tensor<1>> {
    let mut losses = losses(model, x.clone(), v);
    losses.push(model.energy(x).mean());
    losses
}

/// The gradients of the losses in every trained parameter, along a random direction in each, are what
/// differences say; `model` is plain and in double precision.
pub(crate) fn trained<M: Module>(
    model: &M,
    dim: usize,
    seed: u64,
    losses: impl Fn(&M, Tensor<2>, Tensor<2>) -> Vec<Tensor<1>>,
) {
    let (x, v) = (points(5, dim, 100 * seed + 7), points(5, dim, 100 * seed + 8));
    let tracked = model.clone().train();
    for k in 0..losses(model, x.clone(), v.clone()).len() {
        // a pass for each: going back consumes what the losses share
        let loss = losses(&tracked, x.clone(), v.clone()).swap_remove(k);
        assert!(loss.is_tracked(), "loss {k} depends on no parameter");
        let mut slopes = Slopes { path: ParameterPath::default(), gradients: loss.backward(), found: vec![] };
        tracked.visit(&mut slopes);
        let largest = slopes.found.iter().fold(0.0, |largest: f64, (_, slope)| largest.max(slope.abs()));
        assert!(1e-3 < largest, "loss {k} hardly depends on its parameters: {:?}", slopes.found);
        for (name, found) in slopes.found {
            let moved = |t: f64| {
                let mut step = Step { path: ParameterPath::default(), name: name.clone(), length: t };
                losses(&model.clone().map(&mut step), x.clone(), v.clone())
                    .swap_remove(k)
                    .into_scalar::<f64>()
            };
            let expected = fine_slope(moved);
            let error = (found - expected).abs();
            assert!(
                error <= TOLERANCE * expected.abs().max(1e-3 * largest),
                "loss {k} in {name}: {found} against {expected}"
            );
        }
    }
}

/// The direction in which the parameter of this name is moved.
fn direction<const D: usize>(name: &str, weight: &Tensor<D>) -> Tensor<D> {
    Noise::seeded(3).derive(name).normal(weight.dims(), &Device::flex()).cast(DType::F64)
}

/// The slope of a loss along each parameter's direction.
struct Slopes {
    path: ParameterPath,
    gradients: Gradients,
    found: Vec<(String, f64)>,
}

impl ModuleVisitor for Slopes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, weight) = (self.path.name(), param.val());
        if weight.is_require_grad() {
            let along =
                |gradient: Tensor<D>| (gradient * direction(&name, &weight)).sum().into_scalar::<f64>();
            let slope = weight.grad(&self.gradients).map_or(0.0, along);
            self.found.push((name, slope));
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

/// Moves one parameter along its direction.
struct Step {
    path: ParameterPath,
    name: String,
    length: f64,
}

impl ModuleMapper for Step {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.path.name() != self.name {
            return param;
        }
        param.map(|weight| weight.clone() + direction(&self.name, &weight) * self.length)
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

/// A module goes to a file's names and back.
pub(crate) fn saved<M: Module + Energy>(model: M, other: M, dim: usize) {
    let tensors = weights::collect(&model);
    let (read, _) = weights::from_bytes(&weights::to_bytes(&tensors, "").unwrap()).unwrap();
    let restored = weights::apply(other, read).unwrap();
    let x = Noise::seeded(9).normal([3, dim], &Device::flex());
    assert_eq!(restored.energy(x.clone()).into_data(), model.energy(x).into_data());
}

/// The laws refuse what is wrong in the ways in which such code goes wrong.
mod controls {
    use super::*;
    use crate::layers::{Activation, Dense, Hidden};
    use crate::{Along, MlpEnergy, MlpEnergyConfig};

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
    fn a_push_that_ignores_a_bent_input_is_refused() {
        layer::<2, 2>(&Wrong(in_double(|init| Dense::new(3, 3, init)), Mistake::BentInputIgnored), [2, 3], 1);
    }

    #[test]
    #[should_panic(expected = "a pullback")]
    fn a_pullback_by_the_weight_itself_is_refused() {
        layer::<2, 2>(
            &Wrong(in_double(|init| Dense::new(3, 3, init)), Mistake::WeightNotTransposed),
            [2, 3],
            1,
        );
    }

    fn network() -> MlpEnergy {
        let network = Hidden::new(vec![4], Activation::Silu);
        in_double(|init| {
            MlpEnergy::new(&MlpEnergyConfig { dim: 2, network, confinement: 0.3 }, init).unwrap()
        })
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
        potential(&Spoiled { inner: network(), detached: false, sign: -1.0, centered: false }, 2, 1);
    }

    #[test]
    #[should_panic(expected = "a row by itself")]
    fn rows_that_see_each_other_are_refused() {
        let model = Spoiled { inner: network(), detached: false, sign: 1.0, centered: true };
        rows(|x| model.score(x), 2, 1);
    }

    #[test]
    #[should_panic(expected = "loss 0 in ")]
    fn a_score_cut_from_its_parameters_is_refused() {
        let model = Spoiled { inner: network(), detached: true, sign: 1.0, centered: false };
        trained(&model, 2, 1, losses);
    }
}
