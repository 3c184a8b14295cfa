//! The operation in single precision on the processor: a group at a time, from cache.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::DType;
use pulp::{Simd, WithSimd};

use super::{GroupNormOps, plain};
use crate::elementwise::{self, Elementwise};
use crate::lanes::Lanes;
use crate::{buffer, simd, vector};

/// Elements that are summed in single precision before the sum goes on in double.
const RUN: usize = 2048;

/// Deviations from the mean beyond which a number is no centre for sums of squares.
const FAR: f64 = 2.0;

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
        let maps = affine.rows * channels;
        let mut totals = [vec![0.0; maps], vec![0.0; maps]];
        for image in sums.chunks_exact(maps) {
            for (i, sum) in image.iter().enumerate() {
                totals[0][i] += sum[0];
                totals[1][i] += sum[1];
            }
        }
        let [for_gain, for_bias] = totals.map(|total| buffer::tensor(total, [affine.rows, channels]));
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
        // About an element of the group the sums lose nothing, unless it lies far out: then once more, about what
        // was found to be the mean.
        let mut about = group[0];
        let mut found = moments(simd, group, about).map(|sum| sum / n);
        if FAR * FAR * (found[1] - found[0] * found[0]) < found[0] * found[0] {
            about += found[0] as f32;
            found = moments(simd, group, about).map(|sum| sum / n);
        }
        let [remainder, square] = found;
        let inverse = 1.0 / (square - remainder * remainder + epsilon).sqrt();
        let statistics = [about, remainder as f32, inverse as f32];

        // The affine map by channels, then SiLU over several: its vectors do not end with every small channel.
        let together = (RUN / pixels).max(1);
        let maps = gain.chunks(together).zip(bias.chunks(together));
        for (channels, (gain, bias)) in group.chunks_mut(together * pixels).zip(maps) {
            for (channel, (gain, bias)) in channels.chunks_exact_mut(pixels).zip(gain.iter().zip(bias)) {
                elementwise::update(simd, [channel], [], &Map::new(*gain, *bias, statistics));
            }
            elementwise::update(simd, [channels], [], &Silu);
        }
        statistics
    }
}

/// gain · x̂ + bias as slope · (x - centre) + level.
struct Map {
    centre: f32,
    slope: f32,
    level: f32,
}

impl Map {
    #[inline(always)]
    fn new(gain: f32, bias: f32, [centre, remainder, inverse]: [f32; 3]) -> Self {
        let slope = gain * inverse;
        Self { centre, slope, level: bias - slope * remainder }
    }
}

impl Elementwise<1, 0> for Map {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], _: [L::Floats; 0]) -> [L::Floats; 1] {
        let d = lanes.sub(x, lanes.all(self.centre));
        [lanes.mul_add(d, lanes.all(self.slope), lanes.all(self.level))]
    }
}

struct Silu;

impl Elementwise<1, 0> for Silu {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [z]: [L::Floats; 1], _: [L::Floats; 0]) -> [L::Floats; 1] {
        [vector::silu(lanes, z)]
    }
}

/// A gradient times silu'(z), z the image of the number beside it.
struct ThroughSilu(Map);

impl Elementwise<1, 1> for ThroughSilu {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [grad]: [L::Floats; 1], x: [L::Floats; 1]) -> [L::Floats; 1] {
        let [z] = self.0.at(lanes, x, []);
        [lanes.mul(grad, vector::silu_slope(lanes, z))]
    }
}

/// scale · g + (x - centre) · per_x + level, x the number beside g.
struct Combination {
    scale: f32,
    centre: f32,
    per_x: f32,
    level: f32,
}

impl Elementwise<1, 1> for Combination {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [g]: [L::Floats; 1], [x]: [L::Floats; 1]) -> [L::Floats; 1] {
        let d = lanes.sub(x, lanes.all(self.centre));
        let level = lanes.mul_add(d, lanes.all(self.per_x), lanes.all(self.level));
        [lanes.mul_add(g, lanes.all(self.scale), level)]
    }
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
        if !rest.is_empty() {
            let (x, new) = elementwise::last(simd, run);
            let d = simd.select_f32s(new, simd.sub_f32s(x, centre), simd.splat_f32s(0.0));
            sums[1] = simd.add_f32s(sums[1], d);
            products[1] = simd.mul_add_f32s(d, d, products[1]);
        }
        sum += f64::from(total(simd, sums));
        squares += f64::from(total(simd, products));
    }
    [sum, squares]
}

