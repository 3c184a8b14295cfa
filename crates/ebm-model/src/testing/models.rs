//! What every energy and every score must satisfy.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use ebm_ops::Noise;

use crate::testing::numbers::{TOLERANCE, assert_close, axis, differences, points};
use crate::{Directional, Energy, Potential, Score, weights};

/// Checks that energy, score, slope and curvature agree with differences of the energy, and that rows are independent.
///
/// `model` is in double precision; the points in `dim` dimensions are random by `seed`.
///
/// # Panics
/// If one of them does not.
pub fn assert_potential<M: Potential + Directional>(model: &M, dim: usize, seed: u64) {
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
    assert_directional(model, dim, seed);
    assert_rows_independent(|x| model.energy(x).unsqueeze_dim(1), dim, seed);
}

/// Checks that slope and curvature agree with the score and its differences, and that rows are independent.
///
/// `model` is in double precision; the points in `dim` dimensions are random by `seed`.
///
/// # Panics
/// If they do not.
pub fn assert_directional<M: Score + Directional>(model: &M, dim: usize, seed: u64) {
    let (x, v) = (points(3, dim, 100 * seed + 2), points(3, dim, 100 * seed + 3));
    let down = |x: Tensor<2>| (model.score(x) * v.clone()).sum_dim(1).squeeze_dim::<1>(1).neg();
    let along = model.along(x.clone(), v.clone());
    assert_close(along.slope, down(x.clone()), 1e-12, "−vᵀs");
    let [curvature, _] = differences(|t| down(x.clone() + v.clone() * t));
    assert_close(along.curvature, curvature, TOLERANCE, "−vᵀ(∇s)v");
    assert_rows_independent(|x| model.score(x), dim, seed);
    let both = |x: Tensor<2>| {
        let along = model.along(x.clone(), x.flip([1]) + 1.0);
        Tensor::stack(vec![along.slope, along.curvature], 1)
    };
    assert_rows_independent(both, dim, seed);
}

/// Checks that a row's result depends neither on its place nor on the number of rows.
pub(crate) fn assert_rows_independent(f: impl Fn(Tensor<2>) -> Tensor<2>, dim: usize, seed: u64) {
    let n = 1_025;
    let x = points(n, dim, 100 * seed + 4);
    let all = f(x.clone());
    assert_close(f(x.clone().flip([0])).flip([0]), all.clone(), 1e-12, "rows in another order");
    for i in [0, 7, n - 1] {
        assert_close(f(x.clone().narrow(0, i, 1)), all.clone().narrow(0, i, 1), 1e-12, "a row by itself");
    }
}

/// Checks that a model in single precision computes what the same model computes in double precision.
///
/// The tolerance is 1e-4 of the largest number: a sum of a few hundred products of order one loses about 1e-5, and
/// convolutions promise 3e-5.
///
/// # Panics
/// If score, slope or curvature differ by more.
pub fn assert_precision<M: Score + Directional>(single: &M, double: &M, dim: usize, seed: u64) {
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

/// Checks that `other`, a network of the same description, becomes `model` by the weights of `model` in a file.
///
/// # Panics
/// If its energies differ in a bit.
pub fn assert_saved<M: Module + Energy>(model: M, other: M, dim: usize) {
    let tensors = weights::collect(&model);
    let (read, _) = weights::from_bytes(&weights::to_bytes(&tensors, "").unwrap()).unwrap();
    let restored = weights::apply(other, read).unwrap();
    let x = Noise::seeded(9).normal([3, dim], &Device::flex());
    assert_eq!(restored.energy(x.clone()).into_data(), model.energy(x).into_data());
}
