//! Means over pixels.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::{Jet, Layer};

/// The mean of each square of pixels: `[b, c, h·factor, w·factor]` → `[b, c, h, w]`.
#[derive(Module, Debug)]
pub struct MeanPool {
    /// The side of the squares.
    factor: usize,
}

impl MeanPool {
    /// Means over squares of `factor` × `factor` pixels.
    ///
    /// # Panics
    /// If `factor` is zero.
    pub fn new(factor: usize) -> Self {
        assert!(0 < factor, "a square of {factor} pixels has no mean");
        Self { factor }
    }

    /// The means.
    ///
    /// # Panics
    /// Unless `factor` divides height and width.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let ([b, c, h, w], r) = (x.dims(), self.factor);
        assert!(
            h.is_multiple_of(r) && w.is_multiple_of(r),
            "squares of {r}×{r} do not tile an image of {h}×{w}"
        );
        let squares: Tensor<6> = x.reshape([b, c, h / r, r, w / r, r]);
        squares.mean_dim(5).mean_dim(3).reshape([b, c, h / r, w / r])
    }
}

impl Layer<4> for MeanPool {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (self.forward(x), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        let ([b, c, h, w], r) = (cotangent.dims(), self.factor);
        let share: Tensor<6> = (cotangent / (r * r) as f64).reshape([b, c, h, 1, w, 1]);
        share.expand([b, c, h, r, w, r]).reshape([b, c, h * r, w * r])
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        jet.linear(|x| self.forward(x))
    }
}

/// The mean of each channel over the whole image: `[b, c, h, w]` → `[b, c]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalMeanPool;

impl GlobalMeanPool {
    /// The means.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let [b, c, h, w] = x.dims();
        x.reshape([b, c, h * w]).mean_dim(2).squeeze_dim::<2>(2)
    }
}

impl Layer<4, 2> for GlobalMeanPool {
    /// Height and width.
    type Trace = [usize; 2];

    fn trace(&self, x: Tensor<4>) -> (Tensor<2>, [usize; 2]) {
        let [.., height, width] = x.dims();
        (self.forward(x), [height, width])
    }

    fn pullback(&self, [height, width]: [usize; 2], cotangent: Tensor<2>) -> Tensor<4> {
        let [b, c] = cotangent.dims();
        let share = cotangent / (height * width) as f64;
        share.reshape([b, c, 1, 1]).expand([b, c, height, width])
    }

    fn push(&self, jet: Jet<4>) -> Jet<2> {
        jet.linear(|x| self.forward(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::{Device, Int};

    #[test]
    fn both_means_keep_the_laws_of_a_layer() {
        testing::assert_layer::<4, 4>(&MeanPool::new(2), [2, 2, 4, 6], 5);
        testing::assert_layer::<4, 4>(&MeanPool::new(3), [1, 2, 3, 6], 5);
        testing::assert_layer::<4, 2>(&GlobalMeanPool, [2, 3, 4, 5], 5);
    }

    #[test]
    fn a_square_becomes_its_mean_and_an_image_its_mean() {
        let x = Tensor::<1, Int>::arange(0..24, &Device::flex()).float().reshape([1, 1, 4, 6]);
        let pooled = MeanPool::new(2).forward(x.clone());
        assert_eq!(pooled.dims(), [1, 1, 2, 3]);
        // the square of rows 2, 3 and columns 2, 3: 14, 15, 20, 21
        assert_eq!(pooled.slice([0..1, 0..1, 1..2, 1..2]).into_scalar::<f32>(), 17.5);
        assert_eq!(GlobalMeanPool.forward(x).into_scalar::<f32>(), 11.5);
    }
}
