//! Numbers as colours, and what the colours mean.

use crate::{Colour, Picture};

/// From nothing to the most, as light as it is much: black, violet, red, orange, pale yellow.
const HEAT: [Colour; 5] = [[0, 0, 0], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

/// From the most below zero to the most above: blue, white, red.
const AROUND_ZERO: [Colour; 5] = [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]];

/// Of what is not a number.
const NOT_A_NUMBER: Colour = [0, 255, 0];

/// Colours of numbers up to a largest one, by the square root of their size, so that small ones are seen beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ColourScale {
    most: f32,
    unit: String,
    has_signs: bool,
}

impl ColourScale {
    /// Numbers from 0, black, to `most`, pale yellow; what lies outside has the colour of the end.
    pub fn up_to(most: f32, unit: impl Into<String>) -> Self {
        Self { most, unit: unit.into(), has_signs: false }
    }

    /// Numbers from −`most`, blue, over 0, white, to `most`, red.
    pub fn around_zero(most: f32, unit: impl Into<String>) -> Self {
        Self { most, unit: unit.into(), has_signs: true }
    }

    /// The colour of a number.
    pub fn colour(&self, value: f32) -> Colour {
        if value.is_nan() {
            return NOT_A_NUMBER;
        }
        let share = if self.most <= 0.0 { 0.0 } else { (value / self.most).clamp(-1.0, 1.0) };
        let root = share.abs().sqrt().copysign(share);
        match self.has_signs {
            true => between(&AROUND_ZERO, 0.5 + 0.5 * root),
            false => between(&HEAT, root.max(0.0)),
        }
    }

    /// The numbers `map`, `[height, width]`, as a picture.
    ///
    /// # Panics
    /// If `map` has another length.
    pub fn picture(&self, map: &[f32], [height, width]: [usize; 2]) -> Picture {
        assert_eq!(map.len(), height * width, "{height} x {width} numbers");
        Picture::new(width, height, map.iter().flat_map(|&value| self.colour(value)).collect())
    }

    /// The colour at a share from 0 to 1 of the scale's length.
    pub(super) fn along(&self, share: f32) -> Colour {
        between(if self.has_signs { &AROUND_ZERO } else { &HEAT }, share)
    }

    /// What is written below its beginning, its middle and its end.
    pub(super) fn ticks(&self) -> [String; 3] {
        let end = format!("{} {}", short(self.most), self.unit);
        match self.has_signs {
            true => [format!("−{}", short(self.most)), "0".into(), end],
            // The middle of the length is a quarter of the number.
            false => ["0".into(), short(0.25 * self.most), end],
        }
    }
}

/// The colour at a share from 0 to 1 of the way along `colours`.
fn between(colours: &[Colour; 5], share: f32) -> Colour {
    let place = share.clamp(0.0, 1.0) * 4.0;
    let first = (place as usize).min(3);
    let part = place - first as f32;
    let [below, above] = [colours[first], colours[first + 1]];
    std::array::from_fn(|c| (f32::from(below[c]) * (1.0 - part) + f32::from(above[c]) * part).round() as u8)
}

/// A number of three digits.
pub(super) fn short(value: f32) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e4).contains(&size) => format!("{value:.1e}"),
        size if size < 1.0 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_from_one_end_to_the_other_and_no_further() {
        let heat = ColourScale::up_to(4.0, "nats");
        assert_eq!([heat.colour(-1.0), heat.colour(0.0)], [HEAT[0]; 2]);
        assert_eq!([heat.colour(4.0), heat.colour(f32::INFINITY)], [HEAT[4]; 2]);
        // a quarter of the number is half of the way
        assert_eq!(heat.colour(1.0), HEAT[2]);
        assert_eq!(heat.colour(f32::NAN), NOT_A_NUMBER);
        let signed = ColourScale::around_zero(4.0, "nats");
        assert_eq!(
            [signed.colour(-9.0), signed.colour(0.0), signed.colour(9.0)],
            [AROUND_ZERO[0], AROUND_ZERO[2], AROUND_ZERO[4]]
        );
        assert_eq!([signed.colour(-1.0), signed.colour(1.0)], [AROUND_ZERO[1], AROUND_ZERO[3]]);
        assert_eq!(ColourScale::up_to(0.0, "").colour(0.0), HEAT[0], "nothing but zeros");
    }

    #[test]
    fn ticks_say_what_is_at_the_beginning_the_middle_and_the_end() {
        assert_eq!(ColourScale::up_to(4.0, "nats").ticks(), ["0", "1.00", "4.00 nats"]);
        assert_eq!(ColourScale::around_zero(0.5, "nats").ticks(), ["−0.500", "0", "0.500 nats"]);
        assert_eq!(
            [short(12.34), short(1234.6), short(2e5), short(1e-5)],
            ["12.3", "1235", "2.0e5", "1.0e-5"]
        );
    }
}
