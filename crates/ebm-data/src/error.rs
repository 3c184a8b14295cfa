//! What can be wrong with data.

use std::path::{Path, PathBuf};

use crate::ImageShape;

/// Why a dataset could not be opened or read: it names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file of a dataset that can be fetched is absent.
    #[error("{} is not here; `cargo xtask fetch {dataset}` brings it", file.display())]
    Missing {
        /// The absent file.
        file: PathBuf,
        /// The name that brings it.
        dataset: &'static str,
    },
    /// A path that the user gave does not exist.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// The absent path.
        path: PathBuf,
    },
    /// A file ends before its header or the format says that it does, or its compressed stream is cut.
    #[error("{} is truncated: expected {expected} bytes, found {found}", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Bytes that there should be, after decompression.
        expected: u64,
        /// Bytes that there are, after decompression.
        found: u64,
    },
    /// A file goes on after its header says that it ends.
    #[error("{} is too long: expected {expected} bytes, found more", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// Bytes that there should be, after decompression.
        expected: u64,
    },
    /// A file does not begin as its format does.
    #[error("{} does not begin as {expected} does: found {found}", file.display())]
    Magic {
        /// The file.
        file: PathBuf,
        /// The format.
        expected: &'static str,
        /// The first bytes, in hexadecimal.
        found: String,
    },
    /// A header or a field of it cannot be true.
    #[error("{}: {problem}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong, with the value found.
        problem: String,
    },
    /// A file is well formed, but of a kind that is not read.
    #[error("{}: {found} is not supported; expected {expected}", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What it is.
        found: String,
        /// What is read.
        expected: &'static str,
    },
    /// There is nothing to learn from.
    #[error("{} holds no {expected}", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A row of a table is longer or shorter than the first.
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
    #[error("{}, line {line}, column {column}: expected a number, found {found:?}", file.display())]
    NotANumber {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// The field, cut at 40 characters.
        found: String,
    },
    /// A value of a table is NaN, infinite, or beyond single precision.
    #[error("{}, row {row}, column {column}: expected a finite number, found {found}", file.display())]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// Row of values, from 1.
        row: usize,
        /// Column, from 1.
        column: usize,
        /// The value.
        found: f64,
    },
    /// An image differs in shape from the first.
    #[error("{} is {found}, but {} is {expected}", file.display(), first.display())]
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
    /// There are not as many labels as images.
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
    /// A description of the data makes no sense.
    #[error("{0}")]
    Spec(String),
    /// The operating system refused.
    #[error("could not read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
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

    /// The error of an operating system's call on `path`.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { path: path.into() },
            _ => Self::Io { path: path.into(), source },
        }
    }
}
