//! Transforms between 3×3 weights and panels of 36 matrices.

use pulp::Simd;

use super::scratch::LINE;
use super::tiles::POINTS;
use super::transform;
use crate::transpose::{self, Planes};

/// Number of taps of a filter.
pub(super) const TAPS: usize = 9;

/// Which dimension of a weight `[first, second, 3, 3]` has the output channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The first: convolution.
    Forward,
    /// The second, with the kernels rotated by 180°: the adjoint.
    Adjoint,
}

/// Division of the columns of the 36 matrices `[inner, outer]`, by which tiles are multiplied, into panels.
///
/// A panel has `width` contiguous columns; a product reads it repeatedly.
#[derive(Clone, Copy)]
pub(super) struct Panels {
    pub inner: usize,
    pub outer: usize,
    pub width: usize,
}

impl Panels {
    /// Panels of two vectors of `lanes` floats.
    pub fn new(inner: usize, outer: usize, lanes: usize) -> Self {
        Self { inner, outer, width: (2 * lanes).max(transpose::SIDE) }
    }

    /// Floats from the matrix of one point to the next.
    pub fn stride(self) -> usize {
        self.inner * self.width + LINE
    }

    /// Floats per panel.
    pub fn floats(self) -> usize {
        POINTS * self.stride()
    }

    pub fn count(self) -> usize {
        self.outer.div_ceil(self.width)
    }

    /// Number of columns of panel `i` that are in use; the last panel may be partly unused.
    pub fn used(self, i: usize) -> usize {
        self.width.min(self.outer - i * self.width)
    }

    /// Floats of the taps of a panel, with contiguous channels.
    pub fn taps(self) -> usize {
        TAPS * self.inner * self.width
    }
}

/// Computes `G g Gᵀ` of the filters of panel `i`.
#[inline(always)]
pub(super) fn transform<S: Simd>(
    simd: S,
    panels: Panels,
    i: usize,
    (weight, direction): (&[f32], Direction),
    taps: &mut [f32],
    out: &mut [f32],
) {
    let Panels { inner, outer, width } = panels;
    let (used, stride) = (panels.used(i), panels.stride());
    assert!(weight.len() == TAPS * inner * outer && panels.taps() <= taps.len());
    assert!(panels.floats() <= out.len() && used.is_multiple_of(S::F32_LANES));
    let place = |tap: usize| tap * width;
    // SAFETY: filters `i · width .. i · width + used` of `outer` are in bounds of `weight`, whose length is
    // asserted above; `taps` has room for nine taps of `inner` channels of `width` floats.
    unsafe {
        let (from, to) = (weight.as_ptr(), taps.as_mut_ptr());
        match direction {
            Direction::Forward => {
                let planes = Planes { stride: TAPS * inner, pixels: TAPS * inner };
                transpose::gather(simd, used, (from.add(i * width * TAPS * inner), planes), (to, place));
            }
            Direction::Adjoint => {
                let planes = Planes { stride: TAPS, pixels: TAPS };
                for k in 0..inner {
                    let filters = from.add((k * outer + i * width) * TAPS);
                    transpose::gather(simd, used, (filters, planes), (to.add(k * TAPS * width), place));
                }
            }
        }
    }
    for k in 0..inner {
        for column in (0..used).step_by(S::F32_LANES) {
            let vector = |tap: usize| S::as_simd_f32s(&taps[(k * TAPS + tap) * width + column..]).0[0];
            let at = |tap: usize| match direction {
                Direction::Forward => vector(tap),
                Direction::Adjoint => vector(TAPS - 1 - tap),
            };
            let g = [[at(0), at(1), at(2)], [at(3), at(4), at(5)], [at(6), at(7), at(8)]];
            let u = transform::weights(simd, g);
            for (point, &value) in u.as_flattened().iter().enumerate() {
                S::as_mut_simd_f32s(&mut out[point * stride + k * width + column..]).0[0] = value;
            }
        }
    }
}

/// Computes `Gᵀ (Σ u) G` of the filters of panel `i`: the gradient of a weight `[outer, inner, 3, 3]`.
///
/// `sums` holds Σ u of the panel, and `out` has room for its filters.
#[inline(always)]
pub(super) fn gradient<S: Simd>(
    simd: S,
    panels: Panels,
    i: usize,
    sums: &[f32],
    taps: &mut [f32],
    out: &mut [f32],
) {
    let Panels { inner, width, .. } = panels;
    let (used, stride) = (panels.used(i), panels.stride());
    assert!(out.len() == used * TAPS * inner && panels.taps() <= taps.len());
    for k in 0..inner {
        for column in (0..used).step_by(S::F32_LANES) {
            let mut u = [[simd.splat_f32s(0.0); 6]; 6];
            for (point, u) in u.as_flattened_mut().iter_mut().enumerate() {
                *u = S::as_simd_f32s(&sums[point * stride + k * width + column..]).0[0];
            }
            let g = transform::weight_gradients(simd, u);
            for (tap, &value) in g.as_flattened().iter().enumerate() {
                S::as_mut_simd_f32s(&mut taps[(k * TAPS + tap) * width + column..]).0[0] = value;
            }
        }
    }
    let planes = Planes { stride: TAPS * inner, pixels: TAPS * inner };
    let place = |tap: usize| tap * width;
    // SAFETY: `taps` holds nine taps of `inner` channels of `width` floats, `used` of them in use; `out` holds nine
    // times `inner` numbers for each of the `used` filters.
    unsafe { transpose::scatter(simd, used, (taps.as_ptr(), place), (out.as_mut_ptr(), planes)) };
}
