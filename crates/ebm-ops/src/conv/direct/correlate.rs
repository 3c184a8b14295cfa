//! A convolution, or its adjoint with respect to the image, as products of windows with weights.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::Shape;
use super::layout;
use super::parts::images_per_task;
use super::pass::Pass;
use super::scratch::Scratch;
use super::tile::Window;
use crate::{buffer, parallel, simd};

/// Cost of packing one weight, in elements of an elementwise operation.
const PACKED: usize = 4;

/// The map from the pixels of one image to those of another.
pub(super) struct Correlation {
    /// Channels of the input image.
    channels: usize,
    /// Channels of the output image.
    filters: usize,
    /// Offset of each input pixel within the padded image.
    places: Vec<u32>,
    /// Floats of the padded image.
    padded: usize,
    /// Number of output pixels.
    pixels: usize,
    passes: Vec<Pass>,
    /// Strides of the weight from filter to filter, and from channel to channel.
    weight_strides: [usize; 2],
}

/// The taps that a class of pixels sees along one dimension, and where their windows begin.
struct Axis {
    taps: Vec<usize>,
    /// Each pixel, and the first pixel of its window in the padded image.
    pixels: Vec<(usize, usize)>,
}

impl Correlation {
    /// The convolution, from `x` to `y`.
    pub fn forward(shape: &Shape) -> Self {
        let &Shape { in_channels, out_channels, kernel, stride, padding, .. } = shape;
        let axis = |windows: usize| {
            vec![Axis {
                taps: (0..kernel).collect(),
                pixels: (0..windows).map(|i| (i, i * stride)).collect(),
            }]
        };
        let axes = [axis(shape.out_height()), axis(shape.out_width())];
        let padded = [shape.height + 2 * padding, shape.width + 2 * padding];
        let taps = kernel * kernel;
        Self::new(
            shape,
            axes,
            padded,
            padding,
            false,
            [in_channels, out_channels],
            [in_channels * taps, taps],
        )
    }

    /// The adjoint, from `y` to `x`.
    pub fn adjoint(shape: &Shape) -> Self {
        let &Shape { in_channels, out_channels, kernel, stride, padding, .. } = shape;
        // Pixel i of x contributes to pixel q - t of y with tap a + s t, where i + padding = s q + a.
        let border = kernel.div_ceil(stride) - 1;
        let axis = |size: usize| -> Vec<Axis> {
            let class = |a: usize| {
                // t decreases along the window.
                let taps: Vec<usize> = (a..kernel).step_by(stride).rev().collect();
                let pixels = (0..size).filter(|i| (i + padding) % stride == a);
                let first = |i: usize| ((i + padding) / stride + border + 1).saturating_sub(taps.len());
                let pixels = pixels.map(|i| (i, first(i))).collect();
                Axis { taps, pixels }
            };
            (0..stride).map(class).filter(|axis| !axis.pixels.is_empty()).collect()
        };
        let axes = [axis(shape.height), axis(shape.width)];
        let reach = |size: usize, windows: usize| border + windows.max((size - 1 + padding) / stride + 1);
        let padded = [reach(shape.height, shape.out_height()), reach(shape.width, shape.out_width())];
        let taps = kernel * kernel;
        Self::new(shape, axes, padded, border, true, [out_channels, in_channels], [taps, in_channels * taps])
    }

    fn new(
        shape: &Shape,
        [vertical, horizontal]: [Vec<Axis>; 2],
        [padded_height, padded_width]: [usize; 2],
        border: usize,
        adjoint: bool,
        [channels, filters]: [usize; 2],
        weight_strides: [usize; 2],
    ) -> Self {
        let (x, y) = ([shape.height, shape.width], [shape.out_height(), shape.out_width()]);
        let ([height, width], [_, out_width]) = if adjoint { (y, x) } else { (x, y) };
        let padded = padded_height * padded_width * channels;
        assert!(u32::try_from(padded).is_ok(), "image too large for 32-bit offsets: {shape:?}");
        let place = |row: usize, column: usize| ((row * padded_width + column) * channels) as u32;
        let places = (0..height * width).map(|p| place(p / width + border, p % width + border)).collect();
        let mut passes = Vec::new();
        for down in &vertical {
            for across in &horizontal {
                let taps =
                    down.taps.iter().flat_map(|t| across.taps.iter().map(move |s| t * shape.kernel + s));
                let pixels =
                    down.pixels.iter().flat_map(|row| across.pixels.iter().map(move |column| (row, column)));
                let (targets, sources): (Vec<u32>, Vec<u32>) = pixels
                    .map(|(row, column)| ((row.0 * out_width + column.0) as u32, place(row.1, column.1)))
                    .unzip();
                let run = across.taps.len() * channels;
                let window = Window {
                    rows: if run == 0 { 0 } else { down.taps.len() },
                    run,
                    step: padded_width * channels,
                };
                let last = sources.iter().max().map_or(0, |&source| source as usize);
                assert!(
                    window.rows == 0 || last + (window.rows - 1) * window.step + run <= padded,
                    "{shape:?}"
                );
                passes.push(Pass { window, taps: taps.collect(), sources, targets });
            }
        }
        let pixels = passes.iter().map(|pass| pass.targets.len()).sum();
        Self { channels, filters, places, padded, pixels, passes, weight_strides }
    }

