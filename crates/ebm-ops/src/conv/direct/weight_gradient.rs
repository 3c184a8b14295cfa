//! The gradient of a weight: windows times gradients, summed over the pixels of a batch.

use pulp::{Simd, WithSimd};

use super::outer::{self, Numbers, ROWS};
use super::parts::{images_per_task, split};
use super::scratch::Scratch;
use super::{Shape, layout};
use crate::{buffer, parallel, simd};

/// Elements of a result below which a second thread costs more than it brings.
const GRAIN: usize = 4 * 1024;

/// Cost of storing one element of the result, in elements of an elementwise operation.
const COLLECTED: usize = 8;

/// Computes `dw`, `[out, in, k, k]`, from `x` and the gradient `dy` of the result.
pub(super) fn run(shape: &Shape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    if dy.is_empty() || dw.is_empty() {
        return dw.fill(0.0);
    }
    let arch = simd::arch();
    let plan = Plan::new(shape, simd::lanes(arch));
    let per_task = images_per_task(shape.batch);
    let (image, gradient) = (x.len() / shape.batch, dy.len() / shape.batch);
    let mut sums = Scratch::take(shape.batch.div_ceil(per_task) * plan.sums);
    parallel::each(sums.chunks_mut(plan.sums), |task, sums| {
        let images = task * per_task..((task + 1) * per_task).min(shape.batch);
        let x = &x[images.start * image..images.end * image];
        let dy = &dy[images.start * gradient..images.end * gradient];
        let (mut windows, mut gradients) = (Scratch::take(plan.windows), Scratch::take(plan.gradients));
        let (windows, gradients) = (&mut windows[..], &mut gradients[..]);
        arch.dispatch(Task { plan: &plan, x, dy, windows, gradients, sums });
    });
    plan.collect(&mut sums, dw);
}

/// Memory layout of the computation.
struct Plan {
    channels: usize,
    filters: usize,
    kernel: usize,
    /// Offset of each pixel of `x` within the padded image.
    places: Vec<u32>,
    /// Offset of the window of each pixel of `dy` within the padded image.
    sources: Vec<u32>,
    /// The blocks of filters in which `dy` is stored, one after another.
    blocks: Vec<FilterBlock>,
    /// Floats from one row of the padded image to the next.
    step: usize,
    /// Floats of the padded image, with room to read a vector beyond its end, and of the pixels of `dy`.
    windows: usize,
    gradients: usize,
    /// Whether the lanes run over filters, or over the window: whichever fills them better.
    lanes_are_filters: bool,
    /// Floats of a row of the sums, a whole number of vectors, and of all sums: `[k, run length or filters, row]`.
    row: usize,
    sums: usize,
}

/// Some filters of all pixels of `dy`, contiguous per pixel.
struct FilterBlock {
    first: usize,
    /// Number of filters, and the same including padding.
    filters: usize,
    width: usize,
    /// Offset of each pixel within the block.
    places: Vec<u32>,
}

impl Plan {
    fn new(shape: &Shape, lanes: usize) -> Self {
        let &Shape { in_channels: channels, out_channels: filters, kernel, stride, padding, .. } = shape;
        let padded_width = shape.width + 2 * padding;
        let padded = (shape.height + 2 * padding) * padded_width * channels;
        assert!(u32::try_from(padded).is_ok(), "image too large for 32-bit offsets: {shape:?}");
        let place = |row: usize, column: usize| ((row * padded_width + column) * channels) as u32;
        let pixels = |height: usize, width: usize| (0..height * width).map(move |p| (p / width, p % width));
        let places =
            pixels(shape.height, shape.width).map(|(i, j)| place(i + padding, j + padding)).collect();
        let windows = pixels(shape.out_height(), shape.out_width());
        let sources: Vec<u32> = windows.map(|(i, j)| place(i * stride, j * stride)).collect();

        let run = kernel * channels;
        let [filters_full, run_full] = [filters, run].map(|n| n.next_multiple_of(lanes));
        // Compares the share of lanes in use: filters / filters_full with run / run_full.
        let lanes_are_filters = run * filters_full <= filters * run_full;
        let (rows, row) = if lanes_are_filters { (run, filters_full) } else { (filters, run_full) };
        // If the lanes run over filters, those of a pair of vectors are contiguous, so that a pass over the pixels
        // reads nothing else.
        let step = if lanes_are_filters { 2 * lanes } else { filters_full };
        let block = |first: usize| {
            let width = step.min(filters_full - first);
            let places = (0..sources.len()).map(|p| (p * width) as u32).collect();
            FilterBlock { first, filters: width.min(filters - first), width, places }
        };
        let blocks = (0..filters_full).step_by(step).map(block).collect();
        Self {
            channels,
            filters,
            kernel,
            places,
            blocks,
            step: padded_width * channels,
            windows: padded + lanes,
            gradients: sources.len() * filters_full,
            sources,
            lanes_are_filters,
            row,
            sums: kernel * rows * row,
        }
    }

