//! Why something could not be drawn or written.

use std::io;
use std::path::PathBuf;

use ebm_files::FileError;

/// Why samples could not be drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A folder where a file is to be.
    #[error("{} is a folder; name a file in it", .0.display())]
    Folder(PathBuf),
    /// A file where a `.zarr` folder is to be.
    #[error("{} is a file, expected a folder; name another place", .0.display())]
    Taken(PathBuf),
    /// An extension that names no format.
    #[error("{}: the extension must be {expected}", .path.display())]
    Extension {
        /// The file.
        path: PathBuf,
        /// The extensions that are known here.
        expected: &'static str,
    },
    /// Samples that a format cannot hold, and what can.
    #[error("{0}")]
    Format(String),
    /// Numbers that do not have the shape that they should have.
    #[error("{what}: expected {expected} numbers, found {found}")]
    Length {
        /// What the numbers are, with its shape.
        what: String,
        /// Their number, by the shape.
        expected: String,
        /// Their number.
        found: usize,
    },
    /// A picture that cannot be laid out.
    #[error("{0}")]
    Layout(String),
    /// A landscape without a finite energy.
    #[error("no energy of the landscape is finite")]
    NoEnergy,
    /// A chart that could not be drawn.
    #[error("could not draw the chart: {0}")]
    Chart(String),
    /// A picture that could not be encoded.
    #[error("could not encode the picture")]
    Image(#[from] image::ImageError),
    /// A film that could not be encoded.
    #[error("could not encode the film")]
    Film(#[from] gif::EncodingError),
    /// A table that could not be encoded.
    #[error("could not encode the table")]
    Table(#[from] csv::Error),
    /// A tensor that could not be encoded.
    #[error("could not encode the tensor")]
    Tensor(#[from] safetensors::SafeTensorError),
    /// A file or folder that could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An output that could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ReportError {
    /// Numbers of the wrong count.
    pub(crate) fn length(what: impl Into<String>, expected: impl ToString, found: usize) -> Self {
        Self::Length { what: what.into(), expected: expected.to_string(), found }
    }
}
