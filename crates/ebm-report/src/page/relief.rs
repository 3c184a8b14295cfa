//! A landscape as a page holds it.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde::{Deserialize, Serialize};
use std::io::Cursor;

use crate::charts::{LEVELS, Landscape, contour};
use crate::{Colour, ReportError};

/// What is likely, on light and on dark paper.
const SHADE: Colour = [38, 160, 105];

/// The most of it, of 255.
const DARKEST: f32 = 150.0;

/// A [`Landscape`] as a page holds it: shades that let the paper through, and contour lines.
///
/// It is stored with a run, so that its page needs no network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relief {
    /// Base64 of a PNG over the window.
    pub(super) shades: String,
    /// The data of an SVG path in a square of side 1000, from the upper left corner.
    pub(super) lines: String,
}

impl Relief {
    /// Of a landscape.
    ///
    /// # Errors
    /// If it cannot be encoded.
    pub fn of(landscape: &Landscape) -> Result<Self, ReportError> {
        let (heights, cells) = landscape.heights();
        let [r, g, b] = SHADE;
        let shade = |height: &f32| {
            // Half of the colour is gone at two nats; 32 shades are told apart by nobody, and compress well.
            let likely = ((-0.35 * height).exp() * 31.0).round() / 31.0;
            [r, g, b, (DARKEST * likely) as u8]
        };
        let pixels: Vec<u8> = heights.iter().flat_map(shade).collect();
        let mut png = Cursor::new(Vec::new());
        PngEncoder::new(&mut png).write_image(
            &pixels,
            cells as u32,
            cells as u32,
            ExtendedColorType::Rgba8,
        )?;
        let mut lines = String::new();
        for level in LEVELS {
            for line in contour(heights, cells, level) {
                // Every other point is enough for a smooth line.
                let last = line.len() - 1;
                let kept = line.iter().enumerate().filter(|(i, _)| i % 2 == 0 || *i == last);
                for (i, (_, [column, row])) in kept.enumerate() {
                    let [x, y] = [column, row].map(|v| 1000.0 * (v + 0.5) / cells as f64);
                    let command = if i == 0 { 'M' } else { 'L' };
                    let _ = write!(lines, "{command}{x:.0} {y:.0}");
                }
            }
        }
        Ok(Self { shades: STANDARD.encode(png.into_inner()), lines })
    }

    /// How many bytes it takes in the page.
    pub fn bytes(&self) -> usize {
        self.shades.len() + self.lines.len()
    }
}
