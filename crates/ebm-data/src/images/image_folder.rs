//! Folders of images.

mod kept;
mod layout;
mod listing;
mod opened;
mod packed;
mod wanted;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::held_out::part;
use super::image_set::ImageSet;
use super::preparation::Preparation;
use crate::data::Data;
use crate::files::archive::is_archive;
use crate::files::bytes;
use crate::files::picture::{ENDINGS, FORMATS, MAX_BYTES, Picture, picture};
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, DataSpec, ImageShape, Split};

pub(crate) use kept::hex;
use layout::{Layout, name};
use listing::{LeftOut, examples};
pub(crate) use wanted::spread;

/// Most bytes of all images together, decoded.
const MAX_TOTAL: usize = 64 << 30;

/// Most images, and most bytes of them, that are decoded in parallel before they are collected.
const BLOCK: usize = 4096;
const BLOCK_BYTES: usize = 128 << 20;

/// A folder of PNG, JPEG, WebP, BMP, TIFF and GIF images.
///
/// The images are directly in the folder, without labels, or in one folder for each class, named after it, and in
/// folders within that at any depth.
/// A folder `train` or `training` has those for training, and `test`, `val`, `valid`, `validation` or `dev` those that
/// are held out; of several, `test` is the one. Without such folders, all images are for training. These names may be
/// in upper case, and the parts may lie in a folder that is the only one in this.
/// Images are sorted by the name of their class, then by their own, bytewise.
///
/// Images must agree in their sides, unless the [`Preparation`] brings them to one size.
/// They are turned as their Exif orientation says, reduced to eight bits a channel, and laid over the background.
/// If some are grey and some in colour, all are read in colour.
///
/// The folder may be packed in a `.tar`, `.tar.gz` or `.tar.xz`, whose path then stands for it, or that of a folder with
/// nothing but the archive; archives with links are refused.
///
/// By name, a folder of images that need more than [`memory`](DataSpec::memory) megabytes is not read at once: images are
/// decoded as they are wanted.
///
/// Links are followed within the folder; one that leads out of it is refused by name, unless such links are to be
/// followed. Hidden files and files of other kinds are left out, and counted in a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    root: PathBuf,
    preparation: Preparation,
    follow_links: bool,
}

/// How many images of this shape are decoded at once.
fn block_of(shape: ImageShape) -> usize {
    (BLOCK_BYTES / (3 * shape.height * shape.width)).clamp(1, BLOCK)
}

