//! The gradient of the reverse rule on the CPU in single precision, one group at a time, so that it stays in cache.

use std::mem::MaybeUninit;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use pulp::{Simd, WithSimd};

use super::affine::{Affine, Maps};
use super::functions::{Gathered, Map, Normal, Products, SecondOrder, Triples};
use super::runs::{over_rows, sums_of_runs};
use crate::elementwise;
use crate::slot::Slot;
use crate::{buffer, simd};

/// The gradients of `x`, `gain`, `bias` and `grad`, given the gradient `tangent` of J(x)ᵀ `grad`, for images that have
/// pixels; the formulas are in [`plain`](super::plain::pullback_backward).
pub(super) fn pullback_backward(
    x: FlexTensor,
    gain: FlexTensor,
    bias: FlexTensor,
    statistics: FlexTensor,
    grad: FlexTensor,
    tangent: FlexTensor,
) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
    let (shape, groups) = (x.shape(), statistics.shape()[1]);
    let [batch, channels, height, width] = shape.dims();
    let (pixels, per_group) = (height * width, channels / groups);
    let (length, arch) = (per_group * pixels, simd::arch());
    // Maps per pixel are for passes over all channels of a group, which this one does not make.
    let affine = Affine::per_channel(gain, bias);
    let [x, statistics, tangent] = [x, statistics, tangent].map(buffer::contiguous);
    let [x, statistics, tangent] = [&x, &statistics, &tangent].map(|tensor| tensor.storage::<f32>());

    let mut sums = vec![[0.0; 2]; batch * channels];
    let mut for_grad = None;
    let write = |places: &mut [MaybeUninit<f32>]| {
        let mut sides: Vec<_> = places.chunks_mut(length).zip(sums.chunks_mut(per_group)).collect();
        for_grad = Some(buffer::update_with(grad, length, &mut sides, 1, |i, grad, side| {
            let (place, sums) = &mut side[0];
            let range = i * length..(i + 1) * length;
            let group = Group {
                x: &x[range.clone()],
                tangent: &tangent[range],
                maps: affine.of(i / groups, i % groups * per_group, per_group),
                statistics: [0, 1, 2].map(|k| statistics[3 * i + k]),
                pixels,
            };
            arch.dispatch(Task { group, grad, place, sums }).into()
        }));
    };
    // SAFETY: there is a task for each group, and it writes all of its place.
    let for_x = unsafe { buffer::fresh(batch * channels * pixels, write) };
    let for_grad = for_grad.expect("the gradient of the cotangent, made above");
    let [for_gain, for_bias] = over_rows(&sums, affine.rows, channels);
    (buffer::tensor(for_x, shape), for_gain, for_bias, for_grad)
}

/// What is known of a group.
struct Group<'a> {
    x: &'a [f32],
    tangent: &'a [f32],
    maps: Maps<'a>,
    statistics: [f32; 3],
    pixels: usize,
}

/// A task: replaces the cotangent of a group by its gradient, writes the gradient of the group's input, and returns the
/// sums for gain and bias.
struct Task<'a, 'p> {
    group: Group<'a>,
    grad: Slot<'a>,
    place: &'p mut [MaybeUninit<f32>],
    sums: &'p mut [[f32; 2]],
}

impl<'a> WithSimd for Task<'a, '_> {
    type Output = &'a mut [f32];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { group, grad, place, sums } = self;
        let Group { x, tangent, maps: Maps { gain, bias, .. }, statistics, pixels } = group;
        let [about, remainder, inverse] = statistics;
        let (n, r) = (x.len() as f64, f64::from(inverse));
        let [product, sum] = sums_of_runs(simd, [tangent, x], &Products { centre: about });
        // ⟨v⟩ and ⟨v x̂⟩
        let (mean, along) = (sum / n, (product - f64::from(remainder) * sum) * r / n);

        let grad = grad.copied();
        let for_x = Slot::between(tangent, place).copied();
        let mut slopes = vec![0.0; x.len()];
        // ⟨q⟩, ⟨q x̂⟩, ⟨q t⟩, and the same of w = gain · h without the last, all times n.
        let (mut q, mut q_along, mut common, mut w, mut w_along) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let channels = grad.chunks_exact_mut(pixels).zip(for_x.chunks_exact_mut(pixels));
        let channels = channels.zip(slopes.chunks_exact_mut(pixels));
        for (c, ((grad, h), s)) in channels.enumerate() {
            let range = c * pixels..(c + 1) * pixels;
            let (x, v) = (&x[range.clone()], &tangent[range]);
            let second_order = SecondOrder {
                map: Map::new(gain[c], bias[c], statistics),
                normal: Normal::new(statistics),
                gain: gain[c],
                mean: mean as f32,
                along: along as f32,
            };
            let [_, h, s] = elementwise::update(simd, [grad.into(), h.into(), s.into()], [x], &second_order);

            let (h, s) = (&*h, &*s);
            let [product, s_sum, s_v] = sums_of_runs(simd, [s, x, v], &Triples { centre: about });
            let s_along = (product - f64::from(remainder) * s_sum) * r;
            let s_t = r * (s_v - mean * s_sum - along * s_along);
            let [product, h_sum] = sums_of_runs(simd, [h, x], &Products { centre: about });
            let h_along = (product - f64::from(remainder) * h_sum) * r;
            sums[c] = [(s_t + h_along) as f32, h_sum as f32];

            let gain = f64::from(gain[c]);
            q += gain * s_sum;
            q_along += gain * s_along;
            common += gain * s_t;
            w += gain * h_sum;
            w_along += gain * h_along;
        }
        let [q, q_along, common, w, w_along] = [q, q_along, common, w, w_along].map(|sum| sum / n);

        // P(w) − r (⟨q t⟩ x̂ + ⟨v x̂⟩ P(q) + ⟨q x̂⟩ t), gathered by what each is a multiple of.
        let per_normal = r * (2.0 * r * along * q_along - common - w_along);
        let per_x = per_normal * r;
        let level = r * (r * along * q + r * q_along * mean - w) - per_x * f64::from(remainder);
        let channels = for_x.chunks_exact_mut(pixels).zip(slopes.chunks_exact(pixels));
        for (c, (h, s)) in channels.enumerate() {
            let range = c * pixels..(c + 1) * pixels;
            let gain = f64::from(gain[c]);
            let gathered = Gathered {
                per_h: (r * gain) as f32,
                per_s: (-r * r * along * gain) as f32,
                per_v: (-r * r * q_along) as f32,
                per_x: per_x as f32,
                centre: about,
                level: level as f32,
            };
            elementwise::update(simd, [h.into()], [s, &tangent[range.clone()], &x[range]], &gathered);
        }
        grad
    }
}
