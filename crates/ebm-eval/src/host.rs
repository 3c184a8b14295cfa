//! Tensors as numbers in double precision.

use burn::tensor::Tensor;

use crate::EvalError;

/// Rows of points on the host.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    dim: usize,
    values: Vec<f64>,
}

impl Rows {
    /// The rows of `x`, `[rows, dim]`.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] with the first row that is not finite; [`EvalError::Rows`] if there are fewer
    /// than `least`.
    pub fn read(x: Tensor<2>, what: &'static str, least: usize) -> Result<Self, EvalError> {
        let [rows, dim] = x.dims();
        EvalError::unless_rows(rows, what, least)?;
        EvalError::unless(0 < dim, what, "one coordinate or more", dim)?;
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

    /// These rows after those.
    pub fn from_rows<'a>(dim: usize, rows: impl Iterator<Item = &'a [f64]>) -> Self {
        Self { dim, values: rows.flatten().copied().collect() }
    }

    /// Coordinate after coordinate, each of all rows.
    pub fn columns(&self) -> Columns {
        let n = self.len();
        let values = (0..self.dim).flat_map(|k| (0..n).map(move |i| self.values[i * self.dim + k])).collect();
        Columns { n, values }
    }
}

/// Points by coordinates: what loops over points run along.
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

/// All numbers of a tensor, row by row.
pub(crate) fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().try_into_vec_as::<f64>().expect("floats become doubles")
}

/// Panics with the shapes of two tensors whose points have not the same number of coordinates.
pub(crate) fn assert_one_space(x: &Tensor<2>, y: &Tensor<2>) {
    assert_eq!(x.dims()[1], y.dims()[1], "points of one space: {:?} and {:?} were given", x.dims(), y.dims());
}
