//! Transforms between tiles of a window and 36 matrices, one for each point of the transform.

use pulp::Simd;

use super::scratch::LINE;
use super::tiling::Side;
use super::transform::{self, LINE_POINTS, points};

/// Number of points of the transform of a tile.
pub(super) const POINTS: usize = LINE_POINTS * LINE_POINTS;

/// A window of some rows of tiles, with `block` contiguous channels per pixel.
#[derive(Clone, Copy)]
pub(super) struct Pane {
    /// Pixels from one row to the next.
    pub stride: usize,
    pub rows: Side,
    pub columns: Side,
    pub block: usize,
}

/// The 36 matrices `[tile, channel]` of a group of tiles; the matrix of a point holds the tiles that have this
/// point.
#[derive(Clone, Copy)]
pub(super) struct Matrices {
    pub images: usize,
    /// Rows of tiles of each image.
    pub rows: Side,
    pub columns: Side,
    pub channels: usize,
}

/// Location of a block of channels of an image in the matrices.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Index of the image in the group.
    pub image: usize,
    pub channel: usize,
}

impl Matrices {
    /// Number of rows of the matrix of a point.
    pub fn tiles(self, point: usize) -> usize {
        self.images * self.rows.with(point / LINE_POINTS) * self.columns.with(point % LINE_POINTS)
    }

    /// Floats from one matrix to the next: one cache line more than the largest matrix needs, because a power of
    /// two would map all 36 matrices to the same few cache sets.
    pub fn stride(self) -> usize {
        self.images * self.rows.tiles * self.columns.tiles * self.channels + LINE
    }

    pub fn floats(self) -> usize {
        POINTS * self.stride()
    }

    /// Offset of point `(i, j)` of a tile, in floats.
    #[inline(always)]
    fn at(self, Place { image, channel }: Place, [row, column]: [usize; 2], [i, j]: [usize; 2]) -> usize {
        let tile = (image * self.rows.with(i) + row) * self.columns.with(j) + column;
        (LINE_POINTS * i + j) * self.stride() + tile * self.channels + channel
    }

    /// Panics unless a block of channels at `place` lies in the matrices of a pane, and these fit into `floats`.
    fn check(self, pane: Pane, place: Place, floats: usize) {
        assert!((self.rows, self.columns) == (pane.rows, pane.columns) && self.floats() <= floats);
        assert!(place.image < self.images && place.channel + pane.block <= self.channels);
    }
}

/// Reads the vector at `data + offset`.
///
/// # Safety
/// A vector's worth of floats must be in bounds there.
#[inline(always)]
unsafe fn load<S: Simd>(_: S, data: *const f32, offset: usize) -> S::f32s {
    // SAFETY: guaranteed by the caller; the access is unaligned.
    unsafe { data.add(offset).cast::<S::f32s>().read_unaligned() }
}

/// Writes `vector` at `data + offset`.
///
/// # Safety
/// See [`load`].
#[inline(always)]
unsafe fn store<S: Simd>(_: S, data: *mut f32, offset: usize, vector: S::f32s) {
    // SAFETY: guaranteed by the caller; the access is unaligned.
    unsafe { data.add(offset).cast::<S::f32s>().write_unaligned(vector) };
}

/// Writes `Bᵀ d B` of each tile of a pane with a margin of one pixel to the matrices.
///
/// `line` is working memory for `6 · stride` vectors: a column that two tiles share is transformed once.
#[inline(always)]
pub(super) fn inputs<S: Simd>(
    simd: S,
    pane: Pane,
    window: &[f32],
    line: &mut [f32],
    matrices: Matrices,
    place: Place,
    out: &mut [f32],
) {
    let Pane { stride, rows, columns, block } = pane;
    let lanes = S::F32_LANES;
    assert!(
        (rows.outputs() + 2) * stride * block <= window.len() && LINE_POINTS * stride * lanes <= line.len()
    );
    assert!(columns.outputs() + 2 <= stride && block.is_multiple_of(lanes));
    matrices.check(pane, place, out.len());
    let (window, line, out) = (window.as_ptr(), line.as_mut_ptr(), out.as_mut_ptr());
    for lane in (0..block).step_by(lanes) {
        let place = Place { channel: place.channel + lane, ..place };
        for row in 0..rows.tiles {
            // SAFETY: the pixels below `stride` of the rows that the tiles cover and of two more rows, `6 · stride`
            // vectors of the line, and the tile's place in each matrix whose point it has are in bounds, as
            // asserted above.
            unsafe {
                let window = window.add(rows.start(row) * stride * block + lane);
                let inputs = Inputs { simd, pane, window, line, matrices, place, row, out };
                if rows.is_short(row) { inputs.row::<true>() } else { inputs.row::<false>() }
            }
        }
    }
}

