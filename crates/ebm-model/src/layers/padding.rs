//! Zeros around images, and their removal.

use burn::tensor::Tensor;

use crate::{Jet, Layer};

/// Zeros around an image, until its sides are multiples of a number: `[b, c, h, w]` → `[b, c, h′, w′]`.
///
/// The image is in the middle; of an odd number of rows or columns, the greater part is behind it.
/// An image whose sides are such multiples stays what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    inner: [usize; 2],
    outer: [usize; 2],
}

/// The transpose of a [`Padding`], and its inverse on what was padded: `[b, c, h′, w′]` → `[b, c, h, w]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cropping(pub Padding);

impl Padding {
    /// Makes the `sides` of an image, height and width, multiples of `step`.
    ///
    /// # Panics
    /// If `step` is zero.
    pub fn to_multiple_of(step: usize, sides: [usize; 2]) -> Self {
        Self { inner: sides, outer: sides.map(|side| side.next_multiple_of(step)) }
    }

    /// The sides of what it makes, height and width.
    pub fn sides(&self) -> [usize; 2] {
        self.outer
    }

    /// The image with zeros around it.
    ///
    /// # Panics
    /// Unless the image has the sides that this padding is for.
    pub fn pad(&self, x: Tensor<4>) -> Tensor<4> {
        let [height, width] = self.before();
        let [rows, columns] = self.missing();
        let x = extended(x, 2, height, rows - height);
        extended(x, 3, width, columns - width)
    }

    /// The image in the middle.
    ///
    /// # Panics
    /// Unless the image has the sides that this padding makes.
    pub fn crop(&self, x: Tensor<4>) -> Tensor<4> {
        let [.., height, width] = x.dims();
        assert_eq!([height, width], self.outer, "an image of other sides than the padded ones");
        if self.inner == self.outer {
            return x;
        }
        let ([top, left], [height, width]) = (self.before(), self.inner);
        x.narrow(2, top, height).narrow(3, left, width)
    }

    /// Rows and columns that are missing.
    fn missing(&self) -> [usize; 2] {
        [self.outer[0] - self.inner[0], self.outer[1] - self.inner[1]]
    }

    /// Rows above the image and columns to the left of it.
    fn before(&self) -> [usize; 2] {
        self.missing().map(|missing| missing / 2)
    }
}

/// `x` with zeros before and behind it along `axis`.
fn extended(x: Tensor<4>, axis: usize, before: usize, behind: usize) -> Tensor<4> {
    let zeros = |length: usize| {
        let mut shape = x.dims();
        shape[axis] = length;
        (0 < length).then(|| Tensor::<4>::zeros(shape, (&x.device(), x.dtype())))
    };
    let (before, behind) = (zeros(before), zeros(behind));
    if before.is_none() && behind.is_none() {
        return x;
    }
    Tensor::cat(before.into_iter().chain([x]).chain(behind).collect(), axis)
}

impl Layer<4> for Padding {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (self.pad(x), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        self.crop(cotangent)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        jet.linear(|x| self.pad(x))
    }
}

impl Layer<4> for Cropping {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (self.0.crop(x), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        self.0.pad(cotangent)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        jet.linear(|x| self.0.crop(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::{Device, Int};

    #[test]
    fn padding_and_cropping_keep_the_laws_of_a_layer() {
        for (step, [height, width]) in [(4, [5, 6]), (2, [3, 4]), (8, [1, 2]), (3, [6, 3])] {
            let padding = Padding::to_multiple_of(step, [height, width]);
            testing::assert_layer::<4, 4>(&padding, [2, 2, height, width], 5);
            let [height, width] = padding.outer;
            testing::assert_layer::<4, 4>(&Cropping(padding), [2, 2, height, width], 6);
        }
    }

    #[test]
    fn the_image_is_in_the_middle_of_zeros_and_cropping_brings_it_back() {
        let x = Tensor::<1, Int>::arange(1..7, &Device::flex()).float().reshape([1, 1, 2, 3]);
        let padding = Padding::to_multiple_of(4, [2, 3]);
        let padded = padding.pad(x.clone());
        let rows = [[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 0.0], [4.0, 5.0, 6.0, 0.0], [0.0, 0.0, 0.0, 0.0]];
        assert_eq!(padded.clone().into_data().try_to_vec::<f32>().unwrap(), rows.concat());
        assert_eq!(padding.crop(padded).into_data(), x.into_data());
    }
}
