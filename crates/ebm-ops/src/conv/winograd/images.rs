//! Conversion between groups of tiles of images `[image, channel, height, width]` and matrices.

use std::mem::MaybeUninit;

use pulp::Simd;

use super::tiles::{self, Matrices, Pane, Place};
use super::tiling::{Group, Tiling, View, Window};
use crate::transpose::{self, Planes, SIDE};

/// Images of one size and number of channels, accessed through windows with a margin.
pub(super) struct Images<'a> {
    pub channels: usize,
    pub tiling: &'a Tiling,
    pub window: Window,
}

/// Location of a block of channels of one image of a group.
struct Block {
    /// Index of its first pixel in the images.
    plane: usize,
    /// Its place in the matrices.
    place: Place,
}

impl<'a> Images<'a> {
    /// Images for vectors of `lanes` floats.
    pub fn new(channels: usize, tiling: &'a Tiling, margin: usize, lanes: usize) -> Self {
        Self { channels, tiling, window: Window::new(tiling, margin, lanes.max(SIDE)) }
    }

    /// Floats per image.
    pub fn floats(&self) -> usize {
        self.channels * self.pixels()
    }

    /// Floats per pane.
    pub fn pane_floats(&self) -> usize {
        self.window.floats(self.tiling.strip)
    }

    /// Floats of the working memory of [`inputs`](Self::inputs).
    pub fn line_floats(&self) -> usize {
        6 * self.window.stride * self.window.block
    }

    pub fn matrices(&self, group: &Group) -> Matrices {
        let Tiling { rows, columns, .. } = *self.tiling;
        let images = group.images.len();
        Matrices { images, rows: rows.part(&group.rows), columns, channels: self.channels }
    }

    /// Floats of the matrices of the largest group.
    pub fn matrices_floats(&self) -> usize {
        let Tiling { rows, columns, strip, images, .. } = *self.tiling;
        Matrices { images, rows: rows.part(&(0..strip)), columns, channels: self.channels }.floats()
    }

    fn pixels(&self) -> usize {
        self.tiling.height * self.tiling.width
    }

    fn pane(&self, group: &Group) -> Pane {
        let Window { stride, block, .. } = self.window;
        let Tiling { rows, columns, .. } = *self.tiling;
        Pane { stride, rows: rows.part(&group.rows), columns, block }
    }

    /// The blocks of channels of all images in the group.
    fn blocks(&self, group: &Group) -> impl Iterator<Item = Block> + use<> {
        let (channels, step) = (self.channels, self.window.block);
        let (floats, pixels) = (self.floats(), self.pixels());
        group.images.clone().enumerate().flat_map(move |(i, image)| {
            (0..channels).step_by(step).map(move |channel| Block {
                plane: image * floats + channel * pixels,
                place: Place { image: i, channel },
            })
        })
    }

    /// Transforms the inputs of the group's tiles.
    #[inline(always)]
    pub fn inputs<S: Simd>(
        &self,
        simd: S,
        group: &Group,
        images: &[f32],
        pane: &mut [f32],
        line: &mut [f32],
        out: &mut [f32],
    ) {
        let (shape, matrices) = (self.pane(group), self.matrices(group));
        let view = self.window.view(&group.rows);
        // Only the border is cleared: its inside is overwritten for every block of the group.
        self.window.clear(&group.rows, pane);
        for block in self.blocks(group) {
            self.gather(simd, view, &images[block.plane..], pane);
            tiles::inputs(simd, shape, pane, line, matrices, block.place, out);
        }
    }

    /// Transforms the output gradients of the group's tiles.
    #[inline(always)]
    pub fn output_gradients<S: Simd>(
        &self,
        simd: S,
        group: &Group,
        images: &[f32],
        pane: &mut [f32],
        out: &mut [f32],
    ) {
        let (shape, matrices) = (self.pane(group), self.matrices(group));
        let view = self.window.view(&group.rows);
        // Only the border is cleared: its inside is overwritten for every block of the group.
        self.window.clear(&group.rows, pane);
        for block in self.blocks(group) {
            self.gather(simd, view, &images[block.plane..], pane);
            tiles::output_gradients(simd, shape, pane, matrices, block.place, out);
        }
    }

    /// Computes the outputs of the group's tiles from their products.
    #[inline(always)]
    pub fn outputs<S: Simd>(
        &self,
        simd: S,
        group: &Group,
        products: &[f32],
        bias: Option<&[f32]>,
        pane: &mut [f32],
        images: &mut [MaybeUninit<f32>],
    ) {
        let (shape, matrices) = (self.pane(group), self.matrices(group));
        let view = self.window.view(&group.rows);
        for block in self.blocks(group) {
            let bias = bias.map(|bias| &bias[block.place.channel..][..shape.block]);
            tiles::outputs(simd, matrices, block.place, products, bias, shape, pane);
            self.scatter(simd, view, pane, &mut images[block.plane..]);
        }
    }

    /// Copies the part of a block of channels that a view shows into a pane.
    #[inline(always)]
    fn gather<S: Simd>(&self, simd: S, view: View, images: &[f32], pane: &mut [f32]) {
        let (planes, places) = self.check(view, images.len(), pane.len());
        // SAFETY: `check` has verified that the last pixel of the last channel lies in both slices, and there is a
        // place for each pixel.
        unsafe {
            let (from, to) = (images.as_ptr().add(view.first), pane.as_mut_ptr().add(view.origin));
            let place = |p: usize| *places.get_unchecked(p) as usize;
            transpose::gather(simd, self.window.block, (from, planes), (to, place));
        }
    }

    /// Copies a pane back into the pixels of a block of channels.
    #[inline(always)]
    fn scatter<S: Simd>(&self, simd: S, view: View, pane: &[f32], images: &mut [MaybeUninit<f32>]) {
        let (planes, places) = self.check(view, images.len(), pane.len());
        // SAFETY: as in `gather`.
        unsafe {
            let (from, to) = (pane.as_ptr().add(view.origin), images.as_mut_ptr().add(view.first).cast());
            let place = |p: usize| *places.get_unchecked(p) as usize;
            transpose::scatter(simd, self.window.block, (from, place), (to, planes));
        }
    }

    /// The planes of a block and the places of their pixels; panics unless they are in bounds of both slices.
    fn check(&self, view: View, images: usize, pane: usize) -> (Planes, &[u32]) {
        let (places, block) = (&self.window.places[..view.pixels], self.window.block);
        let last = places.last().map_or(0, |&last| last as usize);
        assert!((block - 1) * self.pixels() + view.first + view.pixels <= images);
        assert!(view.origin + last + block <= pane);
        (Planes { stride: self.pixels(), pixels: view.pixels }, places)
    }
}
