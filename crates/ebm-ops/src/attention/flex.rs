//! The operation on the CPU in single precision, one head after another, a few queries at a time.
//!
//! Logits are kept transposed, a column for each query: maxima and sums over keys are then sums of vectors, and the
//! result needs no transposition.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use pulp::{Simd, WithSimd};

use super::{AttentionOps, plain};
use crate::lanes::{Lanes, Several};
use crate::product::{Left, Right, Size, Start, Sum, product};
use crate::transpose::{self, Planes};
use crate::vector::decay;
use crate::{buffer, kernels, parallel, simd};

/// Queries whose logits are computed at a time: two vectors of the widest registers.
const PANEL: usize = 32;

/// What numbers of channels and of places are multiples of: the lanes of the widest registers.
const LANES: usize = 16;

impl AttentionOps for Flex {
    fn dot_product_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        if ours([&q, &k, &v]) { forward(q, k, v, false).0 } else { plain::forward::<Self>(q, k, v).0 }
    }

    fn attention_and_weights(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !ours([&q, &k, &v]) {
            return plain::forward::<Self>(q, k, v);
        }
        let (y, weights) = forward(q, k, v, true);
        (y, weights.expect("the weights are kept if asked for"))
    }

    fn attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !ours([&q, &k, &v]) || !kernels::take([&weights, &grad]) {
            return plain::backward::<Self>(q, k, v, weights, grad);
        }
        let shape @ [heads, d, n] = q.shape().dims();
        let tensors = [q, k, v, weights, grad].map(buffer::contiguous);
        let [q, k, v, weights, grad] = tensors.each_ref().map(|tensor| tensor.storage::<f32>());
        let mut gradients = [(); 3].map(|()| vec![0.0f32; heads * d * n]);
        let [of_q, of_k, of_v] = &mut gradients;
        let chunks = of_q.chunks_mut(d * n).zip(of_k.chunks_mut(d * n)).zip(of_v.chunks_mut(d * n));
        let arch = simd::arch();
        parallel::each(chunks, |head, ((of_q, of_k), of_v)| {
            let [q, k, v, g] = [q, k, v, grad].map(|x| &x[head * d * n..][..d * n]);
            let weights = &weights[head * n * n..][..n * n];
            arch.dispatch(Backward { d, n, q, k, v, g, weights, of_q, of_k, of_v });
        });
        let [of_q, of_k, of_v] = gradients.map(|gradient| buffer::tensor(gradient, shape));
        (of_q, of_k, of_v)
    }
}

/// Whether the kernel can be used for these queries, keys and values.
fn ours(tensors: [&FlexTensor; 3]) -> bool {
    let [heads, d, n] = tensors[0].shape().dims();
    0 < heads * d * n && d.is_multiple_of(LANES) && n.is_multiple_of(LANES) && kernels::take(tensors)
}

fn forward(q: FlexTensor, k: FlexTensor, v: FlexTensor, keep: bool) -> (FlexTensor, Option<FlexTensor>) {
    let shape @ [heads, d, n] = q.shape().dims();
    let tensors = [q, k, v].map(buffer::contiguous);
    let [q, k, v] = tensors.each_ref().map(|tensor| tensor.storage::<f32>());
    let mut y = vec![0.0f32; heads * d * n];
    let mut weights = vec![0.0f32; if keep { heads * n * n } else { 0 }];
    let mut kept = weights.chunks_mut(n * n);
    let chunks: Vec<_> = y.chunks_mut(d * n).map(|y| (y, kept.next())).collect();
    let arch = simd::arch();
    parallel::each(chunks.into_iter(), |head, (y, kept)| {
        let [q, k, v] = [q, k, v].map(|x| &x[head * d * n..][..d * n]);
        arch.dispatch(Forward { d, n, q, k, v, y, kept });
    });
    (buffer::tensor(y, shape), keep.then(|| buffer::tensor(weights, [heads, n, n])))
}

/// A task: one head.
struct Forward<'a> {
    d: usize,
    n: usize,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    y: &'a mut [f32],
    /// The weights, if they are to be kept.
    kept: Option<&'a mut [f32]>,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { d, n, q, k, v, y, mut kept } = self;
        let keys = transposed(simd, k, [d, n]);
        let (mut queries, mut logits) = (vec![0.0; d * PANEL], vec![0.0; n * PANEL]);
        let scale = 1.0 / (d as f32).sqrt();
        for first in (0..n).step_by(PANEL) {
            let width = PANEL.min(n - first);
            copy(q, [n, first], &mut queries, [width, 0], [d, width]);
            // SAFETY: the factors and the result have the sizes given, and `width` is a multiple of the lanes.
            unsafe {
                multiply(simd, [n, d, width], &keys, &queries, &mut logits, Start::Zero);
                normalise(simd, [n, width], scale, &mut logits);
                let size = Size { rows: d, depth: n, columns: width };
                let left = Left::Rows { data: v.as_ptr(), stride: n };
                let right = Right { data: logits.as_ptr(), stride: width };
                let sum = Sum { data: y.as_mut_ptr().add(first), stride: n, start: Start::Zero };
                product(simd, size, left, right, sum);
            }
            if let Some(kept) = &mut kept {
                copy(&logits, [width, 0], kept, [n, first], [n, width]);
            }
        }
    }
}

