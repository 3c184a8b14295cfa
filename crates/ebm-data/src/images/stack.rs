//! Images in the arrays of NumPy.

mod archive;
mod levels;
mod shape;

use std::fs::File;
use std::path::{Path, PathBuf};

use super::held_out::part;
use super::image_set::ImageSet;
use super::preparation::Preparation;
use crate::data::Data;
use crate::files::bytes;
use crate::files::npy::Header;
use crate::files::npz::Archive;
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, Split};

use archive::{Members, NONE_HELD_OUT};
use shape::StackShape;

/// Names of the files of held-out images in a folder, those for testing before those for validation.
const HELD_OUT: [&str; 5] = ["test", "val", "valid", "validation", "dev"];

/// Images in one array, a `.npy` file, or in an `.npz` archive of arrays, or a folder with such files for each split.
///
/// The array is `[n, height, width]`, `[n, height, width, channels]` or `[n, channels, height, width]`, of bytes, other
/// integers or floats; what black and white are is found out from its range. Four channels are colour and alpha.
///
/// In an archive it is named `images`, `x`, `x_train`, `train_images` or `data`, or is the only one of such a shape;
/// `x_test`, `test_images` and the like are held out. Whole numbers named `labels`, `y`, `y_train` and the like, one for
/// each image, are the classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    path: PathBuf,
    preparation: Preparation,
}

impl Stack {
    pub(crate) fn new(path: impl Into<PathBuf>, preparation: Preparation) -> Self {
        Self { path: path.into(), preparation }
    }

    /// Reads one split.
    ///
    /// # Errors
    /// If there is no such split, or an array is damaged, or not of images.
    pub(crate) fn read(&self, split: Split) -> Result<ImageSet, DataError> {
        let (file, inner) = self.file(split)?;
        if has_ending(&file, "npz") {
            return Members::of(Archive::open(&file)?, &file).read(inner, &self.preparation);
        }
        if inner == Split::Test {
            return Err(DataError::NoHeldOut { path: file, expected: NONE_HELD_OUT });
        }
        let mut content = bytes::open(&file)?;
        let header = Header::read(&mut content, &file)?;
        let shape = StackShape::of(&header.shape, &file)?;
        let array = header.array(content, &file)?;
        shape.images(array, &file, &self.preparation)
    }

    fn has_held_out(&self) -> Result<bool, DataError> {
        let (file, inner) = self.file(Split::Test)?;
        match inner {
            Split::Train => Ok(true),
            Split::Test if !has_ending(&file, "npz") => Ok(false),
            Split::Test => Ok(Members::of(Archive::open(&file)?, &file).has_held_out()),
        }
    }

    /// The file of a split, and which part of that file is meant.
    fn file(&self, split: Split) -> Result<(PathBuf, Split), DataError> {
        if !self.path.is_dir() {
            return Ok((self.path.clone(), split));
        }
        let names: &[&str] = if split == Split::Train { &["train"] } else { &HELD_OUT };
        match in_folder(&self.path, names) {
            Some(file) => Ok((file, Split::Train)),
            // An archive of both parts.
            None => match in_folder(&self.path, &["train"]) {
                Some(file) => Ok((file, split)),
                None => Err(DataError::NotFound { path: self.path.join("train.npy") }),
            },
        }
    }
}

/// The first of `names` in a folder, as an archive or an array of images.
fn in_folder(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let files =
        names.iter().flat_map(|name| ["npz", "npy"].map(|ending| folder.join(name).with_extension(ending)));
    files.into_iter().find(|file| is_stack(file))
}

fn has_ending(file: &Path, ending: &str) -> bool {
    file.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// Whether a file is an archive, or an array that cannot be a table.
fn is_stack(file: &Path) -> bool {
    if !file.is_file() {
        return false;
    }
    let is_images = || {
        let header = File::open(file).ok().and_then(|mut content| Header::read(&mut content, file).ok());
        header.is_some_and(|header| 2 < header.shape.len())
    };
    has_ending(file, "npz") || has_ending(file, "npy") && is_images()
}

/// The dataset `stack`.
pub(crate) struct ByName;

impl NamedDataset for ByName {
    fn about(&self) -> &'static str {
        "images in an array: .npy or .npz of [n, height, width], with channels before or after"
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        let wanted = Preparation::of(options.spec)?;
        let stack = Stack::new(options.path()?, wanted);
        let has_held_out = options.spec.holdout.is_some() && stack.has_held_out()?;
        Ok(part(options, has_held_out, |split| stack.read(split))?.into())
    }

    fn is_at(&self, path: &Path) -> bool {
        if path.is_dir() { in_folder(path, &["train"]).is_some() } else { is_stack(path) }
    }
}

#[cfg(test)]
mod tests;