    /// Adds the sums of all tasks in order, and writes them to `dw`.
    fn collect(&self, sums: &mut [f32], dw: &mut [f32]) {
        let (total, others) = sums.split_at_mut(self.sums);
        parallel::each(total.chunks_mut(GRAIN), |i, total| {
            for other in others.chunks_exact(self.sums) {
                for (sum, x) in total.iter_mut().zip(&other[i * GRAIN..]) {
                    *sum += x;
                }
            }
        });
        let (total, run) = (&*total, self.kernel * self.channels);
        let length = self.channels * self.kernel * self.kernel;
        buffer::fill(dw, length, COLLECTED * length, |filter, dw| {
            for (i, value) in dw.iter_mut().enumerate() {
                let (channel, t, s) =
                    (i / self.kernel / self.kernel, i / self.kernel % self.kernel, i % self.kernel);
                let number = s * self.channels + channel;
                *value = if self.lanes_are_filters {
                    total[(t * run + number) * self.row + filter]
                } else {
                    total[(t * self.filters + filter) * self.row + number]
                };
            }
        });
    }
}

/// A task: some images of a batch, and the gradients of their results.
struct Task<'a> {
    plan: &'a Plan,
    x: &'a [f32],
    dy: &'a [f32],
    windows: &'a mut [f32],
    gradients: &'a mut [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plan, x, dy, windows, gradients, sums } = self;
        // The borders, and the lanes beyond the last filter, stay zero.
        windows.fill(0.0);
        gradients.fill(0.0);
        sums.fill(0.0);
        let images = x.chunks_exact(plan.channels * plan.places.len());
        let pixels = plan.sources.len();
        for (x, dy) in images.zip(dy.chunks_exact(plan.filters * pixels)) {
            layout::gather(simd, x, plan.channels, &plan.places, windows);
            for FilterBlock { first, filters, places, .. } in &plan.blocks {
                let planes = &dy[first * pixels..][..filters * pixels];
                layout::gather(simd, planes, *filters, places, &mut gradients[first * pixels..]);
            }
            plan.add(simd, windows, gradients, sums);
        }
    }
}

impl Plan {
    /// Adds the contribution of one image.
    #[inline(always)]
    fn add<S: Simd>(&self, simd: S, windows: &[f32], gradients: &[f32], sums: &mut [f32]) {
        let run = self.kernel * self.channels;
        let rows = if self.lanes_are_filters { run } else { self.filters };
        let last = |places: &[u32]| places.iter().max().map_or(0, |&place| place as usize);
        let reach = last(&self.sources) + (self.kernel - 1) * self.step + run.next_multiple_of(S::F32_LANES);
        assert!(reach <= windows.len(), "windows must lie within the image");
        let pixels = self.sources.len();
        assert!(self.blocks.iter().all(|block| (block.first + block.width) * pixels <= gradients.len()));
        assert!(
            self.blocks
                .iter()
                .all(|block| block.places.len() == pixels && last(&block.places) < block.width * pixels)
        );
        assert!(self.row.is_multiple_of(S::F32_LANES) && self.kernel * rows * self.row == sums.len());
        for t in 0..self.kernel {
            for (i, first) in (0..self.row).step_by(2 * S::F32_LANES).enumerate() {
                let block = &self.blocks[if self.lanes_are_filters { i } else { 0 }];
                for (row, n) in split(rows, ROWS) {
                    // SAFETY: by the assertions the runs, rounded up to whole vectors, and the pixels of the
                    // gradient are in bounds at every offset, and the sums have `kernel · rows` rows. If the lanes
                    // run over filters, block `i` begins at `first` and has one or two vectors, as the row has.
                    unsafe {
                        let gradient = gradients.as_ptr().add(block.first * pixels);
                        let mut window =
                            Numbers { first: windows.as_ptr().add(t * self.step), places: &self.sources };
                        let mut gradient = Numbers { first: gradient, places: &block.places };
                        let (left, right) = if self.lanes_are_filters {
                            window.first = window.first.add(row);
                            (window, gradient)
                        } else {
                            gradient.first = gradient.first.add(row);
                            window.first = window.first.add(first);
                            (gradient, window)
                        };
                        let sum = sums.as_mut_ptr().add((t * rows + row) * self.row + first);
                        if first + S::F32_LANES < self.row {
                            outer::any::<S, 2>(simd, n, left, right, sum, self.row);
                        } else {
                            outer::any::<S, 1>(simd, n, left, right, sum, self.row);
                        }
                    }
                }
            }
        }
    }
}
