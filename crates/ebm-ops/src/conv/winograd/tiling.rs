//! Division of images into tiles of at most 4×4 outputs, and of tiles into groups that fit into the L2 cache.

use std::ops::Range;

use super::transform::{self, LONG_ONLY};

/// Outputs of a long tile along one side.
const LONG: usize = transform::outputs::<false>();

/// Outputs of a short tile along one side.
const SHORT: usize = transform::outputs::<true>();

/// Target number of tiles per group: enough to reuse each transformed weight often, few enough to stay in cache.
const GROUP: usize = 32;

/// Number of tiles above which an image is processed in several strips.
const MOST: usize = 64;

/// The tiles along one side: long ones, then short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub long: usize,
    pub tiles: usize,
}

impl Side {
    /// The fewest tiles that cover `outputs`, with the fewest outputs beyond the end.
    pub fn new(outputs: usize) -> Self {
        let tiles = outputs.div_ceil(LONG);
        Self { long: tiles - tiles.min(LONG * tiles - outputs), tiles }
    }

    pub fn is_short(self, tile: usize) -> bool {
        self.long <= tile
    }

    /// First output of a tile; for the number of tiles, the outputs that they cover.
    pub fn start(self, tile: usize) -> usize {
        LONG * tile.min(self.long) + SHORT * tile.saturating_sub(self.long)
    }

    /// Number of outputs that all tiles cover.
    pub fn outputs(self) -> usize {
        self.start(self.tiles)
    }

    /// Number of tiles that have a point of the transform; they come first.
    pub fn with(self, point: usize) -> usize {
        if point == LONG_ONLY { self.long } else { self.tiles }
    }

    /// A range of consecutive tiles.
    pub fn part(self, tiles: &Range<usize>) -> Self {
        Self { long: self.long.clamp(tiles.start, tiles.end) - tiles.start, tiles: tiles.len() }
    }
}

/// The tiles of a batch of images of one size.
#[derive(Clone, Debug)]
pub(super) struct Tiling {
    pub height: usize,
    pub width: usize,
    /// Rows of tiles of an image.
    pub rows: Side,
    /// Columns of tiles of an image.
    pub columns: Side,
    /// Rows of tiles that are processed at a time.
    pub strip: usize,
    /// Images that are processed at a time.
    pub images: usize,
}

/// Tiles that are processed at a time: some rows of tiles of some images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

impl Tiling {
    pub fn new(height: usize, width: usize) -> Self {
        let (rows, columns) = (Side::new(height), Side::new(width));
        let tiles = rows.tiles * columns.tiles;
        let strip = rows.tiles.div_ceil(tiles.div_ceil(MOST));
        let images = if strip == rows.tiles { (GROUP / tiles).max(1) } else { 1 };
        Self { height, width, rows, columns, strip, images }
    }

    /// All tiles of `images` images, each in one group.
    pub fn groups(&self, images: usize) -> impl Iterator<Item = Group> + use<> {
        let Self { rows, strip, images: step, .. } = *self;
        let ranges = move |end: usize, step: usize| (0..end).step_by(step).map(move |i| i..end.min(i + step));
        ranges(images, step).flat_map(move |images| {
            ranges(rows.tiles, strip).map(move |rows| Group { images: images.clone(), rows })
        })
    }
}

/// Layout of a zero-padded copy of a block of channels over some rows of tiles.
///
/// It covers the pixels of the tiles and `margin` more on every side.
#[derive(Debug)]
pub(super) struct Window {
    margin: usize,
    height: usize,
    width: usize,
    /// Rows of tiles of an image.
    tiles: Side,
    /// Channels of a block.
    pub block: usize,
    /// Pixels of a row of the window.
    pub stride: usize,
    /// Offset of each pixel that a view shows, from the first such pixel, in floats.
    pub places: Vec<u32>,
}

/// The pixels of an image that a window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// First pixel of the image that is shown.
    pub first: usize,
    /// Number of consecutive pixels shown.
    pub pixels: usize,
    /// Offset of the first pixel in the window, in floats.
    pub origin: usize,
}

impl Window {
    pub fn new(tiling: &Tiling, margin: usize, block: usize) -> Self {
        let Tiling { height, width, rows: tiles, columns, .. } = *tiling;
        let stride = columns.outputs() + 2 * margin;
        let rows = height.min(LONG * tiling.strip + 2 * margin);
        let place = |row, column| ((row * stride + column) * block) as u32;
        let places = (0..rows).flat_map(|row| (0..width).map(move |column| place(row, column))).collect();
        Self { margin, height, width, tiles, block, stride, places }
    }