/// The inputs of a row of tiles, for one vector of channels.
#[derive(Clone, Copy)]
struct Inputs<S> {
    simd: S,
    pane: Pane,
    /// First pixel of the row, including the margin.
    window: *const f32,
    line: *mut f32,
    matrices: Matrices,
    place: Place,
    row: usize,
    out: *mut f32,
}

impl<S: Simd> Inputs<S> {
    /// # Safety
    /// The pixels of the row with their margin, `6 · stride` vectors of the line, and the places of the tiles in
    /// the matrices must be in bounds; `SHORT` must say whether the row is short.
    #[inline(always)]
    unsafe fn row<const SHORT: bool>(self) {
        let Self { simd, pane: Pane { stride, columns, block, .. }, window, line, .. } = self;
        // SAFETY: guaranteed by the caller.
        unsafe {
            for column in 0..stride {
                let d = transform::input::<S, SHORT>(
                    simd,
                    #[inline(always)]
                    |i| load(simd, window, (i * stride + column) * block),
                );
                for i in points::<SHORT>() {
                    store(simd, line, (i * stride + column) * S::F32_LANES, d[i]);
                }
            }
            for column in 0..columns.long {
                self.tile::<SHORT, false>(column);
            }
            for column in columns.long..columns.tiles {
                self.tile::<SHORT, true>(column);
            }
        }
    }

    /// # Safety
    /// See [`Self::row`]; the line must have been written, and `NARROW` must say whether the tile is short across.
    #[inline(always)]
    unsafe fn tile<const SHORT: bool, const NARROW: bool>(self, column: usize) {
        let Self { simd, pane: Pane { stride, columns, .. }, line, matrices, place, row, out, .. } = self;
        let start = columns.start(column);
        // SAFETY: guaranteed by the caller.
        unsafe {
            for i in points::<SHORT>() {
                let v = transform::input::<S, NARROW>(
                    simd,
                    #[inline(always)]
                    |j| load(simd, line, (i * stride + start + j) * S::F32_LANES),
                );
                for j in points::<NARROW>() {
                    store(simd, out, matrices.at(place, [row, column], [i, j]), v[j]);
                }
            }
        }
    }
}

/// Writes `Aᵀ m A` of each tile, plus the bias of the channel, to a pane without margin.
///
/// `bias`, if given, has one number for each channel of the block.
#[inline(always)]
pub(super) fn outputs<S: Simd>(
    simd: S,
    matrices: Matrices,
    place: Place,
    products: &[f32],
    bias: Option<&[f32]>,
    pane: Pane,
    window: &mut [f32],
) {
    check_outputs::<S>(pane, window.len());
    matrices.check(pane, place, products.len());
    assert!(bias.is_none_or(|bias| bias.len() == pane.block));
    let (products, window) = (products.as_ptr(), window.as_mut_ptr());
    for lane in (0..pane.block).step_by(S::F32_LANES) {
        let bias = match bias {
            // SAFETY: `lane + lanes ≤ block`, the length of `bias`.
            Some(bias) => unsafe { load(simd, bias.as_ptr(), lane) },
            None => simd.splat_f32s(0.0),
        };
        let place = Place { channel: place.channel + lane, ..place };
        for tile in tiles(pane) {
            // SAFETY: the tile's place in each matrix whose point it has, and its pixels in the window are in
            // bounds, as asserted above.
            unsafe {
                let window = window.add(lane);
                let outputs = Outputs { simd, pane, window, matrices, place, tile };
                match outputs.kind() {
                    [false, false] => outputs.back::<false, false>(products, bias),
                    [false, true] => outputs.back::<false, true>(products, bias),
                    [true, false] => outputs.back::<true, false>(products, bias),
                    [true, true] => outputs.back::<true, true>(products, bias),
                }
            }
        }
    }
}

