//! The gradient of the weight: transforms both images, multiplies over tiles, and transforms the sums back once.

use pulp::{NullaryFnOnce, Simd, WithSimd};

use super::images::Images;
use super::scratch::{self, cut, whole_lines};
use super::shape::Shape;
use super::tiles::POINTS;
use super::tiling::Tiling;
use super::weights::{self, Panels, TAPS};
use crate::parallel;
use crate::product::{Left, Right, Size, Start, Sum, product};

/// Largest number of parts of a batch that are summed separately. It limits the number of threads and does not
/// depend on it, so the result does not either.
const PARTS: usize = 8;

/// Least number of tiles per part, if there are enough: the products then take several times as long as adding the
/// sums.
const TILES: usize = 64;

/// Floats of the sums that are added at a time, so that one part's stay in the L1 cache.
const PIECE: usize = 2048;

/// Largest number of floats of the sums of all parts: 32 MiB. Beyond it there are fewer parts.
const MOST_SUMS: usize = 8 << 20;

/// `dw[o, i, tap]`, the sum of `dy[image, o, pixel] · x[image, i, pixel + tap]` over images and pixels.
pub(super) struct WeightGradient<'a> {
    pub shape: Shape,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dw: &'a mut [f32],
}

impl WithSimd for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, x, dy, dw } = self;
        let tiling = Tiling::new(shape.height, shape.width);
        let inside = Images::new(shape.in_channels, &tiling, 1, S::F32_LANES);
        let outside = Images::new(shape.out_channels, &tiling, 0, S::F32_LANES);
        let panels = Panels::new(shape.in_channels, shape.out_channels, S::F32_LANES);

        let whole = panels.count() * panels.floats();
        let tiles = shape.batch * tiling.rows.tiles * tiling.columns.tiles;
        let part = shape.batch.div_ceil((tiles / TILES).min(MOST_SUMS / whole).clamp(1, PARTS));
        let (read, read_gradient) = (part * inside.floats(), part * outside.floats());
        let memory = [
            inside.pane_floats(),
            inside.line_floats(),
            inside.matrices_floats(),
            outside.matrices_floats(),
            outside.pane_floats(),
        ];
        scratch::for_call(shape.batch.div_ceil(part) * whole, |sums| {
            parallel::each(sums.chunks_mut(whole), |i, sums| {
                let x = &x[i * read..x.len().min((i + 1) * read)];
                let dy = &dy[i * read_gradient..dy.len().min((i + 1) * read_gradient)];
                let (inside, outside) = (&inside, &outside);
                scratch::for_task(memory.map(whole_lines).iter().sum(), |scratch| {
                    simd.vectorize(Task { simd, inside, outside, panels, x, dy, sums, memory, scratch });
                });
            });
            let (sum, others) = sums.split_at_mut(whole);
            if !others.is_empty() {
                parallel::each(sum.chunks_mut(PIECE), |i, sum| {
                    simd.vectorize(Add { simd, sum, others, first: i * PIECE, whole });
                });
            }
            let sum = &*sum;
            parallel::each(dw.chunks_mut(panels.width * panels.inner * TAPS), |i, dw| {
                let sums = &sum[i * panels.floats()..][..panels.floats()];
                scratch::for_task(panels.taps(), |taps| {
                    simd.vectorize(TransformBack { simd, panels, i, sums, taps, dw });
                });
            });
        });
    }
}

/// A task: the sums over the tiles of some images.
struct Task<'a, S> {
    simd: S,
    inside: &'a Images<'a>,
    outside: &'a Images<'a>,
    panels: Panels,
    x: &'a [f32],
    dy: &'a [f32],
    sums: &'a mut [f32],
    memory: [usize; 5],
    scratch: &'a mut [f32],
}

impl<S: Simd> NullaryFnOnce for Task<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, inside, outside, panels, x, dy, sums, memory, mut scratch } = self;
        let [pane, line, inputs, gradients, out_pane] = memory.map(|floats| cut(&mut scratch, floats));
        for (n, group) in inside.tiling.groups(x.len() / inside.floats()).enumerate() {
            inside.inputs(simd, &group, x, pane, line, inputs);
            outside.output_gradients(simd, &group, dy, out_pane, gradients);
            let (a, b) = (inside.matrices(&group), outside.matrices(&group));
            assert!(a.floats() <= inputs.len() && b.floats() <= gradients.len());
            assert!(panels.count() * panels.floats() <= sums.len());
            for point in 0..POINTS {
                for i in 0..panels.count() {
                    let size = Size { rows: panels.inner, depth: a.tiles(point), columns: panels.used(i) };
                    // SAFETY: matrix `point` of the inputs, of the gradients and of panel `i` is in bounds, as
                    // asserted, with the strides and sizes given here; the three slices do not overlap.
                    unsafe {
                        let left = inputs.as_ptr().add(point * a.stride());
                        let right = gradients.as_ptr().add(point * b.stride() + i * panels.width);
                        let sum = sums.as_mut_ptr().add(i * panels.floats() + point * panels.stride());
                        product(
                            simd,
                            size,
                            Left::Columns { data: left, stride: a.channels },
                            Right { data: right, stride: b.channels },
                            Sum {
                                data: sum,
                                stride: panels.width,
                                start: if n == 0 { Start::Zero } else { Start::Sum },
                            },
                        );
                    }
                }
            }
        }
    }
}

/// Adds the sums of the other parts, in order, to a piece of the first part's sums that begins at `first`.
struct Add<'a, S> {
    simd: S,
    sum: &'a mut [f32],
    others: &'a [f32],
    first: usize,
    /// Floats per part.
    whole: usize,
}

impl<S: Simd> NullaryFnOnce for Add<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, sum, others, first, whole } = self;
        for part in others.chunks_exact(whole) {
            let terms = &part[first..][..sum.len()];
            // Panels are whole cache lines, so no elements remain.
            for (sum, &term) in S::as_mut_simd_f32s(sum).0.iter_mut().zip(S::as_simd_f32s(terms).0) {
                *sum = simd.add_f32s(*sum, term);
            }
        }
    }
}

struct TransformBack<'a, S> {
    simd: S,
    panels: Panels,
    i: usize,
    sums: &'a [f32],
    taps: &'a mut [f32],
    dw: &'a mut [f32],
}

impl<S: Simd> NullaryFnOnce for TransformBack<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, panels, i, sums, taps, dw } = self;
        weights::gradient(simd, panels, i, sums, taps, dw);
    }
}
