//! Images on the disk that are read as they are wanted.

use std::path::PathBuf;

use burn_dataset::Dataset;

use super::held_out::Divided;
use crate::data::Data;
use crate::files::pixels::PixelFile;
use crate::{DataError, Image};

/// Images whose decoded bytes are in a file.
#[derive(Debug)]
pub(crate) struct CachedImages {
    pixels: PixelFile,
    /// The images of the file that are in the set, in order; all if there is no list.
    kept: Option<Vec<usize>>,
    labels: Option<Vec<u32>>,
    classes: Vec<String>,
    notes: Vec<String>,
    files: Vec<PathBuf>,
    /// What tells them from others without reading them all, if they are many.
    source: Option<String>,
}

impl CachedImages {
    /// The images in a file, with the label of each, if there are any, and the file that each was decoded from.
    pub(crate) fn new(
        pixels: PixelFile,
        labels: Option<Vec<u32>>,
        classes: Vec<String>,
        files: Vec<PathBuf>,
    ) -> Self {
        let notes = pixels.about.notes.clone();
        Self { pixels, kept: None, labels, classes, notes, files, source: None }
    }

    /// The images with what tells them from others, if they are many.
    pub(crate) fn read_from(self, source: Option<String>) -> Self {
        Self { source, ..self }
    }

    /// The images with notes of what was left out, a sentence each.
    pub(crate) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }
}

impl Divided for CachedImages {
    fn n_images(&self) -> usize {
        self.kept.as_ref().map_or(self.pixels.about.n, Vec::len)
    }

    fn noted(self, note: String) -> Self {
        self.with_notes(vec![note])
    }

    fn chosen(self, is_kept: &[bool], note: String) -> Self {
        let places: Vec<usize> = (0..self.n_images()).filter(|&i| is_kept[i]).collect();
        let labels = self.labels.as_ref().map(|labels| places.iter().map(|&i| labels[i]).collect());
        let files = places.iter().filter_map(|&i| self.files.get(i).cloned()).collect();
        let source = self.source.as_ref().map(|source| format!("{source}, {} of them", places.len()));
        let kept = places.into_iter().map(|i| self.kept.as_ref().map_or(i, |kept| kept[i])).collect();
        Self { kept: Some(kept), labels, files, source, ..self }.with_notes(vec![note])
    }
}

impl Dataset<Image, DataError> for CachedImages {
    fn get(&self, index: usize) -> Result<Image, DataError> {
        let place = self.kept.as_ref().map_or(index, |kept| kept[index]);
        assert!(place < self.pixels.about.n, "image {index} of {}", self.n_images());
        let label = self.labels.as_ref().map(|labels| labels[index]);
        Ok(Image { pixels: self.pixels.read(place)?, label })
    }

    fn len(&self) -> usize {
        self.n_images()
    }
}

impl From<CachedImages> for Data {
    fn from(set: CachedImages) -> Self {
        let mut counts = vec![0; set.classes.len()];
        set.labels.iter().flatten().for_each(|&label| counts[label as usize] += 1);
        let (notes, files, source) = (set.notes.clone(), set.files.clone(), set.source.clone());
        let images = Self::images(set.pixels.about.shape, set.classes.clone(), set);
        let images = images.with_counts(counts).with_notes(notes).with_files(files);
        match source {
            Some(source) => images.read_from(source),
            None => images,
        }
    }
}
