//! Covariance matrices by their eigenvectors, which are not stored where they are the coordinate axes.

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;
use ebm_ops::dense::{dense, dense_pullback};

use crate::closed_form::symmetric::{Eigen, eigen};
use crate::rows::constants;

/// Σ = Q diag(λ) Qᵀ.
#[derive(Clone, Debug)]
pub(crate) struct Covariance {
    /// λ.
    variances: Vec<f64>,
    /// Q and its products with powers of λ; absent for Q = I, where a product with a matrix is one with a row.
    axes: Option<Axes>,
}

/// Square matrices by rows.
#[derive(Clone, Debug)]
struct Axes {
    /// Q.
    vectors: Vec<f64>,
    /// −Σ⁻¹.
    minus_precision: Vec<f64>,
    /// Q diag(λ)^(−½).
    whitening: Vec<f64>,
}

impl Axes {
    fn new(vectors: Vec<f64>, variances: &[f64]) -> Self {
        let n = variances.len();
        let row = |i: usize| &vectors[i * n..(i + 1) * n];
        let entry = |i: usize, j: usize| {
            let products = row(i).iter().zip(row(j)).zip(variances);
            -products.map(|((a, b), value)| a * b / value).sum::<f64>()
        };
        let places = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        let minus_precision = places.clone().map(|(i, j)| entry(i, j)).collect();
        let whitening = places.map(|(i, k)| row(i)[k] / variances[k].sqrt()).collect();
        Self { vectors, minus_precision, whitening }
    }
}

impl Covariance {
    /// vI in `dim` dimensions.
    ///
    /// # Errors
    /// The variance, unless it is positive and finite.
    pub(crate) fn isotropic(dim: usize, variance: f64) -> Result<Self, OutOfRange> {
        let variance = OutOfRange::positive("variance", variance)?;
        Ok(Self { variances: vec![variance; dim], axes: None })
    }

    /// diag(variances).
    ///
    /// # Errors
    /// The first variance that is not positive and finite, by its index.
    pub(crate) fn diagonal(variances: Vec<f64>) -> Result<Self, OutOfRange> {
        for (index, &variance) in variances.iter().enumerate() {
            OutOfRange::positive(&format!("variance {index}"), variance)?;
        }
        Ok(Self { variances, axes: None })
    }

    /// The matrix with these rows.
    ///
    /// # Errors
    /// An entry or an eigenvalue, unless the matrix is square, finite, symmetric and positive definite.
    pub(crate) fn from_rows(rows: &[Vec<f64>]) -> Result<Self, OutOfRange> {
        let Eigen { values: variances, vectors } = eigen(rows)?;
        if let Some(value) = variances.iter().find(|&&value| value <= 0.0) {
            return Err(OutOfRange::new("covariance matrix", value, "positive eigenvalues"));
        }
        let is_zero = |(i, row): (usize, &Vec<f64>)| row.iter().enumerate().all(|(j, x)| i == j || *x == 0.0);
        let is_diagonal = rows.iter().enumerate().all(is_zero);
        let axes = (!is_diagonal).then(|| Axes::new(vectors, &variances));
        Ok(Self { variances, axes })
    }

    /// λ.
    pub(crate) fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// Σ + σ²I.
    pub(crate) fn smoothed(&self, sigma: f64) -> Self {
        let variances: Vec<f64> = self.variances.iter().map(|value| value + sigma * sigma).collect();
        let axes = self.axes.as_ref().map(|axes| Axes::new(axes.vectors.clone(), &variances));
        Self { variances, axes }
    }

    /// λ as a row beside `x`, `[1, dim]`.
    pub(crate) fn variance_row<const D: usize>(&self, x: &Tensor<D>) -> Tensor<2> {
        constants(&self.variances, [1, self.variances.len()], x)
    }

    /// Coordinates of the rows of `x` along the eigenvectors, x Q.
    pub(crate) fn to_axes(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.axes {
            Some(axes) => {
                let vectors = self.square(&axes.vectors, &x);
                dense(x, vectors, None)
            }
            None => x,
        }
    }

    /// Draws from N(0, Σ) made of standard normal `z`: z √λ Qᵀ.
    pub(crate) fn color(&self, z: Tensor<2>) -> Tensor<2> {
        let deviations = self.row(f64::sqrt, &z);
        self.from_axes(z * deviations)
    }

    /// Rows given along the eigenvectors as coordinates, x Qᵀ.
    #[allow(clippy::wrong_self_convention, reason = "the opposite of `to_axes`")]
    pub(crate) fn from_axes(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.axes {
            Some(axes) => {
                let vectors = self.square(&axes.vectors, &x);
                dense_pullback(x, vectors)
            }
            None => x,
        }
    }

    /// x Q λ^(−½), whose squared length is xᵀΣ⁻¹x.
    pub(crate) fn whiten(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.axes {
            Some(axes) => {
                let whitening = self.square(&axes.whitening, &x);
                dense(x, whitening, None)
            }
            None => {
                let row = self.row(|value| 1.0 / value.sqrt(), &x);
                x * row
            }
        }
    }

    /// −Σ⁻¹x.
    pub(crate) fn score(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.axes {
            Some(axes) => {
                let minus_precision = self.square(&axes.minus_precision, &x);
                dense(x, minus_precision, None)
            }
            None => {
                let row = self.row(|value| -1.0 / value, &x);
                x * row
            }
        }
    }

    /// −Σ⁻¹x by the result of [`whiten`](Self::whiten).
    pub(crate) fn score_of_white(&self, white: Tensor<2>) -> Tensor<2> {
        match &self.axes {
            Some(axes) => {
                let whitening = self.square(&axes.whitening, &white);
                dense_pullback(white, whitening.neg())
            }
            None => {
                let row = self.row(|value| -1.0 / value.sqrt(), &white);
                white * row
            }
        }
    }

    fn square(&self, values: &[f64], x: &Tensor<2>) -> Tensor<2> {
        constants(values, [self.variances.len(); 2], x)
    }

    /// A function of λ, `[1, dim]`.
    fn row(&self, f: impl Fn(f64) -> f64, x: &Tensor<2>) -> Tensor<2> {
        let values: Vec<f64> = self.variances.iter().map(|&value| f(value)).collect();
        constants(&values, [1, values.len()], x)
    }
}
