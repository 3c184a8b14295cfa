//! One matrix product of windows of an image with weights.

use pulp::Simd;

use super::dots;
use super::parts::split;
use super::tile::{self, Block, ROWS, ROWS_OF_ONE, Window};

/// A class of pixels that see the same taps.
pub(super) struct Pass {
    pub window: Window,
    /// Index of each tap within the kernel, in the order of the window.
    pub taps: Vec<usize>,
    /// Offset of each pixel's window in the padded image.
    pub sources: Vec<u32>,
    /// Index of each pixel in the result.
    pub targets: Vec<u32>,
}

impl Pass {
    /// Writes the pixels of this pass, `start.len()` filters each, to `result`; the lanes run over filters.
    #[inline(always)]
    pub fn run<S: Simd>(&self, simd: S, image: &[f32], weights: &[f32], start: &[f32], result: &mut [f32]) {
        let Self { window, taps: _, sources, targets } = self;
        let (width, pair) = (start.len(), 2 * S::F32_LANES);
        let length = self.check(image, weights, width, result);
        assert!(width.is_multiple_of(S::F32_LANES));
        for first in (0..width).step_by(pair) {
            let whole = pair <= width - first;
            for (pixel, n) in split(sources.len(), if whole { ROWS } else { ROWS_OF_ONE }) {
                // SAFETY: `check` has verified that every window and every target is in bounds; the weights hold
                // `length` vectors for each of the `width / lanes` vectors of filters, and `start` those vectors.
                unsafe {
                    let block = Block {
                        image: image.as_ptr(),
                        sources: sources.get_unchecked(pixel..pixel + n),
                        weights: weights.as_ptr().add(first * length),
                        start: start.as_ptr().add(first),
                        result: result.as_mut_ptr().add(first),
                        targets: targets.get_unchecked(pixel..pixel + n),
                        stride: width,
                    };
                    if whole {
                        tile::any::<S, 2>(simd, *window, block);
                    } else {
                        tile::any::<S, 1>(simd, *window, block);
                    }
                }
            }
        }
    }

    /// Like [`Pass::run`], but the lanes run over the window, whose runs must be whole vectors.
    #[inline(always)]
    pub fn run_by_dots<S: Simd>(
        &self,
        simd: S,
        image: &[f32],
        weights: &[f32],
        start: &[f32],
        result: &mut [f32],
    ) {
        let Self { window, taps: _, sources, targets } = self;
        let width = start.len();
        let length = self.check(image, weights, width, result);
        assert!(window.run.is_multiple_of(S::F32_LANES));
        for (first, filters) in split(width, dots::FILTERS) {
            // SAFETY: `check` has verified that every window and every target is in bounds; the weights hold
            // `length` numbers for each filter, and `start` one.
            unsafe {
                let block = Block {
                    image: image.as_ptr(),
                    sources,
                    weights: weights.as_ptr().add(first * length),
                    start: start.as_ptr().add(first),
                    result: result.as_mut_ptr().add(first),
                    targets,
                    stride: width,
                };
                dots::any(simd, filters, *window, block);
            }
        }
    }

    /// Panics unless all windows and targets are in bounds; returns the number of elements of a window.
    #[inline(always)]
    fn check(&self, image: &[f32], weights: &[f32], width: usize, result: &[f32]) -> usize {
        let Self { window, taps: _, sources, targets } = self;
        let length = window.rows * window.run;
        let last = |places: &[u32]| places.iter().max().map_or(0, |&place| place as usize);
        assert!(length * width == weights.len() && sources.len() == targets.len());
        assert!(length == 0 || last(sources) + (window.rows - 1) * window.step + window.run <= image.len());
        assert!((last(targets) + 1) * width <= result.len());
        length
    }
}
