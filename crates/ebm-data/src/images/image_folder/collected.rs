//! Decoded images one after the other, and what was changed as they were decoded.

use std::path::{Path, PathBuf};

use super::walk::examples;
use crate::files::picture::Picture;
use crate::images::preparation::Preparation;
use crate::{DataError, Fit, ImageShape};

/// Most bytes of all images together, decoded.
const MAX_TOTAL: usize = 64 << 30;

/// Most images, and most bytes of them, that are decoded in parallel before they are collected.
const BLOCK: usize = 4096;
const BLOCK_BYTES: usize = 128 << 20;

/// Images one after the other, in colour from the first that is.
pub(super) struct Collected<'a> {
    root: &'a Path,
    pub(super) shape: ImageShape,
    pub(super) pixels: Vec<u8>,
    /// The files of images that had one channel, and how many there are.
    grey: usize,
    n: usize,
    turned: Vec<PathBuf>,
    deep: Vec<PathBuf>,
    bits: u16,
    transparent: Vec<PathBuf>,
    frames: Vec<PathBuf>,
    sized: usize,
    recoloured: usize,
}

impl<'a> Collected<'a> {
    pub(super) fn new(root: &'a Path, shape: ImageShape, n: usize) -> Self {
        // What is expected, unless it is beyond what one would allocate at once.
        let pixels = Vec::with_capacity(n.saturating_mul(shape.dim()).min(BLOCK_BYTES));
        Self {
            root,
            shape,
            pixels,
            grey: 0,
            n: 0,
            turned: Vec::new(),
            deep: Vec::new(),
            bits: 0,
            transparent: Vec::new(),
            frames: Vec::new(),
            sized: 0,
            recoloured: 0,
        }
    }

    pub(super) fn push(&mut self, file: &Path, picture: Picture) -> Result<(), DataError> {
        let Picture { shape, pixels, changes } = picture;
        let is_grey = shape.channels == 1;
        if self.shape.channels == 1 && !is_grey {
            let dim = self.shape.dim();
            self.pixels = self.pixels.chunks_exact(dim).flat_map(|plane| plane.repeat(3)).collect();
            self.shape.channels = shape.channels;
        }
        let pixels = if is_grey && self.shape.channels == 3 { pixels.repeat(3) } else { pixels };
        if MAX_TOTAL - pixels.len() < self.pixels.len() {
            let found = format!("more than {MAX_TOTAL} bytes of images");
            return Err(DataError::Unsupported { file: self.root.into(), found, expected: "fewer" });
        }
        self.pixels.extend(pixels);
        self.n += 1;
        self.grey += usize::from(is_grey);
        self.sized += usize::from(changes.sized);
        self.recoloured += usize::from(changes.recoloured);
        self.bits = self.bits.max(changes.bits.unwrap_or(0));
        for (is_so, files) in [
            (changes.turned, &mut self.turned),
            (changes.bits.is_some(), &mut self.deep),
            (changes.transparent, &mut self.transparent),
            (changes.frames, &mut self.frames),
        ] {
            if is_so {
                files.push(file.into());
            }
        }
        Ok(())
    }

    /// The bytes of the images since they were taken last.
    pub(super) fn taken(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pixels)
    }

    /// A sentence for each kind of change.
    pub(super) fn notes(&self, wanted: &Preparation) -> Vec<String> {
        let Self { shape: ImageShape { channels, height, width }, n, grey, .. } = *self;
        let of = |k: usize| if k == n { "all".to_string() } else { format!("{k} of them") };
        let mut notes = Vec::new();
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.into());
        let mut note = |files: &[PathBuf], text: String| {
            if !files.is_empty() {
                let example =
                    if files.len() == n { String::new() } else { format!(" ({})", examples(files, &root)) };
                notes.push(format!("{} {text}{example}", of(files.len())));
            }
        };
        note(&self.turned, "turned as their Exif orientation says".into());
        note(&self.deep, format!("of {} bits a channel, reduced to 8", self.bits));
        note(&self.transparent, format!("transparent, laid over {}", wanted.background));
        note(&self.frames, "of several frames or pages, the first read".into());
        if 0 < self.sized {
            let how = match wanted.fit {
                Fit::Crop => "scaled and cropped",
                Fit::Pad => "scaled and padded",
                Fit::Stretch => "stretched",
            };
            notes.push(format!("{} {how} to {height}×{width}", of(self.sized)));
        }
        if 0 < self.recoloured {
            let to = if channels == 1 { "grey" } else { "colour" };
            notes.push(format!("{} turned to {to}", of(self.recoloured)));
        }
        if 0 < grey && channels == 3 {
            notes.push(format!("{grey} of them grey, {} in colour: all read in colour", n - grey));
        }
        notes
    }
}

/// How many images of this shape are decoded at once.
pub(super) fn block_of(shape: ImageShape) -> usize {
    (BLOCK_BYTES / (3 * shape.height * shape.width)).clamp(1, BLOCK)
}