/// A task: the gradients of one head.
struct Backward<'a> {
    d: usize,
    n: usize,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    g: &'a [f32],
    weights: &'a [f32],
    of_q: &'a mut [f32],
    of_k: &'a mut [f32],
    of_v: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { d, n, q, k, v, g, weights, of_q, of_k, of_v } = self;
        let [queries, values, grads] = [q, v, g].map(|x| transposed(simd, x, [d, n]));
        let (mut grad, mut weight, mut logits) =
            (vec![0.0; d * PANEL], vec![0.0; n * PANEL], vec![0.0; n * PANEL]);
        // the gradients of keys and values, places first
        let mut sums = [(); 2].map(|()| vec![0.0f32; n * d]);
        let scale = 1.0 / (d as f32).sqrt();
        for first in (0..n).step_by(PANEL) {
            let width = PANEL.min(n - first);
            copy(g, [n, first], &mut grad, [width, 0], [d, width]);
            copy(weights, [n, first], &mut weight, [width, 0], [n, width]);
            let [of_keys, of_values] = &mut sums;
            // SAFETY: the factors and the results have the sizes given, and `width` and `d` are multiples of the
            // lanes.
            unsafe {
                multiply(simd, [n, d, width], &values, &grad, &mut logits, Start::Zero);
                of_logits(simd, [n, width], scale, &weight, &mut logits);
                let size = Size { rows: d, depth: n, columns: width };
                let left = Left::Rows { data: k.as_ptr(), stride: n };
                let right = Right { data: logits.as_ptr(), stride: width };
                let sum = Sum { data: of_q.as_mut_ptr().add(first), stride: n, start: Start::Zero };
                product(simd, size, left, right, sum);
                let rows = first * d..(first + width) * d;
                multiply(simd, [n, width, d], &logits, &queries[rows.clone()], of_keys, Start::Sum);
                multiply(simd, [n, width, d], &weight, &grads[rows], of_values, Start::Sum);
            }
        }
        for (sum, target) in sums.iter().zip([of_k, of_v]) {
            let planes = Planes { stride: n, pixels: n };
            // SAFETY: `sum` has `d` channels of each of `n` pixels, and `target` `d` planes of `n` pixels.
            unsafe { transpose::scatter(simd, d, (sum.as_ptr(), |p| p * d), (target.as_mut_ptr(), planes)) };
        }
    }
}

/// `d × n` numbers as `n × d`.
#[inline(always)]
fn transposed<S: Simd>(simd: S, x: &[f32], [d, n]: [usize; 2]) -> Vec<f32> {
    assert_eq!(x.len(), d * n, "{d} planes of {n} pixels");
    let mut out = vec![0.0; d * n];
    let planes = Planes { stride: n, pixels: n };
    // SAFETY: both have `d · n` numbers, and `d` is at least eight.
    unsafe { transpose::gather(simd, d, (x.as_ptr(), planes), (out.as_mut_ptr(), |p| p * d)) };
    out
}

/// Copies `rows` rows of `columns` numbers; each side is given with its stride and first column.
#[inline(always)]
fn copy(
    from: &[f32],
    [from_stride, from_first]: [usize; 2],
    to: &mut [f32],
    [to_stride, to_first]: [usize; 2],
    [rows, columns]: [usize; 2],
) {
    for row in 0..rows {
        let source = &from[row * from_stride + from_first..][..columns];
        to[row * to_stride + to_first..][..columns].copy_from_slice(source);
    }
}

/// The product of `a`, `rows × depth`, and `b`, `depth × columns`, to `c`, all without gaps between rows.
///
/// # Safety
/// `columns` must be a multiple of the lanes.
#[inline(always)]
unsafe fn multiply<S: Simd>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
    start: Start,
) {
    assert!(rows * depth <= a.len() && depth * columns <= b.len() && rows * columns <= c.len());
    let left = Left::Rows { data: a.as_ptr(), stride: depth };
    let right = Right { data: b.as_ptr(), stride: columns };
    let sum = Sum { data: c.as_mut_ptr(), stride: columns, start };
    // SAFETY: the lengths have been checked, and `columns` is a multiple of the lanes.
    unsafe { product(simd, Size { rows, depth, columns }, left, right, sum) };
}

