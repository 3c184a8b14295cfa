//! Images in memory.

use burn_dataset::Dataset;

use crate::{DataError, Image, ImageShape};

/// Images of one shape, a byte a value, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSet {
    shape: ImageShape,
    pixels: Vec<u8>,
    labels: Option<Vec<u32>>,
    classes: Vec<String>,
}

impl ImageSet {
    /// `pixels` holds the images one after the other; there are as many `labels`, or none.
    ///
    /// # Panics
    /// Unless `pixels` holds whole images, at least one, and the labels are as many and each below `classes.len()`.
    pub fn new(shape: ImageShape, pixels: Vec<u8>, labels: Option<Vec<u32>>, classes: Vec<String>) -> Self {
        let dim = shape.dim();
        assert!(
            0 < dim && !pixels.is_empty() && pixels.len().is_multiple_of(dim),
            "{} bytes of {shape}",
            pixels.len()
        );
        if let Some(labels) = &labels {
            assert_eq!(labels.len(), pixels.len() / dim, "labels and images");
            assert!(labels.iter().all(|&label| (label as usize) < classes.len()), "a label without a class");
        }
        Self { shape, pixels, labels, classes }
    }

    /// The shape of every image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The names of the classes, in the order of their labels; empty without labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The bytes of image `index`, channel by channel, row by row.
    ///
    /// # Panics
    /// Unless `index` is below the number of images.
    pub fn pixels(&self, index: usize) -> &[u8] {
        let dim = self.shape.dim();
        &self.pixels[index * dim..(index + 1) * dim]
    }
}

impl Dataset<Image, DataError> for ImageSet {
    fn get(&self, index: usize) -> Result<Image, DataError> {
        let label = self.labels.as_ref().map(|labels| labels[index]);
        Ok(Image { pixels: self.pixels(index).to_vec(), label })
    }

    fn len(&self) -> usize {
        self.pixels.len() / self.shape.dim()
    }
}
