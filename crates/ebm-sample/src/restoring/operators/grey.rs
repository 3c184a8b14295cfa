//! Grey pictures of coloured ones.

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;

use super::constants::constants;
use crate::SampleError;
use crate::restoring::operator::LinearOperator;

/// The shares of red, green and blue in the grey level of ITU-R BT.709.
const BT_709: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// A coloured picture without its colour: each pixel is a weighted mean of its channels. AAᵀ = ‖weights‖² I.
#[derive(Clone, Debug, PartialEq)]
pub struct Grey {
    weights: Vec<f64>,
    pixels: usize,
}

impl Grey {
    /// Of pictures of red, green and blue with `[height, width]` pixels, weighted as ITU-R BT.709 does.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if a side is zero.
    pub fn new(size: [usize; 2]) -> Result<Self, SampleError> {
        Self::weighted(size, BT_709.to_vec())
    }

    /// With a weight for each channel.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if a side is zero, or unless the weights are finite and one of them is not 0.
    pub fn weighted([height, width]: [usize; 2], weights: Vec<f64>) -> Result<Self, SampleError> {
        OutOfRange::at_least("height", 1, height)?;
        OutOfRange::at_least("width", 1, width)?;
        let square: f64 = weights.iter().map(|weight| weight * weight).sum();
        OutOfRange::positive("squared length of the weights", square)?;
        Ok(Self { weights, pixels: height * width })
    }

    /// The weights, `[1, channels, 1]`.
    fn column(&self, x: &Tensor<2>) -> Tensor<3> {
        constants(&self.weights, [1, self.weights.len(), 1], x)
    }
}

impl LinearOperator for Grey {
    fn inputs(&self) -> usize {
        self.weights.len() * self.pixels
    }

    fn outputs(&self) -> usize {
        self.pixels
    }

    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let (weights, batch) = (self.column(&x), x.dims()[0]);
        let channels = x.reshape([batch, self.weights.len(), self.pixels]);
        (channels * weights).sum_dim(1).reshape([batch, self.pixels])
    }

    fn adjoint(&self, y: Tensor<2>) -> Tensor<2> {
        let (weights, batch) = (self.column(&y), y.dims()[0]);
        (y.reshape([batch, 1, self.pixels]) * weights).reshape([batch, self.inputs()])
    }

    fn solve(&self, variance: &Tensor<2>, noise: f64, y: Tensor<2>) -> Tensor<2> {
        let square: f64 = self.weights.iter().map(|weight| weight * weight).sum();
        y / (variance.clone() * square + noise)
    }
}
