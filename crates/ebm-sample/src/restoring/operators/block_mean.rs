//! Small pictures of large ones.

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;

use super::constants::numbers;
use crate::SampleError;
use crate::restoring::operator::LinearOperator;

/// A picture made smaller: each pixel is the mean of a square of `factor` × `factor` pixels. AAᵀ = I/factor².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockMean {
    /// Channels, height and width of the small picture.
    small: [usize; 3],
    factor: usize,
}

impl BlockMean {
    /// Of pictures of `[channels, height, width]`.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if a side is zero or no multiple of `factor`, or the factor is 0.
    pub fn new([channels, height, width]: [usize; 3], factor: usize) -> Result<Self, SampleError> {
        numbers([channels, height, width])?;
        OutOfRange::at_least("factor", 1, factor)?;
        for (what, side) in [("height", height), ("width", width)] {
            if !side.is_multiple_of(factor) {
                return Err(OutOfRange::new(what, side, format!("a multiple of the factor {factor}")).into());
            }
        }
        Ok(Self { small: [channels, height / factor, width / factor], factor })
    }
}

impl LinearOperator for BlockMean {
    fn inputs(&self) -> usize {
        self.outputs() * self.factor * self.factor
    }

    fn outputs(&self) -> usize {
        self.small.iter().product()
    }

    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let ([channels, height, width], k, batch) = (self.small, self.factor, x.dims()[0]);
        let blocks = x.reshape([batch * channels * height, k, width, k]);
        blocks.mean_dim(3).mean_dim(1).reshape([batch, self.outputs()])
    }

    fn adjoint(&self, y: Tensor<2>) -> Tensor<2> {
        let ([channels, height, width], k, batch) = (self.small, self.factor, y.dims()[0]);
        let pixels = y.reshape([batch * channels * height, 1, width, 1]) / (k * k) as f64;
        pixels.repeat_dim(3, k).repeat_dim(1, k).reshape([batch, self.inputs()])
    }

    fn solve(&self, variance: &Tensor<2>, noise: f64, y: Tensor<2>) -> Tensor<2> {
        y / (variance.clone() / (self.factor * self.factor) as f64 + noise)
    }
}
