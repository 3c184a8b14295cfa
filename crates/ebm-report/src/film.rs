//! Pictures one after another, as an animated GIF.

use std::io::Write;

use gif::{Encoder, Frame, Repeat};

use crate::{Picture, ReportError};

/// A film of pictures of one size that repeats for ever, with a rest on the last picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Film {
    pictures: Vec<Picture>,
}

impl Film {
    /// Each picture but the last is shown for this many hundredths of a second: 12 pictures a second.
    pub const DELAY: u16 = 8;
    /// The last picture is shown for two seconds.
    pub const REST: u16 = 200;

    /// Adds a picture at the end.
    ///
    /// # Errors
    /// If its size differs from the first's, or exceeds the 65,535 pixels of the format.
    pub fn push(&mut self, picture: Picture) -> Result<(), ReportError> {
        let size = |p: &Picture| [p.width(), p.height()];
        let (found, first) = (size(&picture), size(self.pictures.first().unwrap_or(&picture)));
        if found != first {
            return Err(ReportError::Layout(format!("a picture of {found:?} pixels in a film of {first:?}")));
        }
        sides(&picture)?;
        self.pictures.push(picture);
        Ok(())
    }

    /// Writes the film to `out`; colours are exact in a picture of at most 256 of them, else approximated by 256.
    ///
    /// # Errors
    /// If there is no picture, or `out` cannot be written.
    pub fn encode(&self, out: &mut dyn Write) -> Result<(), ReportError> {
        let Some((last, rest)) = self.pictures.split_last() else {
            return Err(ReportError::Layout("a film without pictures".into()));
        };
        let [width, height] = sides(last)?;
        let mut encoder = Encoder::new(out, width, height, &[])?;
        encoder.set_repeat(Repeat::Infinite)?;
        let timed = rest.iter().map(|picture| (picture, Self::DELAY)).chain([(last, Self::REST)]);
        for (picture, delay) in timed {
            let mut frame = Frame::from_rgb_speed(width, height, picture.rgb(), 10);
            frame.delay = delay;
            encoder.write_frame(&frame)?;
        }
        encoder.into_inner()?.flush()?;
        Ok(())
    }
}

/// Width and height as the format stores them.
fn sides(picture: &Picture) -> Result<[u16; 2], ReportError> {
    let (width, height) = (picture.width(), picture.height());
    match (u16::try_from(width), u16::try_from(height)) {
        (Ok(width), Ok(height)) => Ok([width, height]),
        _ => Err(ReportError::Layout(format!("a film of {width} x {height} pixels is too large"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greys(seed: u8) -> Picture {
        let mut picture = Picture::plain(16, 17, [0; 3]);
        for i in 0..=255u8 {
            picture.set(usize::from(i) % 16, usize::from(i) / 16, [i.wrapping_add(seed); 3]);
        }
        picture
    }

    fn film() -> Film {
        let mut film = Film::default();
        for seed in [0, 5, 90] {
            film.push(greys(seed)).unwrap();
        }
        film
    }

    #[test]
    fn frames_come_back_in_order_exact_in_256_greys_with_a_rest_on_the_last() {
        let mut file = Vec::new();
        film().encode(&mut file).unwrap();

        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(file.as_slice()).unwrap();
        assert_eq!(decoder.repeat(), Repeat::Infinite);
        for (seed, delay) in [(0, Film::DELAY), (5, Film::DELAY), (90, Film::REST)] {
            let frame = decoder.read_next_frame().unwrap().unwrap();
            let rgb: Vec<u8> = frame.buffer.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
            assert_eq!(rgb, greys(seed).rgb());
            assert_eq!(frame.delay, delay);
        }
        assert!(decoder.read_next_frame().unwrap().is_none());
    }

    #[test]
    fn the_same_film_has_the_same_bytes() {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        film().encode(&mut one).unwrap();
        film().encode(&mut two).unwrap();
        assert_eq!(one, two);
    }

    #[test]
    fn a_picture_of_another_size_and_an_empty_film_are_refused() {
        assert!(film().push(Picture::plain(17, 16, [0; 3])).is_err());
        assert!(Film::default().push(Picture::plain(65_536, 1, [0; 3])).is_err());
        assert!(Film::default().encode(&mut Vec::new()).is_err());
    }
}
