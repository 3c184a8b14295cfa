//! Words and numbers in a picture.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::Picture;
use super::picture::Colour;

/// Width of one character with its space, in pixels.
pub(super) const ADVANCE: usize = get_raster_width(FontWeight::Regular, RasterHeight::Size20);

/// Height of a line in pixels.
pub(super) const HEIGHT: usize = RasterHeight::Size20.val();

/// Draws `text`, of ASCII characters, with its upper left corner at column `x` of row `y`.
///
/// What falls outside the picture is left out, and so is any other character.
pub(super) fn draw(picture: &mut Picture, [x, y]: [usize; 2], text: &str, colour: Colour) {
    for (i, character) in text.chars().enumerate() {
        let Some(raster) = get_raster(character, FontWeight::Regular, RasterHeight::Size20) else { continue };
        for (row, line) in raster.rows().enumerate() {
            for (column, opacity) in line.iter().enumerate().filter(|(_, opacity)| 0 < **opacity) {
                let at = [x + i * ADVANCE + column, y + row];
                if at[0] < picture.width() && at[1] < picture.height() {
                    picture.blend(at[0], at[1], colour, f32::from(*opacity) / 255.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Picture {
        let mut picture = Picture::plain(ADVANCE * text.len(), HEIGHT, [0; 3]);
        draw(&mut picture, [0, 0], text, [255; 3]);
        picture
    }

    #[test]
    fn every_character_of_numbers_and_names_is_seen_and_no_two_look_alike() {
        let pictures: Vec<_> =
            "0123456789.-e xaculortinkgdhs:,".chars().map(|c| drawn(&c.to_string())).collect();
        for (i, one) in pictures.iter().enumerate() {
            assert!(!pictures[i + 1..].contains(one), "character {i}");
        }
    }

    #[test]
    fn text_at_the_edge_is_cut() {
        let mut picture = Picture::plain(ADVANCE, HEIGHT, [0; 3]);
        draw(&mut picture, [0, 4], "1888", [255; 3]);
        assert!(picture.rgb().iter().any(|value| 128 < *value));
    }
}
