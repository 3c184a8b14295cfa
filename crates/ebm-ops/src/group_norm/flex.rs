//! The operation in single precision on the processor: a group at a time, from cache.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::DType;
use pulp::{Simd, WithSimd};

use super::{GroupNormOps, plain};
use crate::{buffer, simd, vector};

/// Elements that are summed in single precision before the sum goes on in double.
const RUN: usize = 2048;

impl GroupNormOps for Flex {
    fn group_norm_silu(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !single([&x, &gain, &bias]) {
            return plain::forward::<Self>(x, gain, bias, groups, epsilon);
        }
        let [batch, channels, height, width] = x.shape().dims();
        let (affine, pixels) = (Affine::new(gain, bias), height * width);
        let (per_group, arch) = (channels / groups, simd::arch());
        let mut statistics = vec![0.0; batch * groups * 3];
        if pixels == 0 {
            return (x, buffer::tensor(statistics, [batch, groups, 3]));
        }
        let y = buffer::update_with(x, per_group * pixels, &mut statistics, 3, |i, group, statistics| {
            let (gain, bias) = affine.of(i / groups, i % groups * per_group, per_group);
            let found = arch.dispatch(Forward { group, gain, bias, pixels, epsilon });
            statistics.copy_from_slice(&found);
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
        if !single([&x, &gain, &bias]) || !single([&statistics, &grad, &x]) {
            return plain::backward::<Self>(x, gain, bias, statistics, grad, wanted);
        }
        let ([batch, channels, height, width], groups) = (x.shape().dims(), statistics.shape()[1]);
        let (affine, pixels, per_group) = (Affine::new(gain, bias), height * width, channels / groups);
        let (x, statistics) = (buffer::contiguous(x), buffer::contiguous(statistics));
        let (x, statistics) = (x.storage::<f32>(), statistics.storage::<f32>());
        let (length, arch) = (per_group * pixels, simd::arch());

        // (Σ g x̂, Σ g) of every image and channel
        let mut sums = vec![[0.0; 2]; batch * channels];
        let for_x = if pixels == 0 {
            grad
        } else {
            buffer::update_with(grad, length, &mut sums, per_group, |i, grad, sums| {
                let (gain, bias) = affine.of(i / groups, i % groups * per_group, per_group);
                let x = &x[i * length..][..length];
                let statistics = &statistics[3 * i..][..3];
                arch.dispatch(Backward { x, grad, sums, gain, bias, statistics, pixels, wanted });
            })
        };
        let [for_gain, for_bias] = [0, 1].map(|k| {
            let mut total = vec![0.0; affine.rows * channels];
            for (i, sum) in sums.iter().enumerate() {
                total[i % (affine.rows * channels)] += sum[k];
            }
            buffer::tensor(total, [affine.rows, channels])
        });
        (wanted.then_some(for_x), for_gain, for_bias)
    }
}

/// Whether all are of single precision.
fn single(tensors: [&FlexTensor; 3]) -> bool {
    tensors.iter().all(|tensor| tensor.dtype() == DType::F32)
}

/// Gain and bias by image and channel.
struct Affine {
    gain: FlexTensor,
    bias: FlexTensor,
    rows: usize,
    channels: usize,
}

impl Affine {
    fn new(gain: FlexTensor, bias: FlexTensor) -> Self {
        let [rows, channels] = gain.shape().dims();
        Self { gain: buffer::contiguous(gain), bias: buffer::contiguous(bias), rows, channels }
    }

    /// Those of `n` channels of `image`, from channel `first` on.
    fn of(&self, image: usize, first: usize, n: usize) -> (&[f32], &[f32]) {
        let start = image % self.rows * self.channels + first;
        (&self.gain.storage()[start..start + n], &self.bias.storage()[start..start + n])
    }
}

/// Turns a group of channels into its result, and gives its statistics.
struct Forward<'a> {
    group: &'a mut [f32],
    gain: &'a [f32],
    bias: &'a [f32],
    pixels: usize,
    epsilon: f64,
}

impl WithSimd for Forward<'_> {
    type Output = [f32; 3];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { group, gain, bias, pixels, epsilon } = self;
        let n = group.len() as f64;
        let mean = (moments(simd, group, 0.0)[0] / n) as f32;
        // Rounding moved the mean; the sums about it tell by how much, and the difference matters where the
        // mean is large beside the deviation.
        let [remainder, square] = moments(simd, group, mean).map(|sum| sum / n);
        let inverse = 1.0 / (square - remainder * remainder + epsilon).sqrt();
        let statistics = [mean, remainder as f32, inverse as f32];

        let mean = simd.splat_f32s(mean);
        for (channel, (gain, bias)) in group.chunks_exact_mut(pixels).zip(gain.iter().zip(bias)) {
            let [slope, level] = line(*gain, *bias, statistics);
            let (slope, level) = (simd.splat_f32s(slope), simd.splat_f32s(level));
            vector::update(
                simd,
                channel,
                [],
                #[inline(always)]
                |x, _| vector::silu(simd, simd.mul_add_f32s(simd.sub_f32s(x, mean), slope, level)),
            );
        }
        statistics
    }
}

/// The slope and level with which gain · x̂ + bias = slope · (x - mean) + level.
#[inline(always)]
fn line(gain: f32, bias: f32, [_, remainder, inverse]: [f32; 3]) -> [f32; 2] {
    let slope = gain * inverse;
    [slope, bias - slope * remainder]
}

