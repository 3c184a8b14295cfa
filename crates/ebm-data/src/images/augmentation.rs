//! Images flipped, shifted and moved in the plane at random as training sees them.

use ebm_ops::{Noise, OutOfRange};

use crate::images::geometry::{PARAMETERS, move_images};
use crate::images::reflection::reflected;
use crate::{DataError, DataSpec, ImageShape};

/// Uniform numbers that a row takes: for the flip, for the rows and for the columns of the shift.
const DRAWS: usize = 3;

/// What is done to the images of a batch for training, each with random numbers of its own.
///
/// A flip mirrors an image left to right with probability ½. A shift moves it by whole pixels, uniform from −`shift` to
/// `shift` in each direction, and fills the edge by reflection: pixel −1 is pixel 1.
/// These images are what a model learns.
///
/// Those of EDM ([`non_leaking`](Self::non_leaking)) are more than a model shall draw: a network is told the parameters of
/// each row ([`Batch::augmentations`](crate::Batch)), and without any it is that of images to which nothing was done.
///
/// All are applied to bytes, before noise is added to them, and make bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augmentation {
    flip: bool,
    shift: usize,
    /// The probability of each of EDM's augmentations; 0 for none.
    probability: f64,
}

impl Augmentation {
    /// Parameters of the augmentations of EDM, which a network is told of each row.
    ///
    /// 1 if it is mirrored left to right and 1 if top to bottom, z of the scale, cos α − 1 and sin α of the turn, z cos β and
    /// z sin β of the stretch, z of the shift to the right and downwards: all zero if nothing was done.
    pub const PARAMETERS: usize = PARAMETERS;

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
        Ok(Self { flip, shift, probability: 0.0 })
    }

    /// The same with the augmentations of EDM after them, each with this probability; 0 for none of them.
    ///
    /// Each image is mirrored left to right with probability ½, and, each with this probability: mirrored top to bottom (in
    /// half of the cases), scaled by 2^(0.2 z), turned by an angle α uniform on ±π, stretched by 2^(0.2 z) in a direction β
    /// and by the inverse across it, and shifted by an eighth of the sides times z; z are standard normals of their own, and
    /// β is 0 in half of the cases and otherwise uniform. They are the parts of EDM's pipeline for CIFAR-10, in its order, as
    /// one affine map, by Keys' cubic between pixels and reflection beyond the edges; EDM has a wavelet's filter there.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless it is a probability.
    ///
    /// # Reference
    /// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative models*, §F.2.
    pub fn non_leaking(self, probability: f64) -> Result<Self, DataError> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(OutOfRange::new("data.augment", probability, "a probability, from 0 to 1").into());
        }
        Ok(Self { probability, ..self })
    }

    /// What a configuration asks for, of images of this shape or of points.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`non_leaking`](Self::non_leaking), or if something is asked for that points do not have.
    pub fn of(spec: &DataSpec, shape: Option<ImageShape>) -> Result<Self, DataError> {
        let (flip, shift) = (spec.flip.unwrap_or(false), spec.shift.unwrap_or(0));
        if let Some(shape) = shape {
            return Self::new(flip, shift, shape)?.non_leaking(spec.augment.unwrap_or(0.0));
        }
        let keys = [
            ("flip", spec.flip.is_some()),
            ("shift", spec.shift.is_some()),
            ("augment", spec.augment.is_some()),
        ];
        for (key, is_given) in keys {
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

    /// `images`, the bytes of each, flipped and shifted; image `i` by draws `3i` to `3i + 2` of `noise`.
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

    /// `images`, the bytes of each, changed by the augmentations of EDM, with the parameters of each, row after row; `None`
    /// without these augmentations. They have a stream of their own, below that of `noise`.
    pub(crate) fn apply_non_leaking<'a>(
        self,
        images: impl ExactSizeIterator<Item = &'a mut Vec<u8>>,
        shape: ImageShape,
        noise: &Noise,
    ) -> Option<Vec<f32>> {
        let move_images = || move_images(self.probability, images, shape, &mut noise.derive("geometry"));
        (0.0 < self.probability).then(move_images)
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
        spec = DataSpec { flip: None, augment: Some(0.1), ..spec };
        let error = Augmentation::of(&spec, None).unwrap_err().to_string();
        assert_eq!(error, "data.augment is for images; the dataset is \"table\"");
    }

    #[test]
    fn the_augmentations_of_edm_are_after_flips_and_shifts_and_of_a_probability() {
        let plain = Augmentation::new(true, 1, SHAPE).unwrap();
        assert_eq!(plain.non_leaking(0.0).unwrap(), plain);
        for wrong in [-0.1, 1.5, f64::NAN] {
            let error = plain.non_leaking(wrong).unwrap_err().to_string();
            assert_eq!(error, format!("data.augment: expected a probability, from 0 to 1, found {wrong}"));
        }
        let noise = Noise::seeded(3);
        let both = plain.non_leaking(0.5).unwrap();
        let (mut images, mut expected) = (vec![image(); 20], vec![image(); 20]);
        both.apply(images.iter_mut(), SHAPE, &mut noise.clone());
        plain.apply(expected.iter_mut(), SHAPE, &mut noise.clone());
        assert_eq!(images, expected, "flips and shifts are what they were");
        assert_eq!(plain.apply_non_leaking(images.iter_mut(), SHAPE, &noise), None);
        assert_eq!(images, expected);
        let parameters = both.apply_non_leaking(images.iter_mut(), SHAPE, &noise).unwrap();
        assert_eq!(parameters.len(), 20 * Augmentation::PARAMETERS);
        assert_ne!(images, expected);
    }
}
