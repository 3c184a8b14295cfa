//! Folders of pictures.

mod picture;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::{DataError, ImageSet, ImageShape, Split, bytes};
use picture::{MAX_BYTES, picture};

/// Most bytes of all pictures together.
const MAX_TOTAL: usize = 64 << 30;

/// Pictures that are decoded before the next ones are begun, and most bytes of them.
const BLOCK: usize = 4096;
const BLOCK_BYTES: usize = 256 << 20;

/// A folder of PNG and JPEG pictures, all of one shape.
///
/// The pictures lie flat in the folder, without labels, or in one folder a class, named after it.
/// With `train/` and `test/` folders each split is one of these; without them, all is for training.
/// Pictures are in the order of their classes' names, then of their own, by bytes; hidden files and other kinds of
/// files are passed over, and so is a link that leads out of the folder.
///
/// Eight bits a channel are read: grey is one channel, colour three.
/// An alpha channel is dropped if it is opaque everywhere and refused otherwise, since what lies behind a transparent
/// pixel is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    root: PathBuf,
}

impl ImageFolder {
    /// The folder at `root`; nothing is read yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Reads one split, decoding with all threads.
    ///
    /// # Errors
    /// If there is no picture or no such split, if a picture cannot be decoded, or if it differs in shape from the
    /// first: the first that fails is named.
    pub fn read(&self, split: Split) -> Result<ImageSet, DataError> {
        let Listing { files, labels, classes } = self.list(split)?;
        let Some((first, rest)) = files.split_first() else { return Err(self.empty()) };
        let (shape, mut pixels) = read(first, None)?;
        // Pictures of another shape are not decoded, so a block takes no more memory than it is known to need.
        for block in rest.chunks((BLOCK_BYTES / shape.dim()).clamp(1, BLOCK)) {
            let decoded: Vec<_> = block.par_iter().map(|file| read(file, Some((first, shape)))).collect();
            for picture in decoded {
                let (_, values) = picture?;
                if MAX_TOTAL - values.len() < pixels.len() {
                    let found = format!("more than {MAX_TOTAL} bytes of pictures");
                    return Err(DataError::Unsupported { file: self.root.clone(), found, expected: "fewer" });
                }
                pixels.extend(values);
            }
        }
        Ok(ImageSet::new(shape, pixels, labels, classes))
    }

    /// The files of one split, in the order of their pictures.
    ///
    /// # Errors
    /// If there is no picture or no such split.
    pub fn files(&self, split: Split) -> Result<Vec<PathBuf>, DataError> {
        Ok(self.list(split)?.files)
    }

    fn empty(&self) -> DataError {
        DataError::Empty { path: self.root.clone(), expected: "PNG or JPEG pictures" }
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
                    "pictures beside folders of pictures ({}, {}/): expected one or the other",
                    name(&files[0]),
                    classes[0].0
                );
                Err(DataError::malformed(&folder, problem))
            }
        }
    }
}

/// The pictures of a split, in order.
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

/// What lies in a folder, sorted by name.
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
        } else if kind.is_file() && is_picture(&path) {
            files.push(path);
        }
    }
    files.sort_unstable();
    folders.sort_unstable();
    Ok(Entries { files, folders })
}

fn is_picture(file: &Path) -> bool {
    let known =
        |extension: &OsStr| ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    file.extension().is_some_and(known)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The picture in a file, if it has the shape of the first.
fn read(file: &Path, first: Option<(&PathBuf, ImageShape)>) -> Result<(ImageShape, Vec<u8>), DataError> {
    let content = fs::File::open(file).map_err(|source| DataError::io(file, source))?;
    let content = bytes::read_at_most(&mut std::io::BufReader::new(content), MAX_BYTES, file)?;
    picture(&content, file, first.map(|(first, shape)| (first.as_path(), shape)))
}

#[cfg(test)]
mod tests;
