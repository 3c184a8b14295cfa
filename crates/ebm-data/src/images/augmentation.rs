//! Images flipped and shifted at random as training sees them.

use ebm_ops::{Noise, OutOfRange};

use crate::{DataError, DataSpec, ImageShape};

/// Uniform numbers that a row takes: for the flip, for the rows and for the columns of the shift.
const DRAWS: usize = 3;

/// What is done to the images of a batch for training, each with random numbers of its own.
///
/// A flip mirrors an image left to right with probability ½. A shift moves it by whole pixels, uniform from −`shift` to
/// `shift` in each direction, and fills the edge by reflection: pixel −1 is pixel 1.
/// Both are applied to bytes, before noise is added to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augmentation {
    flip: bool,
    shift: usize,
}

impl Augmentation {
    /// Flips, and shifts by up to so many pixels, of images of this shape.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless the shift is less than both sides.
    pub fn new(flip: bool, shift: usize, shape: ImageShape) -> Result<Self, DataError> {
        let side = shape.height.min(shape.width);
        if side <= shift && 0 < shift {
            let expected = format!("less than the sides of the images, {}×{}", shape.height, shape.width);
            return Err(OutOfRange::new("data.shift", shift, expected).into());
        }
        Ok(Self { flip, shift })
    }

    /// What a configuration asks for, of images of this shape or of points.
    ///
    /// # Errors
    /// As [`new`](Self::new), or if something is asked for that points do not have.
    pub fn of(spec: &DataSpec, shape: Option<ImageShape>) -> Result<Self, DataError> {
        let (flip, shift) = (spec.flip.unwrap_or(false), spec.shift.unwrap_or(0));
        if let Some(shape) = shape {
            return Self::new(flip, shift, shape);
        }
        for (key, is_given) in [("flip", spec.flip.is_some()), ("shift", spec.shift.is_some())] {
            if is_given {
                let name = spec.dataset.name();
                return Err(DataError::Spec(format!("data.{key} is for images; the dataset is {name:?}")));
            }
        }
        Ok(Self::default())
    }

    /// Whether images stay as they are.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// `images`, the bytes of each, changed; image `i` by draws `3i` to `3i + 2` of `noise`.
    pub(crate) fn apply<'a>(
        self,
        images: impl ExactSizeIterator<Item = &'a mut Vec<u8>>,
        shape: ImageShape,
        noise: &mut Noise,
    ) {
        let draws = noise.uniforms(DRAWS * images.len());
        for (image, draws) in images.zip(draws.chunks_exact(DRAWS)) {
            let flip = self.flip && draws[0] < 0.5;
            let [down, right] = [draws[1], draws[2]].map(|u| self.shifted_by(u));
            if flip || down != 0 || right != 0 {
                *image = moved(image, shape, flip, [down, right]);
            }
        }
    }

    fn shifted_by(self, u: f32) -> isize {
        let places = 2 * self.shift + 1;
        // The product may be rounded up to the number of places.
        let place = ((f64::from(u) * places as f64) as usize).min(places - 1);
        place as isize - self.shift as isize
    }
}

/// The image mirrored, if it is to be, and then moved down and to the right.
fn moved(image: &[u8], shape: ImageShape, flip: bool, [down, right]: [isize; 2]) -> Vec<u8> {
    let ImageShape { height, width, .. } = shape;
    let columns: Vec<usize> = (0..width)
        .map(|x| reflected(x as isize - right, width))
        .map(|x| if flip { width - 1 - x } else { x })
        .collect();
    let mut pixels = Vec::with_capacity(image.len());
    for plane in image.chunks_exact(height * width) {
        for y in 0..height {
            let row = &plane[reflected(y as isize - down, height) * width..][..width];
            pixels.extend(columns.iter().map(|&x| row[x]));
        }
    }
    pixels
}

/// The place in 0 to `side` − 1 at the reflection of `at`, which is less than `side` beyond either end.
fn reflected(at: isize, side: usize) -> usize {
    let last = side as isize - 1;
    let at = at.abs();
    (if last < at { 2 * last - at } else { at }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 2, height: 3, width: 4 };

    fn image() -> Vec<u8> {
        (0..24).collect()
    }

    #[test]
    fn a_shift_reflects_at_the_edge_and_a_flip_mirrors_every_row() {
        assert_eq!(moved(&image(), SHAPE, false, [0, 0]), image());
        let flipped = moved(&image(), SHAPE, true, [0, 0]);
        assert_eq!(flipped[..8], [3, 2, 1, 0, 7, 6, 5, 4]);
        assert_eq!(moved(&flipped, SHAPE, true, [0, 0]), image());
        let right = moved(&image(), SHAPE, false, [0, 2]);
        assert_eq!(right[..4], [2, 1, 0, 1]);
        let left = moved(&image(), SHAPE, false, [0, -1]);
        assert_eq!(left[..4], [1, 2, 3, 2]);
        let down = moved(&image(), SHAPE, false, [1, 0]);
        assert_eq!(down[..12], [4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(down[12..16], [16, 17, 18, 19], "each channel on its own");
    }

    #[test]
    fn flips_are_every_second_and_shifts_are_uniform() {
        let augmentation = Augmentation::new(true, 1, SHAPE).unwrap();
        let n = 9000;
        let mut images = vec![image(); n];
        augmentation.apply(images.iter_mut(), SHAPE, &mut Noise::seeded(1));
        let mut counts = std::collections::BTreeMap::new();
        images.into_iter().for_each(|image| *counts.entry(image).or_insert(0.0) += 1.0);
        let expected = n as f64 / 18.0;
        assert_eq!(counts.len(), 18, "2 × 3 × 3 outcomes");
        let chi_square: f64 = counts.values().map(|count: &f64| (count - expected).powi(2) / expected).sum();
        assert!(chi_square < 53.0, "{chi_square}"); // P = 1.5e-5 with 17 degrees of freedom
    }

    #[test]
    fn an_image_is_changed_alike_in_any_batch() {
        let augmentation = Augmentation::new(true, 2, SHAPE).unwrap();
        let changed = |n: usize| {
            let mut images = vec![image(); n];
            augmentation.apply(images.iter_mut(), SHAPE, &mut Noise::seeded(2));
            images
        };
        assert_eq!(changed(30)[..7], changed(7));
    }

    #[test]
    fn a_shift_beyond_the_image_and_a_flip_of_points_are_refused() {
        let error = Augmentation::new(false, 3, SHAPE).unwrap_err().to_string();
        assert_eq!(error, "data.shift: expected less than the sides of the images, 3×4, found 3");
        let mut spec = DataSpec::new(crate::DatasetName::Table, None);
        assert!(Augmentation::of(&spec, None).unwrap().is_none());
        spec.flip = Some(true);
        let error = Augmentation::of(&spec, None).unwrap_err().to_string();
        assert_eq!(error, "data.flip is for images; the dataset is \"table\"");
    }
}