/// Σ g (x - about) and Σ g.
#[inline(always)]
fn products<S: Simd>(simd: S, g: &[f32], x: &[f32], about: f32) -> [f64; 2] {
    let (mut product, mut sum) = (0.0, 0.0);
    let (zero, centre) = (simd.splat_f32s(0.0), simd.splat_f32s(about));
    for (g, x) in g.chunks(RUN).zip(x.chunks(RUN)) {
        let (vectors, rest) = S::as_simd_f32s(g);
        let (fours, vectors) = vectors.as_chunks::<4>();
        let (x_fours, x_vectors) = S::as_simd_f32s(x).0.as_chunks::<4>();
        let (mut products, mut sums) = ([zero; 4], [zero; 4]);
        for (g, x) in fours.iter().zip(x_fours) {
            for k in 0..4 {
                products[k] = simd.mul_add_f32s(g[k], simd.sub_f32s(x[k], centre), products[k]);
                sums[k] = simd.add_f32s(sums[k], g[k]);
            }
        }
        for (k, (g, x)) in vectors.iter().zip(x_vectors).enumerate() {
            products[k] = simd.mul_add_f32s(*g, simd.sub_f32s(*x, centre), products[k]);
            sums[k] = simd.add_f32s(sums[k], *g);
        }
        if !rest.is_empty() {
            let ((g, new), (x, _)) = (elementwise::last(simd, g), elementwise::last(simd, x));
            let g = simd.select_f32s(new, g, zero);
            products[3] = simd.mul_add_f32s(g, simd.sub_f32s(x, centre), products[3]);
            sums[3] = simd.add_f32s(sums[3], g);
        }
        product += f64::from(total(simd, products));
        sum += f64::from(total(simd, sums));
    }
    [product, sum]
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
        let statistics @ [about, remainder, inverse] = [statistics[0], statistics[1], statistics[2]];
        let n = x.len() as f64;

        // Through SiLU: g ← g · silu'(z), then Σ g (x - centre) and Σ g of each channel.
        // Sums of their own, for the processor sees further ahead where it has less to do.
        let (mut along, mut level) = (0.0, 0.0);
        let maps = gain.iter().zip(bias).map(|(gain, bias)| Map::new(*gain, *bias, statistics));
        for ((grad, x), map) in grad.chunks_exact_mut(pixels).zip(x.chunks_exact(pixels)).zip(maps) {
            elementwise::update(simd, [grad], [x], &ThroughSilu(map));
        }
        for (c, (grad, x)) in grad.chunks_exact(pixels).zip(x.chunks_exact(pixels)).enumerate() {
            let [product, sum] = products(simd, grad, x, about);
            let product = (product - f64::from(remainder) * sum) * f64::from(inverse);
            sums[c] = [product as f32, sum as f32];
            along += f64::from(gain[c]) * product;
            level += f64::from(gain[c]) * sum;
        }
        if !wanted {
            return;
        }

        // Through the normalisation: (gain · g - mean of that - x̂ · mean of that with x̂) / deviation,
        // as gain/deviation · g + (x - centre) · per_x + constant.
        let scale = f64::from(inverse);
        let per_x = -along / n * scale * scale;
        let constant = -level / n * scale - per_x * f64::from(remainder);
        let channels = grad.chunks_exact_mut(pixels).zip(x.chunks_exact(pixels));
        for ((grad, x), gain) in channels.zip(gain) {
            let (per_x, level) = (per_x as f32, constant as f32);
            let combination = Combination { scale: gain * inverse, centre: about, per_x, level };
            elementwise::update(simd, [grad], [x], &combination);
        }
    }
}
