//! How images are cut into tiles of 4×4 outputs, and tiles into groups that fit the second-level cache.

use std::ops::Range;

/// Outputs of a tile along a side.
pub(super) const OUTPUTS: usize = 4;

/// Tiles that a group should hold: enough to use each transformed weight often, few enough to stay in cache.
const GROUP: usize = 32;

/// Tiles above which an image is worked through in several strips.
const MOST: usize = 64;

/// The tiles of a batch of images of one size.
#[derive(Clone, Debug)]
pub(super) struct Tiling {
    pub height: usize,
    pub width: usize,
    /// Rows of tiles of an image.
    pub rows: usize,
    /// Columns of tiles of an image.
    pub columns: usize,
    /// Rows of tiles that are worked on at a time.
    pub strip: usize,
    /// Images that are worked on at a time.
    pub images: usize,
}

/// The tiles that are worked on at a time: some rows of tiles in some images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

impl Tiling {
    pub fn new(height: usize, width: usize) -> Self {
        let (rows, columns) = (height.div_ceil(OUTPUTS), width.div_ceil(OUTPUTS));
        let strip = rows.div_ceil((rows * columns).div_ceil(MOST));
        let images = if strip == rows { (GROUP / (rows * columns)).max(1) } else { 1 };
        Self { height, width, rows, columns, strip, images }
    }

    /// The most tiles that a group holds.
    pub fn most_tiles(&self) -> usize {
        self.images * self.strip * self.columns
    }

    /// All tiles of `images` images, each in one group.
    pub fn groups(&self, images: usize) -> impl Iterator<Item = Group> + use<> {
        let Self { rows, strip, images: step, .. } = *self;
        let ranges = move |end: usize, step: usize| (0..end).step_by(step).map(move |i| i..end.min(i + step));
        ranges(images, step).flat_map(move |images| {
            ranges(rows, strip).map(move |rows| Group { images: images.clone(), rows })
        })
    }
}

/// A zero-bordered copy of a block of channels over some rows of tiles, pixel by pixel.
///
/// It covers the pixels of the tiles and `margin` more on every side.
#[derive(Debug)]
pub(super) struct Window {
    margin: usize,
    height: usize,
    width: usize,
    /// Channels of a block.
    pub block: usize,
    /// Pixels of a row of the window.
    pub stride: usize,
    /// Floats of the window from the first pixel that a view shows to each one it shows.
    pub places: Vec<u32>,
}

/// The pixels of an image that a window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The first pixel of the image.
    pub first: usize,
    /// How many there are from there on.
    pub pixels: usize,
    /// The place of the first one in the window, in floats.
    pub origin: usize,
}

impl Window {
    pub fn new(tiling: &Tiling, margin: usize, block: usize) -> Self {
        let Tiling { height, width, .. } = *tiling;
        let stride = OUTPUTS * tiling.columns + 2 * margin;
        let rows = height.min(OUTPUTS * tiling.strip + 2 * margin);
        let place = |row, column| ((row * stride + column) * block) as u32;
        let places = (0..rows).flat_map(|row| (0..width).map(move |column| place(row, column))).collect();
        Self { margin, height, width, block, stride, places }
    }

    /// Floats of a window on `rows` rows of tiles.
    pub fn floats(&self, rows: usize) -> usize {
        (OUTPUTS * rows + 2 * self.margin) * self.stride * self.block
    }

    pub fn view(&self, rows: &Range<usize>) -> View {
        let (top, margin) = (OUTPUTS * rows.start, self.margin);
        let first = top.saturating_sub(margin);
        let end = self.height.min(OUTPUTS * rows.end + margin);
        let origin = ((first + margin - top) * self.stride + margin) * self.block;
        View { first: first * self.width, pixels: (end - first) * self.width, origin }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_every_tile_once_and_no_more_than_they_may() {
        for (height, width) in [(1, 1), (7, 7), (13, 9), (28, 28), (64, 64), (3, 900)] {
            let tiling = Tiling::new(height, width);
            let mut seen = vec![0; 5 * tiling.rows];
            for group in tiling.groups(5) {
                assert!(group.images.len() * group.rows.len() * tiling.columns <= tiling.most_tiles());
                for image in group.images {
                    group.rows.clone().for_each(|row| seen[image * tiling.rows + row] += 1);
                }
            }
            assert!(seen.iter().all(|&n| n == 1), "{height}x{width}: {seen:?}");
        }
    }

    #[test]
    fn a_window_shows_the_rows_of_its_tiles_and_its_margin() {
        let tiling = Tiling::new(64, 50);
        let window = Window::new(&tiling, 1, 8);
        assert_eq!((tiling.strip, window.stride), (4, 54));
        assert_eq!(window.view(&(0..4)), View { first: 0, pixels: 17 * 50, origin: 8 * (54 + 1) });
        assert_eq!(window.view(&(4..8)), View { first: 15 * 50, pixels: 18 * 50, origin: 8 });
        assert_eq!(window.view(&(12..16)), View { first: 47 * 50, pixels: 17 * 50, origin: 8 });
        assert_eq!(window.places[50], 8 * 54);
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
