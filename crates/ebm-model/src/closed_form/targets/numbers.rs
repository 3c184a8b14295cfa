//! Draws, coordinates and checks that the targets share.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_ops::{Noise, OutOfRange};

/// Φ(x), the distribution function of N(0, 1).
pub(super) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// `n` numbers uniform on (0, 1), the ends excluded: the middles of 2³² equal parts.
pub(super) fn uniforms(n: usize, noise: &mut Noise) -> Vec<f64> {
    let unit = (-32f64).exp2();
    noise.words(n).into_iter().map(|word| (f64::from(word) + 0.5) * unit).collect()
}

/// Points, row by row, in the device's float type.
pub(super) fn points(rows: Vec<f64>, dim: usize, device: &Device) -> Tensor<2> {
    let n = rows.len() / dim;
    Tensor::from_data(TensorData::new(rows, [n, dim]), device)
}

/// Coordinate `index` of every row, `[batch, 1]`.
///
/// # Panics
/// Unless the rows have `dim` coordinates.
pub(super) fn coordinate(x: &Tensor<2>, index: usize, dim: usize) -> Tensor<2> {
    assert_eq!(x.dims()[1], dim, "an energy in {dim} dimensions was given {:?}", x.dims());
    x.clone().narrow(1, index, 1)
}

/// `value` if it is finite.
pub(super) fn finite(what: &str, value: f64) -> Result<f64, OutOfRange> {
    if value.is_finite() { Ok(value) } else { Err(OutOfRange::new(what, value, "a finite number")) }
}
