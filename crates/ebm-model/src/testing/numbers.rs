//! Numbers, modules and differences in double precision.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_ops::Noise;

use crate::{Init, weights};

/// Tolerance of comparisons with differences in double precision, relative to the largest number compared.
pub(crate) const TOLERANCE: f64 = 1e-6;
/// The step of the differences: their error is about h⁴ = 1e-10 times a fifth derivative, and 1e-16/h² = 1e-11.
const STEP: f64 = 3e-3;

/// Standard normal numbers in double precision.
pub fn normal<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    Noise::seeded(seed).normal(shape, &Device::flex()).cast(DType::F64)
}

/// Standard normal points in double precision, `[n, dim]`.
pub fn points(n: usize, dim: usize, seed: u64) -> Tensor<2> {
    normal([n, dim], seed)
}

/// A module in double precision with random weights, none of them zero, which single precision can represent.
pub fn in_double<M: Module>(build: impl FnOnce(&Init) -> M) -> M {
    let module = build(&Init::new(Noise::seeded(1), &Device::flex()));
    weights::cast(module.map(&mut Stir(Noise::seeded(2))), DType::F64)
}

struct Stir(Noise);

impl ModuleMapper for Stir {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weight| weight.clone() + self.0.normal_like(&weight) * 0.2)
    }
}

/// Checks that two tensors agree to `tolerance` of the largest number in `expected`; `what` names them in the message.
///
/// # Panics
/// If they do not.
#[track_caller]
pub fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, tolerance: f64, what: &str) {
    assert_eq!(found.dims(), expected.dims(), "the shape of {what}");
    let [found, expected] = [found, expected].map(|t| t.into_data().iter::<f64>().collect::<Vec<_>>());
    let largest = expected.iter().fold(1e-3, |largest: f64, value| largest.max(value.abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance * largest, "{what}, element {i}: {found} against {expected}");
    }
}

/// The first and second derivative of `f` at 0, by differences of five points each.
pub fn differences<const D: usize>(f: impl Fn(f64) -> Tensor<D>) -> [Tensor<D>; 2] {
    let [far_left, left, middle, right, far_right] = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|k| f(k * STEP));
    let first = (right.clone() - left.clone()) * 8.0 - (far_right.clone() - far_left.clone());
    let second = (right + left) * 16.0 - (far_right + far_left) - middle * 30.0;
    [first / (12.0 * STEP), second / (12.0 * STEP * STEP)]
}

/// The first derivative of `f` at 0, where higher ones are large: a tenth of the step, for rounding of 1e-12.
pub(crate) fn fine_slope(f: impl Fn(f64) -> f64) -> f64 {
    let h = 0.1 * STEP;
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

/// The `i`-th unit vector in the shape of `x`, whose elements are counted row by row.
pub(crate) fn axis<const D: usize>(x: &Tensor<D>, i: usize) -> Tensor<D> {
    let n = x.shape().num_elements();
    let flat =
        x.zeros_like().reshape([n]).slice_assign(i..i + 1, Tensor::<1>::ones([1], (&x.device(), x.dtype())));
    flat.reshape(x.dims())
}

/// Points given by rows, `[rows, D]`, in double precision.
pub fn doubles<const D: usize>(rows: &[[f64; D]]) -> Tensor<2> {
    let data = TensorData::new(rows.concat(), [rows.len(), D]);
    Tensor::from_data(data, (&Device::flex(), DType::F64))
}

/// The rows of `x` on the host.
pub fn rows(x: Tensor<2>) -> Vec<Vec<f64>> {
    let dim = x.dims()[1];
    let values: Vec<f64> = x.into_data().iter::<f64>().collect();
    values.chunks(dim).map(<[f64]>::to_vec).collect()
}
