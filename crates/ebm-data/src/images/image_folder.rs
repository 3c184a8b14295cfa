//! Folders of images.

mod collected;
mod dataset;
mod kept;
mod layout;
mod listing;
mod opened;
mod packed;
mod source;
mod walk;
mod wanted;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::image_set::ImageSet;
use super::preparation::Preparation;
use crate::files::bytes;
use crate::files::picture::{FORMATS, MAX_BYTES, Picture, picture};
use crate::{DataError, DataSpec, ImageShape, Split};

use collected::{Collected, block_of};
pub(crate) use dataset::ByName;
use layout::{Layout, name};
use listing::Listing;
use walk::LeftOut;

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
        let contents = self.contents(&files)?;
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
        walk::is_image(file)
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

    /// The bytes of the images in `files`, if they are in an archive.
    fn contents(&self, files: &[PathBuf]) -> Result<Option<HashMap<PathBuf, Vec<u8>>>, DataError> {
        packed::archive_at(&self.root).map(|archive| packed::contents(&archive, files)).transpose()
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

#[cfg(test)]
mod tests;
