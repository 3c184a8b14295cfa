//! Pictures within the page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageEncoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

use crate::ReportError;

/// Most pixels of a picture that is read.
const MOST_PIXELS: u64 = 1 << 26;

/// The longest side of a picture that is not scaled down, in pixels.
const SIDE: u32 = 1400;

/// A picture in a form that a page holds, with its size in pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Base64 of a PNG.
    pub(super) png: String,
    /// Width and height.
    pub(super) size: [u32; 2],
}

/// The address that holds a PNG.
pub(super) fn uri(base64: &str) -> String {
    format!("data:image/png;base64,{base64}")
}

impl Embedded {
    /// The picture of a file of PNG, made smaller until it has no more than `most` bytes in the page.
    ///
    /// # Errors
    /// If it is no picture that can be read, or one too large to be.
    pub fn of_png(bytes: &[u8], most: usize) -> Result<Self, ReportError> {
        let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
        let mut limits = Limits::default();
        limits.max_alloc = Some(8 * MOST_PIXELS);
        reader.limits(limits);
        let picture = reader.decode()?;
        let (width, height) = (picture.width(), picture.height());
        if width.max(height) <= SIDE && 4 * bytes.len().div_ceil(3) <= most {
            return Ok(Self { png: STANDARD.encode(bytes), size: [width, height] });
        }
        let mut side = SIDE.min(width.max(height));
        loop {
            let small = if side < width.max(height) {
                picture.resize(side, side, FilterType::Triangle)
            } else {
                picture.clone()
            };
            let png = STANDARD.encode(encoded(&small)?);
            if png.len() <= most || side <= 16 {
                return Ok(Self { png, size: [small.width(), small.height()] });
            }
            side = (side * 3 / 4).max(16);
        }
    }

    /// The picture of a text that [`base64`](Self::base64) gave, or that claims to be one.
    ///
    /// # Errors
    /// As [`of_png`](Self::of_png).
    pub fn of_base64(text: &str, most: usize) -> Result<Self, ReportError> {
        // What is no base64 is no picture either.
        Self::of_png(&STANDARD.decode(text).unwrap_or_default(), most)
    }

    /// Base64 of the picture as PNG.
    pub fn base64(&self) -> &str {
        &self.png
    }

    /// How many bytes it takes in the page.
    pub fn bytes(&self) -> usize {
        self.png.len()
    }
}

/// As PNG of 8 bits, grey where it is grey.
fn encoded(picture: &DynamicImage) -> Result<Vec<u8>, ReportError> {
    let mut file = Cursor::new(Vec::new());
    let encoder = PngEncoder::new(&mut file);
    let (width, height) = (picture.width(), picture.height());
    if picture.color().has_color() {
        encoder.write_image(picture.to_rgb8().as_raw(), width, height, image::ExtendedColorType::Rgb8)?;
    } else {
        encoder.write_image(picture.to_luma8().as_raw(), width, height, image::ExtendedColorType::L8)?;
    }
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Picture;

    /// A picture that cannot be compressed.
    fn noisy(side: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Picture::new(side, side, (0..3 * side * side).map(|_| next()).collect()).png().unwrap()
    }

    #[test]
    fn a_picture_is_as_it_is_while_it_is_small_and_else_made_smaller_than_it_may_be() {
        let small = noisy(20);
        let kept = Embedded::of_png(&small, 10_000).unwrap();
        assert_eq!((STANDARD.decode(&kept.png).unwrap(), kept.size), (small, [20, 20]));
        let large = Embedded::of_png(&noisy(300), 50_000).unwrap();
        assert!(large.bytes() <= 50_000 && large.size[0] < 300, "{} {:?}", large.bytes(), large.size);
        assert_eq!(large, Embedded::of_png(&noisy(300), 50_000).unwrap());
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for bytes in [b"".as_slice(), b"<svg onload=alert(1)>", &noisy(20)[..200]] {
            assert!(Embedded::of_png(bytes, 10_000).is_err());
        }
    }
}
