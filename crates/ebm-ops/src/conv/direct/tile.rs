//! One block of a matrix product whose left rows are windows of an image.

use pulp::Simd;

/// Rows of blocks that are two vectors wide: twelve sums, two vectors of weights and one broadcast fill 16
/// registers.
pub(super) const ROWS: usize = 6;

/// Rows of the blocks that are one vector wide.
pub(super) const ROWS_OF_ONE: usize = 8;

/// A window as runs of contiguous numbers.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Runs, one for each row of taps.
    pub rows: usize,
    /// Length of a run.
    pub run: usize,
    /// From the beginning of a run to that of the next.
    pub step: usize,
}

/// The windows of a block, and where its sums are written.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    /// The padded image.
    pub image: *const f32,
    /// Offset of each window within the image.
    pub sources: &'a [u32],
    /// One or two vectors of weights for each element of a window.
    pub weights: *const f32,
    /// One or two vectors of initial values of the sums.
    pub start: *const f32,
    /// The results.
    pub result: *mut f32,
    /// Index of the pixel that each window gives.
    pub targets: &'a [u32],
    /// Floats from the result of one pixel to the next.
    pub stride: usize,
}

/// Computes `V` vectors of channels for each window of the block, which has at most [`ROWS`] windows, or
/// [`ROWS_OF_ONE`] if `V` is 1.
///
/// # Safety
/// Every window must be within the image, `weights` readable for `rows · run · V` vectors, `start` for `V`, and
/// `result` writable for `V` vectors at every target; there must be as many targets as sources.
#[inline(always)]
pub(super) unsafe fn any<S: Simd, const V: usize>(simd: S, window: Window, block: Block<'_>) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match block.sources.len() {
            1 => tile::<S, 1, V>(simd, window, block),
            2 => tile::<S, 2, V>(simd, window, block),
            3 => tile::<S, 3, V>(simd, window, block),
            4 => tile::<S, 4, V>(simd, window, block),
            5 => tile::<S, 5, V>(simd, window, block),
            6 => tile::<S, 6, V>(simd, window, block),
            7 if V == 1 => tile::<S, 7, V>(simd, window, block),
            8 if V == 1 => tile::<S, 8, V>(simd, window, block),
            n => unreachable!("{n} windows in a block"),
        }
    }
}

/// [`any`] for `M` windows.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const V: usize>(simd: S, window: Window, block: Block<'_>) {
    let Window { rows, run, step } = window;
    // SAFETY: the sums start from `V` readable vectors.
    let start: [S::f32s; V] = std::array::from_fn(|v| unsafe { load::<S>(block.start, v) });
    let mut sums = [start; M];
    let mut weights = block.weights;
    for row in 0..rows {
        let windows: [*const f32; M] = std::array::from_fn(|m| {
            // SAFETY: there are `M` windows, each within the image.
            unsafe { block.image.add(*block.sources.get_unchecked(m) as usize + row * step) }
        });
        for i in 0..run {
            // SAFETY: there are `V` vectors of weights for each number of a window.
            let w: [S::f32s; V] = std::array::from_fn(|v| unsafe { load::<S>(weights, v) });
            for m in 0..M {
                // SAFETY: number `i` of the run is within the image.
                let x = simd.splat_f32s(unsafe { *windows[m].add(i) });
                for v in 0..V {
                    sums[m][v] = simd.mul_add_e_f32s(x, w[v], sums[m][v]);
                }
            }
            // SAFETY: the pointer stays within the weights or one past their end.
            weights = unsafe { weights.add(V * S::F32_LANES) };
        }
    }
    for (m, sum) in sums.iter().enumerate() {
        for (v, value) in sum.iter().enumerate() {
            // SAFETY: `V` vectors are writable at each of `M` targets.
            unsafe {
                let pixel = block.result.add(*block.targets.get_unchecked(m) as usize * block.stride);
                pixel.cast::<S::f32s>().add(v).write_unaligned(*value);
            }
        }
    }
}

/// Vector `v` from `pointer` on.
///
/// # Safety
/// It must be readable; it need not be aligned.
#[inline(always)]
pub(super) unsafe fn load<S: Simd>(pointer: *const f32, v: usize) -> S::f32s {
    // SAFETY: guaranteed by the caller.
    unsafe { pointer.cast::<S::f32s>().add(v).read_unaligned() }
}
