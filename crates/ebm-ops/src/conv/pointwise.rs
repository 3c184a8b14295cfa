//! 1×1 convolutions: the product of the weight with each image in its own memory layout, pixels contiguous.
//!
//! Images are not transposed to make channels contiguous: that would take as long as these few multiplications.
//! Results do not depend on the number of threads, bit for bit.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::shape::Shape;
use crate::product::{Left, Right, Size, Start, Sum, product};
use crate::{buffer, parallel, simd};

/// Least number of elements per task, input and output together.
const GRAIN: usize = 32 * 1024;

/// Whether a convolution is 1×1 with stride 1 and no padding, and an image fills at least one vector.
pub(super) fn fits(shape: &Shape) -> bool {
    [shape.kernel, shape.stride, shape.padding] == [1, 1, 0]
        && simd::lanes(simd::arch()) <= shape.height * shape.width
        && 0 < shape.batch * shape.in_channels * shape.out_channels
}

/// `x * weight + bias`: `x` is `[batch, in, pixels]`, the weight `[out, in]`.
///
/// # Panics
/// If a slice does not have the length that `shape` implies. `shape` must [`fit`](fits).
pub(super) fn forward(shape: &Shape, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let &Shape { in_channels, out_channels, .. } = shape;
    run(shape, x, weight, bias, Map { from: in_channels, to: out_channels, adjoint: false })
}

/// The adjoint of [`forward`] with respect to `x`, plus a bias for each of its channels.
///
/// # Panics
/// See [`forward`].
pub(super) fn input_grad(shape: &Shape, weight: &[f32], dy: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let &Shape { in_channels, out_channels, .. } = shape;
    run(shape, dy, weight, bias, Map { from: out_channels, to: in_channels, adjoint: true })
}

/// Input and output channels of a map; its weight is `[from, to]` if `adjoint`, else `[to, from]`.
#[derive(Clone, Copy)]
struct Map {
    from: usize,
    to: usize,
    adjoint: bool,
}

fn run(shape: &Shape, images: &[f32], weight: &[f32], bias: Option<&[f32]>, map: Map) -> Vec<f32> {
    let (Map { from, to, .. }, pixels) = (map, shape.height * shape.width);
    let expected = [shape.batch * from * pixels, from * to];
    assert_eq!([images.len(), weight.len()], expected, "lengths of images and weight for {shape:?}");
    assert!(bias.is_none_or(|bias| bias.len() == to), "expected one bias for each output channel");
    let (arch, together) = (simd::arch(), GRAIN.div_ceil((from + to) * pixels));
    let write = |out: &mut [MaybeUninit<f32>]| {
        let tasks = out.chunks_mut(together * to * pixels).zip(images.chunks(together * from * pixels));
        parallel::each(tasks, |_, (out, images)| {
            arch.dispatch(Task { map, pixels, images, weight, bias, out });
        });
    };
    // SAFETY: each task writes every channel of its images.
    unsafe { buffer::fresh(shape.batch * to * pixels, write) }
}

/// A task: some images of a batch.
struct Task<'a> {
    map: Map,
    pixels: usize,
    images: &'a [f32],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    out: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { map: Map { from, to, adjoint }, pixels, images, weight, bias, out } = self;
        let weight = match adjoint {
            false => Left::Rows { data: weight.as_ptr(), stride: from },
            true => Left::Columns { data: weight.as_ptr(), stride: to },
        };
        let start = bias.map_or(Start::Zero, |bias| Start::Column(bias.as_ptr()));
        let whole = pixels / S::F32_LANES * S::F32_LANES;
        assert!(S::F32_LANES <= pixels, "expected at least one vector of pixels");
        for (image, out) in images.chunks_exact(from * pixels).zip(out.chunks_exact_mut(to * pixels)) {
            // Some of the last pixels may be computed twice, with the same result.
            let rest = (whole < pixels).then_some((pixels - S::F32_LANES, S::F32_LANES));
            for (first, columns) in [(0, whole)].into_iter().chain(rest) {
                let size = Size { rows: to, depth: from, columns };
                // SAFETY: columns `first..first + columns` of the pixels, all channels of both images, the weight and
                // the bias have the sizes given here; the result does not overlap what is read.
                unsafe {
                    let right = Right { data: image.as_ptr().add(first), stride: pixels };
                    let data = out.as_mut_ptr().cast::<f32>().add(first);
                    product(simd, size, weight, right, Sum { data, stride: pixels, start });
                }
            }
        }
    }
}
