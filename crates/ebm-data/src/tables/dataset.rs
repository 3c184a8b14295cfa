//! The dataset `table`.

use std::path::Path;

use super::large::LargeTable;
use super::splits::{ending, file_of};
use super::table::Table;
use crate::data::Data;
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, Split};

/// The dataset `table`.
pub(crate) struct ByName;

impl NamedDataset for ByName {
    fn about(&self) -> &'static str {
        "a table of numbers: .npy, .csv, .tsv or .txt, or a folder with a file for each split"
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        let (path, spec, noise, layout) = (options.path()?, options.spec, options.noise, options.layout);
        match LargeTable::open(path, spec, noise, layout)? {
            Some(data) => Ok(data),
            None => Ok(Table::open(path, spec, noise, layout)?.into()),
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        match path.is_dir() {
            true => file_of(path, Split::Train).is_some(),
            false => path.is_file() && ending(path).is_some(),
        }
    }
}
