//! Stride and padding of a convolution.

/// Stride and zero padding of a square convolution, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Pixels from one window to the next; at least 1.
    pub stride: usize,
    /// Rows or columns of zeros added on each side of the image.
    pub padding: usize,
}
