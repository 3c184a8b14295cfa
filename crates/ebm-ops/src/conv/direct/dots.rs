//! Products of windows with few filters; the lanes run over the window.

use pulp::Simd;

use super::tile::{Block, Window, load};

/// Largest number of filters in a block.
pub(super) const FILTERS: usize = 4;

/// The results of `filters` filters, at most [`FILTERS`], for every window of the block.
///
/// `block.weights` holds one filter after another, `block.start` one number for each filter.
///
/// # Safety
/// Every window must lie within the image, and its runs must be whole vectors; `weights` must be readable for
/// `rows · run` numbers of each filter, and `result` writable for `filters` numbers at every target; there must be
/// as many targets as sources.
#[inline(always)]
pub(super) unsafe fn any<S: Simd>(simd: S, filters: usize, window: Window, block: Block<'_>) {
    // SAFETY: guaranteed by the caller. Windows times filters give enough independent sums to hide latency, and few
    // enough to stay in 16 registers.
    unsafe {
        match filters {
            1 => all::<S, 8, 1>(simd, window, block),
            2 => all::<S, 6, 2>(simd, window, block),
            3 => all::<S, 4, 3>(simd, window, block),
            4 => all::<S, 3, 4>(simd, window, block),
            n => unreachable!("{n} filters in a block"),
        }
    }
}

/// [`any`] for `F` filters, with `M` windows at a time; the last `M` windows may overlap the ones before.
#[inline(always)]
unsafe fn all<S: Simd, const M: usize, const F: usize>(simd: S, window: Window, block: Block<'_>) {
    let n = block.sources.len();
    for first in (0..n).step_by(M) {
        // SAFETY: as the caller promises; windows `first..first + M`, or one alone, exist.
        unsafe {
            if M <= n {
                dots::<S, M, F>(simd, window, part(block, first.min(n - M), M));
            } else {
                for i in first..n {
                    dots::<S, 1, F>(simd, window, part(block, i, 1));
                }
            }
        }
    }
}

/// Windows `first..first + n` of the block.
///
/// # Safety
/// The block must have these windows.
#[inline(always)]
unsafe fn part(block: Block<'_>, first: usize, n: usize) -> Block<'_> {
    // SAFETY: guaranteed by the caller.
    let [sources, targets] = unsafe {
        [block.sources.get_unchecked(first..first + n), block.targets.get_unchecked(first..first + n)]
    };
    Block { sources, targets, ..block }
}

/// [`any`] for `F` filters and `M` windows.
#[inline(always)]
unsafe fn dots<S: Simd, const M: usize, const F: usize>(simd: S, window: Window, block: Block<'_>) {
    let Window { rows, run, step } = window;
    let mut sums = [[simd.splat_f32s(0.0); F]; M];
    for row in 0..rows {
        // SAFETY: there are `M` windows, each within the image, and `rows · run` numbers of each of `F` filters.
        let windows: [*const f32; M] = std::array::from_fn(|m| unsafe {
            block.image.add(*block.sources.get_unchecked(m) as usize + row * step)
        });
        let weights: [*const f32; F] =
            std::array::from_fn(|f| unsafe { block.weights.add(f * rows * run + row * run) });
        for i in 0..run / S::F32_LANES {
            // SAFETY: vector `i` of a run, as above.
            let x: [S::f32s; M] = std::array::from_fn(|m| unsafe { load::<S>(windows[m], i) });
            for f in 0..F {
                // SAFETY: likewise.
                let w = unsafe { load::<S>(weights[f], i) };
                for m in 0..M {
                    sums[m][f] = simd.mul_add_e_f32s(x[m], w, sums[m][f]);
                }
            }
        }
    }
    for (m, sum) in sums.iter().enumerate() {
        for (f, value) in sum.iter().enumerate() {
            // SAFETY: there are `M` targets with room for `F` numbers, and `F` numbers to start from.
            unsafe {
                let target = *block.targets.get_unchecked(m) as usize * block.stride + f;
                *block.result.add(target) = *block.start.add(f) + simd.reduce_sum_f32s(*value);
            }
        }
    }
}
