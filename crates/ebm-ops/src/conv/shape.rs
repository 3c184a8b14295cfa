//! Sizes of a convolution.

use super::geometry::Geometry;

/// Sizes of a convolution of `[batch, in_channels, height, width]` with square kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub batch: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub height: usize,
    pub width: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Shape {
    /// Sizes from the dimensions of `x` and `weight`, which the caller has checked.
    pub fn new(
        [batch, in_channels, height, width]: [usize; 4],
        weight: [usize; 4],
        geometry: Geometry,
    ) -> Self {
        let Geometry { stride, padding } = geometry;
        Self {
            batch,
            in_channels,
            out_channels: weight[0],
            height,
            width,
            kernel: weight[2],
            stride,
            padding,
        }
    }

    pub fn out_height(&self) -> usize {
        self.windows(self.height)
    }

    pub fn out_width(&self) -> usize {
        self.windows(self.width)
    }

    /// Number of elements of the input.
    pub fn inputs(&self) -> usize {
        self.batch * self.in_channels * self.height * self.width
    }

    /// Number of elements of the output.
    pub fn outputs(&self) -> usize {
        self.batch * self.out_channels * self.out_height() * self.out_width()
    }

    /// Number of elements of the weight.
    pub fn weights(&self) -> usize {
        self.out_channels * self.in_channels * self.kernel * self.kernel
    }

    fn windows(&self, size: usize) -> usize {
        (size + 2 * self.padding - self.kernel) / self.stride + 1
    }
}
