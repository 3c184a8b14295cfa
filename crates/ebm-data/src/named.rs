//! What a dataset tells the list of names: how it is opened, and where it is recognised.

use std::path::{Path, PathBuf};

use ebm_ops::Noise;

use crate::data::Data;
use crate::item::ItemShape;
use crate::tables::layout::RowLayout;
use crate::{DataError, DataSpec};

/// A dataset that can be opened by name.
///
/// To add one, write a file with a type that implements this trait, add its name to
/// [`datasets!`](crate::dataset_name), and the type to the list in [`registry`](crate::registry).
pub(crate) trait NamedDataset {
    /// One line about what it holds.
    fn about(&self) -> &'static str;

    /// What an item of the published dataset is, if that is known without its files.
    fn item_shape(&self) -> Option<ItemShape> {
        None
    }

    /// Opens one split.
    fn open(&self, options: &OpenOptions) -> Result<Data, DataError>;

    /// Whether files of this dataset are at `path`, which exists. Generated data is never recognised.
    fn is_at(&self, _path: &Path) -> bool {
        false
    }
}

/// How a dataset is to be opened.
pub(crate) struct OpenOptions<'a> {
    /// What the configuration says of it.
    pub(crate) spec: &'a DataSpec,
    /// The randomness of generated data.
    pub(crate) noise: &'a Noise,
    /// The columns and units that a table is to have; its own if there are none.
    pub(crate) layout: Option<&'a RowLayout>,
}

impl OpenOptions<'_> {
    /// The folder of a dataset that can be fetched: the given path, or else `data/NAME`.
    pub(crate) fn folder(&self) -> PathBuf {
        self.spec.path.clone().unwrap_or_else(|| Path::new("data").join(self.spec.dataset.name()))
    }

    /// The given path.
    ///
    /// # Errors
    /// [`DataError::Spec`] if there is none.
    pub(crate) fn path(&self) -> Result<&Path, DataError> {
        let text = || format!("the dataset {:?} needs a path: `--data PATH`", self.spec.dataset.name());
        self.spec.path.as_deref().ok_or_else(|| DataError::Spec(text()))
    }

    /// The stream of noise of generated data: each split has its own.
    pub(crate) fn stream(&self) -> Noise {
        self.noise.derive(self.spec.split.name())
    }
}
