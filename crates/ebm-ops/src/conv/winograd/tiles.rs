//! Tiles of windows as 36 matrices, one for each point of the transform, and back.

use pulp::Simd;

use super::scratch::LINE;
use super::transform;

/// Points of the transform of a tile.
pub(super) const POINTS: usize = 36;

/// A window of some rows of tiles that holds `block` channels of each pixel side by side.
#[derive(Clone, Copy)]
pub(super) struct Pane {
    /// Pixels from one row to the next.
    pub stride: usize,
    pub rows: usize,
    pub columns: usize,
    pub block: usize,
}

/// The 36 matrices `[tile, channel]` of a group of tiles.
#[derive(Clone, Copy)]
pub(super) struct Matrices {
    pub tiles: usize,
    pub channels: usize,
}

impl Matrices {
    /// Floats from one matrix to the next: a cache line more than it holds, because a power of two would
    /// map all 36 onto the same few lines of the cache.
    pub fn stride(self) -> usize {
        self.tiles * self.channels + LINE
    }

    pub fn floats(self) -> usize {
        POINTS * self.stride()
    }
}

/// Reads the vector at `data + offset`.
///
/// # Safety
/// A vector's worth of floats must be in bounds there.
#[inline(always)]
unsafe fn load<S: Simd>(_: S, data: *const f32, offset: usize) -> S::f32s {
    // SAFETY: the caller's; alignment is not assumed.
    unsafe { data.add(offset).cast::<S::f32s>().read_unaligned() }
}

/// Writes `vector` at `data + offset`.
///
/// # Safety
/// As [`load`].
#[inline(always)]
unsafe fn store<S: Simd>(_: S, data: *mut f32, offset: usize, vector: S::f32s) {
    // SAFETY: the caller's; alignment is not assumed.
    unsafe { data.add(offset).cast::<S::f32s>().write_unaligned(vector) };
}

/// `Bᵀ d B` of each tile of a pane whose margin is one pixel, into the matrices from `first` on,
/// an index of the first matrix.
///
/// `line` is working memory for `6 · stride` vectors: columns are transformed once for both tiles they are in.
#[inline(always)]
pub(super) fn inputs<S: Simd>(
    simd: S,
    pane: Pane,
    window: &[f32],
    line: &mut [f32],
    matrices: Matrices,
    first: usize,
    out: &mut [f32],
) {
    let Pane { stride, rows, columns, block } = pane;
    let lanes = S::F32_LANES;
    assert!((4 * rows + 2) * stride * block <= window.len() && 6 * stride * lanes <= line.len());
    assert!(4 * columns + 2 <= stride && block.is_multiple_of(lanes));
    assert!(first + (rows * columns - 1) * matrices.channels + block <= matrices.tiles * matrices.channels);
    assert!(matrices.floats() <= out.len());
    let (window, line, out) = (window.as_ptr(), line.as_mut_ptr(), out.as_mut_ptr());
    for lane in (0..block).step_by(lanes) {
        for row in 0..rows {
            // SAFETY: rows of pixels up to `4 · rows + 1` and columns below `stride` of the window, below
            // `6 · stride` vectors of the line, and the tile's place in each matrix: all asserted above.
            unsafe {
                for column in 0..stride {
                    let at = |i: usize| load(simd, window, ((4 * row + i) * stride + column) * block + lane);
                    let d = transform::input(simd, [at(0), at(1), at(2), at(3), at(4), at(5)]);
                    for (i, &value) in d.iter().enumerate() {
                        store(simd, line, (i * stride + column) * lanes, value);
                    }
                }
                for column in 0..columns {
                    let tile = first + (row * columns + column) * matrices.channels + lane;
                    for i in 0..6 {
                        let at = |j: usize| load(simd, line, (i * stride + 4 * column + j) * lanes);
                        let v = transform::input(simd, [at(0), at(1), at(2), at(3), at(4), at(5)]);
                        for (j, &value) in v.iter().enumerate() {
                            store(simd, out, (6 * i + j) * matrices.stride() + tile, value);
                        }
                    }
                }
            }
        }
    }
}

