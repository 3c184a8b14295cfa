//! Tensors copied to the host in double precision.

use burn::tensor::Tensor;

use crate::EvalError;
use crate::error::{require, require_rows};

/// Points in row-major order on the host.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    dim: usize,
    values: Vec<f64>,
}

impl Rows {
    /// The rows of `x`, `[rows, dim]`.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] with the first non-finite row; [`EvalError::OutOfRange`] with fewer than
    /// `least` rows or without a coordinate.
    pub fn read(x: Tensor<2>, what: &'static str, least: usize) -> Result<Self, EvalError> {
        let [rows, dim] = x.dims();
        require_rows(rows, what, least)?;
        require(0 < dim, what, "at least one coordinate", dim)?;
        let values = numbers(x);
        match values.iter().position(|value| !value.is_finite()) {
            Some(i) => Err(EvalError::NotFinite { what, row: i / dim, value: values[i] }),
            None => Ok(Self { dim, values }),
        }
    }

    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.dim..][..self.dim]
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.dim)
    }

    /// Every `stride`-th row.
    pub fn every(&self, stride: usize) -> impl Iterator<Item = &[f64]> {
        self.iter().step_by(stride)
    }

    /// Rows of `dim` coordinates, collected in order.
    pub fn from_rows<'a>(dim: usize, rows: impl Iterator<Item = &'a [f64]>) -> Self {
        Self { dim, values: rows.flatten().copied().collect() }
    }

    /// The same points in column-major order.
    pub fn columns(&self) -> Columns {
        let n = self.len();
        let values = (0..self.dim).flat_map(|k| (0..n).map(move |i| self.values[i * self.dim + k])).collect();
        Columns { n, values }
    }
}

/// Points in column-major order, for loops that run over points.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    n: usize,
    values: Vec<f64>,
}

impl Columns {
    /// Coordinate `k` of all points.
    #[inline(always)]
    pub fn coordinate(&self, k: usize) -> &[f64] {
        &self.values[k * self.n..][..self.n]
    }
}

/// All elements of a tensor in row-major order.
pub(crate) fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().try_into_vec_as::<f64>().expect("floats become doubles")
}

/// # Panics
/// If the points of `x` and `y` do not have the same number of coordinates.
pub(crate) fn assert_one_space(x: &Tensor<2>, y: &Tensor<2>) {
    assert_eq!(
        x.dims()[1],
        y.dims()[1],
        "expected points with the same number of coordinates, found shapes {:?} and {:?}",
        x.dims(),
        y.dims()
    );
}
