//! The convolution of a batch: transforms, multiplies and transforms back, some images at a time.

use std::mem::MaybeUninit;

use pulp::{NullaryFnOnce, Simd, WithSimd};

use super::images::Images;
use super::scratch::{self, cut, whole_lines};
use super::shape::Shape;
use super::tiles::POINTS;
use super::tiling::Tiling;
use super::weights::{self, Direction, Panels};
use crate::parallel;
use crate::product::{Left, Right, Size, Start, Sum, product};

/// Number of weights below which a second thread does not pay.
const FEW_WEIGHTS: usize = 2048;

/// `out = x * weight + bias`, or its adjoint without a bias; `shape` has the channels of `x` as input, those of
/// `out` as output.
pub(super) struct Convolve<'a> {
    pub shape: Shape,
    pub direction: Direction,
    pub x: &'a [f32],
    pub weight: &'a [f32],
    pub bias: Option<&'a [f32]>,
    /// Every element is written.
    pub out: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, direction, x, weight, bias, out } = self;
        let tiling = Tiling::new(shape.height, shape.width);
        let inside = Images::new(shape.in_channels, &tiling, 1, S::F32_LANES);
        let outside = Images::new(shape.out_channels, &tiling, 0, S::F32_LANES);
        let panels = Panels::new(shape.in_channels, shape.out_channels, S::F32_LANES);

        let part = shape.batch.div_ceil(even_parts(shape.batch, tiling.images));
        let (read, written) = (part * inside.floats(), part * outside.floats());
        let memory = [
            inside.pane_floats(),
            inside.line_floats(),
            inside.matrices_floats(),
            outside.matrices_floats(),
            outside.pane_floats(),
        ];
        scratch::for_call(panels.count() * panels.floats(), |transformed| {
            transform_weights(simd, panels, weight, direction, transformed);
            let transformed = &*transformed;
            parallel::each(out.chunks_mut(written), |i, out| {
                let x = &x[i * read..x.len().min((i + 1) * read)];
                let (inside, outside) = (&inside, &outside);
                scratch::for_task(memory.map(whole_lines).iter().sum(), |scratch| {
                    simd.vectorize(Task {
                        simd,
                        inside,
                        outside,
                        panels,
                        transformed,
                        bias,
                        x,
                        out,
                        memory,
                        scratch,
                    });
                });
            });
        });
    }
}

/// Number of equal parts of at most `most` items, so that all threads get the same number of parts.
fn even_parts(items: usize, most: usize) -> usize {
    items.div_ceil(most).next_multiple_of(rayon::current_num_threads()).min(items)
}

/// Transforms the weights of all panels.
fn transform_weights<S: Simd>(
    simd: S,
    panels: Panels,
    weight: &[f32],
    direction: Direction,
    out: &mut [f32],
) {
    let few = panels.inner * panels.outer < FEW_WEIGHTS;
    let at_a_time = if few { panels.count() } else { 1 };
    parallel::each(out.chunks_mut(at_a_time * panels.floats()), |i, out| {
        for (j, out) in out.chunks_mut(panels.floats()).enumerate() {
            let i = i * at_a_time + j;
            scratch::for_task(panels.taps(), |taps| {
                simd.vectorize(TransformPanel { simd, panels, i, weight, direction, taps, out });
            });
        }
    });
}

struct TransformPanel<'a, S> {
    simd: S,
    panels: Panels,
    i: usize,
    weight: &'a [f32],
    direction: Direction,
    taps: &'a mut [f32],
    out: &'a mut [f32],
}

impl<S: Simd> NullaryFnOnce for TransformPanel<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, panels, i, weight, direction, taps, out } = self;
        weights::transform(simd, panels, i, (weight, direction), taps, out);
    }
}

/// A task: the convolution of some images.
struct Task<'a, S> {
    simd: S,
    inside: &'a Images<'a>,
    outside: &'a Images<'a>,
    panels: Panels,
    transformed: &'a [f32],
    bias: Option<&'a [f32]>,
    x: &'a [f32],
    out: &'a mut [MaybeUninit<f32>],
    memory: [usize; 5],
    scratch: &'a mut [f32],
}

impl<S: Simd> NullaryFnOnce for Task<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, inside, outside, panels, transformed, bias, x, out, memory, mut scratch } = self;
        let [pane, line, inputs, products, out_pane] = memory.map(|floats| cut(&mut scratch, floats));
        for group in inside.tiling.groups(x.len() / inside.floats()) {
            inside.inputs(simd, &group, x, pane, line, inputs);
            let (a, c) = (inside.matrices(&group), outside.matrices(&group));
            assert!(a.floats() <= inputs.len() && c.floats() <= products.len());
            assert!(panels.count() * panels.floats() <= transformed.len());
            for point in 0..POINTS {
                for i in 0..panels.count() {
                    let size = Size { rows: a.tiles(point), depth: panels.inner, columns: panels.used(i) };
                    // SAFETY: matrix `point` of the inputs, of the products and of panel `i` is in bounds, as
                    // asserted, with the strides and sizes given here; the three slices do not overlap.
                    unsafe {
                        let left = inputs.as_ptr().add(point * a.stride());
                        let right = transformed.as_ptr().add(i * panels.floats() + point * panels.stride());
                        let sum = products.as_mut_ptr().add(point * c.stride() + i * panels.width);
                        product(
                            simd,
                            size,
                            Left::Rows { data: left, stride: a.channels },
                            Right { data: right, stride: panels.width },
                            Sum { data: sum, stride: c.channels, start: Start::Zero },
                        );
                    }
                }
            }
            outside.outputs(simd, &group, products, bias, out_pane, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_a_multiple_of_the_threads_if_there_are_enough_items() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let parts = |items, most| pool.install(|| even_parts(items, most));
        assert_eq!([parts(64, 2), parts(9, 2), parts(3, 8), parts(1, 1)], [32, 8, 3, 1]);
    }
}
