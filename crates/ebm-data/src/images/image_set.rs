//! Images in memory.

use burn_dataset::Dataset;

use crate::data::Data;
use crate::{DataError, Image, ImageShape};

/// Images of one shape in memory, one byte for each value.
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
    /// Unless `pixels` holds at least one image, all complete, and there are as many labels, each below
    /// `classes.len()`.
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

    /// The number of images of each class; empty without labels.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        self.labels.iter().flatten().for_each(|&label| counts[label as usize] += 1);
        counts
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

impl From<ImageSet> for Data {
    fn from(set: ImageSet) -> Self {
        let counts = set.counts();
        Self::images(set.shape(), set.classes().to_vec(), set).with_counts(counts)
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