    /// Floats of a window over at most `rows` rows of tiles.
    pub fn floats(&self, rows: usize) -> usize {
        (LONG * rows + 2 * self.margin) * self.stride * self.block
    }

    /// Zeroes the part of a window over some rows of tiles that its view does not show.
    pub fn clear(&self, rows: &Range<usize>, window: &mut [f32]) {
        let (view, line) = (self.view(rows), self.stride * self.block);
        let (first, shown) = (view.origin / line, view.pixels / self.width);
        let all = self.tiles.part(rows).outputs() + 2 * self.margin;
        for (row, pixels) in window[..all * line].chunks_exact_mut(line).enumerate() {
            if (first..first + shown).contains(&row) {
                pixels[..self.margin * self.block].fill(0.0);
                pixels[(self.margin + self.width) * self.block..].fill(0.0);
            } else {
                pixels.fill(0.0);
            }
        }
    }

    pub fn view(&self, rows: &Range<usize>) -> View {
        let (top, margin) = (self.tiles.start(rows.start), self.margin);
        let first = top.saturating_sub(margin);
        let end = self.height.min(self.tiles.start(rows.end) + margin);
        let origin = ((first + margin - top) * self.stride + margin) * self.block;
        View { first: first * self.width, pixels: (end - first) * self.width, origin }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_every_tile_once_and_respect_the_limit() {
        for (height, width) in [(1, 1), (7, 7), (13, 9), (28, 28), (64, 64), (3, 900)] {
            let tiling = Tiling::new(height, width);
            let mut seen = vec![0; 5 * tiling.rows.tiles];
            for group in tiling.groups(5) {
                let tiles = group.rows.len() * tiling.columns.tiles;
                assert!(tiles <= MOST.max(tiling.columns.tiles));
                assert!(group.images.len() == 1 || group.images.len() * tiles <= GROUP);
                for image in group.images {
                    group.rows.clone().for_each(|row| seen[image * tiling.rows.tiles + row] += 1);
                }
            }
            assert!(seen.iter().all(|&n| n == 1), "{height}x{width}: {seen:?}");
        }
    }

    #[test]
    fn tiles_cover_a_side_with_few_outputs_beyond_it() {
        for (outputs, long, short) in
            [(1, 0, 1), (3, 0, 1), (4, 1, 0), (5, 0, 2), (7, 1, 1), (14, 2, 2), (28, 7, 0)]
        {
            let side = Side::new(outputs);
            assert_eq!((side.long, side.tiles), (long, long + short), "{outputs}");
            assert!(outputs <= side.outputs() && side.outputs() <= outputs.max(6).max(3 * side.tiles));
            let starts: Vec<_> = (0..=side.tiles).map(|tile| side.start(tile)).collect();
            for (tile, pair) in starts.windows(2).enumerate() {
                assert_eq!(pair[1] - pair[0], if side.is_short(tile) { SHORT } else { LONG });
            }
        }
        assert_eq!(Side { long: 3, tiles: 5 }.part(&(1..4)), Side { long: 2, tiles: 3 });
        assert_eq!(Side { long: 3, tiles: 5 }.part(&(4..5)), Side { long: 0, tiles: 1 });
    }

    #[test]
    fn a_window_shows_the_rows_of_its_tiles_and_its_margin() {
        let tiling = Tiling::new(64, 50);
        let window = Window::new(&tiling, 1, 8);
        assert_eq!((tiling.strip, window.stride), (4, 52));
        assert_eq!(window.view(&(0..4)), View { first: 0, pixels: 17 * 50, origin: 8 * (52 + 1) });
        assert_eq!(window.view(&(4..8)), View { first: 15 * 50, pixels: 18 * 50, origin: 8 });
        assert_eq!(window.view(&(12..16)), View { first: 47 * 50, pixels: 17 * 50, origin: 8 });
        assert_eq!(window.places[50], 8 * 52);
        assert_eq!(
            Window::new(&tiling, 0, 8).view(&(4..8)),
            View { first: 16 * 50, pixels: 16 * 50, origin: 0 }
        );
    }

    #[test]
    fn the_last_place_of_a_view_lies_in_the_window() {
        for (height, width, margin) in [(1, 1, 0), (1, 1, 1), (7, 7, 1), (13, 9, 1), (70, 61, 1), (70, 61, 0)]
        {
            let tiling = Tiling::new(height, width);
            let window = Window::new(&tiling, margin, 16);
            for group in tiling.groups(1) {
                let view = window.view(&group.rows);
                let last = view.origin + window.places[view.pixels - 1] as usize;
                assert!(last + 16 <= window.floats(group.rows.len()), "{height}x{width}, margin {margin}");
            }
        }
    }
}