impl ImageFolder {
    /// The folder at `root`, which is not read yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), preparation: Preparation::default(), follow_links: false }
    }

    /// The folder that a configuration describes.
    ///
    /// # Errors
    /// As [`Preparation::of`], or if there is no path.
    pub fn of(spec: &DataSpec) -> Result<Self, DataError> {
        let root = spec.path.clone();
        let text = "the dataset \"folder\" needs a path: `--data FOLDER`";
        let root = root.ok_or_else(|| DataError::Spec(text.into()))?;
        let follow_links = spec.follow_links.unwrap_or(false);
        Ok(Self { root, preparation: Preparation::of(spec)?, follow_links })
    }

    /// Reads one split, decoding in parallel.
    ///
    /// # Errors
    /// If there is no image or no such split, or if an image cannot be decoded or differs in its sides from the first;
    /// the first that fails is named.
    pub fn read(&self, split: Split) -> Result<ImageSet, DataError> {
        self.whole(self.list(split)?)
    }

    fn whole(&self, listing: Listing) -> Result<ImageSet, DataError> {
        let Listing { files, labels, classes, mut notes } = listing;
        let contents = match packed::archive_at(&self.root) {
            Some(archive) => Some(packed::contents(&archive, &files)?),
            None => None,
        };
        let (shape, pixels, changed) = self.decoded(&files, contents.as_ref())?;
        notes.splice(0..0, changed);
        Ok(ImageSet::new(shape, pixels, labels, classes).with_notes(notes).with_files(files))
    }

    /// The image in one file, read as [`read`](Self::read) reads those of a folder.
    ///
    /// # Errors
    /// If it cannot be decoded.
    pub fn read_file(file: &Path, preparation: Preparation) -> Result<ImageSet, DataError> {
        let root = file.parent().unwrap_or(Path::new("")).to_owned();
        let (shape, pixels, notes) =
            Self { root, preparation, follow_links: true }.decoded(&[file.to_owned()], None)?;
        Ok(ImageSet::new(shape, pixels, None, Vec::new()).with_notes(notes).with_files(vec![file.to_owned()]))
    }

    /// Whether the ending of a file's name is that of an image that is read.
    pub fn is_image(file: &Path) -> bool {
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
    }

    /// The files of one split, in the order of the images.
    ///
    /// # Errors
    /// If there is no image or no such split.
    pub fn files(&self, split: Split) -> Result<Vec<PathBuf>, DataError> {
        Ok(self.list(split)?.files)
    }

    fn has_held_out(&self) -> Result<bool, DataError> {
        match self.files(Split::Test) {
            Ok(_) => Ok(true),
            Err(DataError::NoHeldOut { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The images in `files`, of which there is at least one: their shape, their bytes, and what was changed.
    ///
    /// `contents` are their bytes, if they are in an archive.
    fn decoded(
        &self,
        files: &[PathBuf],
        contents: Option<&HashMap<PathBuf, Vec<u8>>>,
    ) -> Result<(ImageShape, Vec<u8>, Vec<String>), DataError> {
        let (first, rest) = files.split_first().expect("a listing has files");
        let one = self.picture(first, contents, None)?;
        let mut collected = Collected::new(&self.root, one.shape, files.len());
        collected.push(first, one)?;
        // Images of other sides are not decoded, so the memory of a block is known beforehand.
        for block in rest.chunks(block_of(collected.shape)) {
            let first = Some((first.as_path(), collected.shape));
            let decoded: Vec<_> = block.par_iter().map(|file| self.picture(file, contents, first)).collect();
            for (file, picture) in block.iter().zip(decoded) {
                collected.push(file, picture?)?;
            }
        }
        let notes = collected.notes(&self.preparation);
        Ok((collected.shape, collected.pixels, notes))
    }

    /// The image in a file, which must have the sides of the first.
    fn picture(
        &self,
        file: &Path,
        contents: Option<&HashMap<PathBuf, Vec<u8>>>,
        first: Option<(&Path, ImageShape)>,
    ) -> Result<Picture, DataError> {
        if let Some(content) = contents.and_then(|contents| contents.get(file)) {
            return picture(content, file, &self.preparation, first);
        }
        let content = fs::File::open(file).map_err(|source| DataError::io(file, source))?;
        let content = bytes::read_at_most(&mut std::io::BufReader::new(content), MAX_BYTES, file)?;
        picture(&content, file, &self.preparation, first)
    }

    fn list(&self, split: Split) -> Result<Listing, DataError> {
        if let Some(archive) = packed::archive_at(&self.root) {
            return packed::listing(&archive, split);
        }
        if self.root.is_file() {
            return Err(packed::refused(&self.root));
        }
        let root = self.root.canonicalize().map_err(|source| DataError::io(&self.root, source))?;
        let within = (!self.follow_links).then_some(root.as_path());
        let layout = Layout::of(&root, within)?;
        let (folder, found) = layout.part(split, within)?;
        let mut notes = layout.notes(split);
        notes.extend(layout.beside());
        notes.extend(found.left_out.notes(&root));
        let classes: Vec<String> = found.folders.iter().map(|(class, _)| name(class)).collect();
        match (found.files.is_empty(), classes.is_empty()) {
            (true, true) => {
                let left_out: &LeftOut = &found.left_out;
                Err(match left_out.notes(&root).join("; ") {
                    notes if notes.is_empty() => DataError::Empty { path: folder, expected: FORMATS },
                    notes => DataError::malformed(&folder, format!("no {FORMATS}; {notes}")),
                })
            }
            (false, true) => Ok(Listing { files: found.files, labels: None, classes, notes }),
            (true, false) => {
                let known = match split {
                    Split::Train => Vec::new(),
                    Split::Test => layout.training_classes(within),
                };
                Ok(Listing::of_classes(found.folders, known, notes))
            }
            (false, false) => {
                let (file, class) = (name(&found.files[0]), &classes[0]);
                let problem = format!(
                    "images beside folders of images ({file}, {class}/): expected one or the other; a class is a folder"
                );
                Err(DataError::malformed(&folder, problem))
            }
        }
    }
}

/// The images of a split, in order.
struct Listing {
    files: Vec<PathBuf>,
    labels: Option<Vec<u32>>,
    classes: Vec<String>,
    notes: Vec<String>,
}

impl Listing {
    /// `known` are classes that come first, so that those of a held-out part have the labels of training.
    fn of_classes(found: Vec<(PathBuf, Vec<PathBuf>)>, known: Vec<String>, notes: Vec<String>) -> Self {
        let (mut classes, mut files, mut labels) = (known, Vec::new(), Vec::new());
        for (class, images) in found {
            let class = name(&class);
            let label = classes.iter().position(|known| *known == class).unwrap_or_else(|| {
                classes.push(class);
                classes.len() - 1
            });
            labels.extend(vec![label as u32; images.len()]);
            files.extend(images);
        }
        Self { files, labels: Some(labels), classes, notes }
    }
}

/// Images one after the other, in colour from the first that is.
struct Collected<'a> {
    root: &'a Path,
    shape: ImageShape,
    pixels: Vec<u8>,
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
    fn new(root: &'a Path, shape: ImageShape, n: usize) -> Self {
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

    fn push(&mut self, file: &Path, picture: Picture) -> Result<(), DataError> {
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
    fn taken(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pixels)
    }

    /// A sentence for each kind of change.
    fn notes(&self, wanted: &Preparation) -> Vec<String> {
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
                crate::Fit::Crop => "scaled and cropped",
                crate::Fit::Pad => "scaled and padded",
                crate::Fit::Stretch => "stretched",
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

/// The dataset `folder`.
pub(crate) struct ByName;

impl NamedDataset for ByName {
    fn name(&self) -> &'static str {
        "folder"
    }

    fn about(&self) -> &'static str {
        "a folder or .tar, .tar.gz, .tar.xz of images (PNG, JPEG, WebP, BMP, TIFF, GIF), or one folder for each class"
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        options.path(self.name())?;
        let folder = ImageFolder::of(options.spec)?;
        let has_held_out = options.spec.holdout.is_some() && folder.has_held_out()?;
        let most = options.spec.most_bytes();
        match &options.spec.cache {
            Some(cache) => Ok(part(options, has_held_out, |split| folder.cached(split, cache, most))?.into()),
            None => Ok(part(options, has_held_out, |split| folder.opened(split, most))?.into()),
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        path.is_dir() || is_archive(path)
    }
}

#[cfg(test)]
mod tests;
