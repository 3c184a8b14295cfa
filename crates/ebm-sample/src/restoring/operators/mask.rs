//! Some coordinates are measured.

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use ebm_ops::OutOfRange;

use crate::SampleError;
use crate::restoring::operator::LinearOperator;

/// The known coordinates of a row, in their order; what is missing is to be filled in. AAᵀ = I.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    inputs: usize,
    known: Vec<usize>,
}

impl Mask {
    /// Measures the coordinates where `known` is true; one entry per coordinate.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless a coordinate is known.
    pub fn new(known: &[bool]) -> Result<Self, SampleError> {
        let indices: Vec<usize> = (0..known.len()).filter(|&i| known[i]).collect();
        OutOfRange::at_least("known coordinates", 1, indices.len())?;
        Ok(Self { inputs: known.len(), known: indices })
    }

    fn indices(&self, device: &Device) -> Tensor<1, Int> {
        let indices: Vec<i64> = self.known.iter().map(|&i| i as i64).collect();
        Tensor::from_data(TensorData::new(indices, [self.known.len()]), device)
    }
}

impl LinearOperator for Mask {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.known.len()
    }

    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let indices = self.indices(&x.device().inner());
        x.select(1, indices)
    }

    fn adjoint(&self, y: Tensor<2>) -> Tensor<2> {
        let (device, rows) = (y.device().inner(), y.dims()[0]);
        let blank = Tensor::zeros([rows, self.inputs], (&device, y.dtype()));
        blank.select_assign(1, self.indices(&device), y, IndexingUpdateOp::Add)
    }

    fn solve(&self, variance: &Tensor<2>, noise: f64, y: Tensor<2>) -> Tensor<2> {
        y / (variance.clone() + noise)
    }
}
