//! Errors of opening and reading data.

use std::path::{Path, PathBuf};

use ebm_ops::OutOfRange;

use crate::item::ImageShape;

/// Why a dataset could not be opened or read: the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file of a dataset that can be fetched is missing.
    #[error("{} is not here; `ebm fetch {dataset}` brings it", file.display())]
    Missing {
        /// The missing file.
        file: PathBuf,
        /// The name to fetch it by.
        dataset: &'static str,
    },
    /// A path that the user gave does not exist.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A file is shorter than its header or format requires, or its compressed stream is truncated.
    #[error("{} is truncated: expected {expected} bytes, found {found}", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Expected bytes, after decompression.
        expected: u64,
        /// Bytes found, after decompression.
        found: u64,
    },
    /// A file is longer than its header says.
    #[error("{} is too long: expected {expected} bytes, found more", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// Expected bytes, after decompression.
        expected: u64,
    },
    /// A file does not begin with the signature of its format.
    #[error("{} does not begin as {expected} does: found {found}", file.display())]
    Magic {
        /// The file.
        file: PathBuf,
        /// The format.
        expected: &'static str,
        /// The first bytes, in hexadecimal.
        found: String,
    },
    /// The content of a file is invalid.
    #[error("{}: {problem}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong, with the value found.
        problem: String,
    },
    /// A file is valid, but of a kind that is not supported.
    #[error("{}: {found} is not supported; expected {expected}", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What it is.
        found: String,
        /// What is supported.
        expected: &'static str,
    },
    /// A file or folder has no data.
    #[error("{} holds no {expected}", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
        /// What it should contain.
        expected: &'static str,
    },
    /// A row of a table has more or fewer fields than the first.
    #[error("{}, line {line}: expected {expected} fields, found {found}", file.display())]
    Ragged {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Fields of the first row.
        expected: usize,
        /// Fields of this row.
        found: usize,
    },
    /// A field of a table is not a number.
    #[error("{}, line {line}, column {column}{}: expected a number, found {found:?}", file.display(), named(name))]
    NotANumber {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// Its name; empty without one.
        name: String,
        /// The field, truncated to 40 characters.
        found: String,
    },
    /// A value of a table is missing.
    #[error(
        "{}, {at}: a value is missing, found {found:?}{}; `--missing drop` leaves such rows out",
        file.display(), of_rows(*rows)
    )]
    MissingValue {
        /// The file.
        file: PathBuf,
        /// Its line or row, and its column.
        at: String,
        /// What stands there.
        found: String,
        /// Rows with a missing value, and all rows, if all were read.
        rows: Option<[usize; 2]>,
    },
    /// A value of a table is infinite, or beyond single precision.
    #[error("{}, {at}: expected a finite number of single precision, found {found}", file.display())]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// Its line or row, and its column.
        at: String,
        /// What stands there.
        found: String,
    },
    /// An image differs in its sides from the first.
    #[error(
        "{} is {found}, but {} is {expected}; `--set data.size={}` brings images to one size",
        file.display(),
        first.display(),
        shortest(found, expected),
    )]
    ImageSize {
        /// The first image that differs.
        file: PathBuf,
        /// Its shape.
        found: ImageShape,
        /// The first image.
        first: PathBuf,
        /// Its shape.
        expected: ImageShape,
    },
    /// A link leads out of a folder.
    #[error(
        "{} is a link to {}, out of the data folder; `--follow-links` (data.follow_links = true) follows it",
        link.display(),
        target.display()
    )]
    LinkOut {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// No part of the data is held out.
    #[error("{} has no held-out part: expected {expected}", path.display())]
    NoHeldOut {
        /// The file or folder.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// The number of labels is not that of images.
    #[error("{} holds {labels} labels for {images} images", file.display())]
    Labels {
        /// The file of labels.
        file: PathBuf,
        /// Images.
        images: usize,
        /// Labels.
        labels: usize,
    },
    /// An image cannot be decoded.
    #[error("could not decode {}", file.display())]
    Image {
        /// The file.
        file: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// A name is unknown.
    #[error("no {kind} is called {found:?}; there are {}", known.join(", "))]
    UnknownName {
        /// What it should name: `dataset` or `toy`.
        kind: &'static str,
        /// The unknown name.
        found: String,
        /// Every known name.
        known: Vec<&'static str>,
    },
    /// The description of the data is incomplete or contradicts the files.
    #[error("{0}")]
    Spec(String),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] ebm_files::FileError),
    /// A number is out of range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// A file or folder could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

pub(crate) fn named(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" ({name})") }
}

fn of_rows(rows: Option<[usize; 2]>) -> String {
    rows.map_or(String::new(), |[missing, all]| format!(", one of {missing} such rows among {all}"))
}

impl DataError {
    pub(crate) fn malformed(file: &Path, problem: impl Into<String>) -> Self {
        Self::Malformed { file: file.into(), problem: problem.into() }
    }

    pub(crate) fn magic(file: &Path, expected: &'static str, bytes: &[u8]) -> Self {
        let found = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        let found = if found.is_empty() { "an empty file".into() } else { found };
        Self::Magic { file: file.into(), expected, found }
    }

    /// The error of a system call on `path`.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { path: path.into() },
            _ => Self::Io { path: path.into(), source },
        }
    }
}

/// The shortest side of two images, at most 64.
fn shortest(one: &ImageShape, other: &ImageShape) -> usize {
    [one.height, one.width, other.height, other.width, 64].into_iter().min().unwrap_or(64)
}
