//! Images of half or twice the height and width, by a fixed filter.

use burn::tensor::Tensor;
use ebm_ops::dense::{dense, dense_pullback};
use serde::{Deserialize, Serialize};

use crate::rows::constants;
use crate::{Jet, Layer};

/// A low-pass filter along each axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// \[1, 1\]/2: means of 2×2 pixels, and pixels repeated.
    Box,
    /// \[1, 3, 3, 1\]/8, with less aliasing.
    Binomial,
}

impl Filter {
    fn taps(self) -> &'static [f64] {
        match self {
            Self::Box => &[0.5, 0.5],
            Self::Binomial => &[0.125, 0.375, 0.375, 0.125],
        }
    }

    /// Pixels that a window reaches beyond the two that it replaces, on either side.
    pub fn reach(self) -> usize {
        (self.taps().len() - 1) / 2
    }
}

/// Every channel at half or twice its height and width: `[b, c, 2h, 2w]` → `[b, c, h, w]`, or back.
///
/// Along each axis, with the filter f of reach r: halving is yᵥ = Σₜ fₜ x₂ᵥ₊ₜ₋ᵣ, and doubling twice its transpose,
/// so that a constant stays one. Outside of the image are zeros.
/// Both are products with a small fixed matrix along one axis and then along the other.
///
/// # Reference
/// Zhang (2019), *Making convolutional networks shift-invariant again*, §3; Karras, Aittala, Aila and Laine (2022),
/// *Elucidating the design space of diffusion-based generative models*, §C, for both filters in one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resample {
    filter: Filter,
    doubles: bool,
    /// Pixels around the image that are given instead of zeros.
    margin: usize,
}

impl Resample {
    /// Half the height and width.
    pub fn halve(filter: Filter) -> Self {
        Self { filter, doubles: false, margin: 0 }
    }

    /// Half the height and width of an image that is given with as many pixels around it as the filter reaches.
    pub fn halve_within(filter: Filter) -> Self {
        Self { filter, doubles: false, margin: filter.reach() }
    }

    /// Twice the height and width.
    pub fn double(filter: Filter) -> Self {
        Self { filter, doubles: true, margin: 0 }
    }

    /// The matrix of halving along one axis, `[2 · coarse + 2 · margin, coarse]`, or for doubling twice that.
    fn matrix(&self, coarse: usize, like: &Tensor<2>) -> Tensor<2> {
        let (taps, fine) = (self.filter.taps(), 2 * (coarse + self.margin));
        let gain = if self.doubles { 2.0 } else { 1.0 };
        let mut values = vec![0.0; fine * coarse];
        for v in 0..coarse {
            for (t, tap) in taps.iter().enumerate() {
                let at = (2 * v + t + self.margin).checked_sub(self.filter.reach());
                if let Some(at) = at.filter(|&at| at < fine) {
                    values[at * coarse + v] = gain * tap;
                }
            }
        }
        constants(&values, [fine, coarse], like)
    }

    /// From fine to coarse along the last axis.
    fn coarser(&self, x: Tensor<2>) -> Tensor<2> {
        let fine = x.dims()[1];
        assert!(
            fine.is_multiple_of(2) && 2 * self.margin < fine,
            "an image of {fine} pixels along an axis cannot be halved with a margin of {}",
            self.margin
        );
        let matrix = self.matrix(fine / 2 - self.margin, &x);
        dense(x, matrix, None)
    }

    /// Its transpose.
    fn finer(&self, x: Tensor<2>) -> Tensor<2> {
        let matrix = self.matrix(x.dims()[1], &x);
        dense_pullback(x, matrix)
    }

    /// The resampled image.
    ///
    /// # Panics
    /// If an odd height or width is to be halved.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self.doubles {
            true => along_both_axes(x, |x| self.finer(x)),
            false => along_both_axes(x, |x| self.coarser(x)),
        }
    }
}

/// `map` of every row of pixels, then of every column.
fn along_both_axes(x: Tensor<4>, map: impl Fn(Tensor<2>) -> Tensor<2>) -> Tensor<4> {
    let along_rows = |x: Tensor<4>| {
        let [b, c, h, w] = x.dims();
        let y = map(x.reshape([b * c * h, w]));
        let width = y.dims()[1];
        y.reshape([b, c, h, width]).swap_dims(2, 3)
    };
    along_rows(along_rows(x))
}

impl Layer<4> for Resample {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (self.forward(x), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        match self.doubles {
            true => along_both_axes(cotangent, |g| self.coarser(g)),
            false => along_both_axes(cotangent, |g| self.finer(g)),
        }
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        jet.linear(|x| self.forward(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::MeanPool;
    use crate::testing;

    const FILTERS: [Filter; 2] = [Filter::Box, Filter::Binomial];

    #[test]
    fn resampling_keeps_the_laws_of_a_layer() {
        for filter in FILTERS {
            testing::assert_layer::<4, 4>(&Resample::halve(filter), [2, 2, 4, 6], 38);
            testing::assert_layer::<4, 4>(&Resample::double(filter), [2, 2, 3, 1], 39);
            testing::assert_layer::<4, 4>(&Resample::halve_within(filter), [1, 2, 6, 4], 40);
        }
    }

    #[test]
    fn a_box_takes_means_and_repeats_pixels() {
        let x = testing::normal([2, 3, 4, 6], 41);
        let halved = Resample::halve(Filter::Box).forward(x.clone());
        testing::assert_close(halved.clone(), MeanPool::new(2).forward(x), 1e-15, "means of squares");
        let doubled = Resample::double(Filter::Box).forward(halved.clone());
        assert_eq!(doubled.dims(), [2, 3, 4, 6]);
        testing::assert_close(MeanPool::new(2).forward(doubled), halved, 1e-15, "repeated pixels");
    }

    #[test]
    fn the_binomial_filter_has_the_numbers_of_its_formula() {
        let x = testing::doubles(&[[1.0, 10.0, 100.0, 1000.0]]).reshape([1, 1, 1, 4]);
        let x = x.expand([1, 1, 4, 4]);
        let halved = testing::rows(Resample::halve(Filter::Binomial).forward(x.clone()).reshape([2, 2]));
        // along a row (0·1 + 3·1 + 3·10 + 100)/8 and (10 + 3·100 + 3·1000)/8; down a column 7/8 of it
        let expected = [133.0 / 8.0, 3310.0 / 8.0].map(|y| y * 7.0 / 8.0);
        assert_eq!(halved, [expected, expected]);
        let doubled = Resample::double(Filter::Binomial).forward(x).reshape([8, 8]);
        let middle = testing::rows(doubled.narrow(0, 3, 1));
        assert_eq!(middle[0], [0.75, 3.25, 7.75, 32.5, 77.5, 325.0, 775.0, 750.0]);
    }

    #[test]
    fn with_a_margin_no_zeros_are_seen() {
        let ones = testing::normal([1, 1, 10, 8], 42) * 0.0 + 1.0;
        let halved = Resample::halve_within(Filter::Binomial).forward(ones);
        assert_eq!(halved.dims(), [1, 1, 4, 3]);
        assert!(halved.into_data().iter::<f64>().all(|x| (x - 1.0).abs() < 1e-15));
    }
}
