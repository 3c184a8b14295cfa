//! What codes are decoded to, as a file.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use ebm_files::Draft;
use ebm_report::{Format, Pieces};
use ebm_run::bounds;
use ebm_run::card::Content;

/// Rows that are written as they come, or together where a format needs all of them.
pub enum Decoded<'a> {
    Pieces { file: Draft, pieces: Box<Pieces>, dim: usize },
    Whole { path: &'a Path, values: Vec<f32>, dim: usize },
}

impl<'a> Decoded<'a> {
    /// A file of `n` rows of `dim` numbers.
    ///
    /// # Errors
    /// A format that does not hold them, more than memory holds of one that is not written in pieces, or a disk that
    /// refuses.
    pub fn new(path: &'a Path, content: &Content, [n, dim]: [usize; 2]) -> Result<Self> {
        let format = Format::of(path)?;
        if !format.is_in_pieces() {
            bounds::samples("rows", &[n, dim])?;
            return Ok(Self::Whole { path, values: Vec::new(), dim });
        }
        let pieces = Box::new(Pieces::new(format, &content.samples(vec![0.0; dim], 1)?, n)?);
        let mut file = Draft::of(path)?;
        file.write_all(&pieces.head()?)?;
        Ok(Self::Pieces { file, pieces, dim })
    }

    /// Adds the next rows.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn add(&mut self, content: &Content, more: Vec<f32>) -> Result<()> {
        match self {
            Self::Pieces { file, pieces, dim } => {
                let n = more.len() / *dim;
                Ok(file.write_all(&pieces.body(&content.samples(more, n)?)?)?)
            }
            Self::Whole { values, .. } => {
                values.extend(more);
                Ok(())
            }
        }
    }

    /// Makes the file appear.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn end(self, content: &Content) -> Result<()> {
        match self {
            Self::Pieces { file, .. } => Ok(file.commit()?),
            Self::Whole { path, values, dim } => {
                let n = values.len() / dim;
                Ok(ebm_report::write(path, &content.samples(values, n)?)?)
            }
        }
    }
}
