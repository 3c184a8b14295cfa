//! Images in memory.

use std::path::PathBuf;

use burn_dataset::Dataset;
use rayon::prelude::*;

use super::held_out::Divided;
use super::preparation::Preparation;
use crate::data::Data;
use crate::{DataError, Image, ImageShape};

/// Images of one shape in memory, one byte for each value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSet {
    shape: ImageShape,
    pixels: Vec<u8>,
    labels: Option<Vec<u32>>,
    classes: Vec<String>,
    notes: Vec<String>,
    files: Vec<PathBuf>,
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
        Self { shape, pixels, labels, classes, notes: Vec::new(), files: Vec::new() }
    }

    /// The images with notes of what was left out or changed, a sentence each.
    pub(crate) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// The images with the file of each, or none.
    pub(crate) fn with_files(self, files: Vec<PathBuf>) -> Self {
        Self { files, ..self }
    }

    /// The images with their labels, each below the number of classes and one for each image.
    pub(crate) fn with_labels(self, labels: Vec<u32>, classes: Vec<String>) -> Self {
        let Self { shape, pixels, notes, files, .. } = self;
        Self { notes, files, ..Self::new(shape, pixels, Some(labels), classes) }
    }

    /// The images as they are wanted.
    pub(crate) fn prepared(mut self, wanted: &Preparation) -> Self {
        let ImageShape { channels, height, width } = self.shape;
        let recoloured = wanted.channels.is_some_and(|wanted| wanted != channels);
        if !recoloured && !wanted.changes([height, width]) {
            return self;
        }
        let dim = self.shape.dim();
        let images: Vec<_> =
            self.pixels.par_chunks(dim).map(|image| wanted.applied_to_planes(self.shape, image)).collect();
        let (shape, _) = images[0];
        self.notes.push(format!("{} brought to {shape}", self.shape));
        Self { shape, pixels: images.into_iter().flat_map(|(_, image)| image).collect(), ..self }
    }

    /// What was left out or changed, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
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

impl Divided for ImageSet {
    fn n_images(&self) -> usize {
        self.pixels.len() / self.shape.dim()
    }

    fn noted(self, note: String) -> Self {
        self.with_notes(vec![note])
    }

    /// # Panics
    /// Unless there is one for each image, and at least one is true.
    fn chosen(self, is_kept: &[bool], note: String) -> Self {
        assert_eq!(is_kept.len(), self.n_images(), "a choice for each image");
        let dim = self.shape.dim();
        let of = |i: &usize| is_kept[*i];
        let kept: Vec<usize> = (0..is_kept.len()).filter(of).collect();
        let labels = self.labels.as_ref().map(|labels| kept.iter().map(|&i| labels[i]).collect());
        let files = kept.iter().filter_map(|&i| self.files.get(i).cloned()).collect();
        let pixels = kept.iter().flat_map(|&i| &self.pixels[i * dim..(i + 1) * dim]).copied().collect();
        let set = Self::new(self.shape, pixels, labels, self.classes).with_files(files);
        set.with_notes(self.notes).with_notes(vec![note])
    }
}

impl From<ImageSet> for Data {
    fn from(set: ImageSet) -> Self {
        let (counts, notes, files) = (set.counts(), set.notes.clone(), set.files.clone());
        let images = Self::images(set.shape(), set.classes().to_vec(), set);
        images.with_counts(counts).with_notes(notes).with_files(files)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_chosen_with_their_labels_and_files() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let files = ["a", "b", "c"].map(PathBuf::from).to_vec();
        let classes = vec!["x".into(), "y".into()];
        let set =
            ImageSet::new(shape, vec![1, 2, 3, 4, 5, 6], Some(vec![0, 1, 1]), classes).with_files(files);
        let chosen = set.chosen(&[true, false, true], "two of three".into());
        assert_eq!((chosen.len(), chosen.pixels(1)), (2, &[5, 6][..]));
        assert_eq!((chosen.counts(), &chosen.files[1]), (vec![1, 1], &PathBuf::from("c")));
        assert_eq!(chosen.notes(), ["two of three"]);
    }
}
