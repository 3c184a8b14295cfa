//! The characters of a number, drawn in pixels.

use super::Picture;
use super::picture::Colour;

/// Side of one dot of a character in pixels.
const DOT: usize = 2;

/// Width of one character with its space, in pixels.
pub(super) const ADVANCE: usize = 4 * DOT;

/// Height of a character in pixels.
pub(super) const HEIGHT: usize = 5 * DOT;

/// Draws `text`, made of `0123456789.-e`, with its upper left corner at column `x` of row `y`.
///
/// What falls outside the picture is left out, and so is any other character.
pub(super) fn draw(picture: &mut Picture, [x, y]: [usize; 2], text: &str, colour: Colour) {
    for (i, character) in text.chars().enumerate() {
        for (row, dots) in pattern(character).into_iter().enumerate() {
            for column in (0..3).filter(|c| dots & (0b100 >> c) != 0) {
                let at = [x + i * ADVANCE + column * DOT, y + row * DOT];
                if at[0] + DOT <= picture.width() && at[1] + DOT <= picture.height() {
                    picture.fill(at, [DOT; 2], colour);
                }
            }
        }
    }
}

/// Five rows of three dots, the left one in the highest bit.
fn pattern(character: char) -> [u8; 5] {
    match character {
        '0' => [0b111, 0b101, 0b101, 0b101, 0b111],
        '1' => [0b010, 0b110, 0b010, 0b010, 0b111],
        '2' => [0b111, 0b001, 0b111, 0b100, 0b111],
        '3' => [0b111, 0b001, 0b111, 0b001, 0b111],
        '4' => [0b101, 0b101, 0b111, 0b001, 0b001],
        '5' => [0b111, 0b100, 0b111, 0b001, 0b111],
        '6' => [0b111, 0b100, 0b111, 0b101, 0b111],
        '7' => [0b111, 0b001, 0b001, 0b010, 0b010],
        '8' => [0b111, 0b101, 0b111, 0b101, 0b111],
        '9' => [0b111, 0b101, 0b111, 0b001, 0b111],
        '-' => [0b000, 0b000, 0b111, 0b000, 0b000],
        '.' => [0b000, 0b000, 0b000, 0b000, 0b010],
        'e' => [0b010, 0b101, 0b111, 0b100, 0b011],
        _ => [0; 5],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_characters_look_alike() {
        let patterns: Vec<_> = "0123456789.-e ".chars().map(pattern).collect();
        for (i, one) in patterns.iter().enumerate() {
            assert!(!patterns[i + 1..].contains(one), "character {i}");
        }
    }

    #[test]
    fn text_at_the_edge_is_cut() {
        let mut picture = Picture::plain(ADVANCE, HEIGHT, [0; 3]);
        draw(&mut picture, [0, 0], "1888", [255; 3]);
        assert_eq!(picture.at(2, 0), [255; 3]);
        assert_eq!(picture.at(0, 0), [0; 3]);
    }
}