    /// The result `[batch, filters, pixels]`, `outputs` elements, from `images`, `[batch, channels, pixels]`.
    pub fn run(&self, images: &[f32], weight: &[f32], bias: Option<&[f32]>, outputs: usize) -> Vec<f32> {
        if outputs == 0 {
            return Vec::new();
        }
        let arch = simd::arch();
        let lanes = simd::lanes(arch);
        let dots = self.by_dots(lanes);
        // Filters per pixel, and per block of weights.
        let (width, block) =
            if dots { (self.filters, 1) } else { (self.filters.next_multiple_of(lanes), 2 * lanes) };
        let packed = self.pack(weight, width, block);
        let mut start = vec![0.0; width];
        if let Some(bias) = bias {
            start[..self.filters].copy_from_slice(bias);
        }
        let (image, result) = (self.channels * self.places.len(), self.filters * self.pixels);
        let per_task = images_per_task(outputs / result);
        let task = |task: usize, out: &mut [MaybeUninit<f32>]| {
            let first = task * per_task * image;
            let images = &images[first..first + out.len() / result * image];
            let mut padded = Scratch::take(self.padded);
            let mut pixels = Scratch::take(self.pixels * width);
            let (padded, pixels) = (&mut padded[..], &mut pixels[..]);
            let (packed, start) = (&packed[..], &start[..]);
            arch.dispatch(Task { correlation: self, images, packed, start, padded, pixels, out });
        };
        let write = |out: &mut [_]| parallel::each(out.chunks_mut(per_task * result), task);
        // SAFETY: the chunks cover the result, and a task writes every pixel of every filter of its images.
        unsafe { buffer::fresh(outputs, write) }
    }

    /// Whether the lanes run over a window instead of over filters, because there are few filters.
    fn by_dots(&self, lanes: usize) -> bool {
        2 * self.filters <= lanes && self.channels.is_multiple_of(lanes)
    }

    /// The weights of each pass, for `width` filters: by blocks of filters, then by elements of the window.
    fn pack(&self, weight: &[f32], width: usize, block: usize) -> Scratch {
        let taps: usize = self.passes.iter().map(|pass| pass.taps.len()).sum();
        let mut packed = Scratch::take(taps * self.channels * width);
        let mut rest = &mut packed[..];
        for pass in &self.passes {
            let length = pass.taps.len() * self.channels;
            let (part, left) = rest.split_at_mut(length * width);
            rest = left;
            if part.is_empty() {
                continue;
            }
            let share = length * block;
            buffer::fill(part, share, PACKED * share, |i, part| {
                self.pack_block(pass, weight, i * block, part.len() / length, part);
            });
        }
        packed
    }

    /// Packs the weights of `width` filters from `first` on, with zeros for filters that do not exist.
    fn pack_block(&self, pass: &Pass, weight: &[f32], first: usize, width: usize, part: &mut [f32]) {
        let [by_filter, by_channel] = self.weight_strides;
        for lane in 0..width {
            for channel in 0..self.channels {
                let from = (first + lane) * by_filter + channel * by_channel;
                for (t, tap) in pass.taps.iter().enumerate() {
                    let value = if first + lane < self.filters { weight[from + tap] } else { 0.0 };
                    part[(t * self.channels + channel) * width + lane] = value;
                }
            }
        }
    }
}

/// A task: some images of a batch.
struct Task<'a> {
    correlation: &'a Correlation,
    images: &'a [f32],
    packed: &'a [f32],
    start: &'a [f32],
    padded: &'a mut [f32],
    pixels: &'a mut [f32],
    out: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { correlation, images, packed, start, padded, pixels, out } = self;
        let Correlation { channels, filters, places, passes, .. } = correlation;
        // The border stays zero; images are written inside it.
        padded.fill(0.0);
        let images = images.chunks_exact(channels * places.len());
        for (image, out) in images.zip(out.chunks_exact_mut(filters * correlation.pixels)) {
            layout::gather(simd, image, *channels, places, padded);
            let mut packed = packed;
            for pass in passes {
                let (weights, rest) = packed.split_at(pass.taps.len() * channels * start.len());
                packed = rest;
                if correlation.by_dots(S::F32_LANES) {
                    pass.run_by_dots(simd, padded, weights, start, pixels);
                } else {
                    pass.run(simd, padded, weights, start, pixels);
                }
            }
            layout::scatter(simd, pixels, start.len(), *filters, out);
        }
    }
}