/// `Aᵀ m A` of each tile, plus the bias of the channel, into a pane without margin.
///
/// `first` is an index of the first matrix, `bias` one number for each channel of the block, if there is one.
#[inline(always)]
pub(super) fn outputs<S: Simd>(
    simd: S,
    matrices: Matrices,
    first: usize,
    products: &[f32],
    bias: Option<&[f32]>,
    pane: Pane,
    window: &mut [f32],
) {
    let Pane { stride, rows, columns, block } = pane;
    check_outputs::<S>(pane, window.len(), matrices, first, products.len());
    assert!(bias.is_none_or(|bias| bias.len() == block));
    let (products, window) = (products.as_ptr(), window.as_mut_ptr());
    for lane in (0..block).step_by(S::F32_LANES) {
        let bias = match bias {
            // SAFETY: `lane + lanes ≤ block`, the length of `bias`.
            Some(bias) => unsafe { load(simd, bias.as_ptr(), lane) },
            None => simd.splat_f32s(0.0),
        };
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let tile = first + (row * columns + column) * matrices.channels + lane;
            let zero = simd.splat_f32s(0.0);
            // SAFETY: the tile's place in each matrix and its 4×4 pixels of the window, asserted above.
            unsafe {
                let mut columns_of_tile = [[zero; 4]; 6];
                for (j, half) in columns_of_tile.iter_mut().enumerate() {
                    let at = |i: usize| load(simd, products, (6 * i + j) * matrices.stride() + tile);
                    *half = transform::output(simd, [at(0), at(1), at(2), at(3), at(4), at(5)]);
                }
                let [a, b, c, d, e, f] = columns_of_tile;
                for i in 0..4 {
                    let values = transform::output(simd, [a[i], b[i], c[i], d[i], e[i], f[i]]);
                    let pixel = (4 * row + i) * stride + 4 * column;
                    for (j, &value) in values.iter().enumerate() {
                        store(simd, window, (pixel + j) * block + lane, simd.add_f32s(value, bias));
                    }
                }
            }
        }
    }
}

/// `A y Aᵀ` of each tile of a pane without margin, into the matrices from `first` on.
#[inline(always)]
pub(super) fn output_gradients<S: Simd>(
    simd: S,
    pane: Pane,
    window: &[f32],
    matrices: Matrices,
    first: usize,
    out: &mut [f32],
) {
    let Pane { stride, rows, columns, block } = pane;
    check_outputs::<S>(pane, window.len(), matrices, first, out.len());
    let (window, out) = (window.as_ptr(), out.as_mut_ptr());
    for lane in (0..block).step_by(S::F32_LANES) {
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let tile = first + (row * columns + column) * matrices.channels + lane;
            let zero = simd.splat_f32s(0.0);
            // SAFETY: the tile's 4×4 pixels of the window and its place in each matrix, asserted above.
            unsafe {
                let mut columns_of_tile = [[zero; 6]; 4];
                for (j, half) in columns_of_tile.iter_mut().enumerate() {
                    let pixel = |i: usize| ((4 * row + i) * stride + 4 * column + j) * block + lane;
                    let at = |i: usize| load(simd, window, pixel(i));
                    *half = transform::output_gradient(simd, [at(0), at(1), at(2), at(3)]);
                }
                let [a, b, c, d] = columns_of_tile;
                for i in 0..6 {
                    let values = transform::output_gradient(simd, [a[i], b[i], c[i], d[i]]);
                    for (j, &value) in values.iter().enumerate() {
                        store(simd, out, (6 * i + j) * matrices.stride() + tile, value);
                    }
                }
            }
        }
    }
}

/// Panics unless a pane without margin and its place in the matrices are in bounds.
fn check_outputs<S: Simd>(pane: Pane, window: usize, matrices: Matrices, first: usize, floats: usize) {
    let Pane { stride, rows, columns, block } = pane;
    assert!(4 * rows * stride * block <= window && 4 * columns <= stride);
    assert!(block.is_multiple_of(S::F32_LANES) && matrices.floats() <= floats);
    assert!(first + (rows * columns - 1) * matrices.channels + block <= matrices.tiles * matrices.channels);
}
