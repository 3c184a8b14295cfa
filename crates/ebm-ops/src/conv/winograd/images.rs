//! Groups of tiles of a batch of images `[image, channel, height, width]`, as matrices and back.

use std::mem::MaybeUninit;

use pulp::Simd;

use super::tiles::{self, Matrices, Pane};
use super::tiling::{Group, Tiling, View, Window};
use crate::transpose::{self, Planes, SIDE};

/// Images of one size and number of channels, through windows of one margin.
pub(super) struct Images<'a> {
    pub channels: usize,
    pub tiling: &'a Tiling,
    pub window: Window,
}

/// The place of a block of channels of one image of a group.
struct Block {
    /// Its first pixel in the images.
    plane: usize,
    /// The index of its first tile in each matrix.
    tile: usize,
    channel: usize,
}

impl<'a> Images<'a> {
    /// For vectors of `lanes`.
    pub fn new(channels: usize, tiling: &'a Tiling, margin: usize, lanes: usize) -> Self {
        Self { channels, tiling, window: Window::new(tiling, margin, lanes.max(SIDE)) }
    }

    /// Floats of an image.
    pub fn floats(&self) -> usize {
        self.channels * self.pixels()
    }

    /// Floats of a pane.
    pub fn pane_floats(&self) -> usize {
        self.window.floats(self.tiling.strip)
    }

    /// Floats of the working memory of [`inputs`](Self::inputs).
    pub fn line_floats(&self) -> usize {
        6 * self.window.stride * self.window.block
    }

    pub fn matrices(&self, group: &Group) -> Matrices {
        let tiles = group.images.len() * group.rows.len() * self.tiling.columns;
        Matrices { tiles, channels: self.channels }
    }

    /// Floats of the matrices of the largest group.
    pub fn matrices_floats(&self) -> usize {
        Matrices { tiles: self.tiling.most_tiles(), channels: self.channels }.floats()
    }

    fn pixels(&self) -> usize {
        self.tiling.height * self.tiling.width
    }

    fn pane(&self, group: &Group) -> Pane {
        let Window { stride, block, .. } = self.window;
        Pane { stride, rows: group.rows.len(), columns: self.tiling.columns, block }
    }

    /// Makes the border of `pane` zero; what lies inside is overwritten for every image of the group.
    ///
    /// Groups of whole images all have the same border, so the first of a task is enough.
    fn clear(&self, group: &Group, pane: &mut [f32]) {
        if group.images.start == 0 || self.tiling.strip < self.tiling.rows {
            pane.fill(0.0);
        }
    }

    /// The blocks of channels of all images of the group.
    fn blocks(&self, group: &Group) -> impl Iterator<Item = Block> + use<> {
        let (channels, step) = (self.channels, self.window.block);
        let (floats, pixels) = (self.floats(), self.pixels());
        let tiles = group.rows.len() * self.tiling.columns;
        group.images.clone().enumerate().flat_map(move |(i, image)| {
            (0..channels).step_by(step).map(move |channel| {
                let plane = image * floats + channel * pixels;
                Block { plane, tile: i * tiles * channels + channel, channel }
            })
        })
    }

    /// The inputs of the group's tiles, transformed.
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
        self.clear(group, pane);
        for block in self.blocks(group) {
            self.gather(simd, view, &images[block.plane..], pane);
            tiles::inputs(simd, shape, pane, line, matrices, block.tile, out);
        }
    }

    /// The gradients of the outputs of the group's tiles, transformed.
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
        self.clear(group, pane);
        for block in self.blocks(group) {
            self.gather(simd, view, &images[block.plane..], pane);
            tiles::output_gradients(simd, shape, pane, matrices, block.tile, out);
        }
    }

    /// The outputs of the group's tiles from their products.
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
            let bias = bias.map(|bias| &bias[block.channel..block.channel + shape.block]);
            tiles::outputs(simd, matrices, block.tile, products, bias, shape, pane);
            self.scatter(simd, view, pane, &mut images[block.plane..]);
        }
    }

    /// Copies what a view shows of a block of channels into a pane.
    #[inline(always)]
    fn gather<S: Simd>(&self, simd: S, view: View, images: &[f32], pane: &mut [f32]) {
        let (planes, places) = self.check(view, images.len(), pane.len());
        // SAFETY: `check` saw that the last pixel of the last channel lies in both slices, and there is a place
        // for each of the pixels.
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

    /// The planes of a block and the places of their pixels; panics unless both slices hold all of them.
    fn check(&self, view: View, images: usize, pane: usize) -> (Planes, &[u32]) {
        let (places, block) = (&self.window.places[..view.pixels], self.window.block);
        let last = places.last().map_or(0, |&last| last as usize);
        assert!((block - 1) * self.pixels() + view.first + view.pixels <= images);
        assert!(view.origin + last + block <= pane);
        (Planes { stride: self.pixels(), pixels: view.pixels }, places)
    }
}
