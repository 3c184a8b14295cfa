//! A picture in memory.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::ReportError;

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Pixels of 8 bits in red, green and blue, row after row from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    pub fn plain(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, rgb: colour.repeat(width * height) }
    }

    /// A picture of these pixels, `[height, width, 3]`.
    ///
    /// # Panics
    /// If `rgb` has another length.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Self {
        assert_eq!(rgb.len(), 3 * width * height, "{width} x {height} pixels");
        Self { width, height, rgb }
    }

    /// An image of `[channels, height, width]` with 1 or 3 channels: values in [0, 1], channel by channel; what lies
    /// outside is clamped.
    ///
    /// # Panics
    /// If `values` has another length, or there are other channels.
    pub fn of_image(values: &[f32], [channels, height, width]: [usize; 3]) -> Self {
        assert!(matches!(channels, 1 | 3), "{channels} channels");
        assert_eq!(values.len(), channels * height * width, "{channels} x {height} x {width} values");
        let plane = height * width;
        let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        let colour = |pixel: usize| [0, 1, 2].map(|c| byte(values[(c % channels) * plane + pixel]));
        Self::new(width, height, (0..plane).flat_map(colour).collect())
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// `[height, width, 3]`.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The colour at column `x` of row `y`, which must lie in the picture.
    pub fn at(&self, x: usize, y: usize) -> Colour {
        let i = self.index(x, y);
        [self.rgb[i], self.rgb[i + 1], self.rgb[i + 2]]
    }

    /// Sets the colour at column `x` of row `y`, which must lie in the picture.
    pub fn set(&mut self, x: usize, y: usize, colour: Colour) {
        let i = self.index(x, y);
        self.rgb[i..i + 3].copy_from_slice(&colour);
    }

    /// Fills columns `x .. x + width` of rows `y .. y + height`.
    pub fn fill(&mut self, [x, y]: [usize; 2], [width, height]: [usize; 2], colour: Colour) {
        for row in y..y + height {
            for column in x..x + width {
                self.set(column, row, colour);
            }
        }
    }

    /// The picture as a PNG file, with one channel if it is grey all over.
    ///
    /// # Errors
    /// Those of the encoder, or a side that exceeds what the format allows.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        let side = |side: usize| {
            u32::try_from(side)
                .map_err(|_| ReportError::Layout(format!("a side of {side} pixels is too long")))
        };
        let (width, height) = (side(self.width)?, side(self.height)?);
        let mut file = Cursor::new(Vec::new());
        let encoder = PngEncoder::new(&mut file);
        if self.rgb.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]) {
            let grey: Vec<u8> = self.rgb.iter().copied().step_by(3).collect();
            encoder.write_image(&grey, width, height, ExtendedColorType::L8)?;
        } else {
            encoder.write_image(&self.rgb, width, height, ExtendedColorType::Rgb8)?;
        }
        Ok(file.into_inner())
    }

    fn index(&self, x: usize, y: usize) -> usize {
        assert!(x < self.width && y < self.height, "({x}, {y}) of {} x {}", self.width, self.height);
        3 * (y * self.width + x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_gives_the_pixels_back() {
        let mut coloured = Picture::plain(3, 2, [10, 20, 30]);
        coloured.set(2, 1, [255, 0, 7]);
        let mut grey = Picture::plain(2, 3, [9, 9, 9]);
        grey.set(1, 0, [200, 200, 200]);
        for (picture, colour) in [(coloured, image::ColorType::Rgb8), (grey, image::ColorType::L8)] {
            let read = image::load_from_memory(&picture.png().unwrap()).unwrap();
            assert_eq!(read.color(), colour);
            assert_eq!(read.to_rgb8().as_raw(), picture.rgb());
            assert_eq!((read.width() as usize, read.height() as usize), (picture.width(), picture.height()));
        }
    }
}
