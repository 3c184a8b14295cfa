//! The operation on the CPU in single precision, one group at a time, so that it stays in cache.

use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};
use pulp::{Simd, WithSimd};

use super::affine::{Affine, Maps};
use super::functions::{
    Combination, CombinationPerPixel, Map, Moments, Normal, Products, Silu, SiluBackward,
    SiluBackwardPerPixel, SiluPerPixel,
};
use super::runs::{RUN, over_rows, sums_of_runs};
use super::{GroupNormOps, plain, second_order};
use crate::elementwise;
use crate::slot::Slot;
use crate::{buffer, kernels, simd};

/// Distance from the mean, in standard deviations, beyond which a number is no good centre for sums of squares.
const FAR: f64 = 2.0;

impl GroupNormOps for Flex {
    fn group_norm_silu(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !kernels::take([&x, &gain, &bias]) {
            return plain::forward::<Self>(x, gain, bias, groups, epsilon);
        }
        let [batch, channels, height, width] = x.shape().dims();
        let pixels = height * width;
        let (affine, per_group, arch) = (Affine::new(gain, bias, pixels), channels / groups, simd::arch());
        let mut statistics = vec![0.0; batch * groups * 3];
        if pixels == 0 {
            return (x, buffer::tensor(statistics, [batch, groups, 3]));
        }
        let length = per_group * pixels;
        let together = (RUN / length).max(1);
        let share = 3 * together;
        let y = buffer::update_with(x, together * length, &mut statistics, share, |i, run, statistics| {
            let maps = |group: usize| {
                let i = i * together + group;
                affine.of(i / groups, i % groups * per_group, per_group)
            };
            arch.dispatch(Forward { groups: run, length, maps, pixels, epsilon, statistics }).into()
        });
        (y, buffer::tensor(statistics, [batch, groups, 3]))
    }

    fn group_norm_silu_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        wanted: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>, FloatTensor<Self>) {
        if !kernels::take([&x, &gain, &bias, &statistics, &grad]) {
            return plain::backward::<Self>(x, gain, bias, statistics, grad, wanted);
        }
        let ([batch, channels, height, width], groups) = (x.shape().dims(), statistics.shape()[1]);
        let (pixels, per_group) = (height * width, channels / groups);
        let affine = Affine::new(gain, bias, pixels);
        let (x, statistics) = (buffer::contiguous(x), buffer::contiguous(statistics));
        let (x, statistics) = (x.storage::<f32>(), statistics.storage::<f32>());
        let (length, arch) = (per_group * pixels, simd::arch());

        // (Σ g x̂, Σ g) of every image and channel
        let mut sums = vec![[0.0; 2]; batch * channels];
        let for_x = if pixels == 0 {
            grad
        } else {
            buffer::update_with(grad, length, &mut sums, per_group, |i, grad, sums| {
                let maps = affine.of(i / groups, i % groups * per_group, per_group);
                let x = &x[i * length..][..length];
                let statistics = &statistics[3 * i..][..3];
                arch.dispatch(Backward { x, grad, sums, maps, statistics, pixels, wanted }).into()
            })
        };
        let [for_gain, for_bias] = over_rows(&sums, affine.rows, channels);
        (wanted.then_some(for_x), for_gain, for_bias)
    }

    fn group_norm_silu_pullback_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        tangent: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [.., height, width] = x.shape().dims::<4>();
        if height * width == 0 || !kernels::take([&x, &gain, &bias, &statistics, &grad, &tangent]) {
            return plain::pullback_backward::<Self>(x, gain, bias, statistics, grad, tangent);
        }
        second_order::pullback_backward(x, gain, bias, statistics, grad, tangent)
    }
}

/// A task: replaces groups of channels by their results, and stores their statistics.
struct Forward<'a, M> {
    groups: Slot<'a>,
    /// Elements of a group.
    length: usize,
    /// The maps of each group.
    maps: M,
    pixels: usize,
    epsilon: f64,
    /// Three numbers for each group.
    statistics: &'a mut [f32],
}

impl<'a, 'b, M: Fn(usize) -> Maps<'b>> WithSimd for Forward<'a, M> {
    type Output = &'a mut [f32];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { groups, length, maps, pixels, epsilon, statistics: found } = self;
        // The statistics of all groups come first: each ends in a chain of divisions, which overlaps with the
        // others.
        let (found, _) = found.as_chunks_mut();
        for (group, found) in groups.numbers().chunks_exact(length).zip(&mut *found) {
            *found = statistics(simd, group, epsilon);
        }
        groups.by(
            length,
            #[inline(always)]
            |i, group| apply(simd, group, maps(i), pixels, found[i]).into(),
        )
    }
}

