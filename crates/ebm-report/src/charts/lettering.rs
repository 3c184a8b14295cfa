//! Text as coverage of pixels, in a font that comes with the program: the same on every computer.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("the embedded font is a font")
});

/// Width of `text` at `size` pixels from the lowest to the highest point of the font.
pub(super) fn width(text: &str, size: f32) -> f32 {
    let font = FONT.as_scaled(PxScale::from(size));
    text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
}

/// The beginning of `text` that fits into `room` pixels, with an ellipsis if it is not all.
pub(super) fn fitted(text: &str, size: f32, room: f32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut cut = text.to_owned();
    while cut.pop().is_some() && room < width(&cut, size) + width("…", size) {}
    cut.truncate(cut.trim_end().len());
    cut + "…"
}

/// Calls `cover` with column, row and coverage in [0, 1] of each pixel of `text`, from its upper left corner.
pub(super) fn rasterize(text: &str, size: f32, mut cover: impl FnMut(i32, i32, f32)) {
    let font = FONT.as_scaled(PxScale::from(size));
    let mut x = 0.0;
    for c in text.chars() {
        let mut glyph = font.scaled_glyph(c);
        glyph.position = ab_glyph::point(x, font.ascent());
        x += font.h_advance(glyph.id);
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, coverage| {
                cover(corner.x as i32 + column as i32, corner.y as i32 + row as i32, coverage.min(1.0));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Vec<(i32, i32, u8)> {
        let mut pixels = Vec::new();
        rasterize(text, 40.0, |x, y, coverage| {
            if 0.0 < coverage {
                pixels.push((x, y, (255.0 * coverage) as u8));
            }
        });
        pixels
    }

    #[test]
    fn every_character_of_numbers_and_names_is_seen_and_no_two_look_alike() {
        let characters = "0123456789.-e xaculortinkgdhs:,²";
        let pictures: Vec<_> = characters.chars().map(|c| drawn(&c.to_string())).collect();
        for (i, one) in pictures.iter().enumerate() {
            assert!(!pictures[i + 1..].contains(one), "character {i}");
        }
        assert_eq!(
            pictures.iter().filter(|picture| picture.is_empty()).count(),
            1,
            "only the space is empty"
        );
    }

    #[test]
    fn text_that_is_too_long_is_cut_with_an_ellipsis() {
        let words = "a title of words";
        assert_eq!(fitted(words, 20.0, width(words, 20.0)), words);
        let cut = fitted(words, 20.0, width(words, 20.0) - 1.0);
        assert!(cut.starts_with("a title") && cut.ends_with('…') && width(&cut, 20.0) < width(words, 20.0));
        assert_eq!(fitted(words, 20.0, 0.0), "…");
    }

    #[test]
    fn text_stays_within_its_size() {
        let wide = width("gÅ1", 40.0);
        assert!(drawn("gÅ1").iter().all(|&(x, y, _)| -1 <= x && x as f32 <= wide && (-1..=41).contains(&y)));
    }
}
