//! Images side by side.

use crate::{Colour, Picture, ReportError};

/// A near-square grid of `n` images with a gap of two pixels around each, small images enlarged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    n: usize,
    channels: usize,
    height: usize,
    width: usize,
    columns: usize,
    scale: usize,
}

impl Grid {
    const GAP: usize = 2;
    const MOST_PIXELS: usize = 16_384;
    const PAPER: Colour = [96, 96, 96];
    const NOT_A_NUMBER: Colour = [255, 0, 0];

    /// The layout for `n` images of `channels` (1 or 3) by `height` by `width`.
    ///
    /// Images of at most 64 pixels a side are drawn at twice their size while the grid stays under 4,096 pixels.
    ///
    /// # Errors
    /// If there is nothing to draw, or a side of the grid would exceed 16,384 pixels.
    pub fn of(n: usize, channels: usize, height: usize, width: usize) -> Result<Self, ReportError> {
        let root = n.isqrt();
        let columns = if root * root == n { root } else { root + 1 };
        Self::in_columns(n, columns, [channels, height, width])
    }

    /// The same with so many images in a row.
    ///
    /// # Errors
    /// As [`Grid::of`], or if there are no columns.
    pub fn in_columns(
        n: usize,
        columns: usize,
        [channels, height, width]: [usize; 3],
    ) -> Result<Self, ReportError> {
        if columns == 0 || n == 0 || height == 0 || width == 0 || !matches!(channels, 1 | 3) {
            return Err(ReportError::Layout(format!(
                "no grid of {n} images of {channels} x {height} x {width}; channels must be 1 or 3"
            )));
        }
        let mut grid = Self { n, channels, height, width, columns, scale: 2 };
        if height.max(width) > 64 || grid.sides().into_iter().max() > Some(4_096) {
            grid.scale = 1;
        }
        let [across, down] = grid.sides();
        if Self::MOST_PIXELS < across.max(down) {
            return Err(ReportError::Layout(format!(
                "a grid of {n} images is {across} x {down} pixels, more than {} a side; write .npy or draw fewer",
                Self::MOST_PIXELS
            )));
        }
        Ok(grid)
    }

    /// Draws `values`, `[n, channels, height, width]` in [0, 1].
    ///
    /// Values outside are clamped; a pixel that is NaN is drawn red, so that it is seen.
    ///
    /// # Errors
    /// If `values` has another length.
    pub fn draw(&self, values: &[f32]) -> Result<Picture, ReportError> {
        let size = self.channels * self.height * self.width;
        if values.len() != self.n * size {
            return Err(ReportError::length(
                format!("{} images of {size}", self.n),
                self.n * size,
                values.len(),
            ));
        }
        let [across, down] = self.sides();
        let mut picture = Picture::plain(across, down, Self::PAPER);
        for (i, image) in values.chunks_exact(size).enumerate() {
            let [left, top] = self.corner(i);
            for y in 0..self.height {
                for x in 0..self.width {
                    let at = [left + self.scale * x, top + self.scale * y];
                    picture.fill(at, [self.scale; 2], self.colour(image, y * self.width + x));
                }
            }
        }
        Ok(picture)
    }

    fn colour(&self, image: &[f32], pixel: usize) -> Colour {
        let plane = self.height * self.width;
        let channel = |c: usize| image[(c % self.channels) * plane + pixel];
        let values = [channel(0), channel(1), channel(2)];
        if values.iter().any(|v| v.is_nan()) {
            return Self::NOT_A_NUMBER;
        }
        values.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8)
    }

    fn corner(&self, i: usize) -> [usize; 2] {
        let step = |side: usize| Self::GAP + self.scale * side;
        [
            Self::GAP + (i % self.columns) * step(self.width),
            Self::GAP + (i / self.columns) * step(self.height),
        ]
    }

    /// Width and height of the whole in pixels, saturating.
    fn sides(&self) -> [usize; 2] {
        let along = |count: usize, side: usize| {
            let step = side.saturating_mul(self.scale).saturating_add(Self::GAP);
            count.saturating_mul(step).saturating_add(Self::GAP)
        };
        [along(self.columns, self.width), along(self.n.div_ceil(self.columns), self.height)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_near_square_and_holds_every_image() {
        for n in 1..=200 {
            let grid = Grid::of(n, 1, 28, 28).unwrap();
            let rows = n.div_ceil(grid.columns);
            assert!(grid.columns * rows >= n && grid.columns - rows <= 1, "{n}: {} x {rows}", grid.columns);
        }
    }

    #[test]
    fn each_pixel_lies_where_its_image_is() {
        // Three images of 1 x 2 x 3 in two columns: a cell is 2 + 2 * 3 wide and 2 + 2 * 2 high.
        let values: Vec<f32> = (0..18).map(|i| i as f32 / 255.0).collect();
        let picture = Grid::of(3, 1, 2, 3).unwrap().draw(&values).unwrap();

        assert_eq!((picture.width(), picture.height()), (2 + 2 * 8, 2 + 2 * 6));
        assert_eq!(picture.at(2, 2), [0; 3]);
        assert_eq!(picture.at(2 + 5, 2 + 3), [5; 3], "last pixel of the first");
        assert_eq!(picture.at(10, 2), [6; 3], "first pixel of the second");
        assert_eq!(picture.at(2, 8), [12; 3], "first pixel of the third");
        assert_eq!(picture.at(3, 11), [15; 3], "the third's second row, enlarged");
        for gap in [[0, 0], [1, 5], [8, 2], [9, 3], [17, 13], [12, 9]] {
            assert_eq!(picture.at(gap[0], gap[1]), Grid::PAPER, "{gap:?}");
        }
    }

    #[test]
    fn colours_come_from_planes_and_are_rounded_and_clamped() {
        let values = [0.0, 1.5, 0.5, f32::NAN, -3.0, 0.25];
        let picture = Grid::of(1, 3, 1, 2).unwrap().draw(&values).unwrap();
        assert_eq!(picture.at(2, 2), [0, 128, 0]);
        assert_eq!(picture.at(4, 2), Grid::NOT_A_NUMBER);
    }

    #[test]
    fn large_images_and_large_grids_keep_their_size() {
        assert_eq!(Grid::of(4, 3, 64, 64).unwrap().scale, 2);
        assert_eq!(Grid::of(4, 3, 65, 20).unwrap().scale, 1);
        assert_eq!(Grid::of(10_000, 1, 28, 28).unwrap().scale, 1);
    }

    #[test]
    fn a_grid_too_large_for_a_viewer_is_refused() {
        let message = Grid::of(1_000_000, 1, 28, 28).unwrap_err().to_string();
        assert!(message.contains("16384"), "{message}");
        assert!(Grid::of(usize::MAX, 3, usize::MAX, 2).is_err());
        assert!(Grid::of(1, 2, 4, 4).is_err());
        assert!(Grid::of(2, 1, 2, 2).unwrap().draw(&[0.0; 7]).is_err());
    }
}