/// The result of a group with these statistics.
#[inline(always)]
fn apply<'a, S: Simd>(
    simd: S,
    group: Slot<'a>,
    Maps { gain, bias, per_pixel }: Maps<'_>,
    pixels: usize,
    statistics: [f32; 3],
) -> &'a mut [f32] {
    if let Some(maps) = per_pixel {
        let [group] = elementwise::update(simd, [group], maps, &SiluPerPixel(Normal::new(statistics)));
        return group;
    }
    // The affine map per channel, then SiLU over several channels, so that vectors need not end with each small
    // channel.
    let together = (RUN / pixels).max(1);
    group.by(
        together * pixels,
        #[inline(always)]
        |i, channels| {
            let channels = channels.by(
                pixels,
                #[inline(always)]
                |c, channel| {
                    let c = i * together + c;
                    let map = Map::new(gain[c], bias[c], statistics);
                    let [channel] = elementwise::update(simd, [channel], [], &map);
                    channel.into()
                },
            );
            let [channels] = elementwise::update(simd, [channels.into()], [], &Silu);
            channels.into()
        },
    )
}

/// The centre, the mean relative to it, and the inverse standard deviation of a group.
#[inline(always)]
fn statistics<S: Simd>(simd: S, group: &[f32], epsilon: f64) -> [f32; 3] {
    let n = group.len() as f64;
    // Sums about an element of the group lose no accuracy unless it is an outlier; then they are computed again
    // about the mean found.
    let mut about = group[0];
    let mut found = sums_of_runs(simd, [group], &Moments { centre: about }).map(|sum| sum / n);
    if FAR * FAR * (found[1] - found[0] * found[0]) < found[0] * found[0] {
        about += found[0] as f32;
        found = sums_of_runs(simd, [group], &Moments { centre: about }).map(|sum| sum / n);
    }
    let [remainder, square] = found;
    let inverse = 1.0 / (square - remainder * remainder + epsilon).sqrt();
    [about, remainder as f32, inverse as f32]
}

/// A task: replaces the gradient of a group's result by that of its input, and returns the sums for gain and bias.
struct Backward<'a> {
    x: &'a [f32],
    grad: Slot<'a>,
    sums: &'a mut [[f32; 2]],
    maps: Maps<'a>,
    statistics: &'a [f32],
    pixels: usize,
    wanted: bool,
}

impl<'a> WithSimd for Backward<'a> {
    type Output = &'a mut [f32];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { x, grad, sums, maps: Maps { gain, bias, per_pixel }, statistics, pixels, wanted } = self;
        let statistics @ [about, remainder, inverse] = [statistics[0], statistics[1], statistics[2]];
        let n = x.len() as f64;

        // Backward through SiLU: g ← g · silu'(z), then Σ g (x - centre) and Σ g of each channel. The sums are
        // separate loops: short loops leave more room for out-of-order execution.
        let (mut along, mut level) = (0.0, 0.0);
        let grad = if let Some([gain, bias]) = per_pixel {
            let through = SiluBackwardPerPixel(Normal::new(statistics));
            let [grad] = elementwise::update(simd, [grad], [x, gain, bias], &through);
            grad
        } else {
            grad.by(
                pixels,
                #[inline(always)]
                |c, grad| {
                    let through = SiluBackward(Map::new(gain[c], bias[c], statistics));
                    let [grad] = elementwise::update(simd, [grad], [&x[c * pixels..][..pixels]], &through);
                    grad.into()
                },
            )
        };
        for (c, (grad, x)) in grad.chunks_exact(pixels).zip(x.chunks_exact(pixels)).enumerate() {
            let [product, sum] = sums_of_runs(simd, [grad, x], &Products { centre: about });
            let product = (product - f64::from(remainder) * sum) * f64::from(inverse);
            sums[c] = [product as f32, sum as f32];
            along += f64::from(gain[c]) * product;
            level += f64::from(gain[c]) * sum;
        }
        if !wanted {
            return grad;
        }

        // Backward through the normalisation: (gain · g - mean(gain · g) - x̂ · mean(gain · g · x̂)) / deviation,
        // as gain/deviation · g + (x - centre) · per_x + constant.
        let scale = f64::from(inverse);
        let per_x = -along / n * scale * scale;
        let constant = -level / n * scale - per_x * f64::from(remainder);
        let combination =
            Combination { scale: inverse, centre: about, per_x: per_x as f32, level: constant as f32 };
        if let Some([gain, _]) = per_pixel {
            let [grad] =
                elementwise::update(simd, [grad.into()], [x, gain], &CombinationPerPixel(combination));
            return grad;
        }
        let channels = grad.chunks_exact_mut(pixels).zip(x.chunks_exact(pixels));
        for ((grad, x), gain) in channels.zip(gain) {
            let combination = Combination { scale: gain * inverse, ..combination };
            elementwise::update(simd, [grad.into()], [x], &combination);
        }
        grad
    }
}