/// Replaces every column of logits by its softmax, with `scale` as the inverse temperature.
///
/// # Safety
/// `logits` must have `rows` rows of `width` numbers, a multiple of the lanes.
#[inline(always)]
unsafe fn normalise<S: Simd>(simd: S, [rows, width]: [usize; 2], scale: f32, logits: &mut [f32]) {
    assert!(rows * width <= logits.len() && width.is_multiple_of(S::F32_LANES));
    let mut column = 0;
    while column < width {
        // SAFETY: the columns are within the rows.
        unsafe {
            let data = logits.as_mut_ptr().add(column);
            if column + 2 * S::F32_LANES <= width {
                softmax::<S, 2>(simd, [rows, width], scale, data);
                column += 2 * S::F32_LANES;
            } else {
                softmax::<S, 1>(simd, [rows, width], scale, data);
                column += S::F32_LANES;
            }
        }
    }
}

/// [`normalise`] for `N` vectors of columns.
///
/// # Safety
/// `data` must be valid for `rows` rows of `N` vectors, `stride` numbers apart.
#[inline(always)]
unsafe fn softmax<S: Simd, const N: usize>(simd: S, [rows, stride]: [usize; 2], scale: f32, data: *mut f32) {
    let lanes = Several::<S, N>(simd);
    // SAFETY: the caller guarantees that every row can be read and written.
    unsafe {
        let mut largest = read::<S, N>(data);
        for row in 1..rows {
            let x = read::<S, N>(data.add(row * stride));
            largest = lanes.select(lanes.less_than(largest, x), x, largest);
        }
        let (scale, mut total) = (lanes.all(scale), lanes.all(0.0));
        for row in 0..rows {
            let at = data.add(row * stride);
            let [_, power] = decay(lanes, lanes.mul(lanes.sub(read::<S, N>(at), largest), scale));
            total = lanes.add(total, power);
            write::<S, N>(at, power);
        }
        let mut inverse = total;
        for sum in &mut inverse {
            *sum = simd.div_f32s(simd.splat_f32s(1.0), *sum);
        }
        for row in 0..rows {
            let at = data.add(row * stride);
            write::<S, N>(at, lanes.mul(read::<S, N>(at), inverse));
        }
    }
}

/// `N` vectors from `data` on.
///
/// # Safety
/// They must be readable.
#[inline(always)]
unsafe fn read<S: Simd, const N: usize>(data: *const f32) -> [S::f32s; N] {
    // SAFETY: guaranteed by the caller.
    unsafe { data.cast::<[S::f32s; N]>().read_unaligned() }
}

/// Stores `N` vectors from `data` on.
///
/// # Safety
/// They must be writable.
#[inline(always)]
unsafe fn write<S: Simd, const N: usize>(data: *mut f32, vectors: [S::f32s; N]) {
    // SAFETY: guaranteed by the caller.
    unsafe { data.cast::<[S::f32s; N]>().write_unaligned(vectors) };
}

/// Replaces the gradients of weights by those of the logits before they are scaled: s W ∘ (G − Σ G ∘ W), the sums
/// over columns.
///
/// # Safety
/// Both must have `rows` rows of `width` numbers, a multiple of the lanes.
#[inline(always)]
unsafe fn of_logits<S: Simd>(
    simd: S,
    [rows, width]: [usize; 2],
    scale: f32,
    weights: &[f32],
    grads: &mut [f32],
) {
    assert!(rows * width <= grads.len() && rows * width <= weights.len());
    let (scale, weights, grads) = (simd.splat_f32s(scale), weights.as_ptr(), grads.as_mut_ptr());
    for column in (0..width).step_by(S::F32_LANES) {
        // SAFETY: columns `column` to `column + lanes` are within each row of both.
        unsafe {
            let (weights, grads) = (weights.add(column), grads.add(column));
            let mut sum = simd.splat_f32s(0.0);
            for row in 0..rows {
                let ([weight], [grad]) =
                    (read::<S, 1>(weights.add(row * width)), read::<S, 1>(grads.add(row * width)));
                sum = simd.mul_add_f32s(grad, weight, sum);
            }
            for row in 0..rows {
                let ([weight], [grad]) =
                    (read::<S, 1>(weights.add(row * width)), read::<S, 1>(grads.add(row * width)));
                let centered = simd.mul_f32s(simd.sub_f32s(grad, sum), scale);
                write::<S, 1>(grads.add(row * width), [simd.mul_f32s(centered, weight)]);
            }
        }
    }
}
