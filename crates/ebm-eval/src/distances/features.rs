//! Maps from points to the features that the Fréchet distance compares.

use burn::tensor::Tensor;

/// A map from points to features.
pub trait FeatureMap {
    /// What the features are and their unit, as a [`Protocol`](crate::Protocol) records it.
    fn name(&self) -> String;

    /// A short name of the features in snake case, which becomes part of the name of a figure: `pooled_4x4`.
    fn key(&self) -> String;

    /// The features of each row: `[n, dim]` to `[n, features]`.
    fn map(&self, x: Tensor<2>) -> Tensor<2>;
}

/// The coordinates themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coordinates;

impl FeatureMap for Coordinates {
    fn name(&self) -> String {
        "coordinates in the model's units".into()
    }

    fn key(&self) -> String {
        "coordinates".into()
    }

    fn map(&self, x: Tensor<2>) -> Tensor<2> {
        x
    }
}

/// Means over squares of pixels of an image, channel by channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PooledPixels {
    shape: [usize; 3],
    side: usize,
}

impl PooledPixels {
    /// Squares of `side` by `side` pixels; `shape` is channels, height and width.
    ///
    /// The features are the pixels themselves unless `side` divides height and width.
    ///
    /// # Panics
    /// If `side` is zero.
    pub fn new(shape: [usize; 3], side: usize) -> Self {
        let [_, height, width] = shape;
        let divides = height % side == 0 && width % side == 0;
        Self { shape, side: if divides { side } else { 1 } }
    }
}

impl FeatureMap for PooledPixels {
    fn name(&self) -> String {
        match self.side {
            1 => "pixels in [-1, 1]".into(),
            side => format!("means of {side}x{side} pixels in [-1, 1]"),
        }
    }

    fn key(&self) -> String {
        match self.side {
            1 => "pixels".into(),
            side => format!("pooled_{side}x{side}"),
        }
    }

    /// # Panics
    /// If the rows do not have the number of pixels of `shape`.
    fn map(&self, x: Tensor<2>) -> Tensor<2> {
        let Self { shape: [channels, height, width], side } = *self;
        if side == 1 {
            return x;
        }
        let (n, height, width) = (x.dims()[0], height / side, width / side);
        let squares = x.reshape([n * channels * height, side, width, side]);
        squares.mean_dim(3).mean_dim(1).reshape([n, channels * height * width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::numbers;
    use burn::tensor::Device;

    #[test]
    fn pooled_pixels_are_means_of_squares_in_each_channel() {
        let values = [0.0, 2.0, 10.0, 10.0, 4.0, 6.0, 10.0, 30.0];
        let x = Tensor::<1>::from_data([values, values.map(|v| -v)].concat().as_slice(), &Device::flex());
        let x = x.unsqueeze_dim::<2>(0);
        let pooled = PooledPixels::new([2, 2, 4], 2);
        assert_eq!(pooled.name(), "means of 2x2 pixels in [-1, 1]");
        assert_eq!(pooled.key(), "pooled_2x2");
        assert_eq!(numbers(pooled.map(x)), [3.0, 15.0, -3.0, -15.0]);
    }

    #[test]
    fn images_that_do_not_divide_into_squares_keep_their_pixels() {
        let pixels = PooledPixels::new([1, 5, 4], 4);
        assert_eq!(pixels.name(), "pixels in [-1, 1]");
        assert_eq!(pixels.map(Tensor::zeros([3, 20], &Device::flex())).dims(), [3, 20]);
    }
}
