//! Which files and rows are a table's splits.

use std::path::{Path, PathBuf};

use ebm_ops::{Noise, OutOfRange};

use super::holdout::Holdout;
use crate::{DataError, DataSpec, Split};

/// Extensions of the files that are read; text may be compressed, `.csv.gz`.
const ENDINGS: [&str; 6] = ["npy", "csv", "tsv", "txt", "dat", "tab"];

/// Those that a folder is searched for, in this order; a `train.txt` may be a list of images.
const IN_FOLDERS: [&str; 3] = ["npy", "csv", "tsv"];

/// The files of a table's splits.
pub(super) struct Files {
    pub(super) training_file: PathBuf,
    pub(super) test_file: Option<PathBuf>,
    /// The rows of the training file that are held out, if there is no file of them.
    pub(super) holdout: Option<Holdout>,
}

impl Files {
    /// Those of the table at `path`, a file or a folder; `noise` decides which rows are held out.
    ///
    /// # Errors
    /// [`DataError::NotFound`] without a file for training; [`DataError::OutOfRange`] unless the share to hold out is
    /// between 0 and 1.
    pub(super) fn of(path: &Path, spec: &DataSpec, noise: &Noise) -> Result<Self, DataError> {
        let file = |split: Split| match path.is_dir() {
            true => file_of(path, split),
            false => (split == Split::Train).then(|| path.to_owned()),
        };
        let not_found = || DataError::NotFound { path: path.join(spec.split.name()).with_extension("csv") };
        let training_file = file(Split::Train).ok_or_else(not_found)?;
        let test_file = file(Split::Test);
        let holdout = spec.holdout.filter(|_| test_file.is_none());
        let holdout = holdout.map(|share| Holdout::new(share, noise)).transpose()?;
        Ok(Self { training_file, test_file, holdout })
    }
}

/// The file of a split in a folder, if it exists.
pub(super) fn file_of(folder: &Path, split: Split) -> Option<PathBuf> {
    let file = folder.join(split.name());
    let files = IN_FOLDERS.iter().map(|ending| file.with_extension(ending));
    files.flat_map(|file| [file.clone(), file.with_added_extension("gz")]).find(|file| file.is_file())
}

/// The extension of a file that may be a table, without that of gzip.
pub(crate) fn ending(file: &Path) -> Option<&'static str> {
    let is_packed = file.extension()?.eq_ignore_ascii_case("gz");
    let file = if is_packed { file.file_stem().map(Path::new)? } else { file };
    let found = file.extension()?;
    ENDINGS.into_iter().find(|ending| found.eq_ignore_ascii_case(ending))
}

/// The error of a table without held-out rows.
pub(super) fn none_held_out(path: &Path) -> DataError {
    DataError::NoHeldOut {
        path: path.into(),
        expected: "files named train and test, or a run with `--set data.holdout=0.1`, which holds out a tenth",
    }
}

/// The error of a share of `n` rows that leaves none on one side.
pub(super) fn none_left(path: &Path, share: f64, n: usize) -> DataError {
    let what = format!("data.holdout of {n} rows in {}", path.display());
    let expected = "a share that leaves rows for training and for evaluation";
    OutOfRange::new(what, share, expected).into()
}

/// What is said of a share that is held out.
pub(super) fn of_holdout(split: Split, share: f64, n_test: usize, n: usize) -> String {
    match split {
        Split::Train => format!("{n_test} of {n} rows are held out (data.holdout = {share})"),
        Split::Test => format!("held out of {n} rows (data.holdout = {share})"),
    }
}
