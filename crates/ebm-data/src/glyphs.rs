//! Handwritten digits, generated.

mod forms;
mod hand;
mod pen;

use burn_dataset::Dataset;
use ebm_ops::Noise;
use rayon::prelude::*;

use crate::data::{Data, ENDLESS};
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, Image, ImageShape, ItemShape};
use hand::Hand;

/// An endless set of generated digits in the format of MNIST: 1×28×28, white on black, ten classes.
///
/// Each digit is drawn with strokes of a pen.
/// Its form is one of several in use, such as a seven with or without a bar. The points of the form are displaced at
/// random, the digit is stretched, slanted and rotated, and the width of the line varies.
/// As in MNIST, the digit's longer side is about 20 pixels and its centre of mass is near the centre of the image.
///
/// Glyph `i` and its label are a pure function of the seed and `i`.
#[derive(Clone, Debug)]
pub struct Glyphs {
    noise: Noise,
}

impl Glyphs {
    /// The glyphs of one stream of noise, whatever has been drawn from it.
    pub fn new(noise: &Noise) -> Self {
        Self { noise: noise.derive("glyphs") }
    }

    /// The shape of every glyph.
    pub fn shape() -> ImageShape {
        ImageShape { channels: 1, height: pen::SIDE, width: pen::SIDE }
    }

    /// Glyph number `index`.
    pub fn glyph(&self, index: u64) -> Image {
        let digit = self.noise.child(index).indices(1, 10)[0];
        Image { pixels: self.draw(digit, index), label: Some(digit as u32) }
    }

    /// The digit `digit` as glyph `index` would draw it.
    ///
    /// # Panics
    /// Unless `digit` is below ten.
    pub fn draw(&self, digit: usize, index: u64) -> Vec<u8> {
        assert!(digit < 10, "expected a digit, found {digit}");
        let mut noise = self.noise.child(index).derive("hand");
        let form = forms::choose(digit, noise.uniforms(1)[0]);
        let hand = Hand::draw(&mut noise);
        pen::render(&hand.write(form.strokes), &hand)
    }
}

impl Data {
    /// Generated digits, endless.
    pub fn glyphs(noise: &Noise) -> Self {
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        Self::images(Glyphs::shape(), classes, Glyphs::new(noise))
    }
}

/// The dataset `glyphs`.
pub(crate) struct ByName;

impl NamedDataset for ByName {
    fn about(&self) -> &'static str {
        "generated handwritten digits, endless, images of 1×28×28"
    }

    fn item_shape(&self) -> Option<ItemShape> {
        Some(ItemShape::Image(Glyphs::shape()))
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        Ok(Data::glyphs(&options.stream()))
    }
}

impl Dataset<Image, DataError> for Glyphs {
    fn get(&self, index: usize) -> Result<Image, DataError> {
        Ok(self.glyph(index as u64))
    }

    fn get_many(&self, indexes: Vec<usize>) -> Result<Vec<Image>, DataError> {
        Ok(indexes.into_par_iter().map(|index| self.glyph(index as u64)).collect())
    }

    /// [`ENDLESS`].
    fn len(&self) -> usize {
        ENDLESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyphs() -> Glyphs {
        Glyphs::new(&Noise::seeded(20))
    }

    #[test]
    fn a_glyph_depends_on_the_seed_and_its_index_only() {
        let together = glyphs().get_many((0..40).collect()).unwrap();
        for index in [39, 0, 17] {
            assert_eq!(glyphs().get(index).unwrap(), together[index]);
        }
        assert_ne!(together[0].pixels, together[1].pixels);
        assert_ne!(Glyphs::new(&Noise::seeded(21)).glyph(0).pixels, together[0].pixels);
    }

    #[test]
    fn the_ten_classes_are_equally_frequent() {
        let n = 4000;
        let mut counts = [0.0; 10];
        let glyphs = glyphs();
        (0..n).for_each(|i| counts[glyphs.glyph(i).label.unwrap() as usize] += 1.0);
        let standard_error = (n as f64 * 0.1 * 0.9).sqrt();
        assert!(counts.iter().all(|count: &f64| (count - 400.0).abs() < 5.0 * standard_error), "{counts:?}");
    }

    #[test]
    fn a_glyph_has_black_margins_a_white_pixel_and_its_mass_in_the_middle() {
        for index in 0..2000 {
            let image = glyphs().glyph(index);
            let at = |y: usize, x: usize| f64::from(image.pixels[y * 28 + x]);
            let cells = || (0..28).flat_map(|y| (0..28).map(move |x| (y, x)));
            let mass: f64 = cells().map(|(y, x)| at(y, x)).sum();
            let y = cells().map(|(y, x)| at(y, x) * (y as f64 + 0.5)).sum::<f64>() / mass;
            let x = cells().map(|(y, x)| at(y, x) * (x as f64 + 0.5)).sum::<f64>() / mass;
            assert!((y - 14.0).abs() < 3.0 && (x - 14.0).abs() < 3.0, "glyph {index}: centre {y}, {x}");
            assert_eq!(image.pixels.iter().max(), Some(&255), "glyph {index}");
            let share = mass / (255.0 * 784.0);
            assert!((0.03..0.35).contains(&share), "glyph {index}: {share} of the image is ink");
            let border: f64 = (0..28).map(|i| at(0, i) + at(27, i) + at(i, 0) + at(i, 27)).sum();
            assert_eq!(border, 0.0, "glyph {index} is cut");
        }
    }

    #[test]
    fn a_linear_classifier_is_right_often_but_not_always() {
        // Nearest mean of 100 glyphs of each class: about 0.8 on MNIST, 0.1 if labels and images were independent.
        let glyphs = glyphs();
        let means: Vec<Vec<f32>> = (0..10)
            .map(|digit| {
                let drawn: Vec<Vec<u8>> = (0..100).map(|i| glyphs.draw(digit, i)).collect();
                (0..784)
                    .map(|k| drawn.iter().map(|pixels| f32::from(pixels[k])).sum::<f32>() / 100.0)
                    .collect()
            })
            .collect();
        let right = (1000..2000).map(|i| glyphs.glyph(i)).filter(|image| {
            let distance = |mean: &[f32]| -> f32 {
                mean.iter().zip(&image.pixels).map(|(m, &p)| (m - f32::from(p)).powi(2)).sum()
            };
            let nearest =
                (0..10).min_by(|&a, &b| distance(&means[a]).total_cmp(&distance(&means[b]))).unwrap();
            image.label == Some(nearest as u32)
        });
        let share = right.count() as f64 / 1000.0;
        assert!((0.65..0.98).contains(&share), "{share}");
    }
}
