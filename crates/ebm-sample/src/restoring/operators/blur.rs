//! Blurred pictures of sharp ones.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;

use super::constants::{constants, numbers};
use crate::SampleError;
use crate::restoring::operator::LinearOperator;

/// Deviations from the middle of the kernel to its end.
const REACH: f64 = 4.0;

/// The eigenvalue of A below which a direction counts as lost where the measurements are without noise.
const LOST: f64 = 1e-3;

/// A picture blurred by a normal kernel, rows and columns alike; at its borders the picture is mirrored.
///
/// A kernel that is symmetric about its middle has, with mirrored borders, the cosines of the discrete cosine
/// transform as eigenvectors, C, so that A = C diag(λ) Cᵀ and `solve` is exact.
///
/// # Reference
/// Strang (1999), *The discrete cosine transform*, §2.
#[derive(Clone, Debug, PartialEq)]
pub struct Blur {
    shape: [usize; 3],
    rows: Axis,
    columns: Axis,
}

/// The blur along rows or columns of `n` pixels.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    /// C, `[n, n]` by rows.
    cosines: Vec<f64>,
    /// Cᵀ.
    transposed: Vec<f64>,
    /// λ.
    eigenvalues: Vec<f64>,
    /// C diag(λ) Cᵀ.
    matrix: Vec<f64>,
}

impl Blur {
    /// Of pictures of `[channels, height, width]`, by a kernel whose standard deviation is `deviation` pixels.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if a side is zero, or unless `0 < deviation ≤ 1000`.
    pub fn new(shape: [usize; 3], deviation: f64) -> Result<Self, SampleError> {
        numbers(shape)?;
        if !(0.0 < deviation && deviation <= 1000.0) {
            return Err(OutOfRange::new("deviation of the blur", deviation, "above 0, at most 1000").into());
        }
        let [_, height, width] = shape;
        Ok(Self { shape, rows: Axis::new(width, deviation), columns: Axis::new(height, deviation) })
    }

    /// `x`, `[batch, numbers]`, with its rows multiplied by one matrix and its columns by another, both by rows.
    fn times(&self, x: Tensor<2>, of_rows: &[f64], of_columns: &[f64]) -> Tensor<2> {
        let ([channels, height, width], batch) = (self.shape, x.dims()[0]);
        let of_rows = constants(of_rows, [width, width], &x);
        let of_columns = constants(of_columns, [height, height], &x);
        let n = batch * channels;
        let across = x.reshape([n * height, width]).matmul(of_rows).reshape([n, height, width]);
        let down = across.swap_dims(1, 2).reshape([n * width, height]).matmul(of_columns);
        down.reshape([n, width, height]).swap_dims(1, 2).reshape([batch, channels * height * width])
    }

    /// λ of each coefficient of a picture, `[numbers]`.
    fn eigenvalues(&self) -> Vec<f64> {
        let (rows, columns) = (&self.rows.eigenvalues, &self.columns.eigenvalues);
        let of_channel = columns.iter().flat_map(|down| rows.iter().map(move |across| down * across));
        let of_channel: Vec<f64> = of_channel.collect();
        of_channel.repeat(self.shape[0])
    }
}

impl Axis {
    fn new(n: usize, deviation: f64) -> Self {
        let reach = (REACH * deviation).ceil() as i64;
        let height = |j: i64| (-0.5 * (j as f64 / deviation).powi(2)).exp();
        let total: f64 = (-reach..=reach).map(height).sum();
        let frequency = |k: usize| PI * k as f64 / n as f64;
        let eigenvalue = |k: usize| {
            (-reach..=reach).map(|j| height(j) / total * (frequency(k) * j as f64).cos()).sum::<f64>()
        };
        let entry = |i: usize, k: usize| {
            let norm = if k == 0 { 1.0 } else { 2.0 } / n as f64;
            norm.sqrt() * (frequency(k) * (i as f64 + 0.5)).cos()
        };
        let places = || (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        let eigenvalues: Vec<f64> = (0..n).map(eigenvalue).collect();
        let cosines: Vec<f64> = places().map(|(i, k)| entry(i, k)).collect();
        let row = |i: usize| &cosines[i * n..][..n];
        let product = |(i, j): (usize, usize)| {
            row(i).iter().zip(row(j)).zip(&eigenvalues).map(|((a, b), value)| a * b * value).sum::<f64>()
        };
        let matrix = places().map(product).collect();
        let transposed = places().map(|(k, i)| cosines[i * n + k]).collect();
        Self { cosines, transposed, eigenvalues, matrix }
    }
}

impl LinearOperator for Blur {
    fn inputs(&self) -> usize {
        self.shape.iter().product()
    }

    fn outputs(&self) -> usize {
        self.inputs()
    }

    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        self.times(x, &self.rows.matrix, &self.columns.matrix)
    }

    /// A is symmetric.
    fn adjoint(&self, y: Tensor<2>) -> Tensor<2> {
        self.apply(y)
    }

    /// Without noise, directions whose eigenvalue of A is below 1e-3 are left out.
    fn solve(&self, variance: &Tensor<2>, noise: f64, y: Tensor<2>) -> Tensor<2> {
        let eigenvalues = self.eigenvalues();
        let row = |values: Vec<f64>| constants::<2, 2>(&values, [1, values.len()], &y);
        let squares = row(eigenvalues.iter().map(|value| value * value).collect());
        let kept =
            row(eigenvalues.iter().map(|v| f64::from(u8::from(noise > 0.0 || LOST <= v.abs()))).collect());
        let lost = kept.clone().neg() + 1.0;
        let along = self.times(y, &self.rows.cosines, &self.columns.cosines);
        let solved = along * kept / (squares * variance.clone() + noise + lost);
        self.times(solved, &self.rows.transposed, &self.columns.transposed)
    }
}
