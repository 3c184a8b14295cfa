//! Folders of images.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::image_set::ImageSet;
use crate::data::Data;
use crate::files::bytes;
use crate::files::picture::{MAX_BYTES, picture};
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, ImageShape, Split};

/// Most bytes of all images together, decoded.
const MAX_TOTAL: usize = 64 << 30;

/// Most images, and most bytes of them, that are decoded in parallel before they are collected.
const BLOCK: usize = 4096;
const BLOCK_BYTES: usize = 256 << 20;

/// A folder of PNG and JPEG images, all of one shape.
///
/// The images are directly in the folder, without labels, or in one folder for each class, named after it.
/// With `train/` and `test/` folders, each of them is a split; without, all images are for training.
/// Images are sorted by the name of their class, then by their own, bytewise.
/// Hidden files, files of other kinds and links that lead out of the folder are ignored.
///
/// Images must have eight bits a channel: grey is one channel, colour three.
/// An alpha channel is dropped if it is opaque everywhere. Otherwise the image is refused, since the background of its
/// transparent pixels is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    root: PathBuf,
}

impl ImageFolder {
    /// The folder at `root`, which is not read yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Reads one split, decoding in parallel.
    ///
    /// # Errors
    /// If there is no image or no such split, or if an image cannot be decoded or differs in shape from the first; the
    /// first that fails is named.
    pub fn read(&self, split: Split) -> Result<ImageSet, DataError> {
        let Listing { files, labels, classes } = self.list(split)?;
        let Some((first, rest)) = files.split_first() else { return Err(self.empty()) };
        let (shape, mut pixels) = read(first, None)?;
        // Images of another shape are not decoded, so the memory of a block is known beforehand.
        for block in rest.chunks((BLOCK_BYTES / shape.dim()).clamp(1, BLOCK)) {
            let decoded: Vec<_> = block.par_iter().map(|file| read(file, Some((first, shape)))).collect();
            for picture in decoded {
                let (_, values) = picture?;
                if MAX_TOTAL - values.len() < pixels.len() {
                    let found = format!("more than {MAX_TOTAL} bytes of images");
                    return Err(DataError::Unsupported { file: self.root.clone(), found, expected: "fewer" });
                }
                pixels.extend(values);
            }
        }
        Ok(ImageSet::new(shape, pixels, labels, classes))
    }

    /// The files of one split, in the order of the images.
    ///
    /// # Errors
    /// If there is no image or no such split.
    pub fn files(&self, split: Split) -> Result<Vec<PathBuf>, DataError> {
        Ok(self.list(split)?.files)
    }

    fn empty(&self) -> DataError {
        DataError::Empty { path: self.root.clone(), expected: "PNG or JPEG images" }
    }

    fn list(&self, split: Split) -> Result<Listing, DataError> {
        let root = self.root.canonicalize().map_err(|source| DataError::io(&self.root, source))?;
        let [train, test] = [Split::Train, Split::Test].map(|split| root.join(split.name()));
        let folder = match split {
            _ if !train.is_dir() && !test.is_dir() && split == Split::Train => root.clone(),
            Split::Train => train,
            Split::Test => test,
        };
        if !folder.is_dir() {
            return Err(DataError::NotFound { path: self.root.join(split.name()) });
        }
        let Entries { files, folders } = entries(&folder, &root)?;
        let classes: Vec<(String, Vec<PathBuf>)> = folders
            .into_iter()
            .map(|class| {
                let name = class.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Ok((name, entries(&class, &root)?.files))
            })
            .collect::<Result<_, DataError>>()?;
        let classes: Vec<_> = classes.into_iter().filter(|(_, files)| !files.is_empty()).collect();
        match (files.is_empty(), classes.is_empty()) {
            (true, true) => Err(self.empty()),
            (false, true) => Ok(Listing { files, labels: None, classes: Vec::new() }),
            (true, false) => Ok(Listing::of_classes(classes)),
            (false, false) => {
                let problem = format!(
                    "images beside folders of images ({}, {}/): expected one or the other",
                    name(&files[0]),
                    classes[0].0
                );
                Err(DataError::malformed(&folder, problem))
            }
        }
    }
}

/// The dataset `folder`.
pub(crate) struct ByName;

impl NamedDataset for ByName {
    fn name(&self) -> &'static str {
        "folder"
    }

    fn about(&self) -> &'static str {
        "a folder of PNG and JPEG images, or one folder for each class"
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        Ok(ImageFolder::new(options.path(self.name())?).read(options.spec.split)?.into())
    }

    fn is_at(&self, path: &Path) -> bool {
        path.is_dir()
    }
}

/// The images of a split, in order.
struct Listing {
    files: Vec<PathBuf>,
    labels: Option<Vec<u32>>,
    classes: Vec<String>,
}

impl Listing {
    fn of_classes(classes: Vec<(String, Vec<PathBuf>)>) -> Self {
        let labels = (0..).zip(&classes).flat_map(|(label, (_, files))| vec![label; files.len()]).collect();
        let (classes, files): (_, Vec<_>) = classes.into_iter().unzip();
        Self { files: files.concat(), labels: Some(labels), classes }
    }
}

/// The content of a folder, sorted by name.
struct Entries {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

fn entries(folder: &Path, root: &Path) -> Result<Entries, DataError> {
    let failed = |source| DataError::io(folder, source);
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let mut kind = entry.file_type().map_err(failed)?;
        if kind.is_symlink() {
            let Ok(target) = path.canonicalize() else { continue };
            if !target.starts_with(root) {
                continue;
            }
            kind = fs::metadata(&target).map_err(failed)?.file_type();
        }
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_file() && is_image(&path) {
            files.push(path);
        }
    }
    files.sort_unstable();
    folders.sort_unstable();
    Ok(Entries { files, folders })
}

fn is_image(file: &Path) -> bool {
    let known =
        |extension: &OsStr| ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    file.extension().is_some_and(known)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The image in a file, which must have the shape of the first.
fn read(file: &Path, first: Option<(&PathBuf, ImageShape)>) -> Result<(ImageShape, Vec<u8>), DataError> {
    let content = fs::File::open(file).map_err(|source| DataError::io(file, source))?;
    let content = bytes::read_at_most(&mut std::io::BufReader::new(content), MAX_BYTES, file)?;
    picture(&content, file, first.map(|(first, shape)| (first.as_path(), shape)))
}

#[cfg(test)]
mod tests;