/// Writes `A y Aᵀ` of each tile of a pane without margin to the matrices.
#[inline(always)]
pub(super) fn output_gradients<S: Simd>(
    simd: S,
    pane: Pane,
    window: &[f32],
    matrices: Matrices,
    place: Place,
    out: &mut [f32],
) {
    check_outputs::<S>(pane, window.len());
    matrices.check(pane, place, out.len());
    // The window is only read.
    let (window, out) = (window.as_ptr().cast_mut(), out.as_mut_ptr());
    for lane in (0..pane.block).step_by(S::F32_LANES) {
        let place = Place { channel: place.channel + lane, ..place };
        for tile in tiles(pane) {
            // SAFETY: as in `outputs`.
            unsafe {
                let window = window.add(lane);
                let outputs = Outputs { simd, pane, window, matrices, place, tile };
                match outputs.kind() {
                    [false, false] => outputs.gradients::<false, false>(out),
                    [false, true] => outputs.gradients::<false, true>(out),
                    [true, false] => outputs.gradients::<true, false>(out),
                    [true, true] => outputs.gradients::<true, true>(out),
                }
            }
        }
    }
}

/// The rows and columns of the tiles of a pane.
#[inline(always)]
fn tiles(pane: Pane) -> impl Iterator<Item = [usize; 2]> {
    let (rows, columns) = (pane.rows.tiles, pane.columns.tiles);
    (0..rows).flat_map(move |row| (0..columns).map(move |column| [row, column]))
}

/// The outputs of a tile, for one vector of channels.
#[derive(Clone, Copy)]
struct Outputs<S> {
    simd: S,
    pane: Pane,
    window: *mut f32,
    matrices: Matrices,
    place: Place,
    tile: [usize; 2],
}

impl<S: Simd> Outputs<S> {
    /// Whether the tile is short vertically and horizontally.
    #[inline(always)]
    fn kind(self) -> [bool; 2] {
        [self.pane.rows.is_short(self.tile[0]), self.pane.columns.is_short(self.tile[1])]
    }

    /// Offset of output `(i, j)` in the window, in floats.
    #[inline(always)]
    fn pixel(self, i: usize, j: usize) -> usize {
        let Pane { stride, rows, columns, block } = self.pane;
        ((rows.start(self.tile[0]) + i) * stride + columns.start(self.tile[1]) + j) * block
    }

    /// # Safety
    /// The tile's points in the matrices and its pixels in the window must be in bounds; `SHORT` and `NARROW` must
    /// say whether the tile is short vertically and horizontally.
    #[inline(always)]
    unsafe fn back<const SHORT: bool, const NARROW: bool>(self, products: *const f32, bias: S::f32s) {
        let Self { simd, window, matrices, place, tile, .. } = self;
        let mut halves = [[simd.splat_f32s(0.0); LINE_POINTS]; 4];
        // SAFETY: guaranteed by the caller.
        unsafe {
            for j in points::<NARROW>() {
                let mut m = [simd.splat_f32s(0.0); LINE_POINTS];
                for i in points::<SHORT>() {
                    m[i] = load(simd, products, matrices.at(place, tile, [i, j]));
                }
                let column = transform::output::<S, SHORT>(simd, m);
                for (half, &value) in halves.iter_mut().zip(&column) {
                    half[j] = value;
                }
            }
            for (i, &half) in halves.iter().enumerate().take(transform::outputs::<SHORT>()) {
                let values = transform::output::<S, NARROW>(simd, half);
                for (j, &value) in values.iter().enumerate().take(transform::outputs::<NARROW>()) {
                    store(simd, window, self.pixel(i, j), simd.add_f32s(value, bias));
                }
            }
        }
    }

    /// # Safety
    /// See [`Self::back`].
    #[inline(always)]
    unsafe fn gradients<const SHORT: bool, const NARROW: bool>(self, out: *mut f32) {
        let Self { simd, window, matrices, place, tile, .. } = self;
        let mut halves = [[simd.splat_f32s(0.0); LINE_POINTS]; 4];
        // SAFETY: guaranteed by the caller.
        unsafe {
            for (j, half) in halves.iter_mut().enumerate().take(transform::outputs::<NARROW>()) {
                *half = transform::output_gradient::<S, SHORT>(
                    simd,
                    #[inline(always)]
                    |i| load(simd, window, self.pixel(i, j)),
                );
            }
            for i in points::<SHORT>() {
                let values = transform::output_gradient::<S, NARROW>(
                    simd,
                    #[inline(always)]
                    |j| halves[j][i],
                );
                for j in points::<NARROW>() {
                    store(simd, out, matrices.at(place, tile, [i, j]), values[j]);
                }
            }
        }
    }
}

/// Panics unless the tiles of a pane without margin lie in its window.
fn check_outputs<S: Simd>(pane: Pane, window: usize) {
    let Pane { stride, rows, columns, block } = pane;
    assert!(rows.outputs() * stride * block <= window && columns.outputs() <= stride);
    assert!(block.is_multiple_of(S::F32_LANES));
}