/// Σ (x - about) and Σ (x - about)².
#[inline(always)]
fn moments<S: Simd>(simd: S, x: &[f32], about: f32) -> [f64; 2] {
    let (mut sum, mut squares) = (0.0, 0.0);
    let centre = simd.splat_f32s(about);
    for run in x.chunks(RUN) {
        let (vectors, rest) = S::as_simd_f32s(run);
        let (fours, vectors) = vectors.as_chunks::<4>();
        let (mut sums, mut products) = ([simd.splat_f32s(0.0); 4], [simd.splat_f32s(0.0); 4]);
        for four in fours {
            for k in 0..4 {
                let d = simd.sub_f32s(four[k], centre);
                sums[k] = simd.add_f32s(sums[k], d);
                products[k] = simd.mul_add_f32s(d, d, products[k]);
            }
        }
        for x in vectors {
            let d = simd.sub_f32s(*x, centre);
            sums[0] = simd.add_f32s(sums[0], d);
            products[0] = simd.mul_add_f32s(d, d, products[0]);
        }
        sum += f64::from(total(simd, sums));
        squares += f64::from(total(simd, products));
        for x in rest {
            let d = f64::from(x - about);
            sum += d;
            squares += d * d;
        }
    }
    [sum, squares]
}

/// The sum of all lanes.
#[inline(always)]
fn total<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> f32 {
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}

/// Turns the gradient of a group's result into that of its input, and gives the sums for gain and bias.
struct Backward<'a> {
    x: &'a [f32],
    grad: &'a mut [f32],
    sums: &'a mut [[f32; 2]],
    gain: &'a [f32],
    bias: &'a [f32],
    statistics: &'a [f32],
    pixels: usize,
    wanted: bool,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, grad, sums, gain, bias, statistics, pixels, wanted } = self;
        let statistics @ [mean, remainder, inverse] = [statistics[0], statistics[1], statistics[2]];
        let (n, centre) = (x.len() as f64, simd.splat_f32s(mean));

        // Through SiLU: g ← g · silu'(z), with Σ g (x - mean) and Σ g of each channel.
        let (mut along, mut level) = (0.0, 0.0);
        let channels = grad.chunks_exact_mut(pixels).zip(x.chunks_exact(pixels));
        for (c, (grad, x)) in channels.enumerate() {
            let [slope, height] = line(gain[c], bias[c], statistics).map(|value| simd.splat_f32s(value));
            let [product, sum] = through_silu(simd, grad, x, centre, slope, height);
            let product = (product - f64::from(remainder) * sum) * f64::from(inverse);
            sums[c] = [product as f32, sum as f32];
            along += f64::from(gain[c]) * product;
            level += f64::from(gain[c]) * sum;
        }
        if !wanted {
            return;
        }

        // Through the normalisation: (gain · g - mean of that - x̂ · mean of that with x̂) / deviation,
        // as gain/deviation · g + (x - mean) · per_x + constant.
        let scale = f64::from(inverse);
        let per_x = -along / n * scale * scale;
        let constant = -level / n * scale - per_x * f64::from(remainder);
        let (per_x, constant) = (simd.splat_f32s(per_x as f32), simd.splat_f32s(constant as f32));
        let channels = grad.chunks_exact_mut(pixels).zip(x.chunks_exact(pixels));
        for ((grad, x), gain) in channels.zip(gain) {
            let gain = simd.splat_f32s(gain * inverse);
            vector::update(
                simd,
                grad,
                [x],
                #[inline(always)]
                |g, [x]| {
                    let level = simd.mul_add_f32s(simd.sub_f32s(x, centre), per_x, constant);
                    simd.mul_add_f32s(g, gain, level)
                },
            );
        }
    }
}

/// g ← g · silu'(slope · (x - centre) + height); gives Σ g (x - centre) and Σ g of the new g.
#[inline(always)]
fn through_silu<S: Simd>(
    simd: S,
    grad: &mut [f32],
    x: &[f32],
    centre: S::f32s,
    slope: S::f32s,
    height: S::f32s,
) -> [f64; 2] {
    let (mut product, mut sum) = (0.0, 0.0);
    for (grad, x) in grad.chunks_mut(RUN).zip(x.chunks(RUN)) {
        let ((grad, grad_rest), (x, x_rest)) = (S::as_mut_simd_f32s(grad), S::as_simd_f32s(x));
        let (mut products, mut sums) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        for (grad, x) in grad.iter_mut().zip(x) {
            let d = simd.sub_f32s(*x, centre);
            let g = simd.mul_f32s(*grad, vector::silu_slope(simd, simd.mul_add_f32s(d, slope, height)));
            *grad = g;
            products = simd.mul_add_f32s(g, d, products);
            sums = simd.add_f32s(sums, g);
        }
        if !x_rest.is_empty() {
            // Lanes beyond the end load as zero, and a gradient of zero adds nothing.
            let d = simd.sub_f32s(simd.partial_load_f32s(x_rest), centre);
            let slope = vector::silu_slope(simd, simd.mul_add_f32s(d, slope, height));
            let g = simd.mul_f32s(simd.partial_load_f32s(grad_rest), slope);
            simd.partial_store_f32s(grad_rest, g);
            products = simd.mul_add_f32s(g, d, products);
            sums = simd.add_f32s(sums, g);
        }
        let [products, sums] = [products, sums].map(|lanes| simd.reduce_sum_f32s(lanes));
        product += f64::from(products);
        sum += f64::from(sums);
    }
    [product, sum]
}
