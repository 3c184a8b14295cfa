//! Rows of a batch as images.

use burn::tensor::Tensor;

use crate::layers::Padding;

/// Rows as images with zeros around them, and back: `[batch, channels · height · width]` and
/// `[batch, channels, height′, width′]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PaddedImages {
    /// Channels, height and width without the zeros.
    image: [usize; 3],
    padding: Padding,
}

impl PaddedImages {
    /// For images of these channels, height and width; the zeros make both sides multiples of `step`.
    pub(crate) fn new(image @ [_, height, width]: [usize; 3], step: usize) -> Self {
        Self { image, padding: Padding::to_multiple_of(step, [height, width]) }
    }

    /// Height and width with the zeros.
    pub(crate) fn sides(&self) -> [usize; 2] {
        self.padding.sides()
    }

    /// Rows as padded images.
    ///
    /// # Panics
    /// Unless a row has as many numbers as an image.
    pub(crate) fn pad(&self, x: Tensor<2>) -> Tensor<4> {
        let ([batch, dim], [channels, height, width]) = (x.dims(), self.image);
        assert_eq!(
            dim,
            channels * height * width,
            "images of {channels}×{height}×{width} were given as {:?}",
            x.dims()
        );
        self.padding.pad(x.reshape([batch, channels, height, width]))
    }

    /// The transpose of [`pad`](Self::pad), which is its inverse on padded images.
    pub(crate) fn crop(&self, x: Tensor<4>) -> Tensor<2> {
        self.padding.crop(x).flatten(1, 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_ops::Noise;

    #[test]
    fn rows_come_back_from_padded_images() {
        let images = PaddedImages::new([2, 3, 5], 4);
        let x: Tensor<2> = Noise::seeded(1).normal([3, 30], &Device::flex());
        let padded = images.pad(x.clone());
        assert_eq!((padded.dims(), images.sides()), ([3, 2, 4, 8], [4, 8]));
        assert_eq!(images.crop(padded).into_data(), x.into_data());
    }
}
