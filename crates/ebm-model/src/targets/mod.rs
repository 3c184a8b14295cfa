//! Energies that samplers are tried on, each hard in its own way and known exactly.

mod banana;
mod double_well;
mod funnel;
mod quadrature;
mod ring;
mod rosenbrock;
mod skewed;

use burn::tensor::{Device, Tensor, TensorData};
use ebm_ops::Noise;

use crate::ModelError;

pub use banana::Banana;
pub use double_well::DoubleWell;
pub use funnel::Funnel;
pub use ring::Ring;
pub use rosenbrock::Rosenbrock;
pub use skewed::Skewed;

/// Φ(x), the distribution function of N(0, 1).
fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// `n` numbers uniform on (0, 1), the ends excluded: the middles of 2³² equal parts.
fn uniforms(n: usize, noise: &mut Noise) -> Vec<f64> {
    let unit = (-32f64).exp2();
    noise.words(n).into_iter().map(|word| (f64::from(word) + 0.5) * unit).collect()
}

/// Points, row by row, in the device's float type.
fn points(rows: Vec<f64>, dim: usize, device: &Device) -> Tensor<2> {
    let n = rows.len() / dim;
    Tensor::from_data(TensorData::new(rows, [n, dim]), device)
}

/// Coordinate `index` of every row, `[batch, 1]`.
///
/// # Panics
/// If the rows have not `dim` coordinates.
fn coordinate(x: &Tensor<2>, index: usize, dim: usize) -> Tensor<2> {
    assert_eq!(x.dims()[1], dim, "an energy in {dim} dimensions was given {:?}", x.dims());
    x.clone().narrow(1, index, 1)
}

fn positive(what: &'static str, value: f64) -> Result<f64, ModelError> {
    if value.is_finite() && 0.0 < value {
        return Ok(value);
    }
    Err(ModelError::Law { what, expected: "a positive, finite number".into(), found: value.to_string() })
}

fn finite(what: &'static str, value: f64) -> Result<f64, ModelError> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(ModelError::Law { what, expected: "a finite number".into(), found: value.to_string() })
}

#[cfg(test)]
mod tests;
