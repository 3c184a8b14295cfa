//! The sizes of a convolution.

use super::geometry::Geometry;

/// The sizes of a square convolution from `[batch, in_channels, height, width]`.
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
    /// From the dimensions of `x` and of `weight`, which the caller has checked.
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

    /// Elements of the tensor before.
    pub fn inputs(&self) -> usize {
        self.batch * self.in_channels * self.height * self.width
    }

    /// Elements of the tensor after.
    pub fn outputs(&self) -> usize {
        self.batch * self.out_channels * self.out_height() * self.out_width()
    }

    /// Elements of the weight.
    pub fn weights(&self) -> usize {
        self.out_channels * self.in_channels * self.kernel * self.kernel
    }

    fn windows(&self, size: usize) -> usize {
        (size + 2 * self.padding - self.kernel) / self.stride + 1
    }
}
