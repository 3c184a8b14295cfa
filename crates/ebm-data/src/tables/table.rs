//! Tables of numbers.

use std::path::{Path, PathBuf};

use burn_dataset::Dataset;

use super::standardize::Standardize;
use crate::data::Data;
use crate::files::rows::Rows;
use crate::files::{bytes, comma_separated, npy};
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, Point, Split};

/// Extensions of the files that are read, in the order in which a folder is searched.
const ENDINGS: [&str; 3] = ["npy", "csv", "tsv"];

/// A table of finite numbers in memory; each row is a point.
///
/// It keeps the values in the units of the file, and the [`Standardize`] that maps them to those of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    dim: usize,
    values: Vec<f64>,
    standardize: Standardize,
}

impl Table {
    /// Reads one split of the table at `path`: a file, which is all for training, or a folder with files named
    /// `train` and `test`. The extension gives the format: `.npy`, `.csv` or `.tsv`. The first row of text may be a
    /// header.
    ///
    /// With `standardize`, mean and scale are those of the training rows, whichever split is read.
    ///
    /// # Errors
    /// If the file or split is missing or malformed, or if a value is NaN, infinite or beyond single precision.
    pub fn read(path: &Path, split: Split, standardize: bool) -> Result<Self, DataError> {
        let file = |split: Split| match path.is_dir() {
            true => Self::file(path, split)
                .ok_or_else(|| DataError::NotFound { path: path.join(split.name()).with_extension("npy") }),
            false if split == Split::Train => Ok(path.into()),
            false => Err(DataError::NoHeldOut {
                path: path.into(),
                expected: "a folder with files named train and test",
            }),
        };
        let training_file = file(Split::Train)?;
        let wanted_file = file(split)?;
        let wanted = checked(&wanted_file)?;
        let standardize = match (standardize, split) {
            (false, _) => Standardize::identity(wanted.dim),
            (true, Split::Train) => Standardize::fit(&wanted.values, wanted.dim),
            (true, Split::Test) => {
                let training = checked(&training_file)?;
                Standardize::fit(&training.values, training.dim)
            }
        };
        if standardize.dim() != wanted.dim {
            let problem = format!("{} columns, but {} for training", wanted.dim, standardize.dim());
            return Err(DataError::malformed(&wanted_file, problem));
        }
        Ok(Self { dim: wanted.dim, values: wanted.values, standardize })
    }

    /// The file of a split in a folder, if it exists.
    fn file(folder: &Path, split: Split) -> Option<PathBuf> {
        let file = folder.join(split.name());
        ENDINGS.iter().map(|ending| file.with_extension(ending)).find(|file| file.is_file())
    }

    /// Number of columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The map from the table's units to those of training.
    pub fn standardize(&self) -> &Standardize {
        &self.standardize
    }

    /// Row `index` in the table's units.
    ///
    /// # Panics
    /// Unless `index` is below the number of rows.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }
}

/// The dataset `table`.
pub(crate) struct ByName;

impl NamedDataset for ByName {
    fn name(&self) -> &'static str {
        "table"
    }

    fn about(&self) -> &'static str {
        "a table of numbers: .npy, .csv or .tsv, or a folder with a file for each split"
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        Ok(Table::read(options.path(self.name())?, options.spec.split, options.spec.standardize)?.into())
    }

    fn is_at(&self, path: &Path) -> bool {
        match path.is_dir() {
            true => Table::file(path, Split::Train).is_some(),
            false => path.is_file() && ending(path).is_some(),
        }
    }
}

impl From<Table> for Data {
    fn from(table: Table) -> Self {
        Self::points(table.standardize().clone(), table)
    }
}

impl Dataset<Point, DataError> for Table {
    /// Row `index`, standardised.
    fn get(&self, index: usize) -> Result<Point, DataError> {
        Ok(Point { coordinates: self.standardize.forward(self.row(index)), label: None })
    }

    fn len(&self) -> usize {
        self.values.len() / self.dim
    }
}

fn ending(file: &Path) -> Option<&'static str> {
    let found = file.extension()?;
    ENDINGS.into_iter().find(|ending| found.eq_ignore_ascii_case(ending))
}

/// The rows of a file, all finite.
fn checked(file: &Path) -> Result<Rows, DataError> {
    let ending = ending(file).ok_or_else(|| {
        let found = "a file with this extension".into();
        DataError::Unsupported { file: file.into(), found, expected: ".npy, .csv or .tsv" }
    })?;
    let content = bytes::open(file)?;
    let rows = match ending {
        "npy" => npy::read(content, file)?,
        "csv" => comma_separated::read(content, b',', file)?,
        _ => comma_separated::read(content, b'\t', file)?,
    };
    let bad = rows.values.iter().position(|&value| !(value as f32).is_finite());
    match bad {
        Some(i) => Err(DataError::NotFinite {
            file: file.into(),
            row: i / rows.dim + 1,
            column: i % rows.dim + 1,
            found: rows.values[i],
        }),
        None => Ok(rows),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_by_its_extension_and_standardised() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Table.CSV");
        fs::write(&file, "height,weight\n1,10\n3,20\n5,60\n").unwrap();
        let table = Table::read(&file, Split::Train, true).unwrap();
        assert_eq!((table.len(), table.dim(), table.row(2)), (3, 2, &[5.0, 60.0][..]));
        assert_eq!(table.standardize().mean(), [3.0, 30.0]);
        assert_eq!(table.get(1).unwrap().coordinates[0], 0.0);
        let raw = Table::read(&file, Split::Train, false).unwrap();
        assert_eq!(raw.get(1).unwrap().coordinates, [3.0, 20.0]);

        assert!(matches!(Table::read(&file, Split::Test, true), Err(DataError::NoHeldOut { .. })));
        assert!(matches!(
            Table::read(&folder.path().join("x.csv"), Split::Train, true),
            Err(DataError::NotFound { .. })
        ));
        fs::write(folder.path().join("x.xls"), "").unwrap();
        let error = Table::read(&folder.path().join("x.xls"), Split::Train, true).unwrap_err();
        assert!(matches!(error, DataError::Unsupported { .. }), "{error}");
    }

    #[test]
    fn the_test_split_is_standardised_with_the_training_rows() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.csv"), "0\n2\n").unwrap();
        fs::write(folder.path().join("test.tsv"), "4\n").unwrap();
        let test = Table::read(folder.path(), Split::Test, true).unwrap();
        assert_eq!(test.get(0).unwrap().coordinates, [3.0]);
        fs::write(folder.path().join("test.tsv"), "4\t5\n").unwrap();
        let error = Table::read(folder.path(), Split::Test, true).unwrap_err().to_string();
        assert!(error.contains("2 columns, but 1"), "{error}");
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_by_row_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.csv");
        for bad in ["nan", "inf", "-Infinity", "1e39", "1e999"] {
            fs::write(&file, format!("a,b\n1,2\n3,{bad}\n")).unwrap();
            let error = Table::read(&file, Split::Train, true).unwrap_err();
            assert!(matches!(error, DataError::NotFinite { row: 2, column: 2, .. }), "{bad}: {error}");
        }
    }
}
