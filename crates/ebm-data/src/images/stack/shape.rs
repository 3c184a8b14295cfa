//! Which dimension of an array is what.

use std::path::Path;

use super::levels::Levels;
use crate::files::npy::Array;
use crate::files::picture::over;
use crate::images::image_set::ImageSet;
use crate::images::preparation::{MAX_VALUES, Preparation, planes};
use crate::{DataError, ImageShape};

const EXPECTED: &str = "[n, height, width], [n, height, width, channels] or [n, channels, height, width] with 1, 3 or 4 channels";

/// The shape of an array of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StackShape {
    n: usize,
    height: usize,
    width: usize,
    /// 1, 3, or 4 with alpha.
    channels: usize,
    channels_last: bool,
    /// Whether the channels could be the first as well as the last.
    ambiguous: bool,
}

impl StackShape {
    /// # Errors
    /// If an array of this shape is not of images, or an image has more than 2²⁴ values.
    pub(super) fn of(shape: &[u64], file: &Path) -> Result<Self, DataError> {
        let text = shown(shape);
        let unsupported =
            |found: String| DataError::Unsupported { file: file.into(), found, expected: EXPECTED };
        let is_channels = |n: u64| [1, 3, 4].contains(&n);
        let (n, [height, width], channels, last, ambiguous) = match *shape {
            [height, width, 3 | 4] => {
                let stack = format!("(1, {height}, {width}, {})", shape[2]);
                let problem = format!(
                    "an array of {text}, which is one image in colour or {height} grey ones of {width}×{}: save it as \
                     {stack} or {}",
                    shape[2],
                    shown(&[height, width, shape[2], 1]),
                );
                return Err(unsupported(problem));
            }
            [n, height, width] => (n, [height, width], 1, true, false),
            [n, a, b, c] => match (is_channels(c), is_channels(a)) {
                // Where both could be, images are more often square.
                (true, true) if a != b && b == c => (n, [b, c], a, false, true),
                (true, first) => (n, [a, b], c, true, first),
                (false, true) => (n, [b, c], a, false, false),
                (false, false) => return Err(unsupported(format!("an array of {text}"))),
            },
            _ => return Err(unsupported(format!("an array of {text}"))),
        };
        if shape.contains(&0) {
            return Err(DataError::Empty { path: file.into(), expected: "images" });
        }
        let dim = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(channels));
        if dim.is_none_or(|dim| MAX_VALUES as u64 * 4 / 3 < dim) {
            let problem = format!("images of {height}×{width}, expected at most {MAX_VALUES} values in each");
            return Err(DataError::malformed(file, problem));
        }
        let [n, height, width, channels] = [n, height, width, channels].map(|side| side as usize);
        Ok(Self { n, height, width, channels, channels_last: last, ambiguous })
    }

    /// Whether an array of this shape may be of images.
    pub(super) fn is_possible(shape: &[u64]) -> bool {
        Self::of(shape, Path::new("")).is_ok()
    }

    /// The images, channel by channel, and what was made of the numbers.
    pub(super) fn images(
        self,
        array: Array,
        file: &Path,
        wanted: &Preparation,
    ) -> Result<ImageSet, DataError> {
        let Self { height, width, channels, channels_last, ambiguous, n } = self;
        let levels = Levels::of(&array, file)?;
        let bytes = array.map(|value| levels.byte(value));
        drop(array);
        let mut notes: Vec<String> = levels.note().into_iter().collect();
        if ambiguous {
            let place = if channels_last { "last" } else { "second" };
            notes.push(format!("the {place} dimension taken for the channels"));
        }
        let pixels = height * width;
        let (mut transparent, mut kept) = (0, Vec::with_capacity(n * pixels * channels.min(3)));
        for image in bytes.chunks_exact(pixels * channels) {
            let image = if channels_last && 1 < channels { planes(image, channels) } else { image.to_vec() };
            let Some(alpha) = (channels == 4).then(|| &image[3 * pixels..]) else {
                kept.extend(image);
                continue;
            };
            transparent += usize::from(alpha.iter().any(|&alpha| alpha < 255));
            for (plane, below) in image.chunks_exact(pixels).zip(wanted.background.0) {
                kept.extend(plane.iter().zip(alpha).map(|(&level, &alpha)| over(level, below, alpha)));
            }
        }
        if 0 < transparent {
            notes.push(format!("{transparent} of them transparent, laid over {}", wanted.background));
        }
        let shape = ImageShape { channels: channels.min(3), height, width };
        Ok(ImageSet::new(shape, kept, None, Vec::new()).with_notes(notes).prepared(wanted))
    }
}

/// A shape as Python writes it.
pub(super) fn shown(shape: &[u64]) -> String {
    match shape {
        [n] => format!("({n},)"),
        _ => format!("({})", shape.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_found_before_and_after_the_sides() {
        let of = |shape: &[u64]| {
            let shape = StackShape::of(shape, Path::new("x.npy")).unwrap();
            (shape.channels, [shape.height, shape.width], shape.channels_last, shape.ambiguous)
        };
        assert_eq!(of(&[48, 12, 13]), (1, [12, 13], true, false));
        assert_eq!(of(&[48, 12, 13, 3]), (3, [12, 13], true, false));
        assert_eq!(of(&[48, 3, 12, 13]), (3, [12, 13], false, false));
        assert_eq!(of(&[48, 1, 12, 13]), (1, [12, 13], false, false));
        assert_eq!(of(&[48, 12, 13, 4]), (4, [12, 13], true, false));
        assert_eq!(of(&[48, 1, 3, 3]), (1, [3, 3], false, true));
        assert_eq!(of(&[48, 4, 4, 3]), (3, [4, 4], true, true));
        assert_eq!(of(&[48, 1, 1, 1]), (1, [1, 1], true, true));
    }

    #[test]
    fn other_shapes_are_refused_by_their_numbers() {
        let error = |shape: &[u64]| StackShape::of(shape, Path::new("x.npy")).unwrap_err().to_string();
        assert!(error(&[4, 5]).contains("(4, 5)"));
        assert!(error(&[4, 5, 6, 7]).contains("(4, 5, 6, 7)"));
        assert!(error(&[1, 2, 3, 4, 5]).contains("(1, 2, 3, 4, 5)"));
        assert!(error(&[64, 64, 3]).contains("save it as (1, 64, 64, 3)"));
        assert!(error(&[0, 8, 8]).contains("no images"));
        assert!(error(&[1, 20_000, 20_000]).contains("20000×20000"));
        assert!(error(&[1, u64::MAX, u64::MAX]).contains("at most"));
    }
}
