//! The greatest pixel around each pixel.

use burn::tensor::module::max_pool2d_with_indices;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{IndexingUpdateOp, Int, Tensor};

use crate::{Jet, Layer};

/// The greatest number in a square of pixels around each pixel: the shape stays.
///
/// Its rules are those of the pixels that are chosen; where two pixels of a square are equal, those of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlidingMax {
    /// The side of the square, which is odd.
    size: usize,
}

impl SlidingMax {
    /// Over squares of `size` × `size` pixels.
    ///
    /// # Panics
    /// If `size` is even.
    pub fn new(size: usize) -> Self {
        assert!(!size.is_multiple_of(2), "a square of side {size} has no middle");
        Self { size }
    }

    /// Which pixel of its channel is chosen for each pixel, `[b, c, h·w]`.
    fn places(&self, x: &Tensor<4>) -> Tensor<3, Int> {
        let options =
            MaxPoolOptions::new([self.size; 2]).with_stride([1, 1]).with_padding([self.size / 2; 2]);
        max_pool2d_with_indices(x.clone().inner(), options).1.flatten(2, 3)
    }
}

/// The pixels of `x` at `places`.
fn chosen(x: Tensor<4>, places: Tensor<3, Int>) -> Tensor<4> {
    let dims = x.dims();
    x.flatten::<3>(2, 3).gather(2, places).reshape(dims)
}

impl Layer<4> for SlidingMax {
    /// The places of the chosen pixels.
    type Trace = Tensor<3, Int>;

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, Self::Trace) {
        let places = self.places(&x);
        (chosen(x, places.clone()), places)
    }

    fn pullback(&self, places: Self::Trace, cotangent: Tensor<4>) -> Tensor<4> {
        let dims = cotangent.dims();
        let cotangent = cotangent.flatten::<3>(2, 3);
        cotangent.zeros_like().scatter(2, places, cotangent, IndexingUpdateOp::Add).reshape(dims)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let places = self.places(&jet.value);
        jet.linear(|x| chosen(x, places.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::Device;

    #[test]
    fn a_moving_maximum_keeps_the_laws_of_a_layer() {
        testing::assert_layer::<4, 4>(&SlidingMax::new(5), [2, 2, 4, 6], 77);
        testing::assert_layer::<4, 4>(&SlidingMax::new(3), [1, 2, 3, 2], 78);
    }

    #[test]
    fn the_greatest_of_a_square_is_chosen_and_nothing_around_the_image() {
        let x = Tensor::<2>::from_data([[-4.0f32, -2.0, -3.0, -9.0]], &Device::flex()).reshape([1, 1, 1, 4]);
        let found = SlidingMax::new(3).forward(x).into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(found, [-2.0, -2.0, -2.0, -3.0]);
    }
}
