//! What a dataset tells the list of names: its name, how it is opened, and where it is recognised.

use std::path::{Path, PathBuf};

use ebm_ops::Noise;

use crate::data::Data;
use crate::tables::layout::RowLayout;
use crate::{DataError, DataSpec};

/// A dataset that can be opened by name.
///
/// To add one, write a file with a type that implements this trait, and add a line to [`datasets!`](crate::registry).
pub(crate) trait NamedDataset {
    /// The name in a configuration, in kebab case.
    fn name(&self) -> &'static str;

    /// One line about what it holds.
    fn about(&self) -> &'static str;

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
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.spec.path.clone().unwrap_or_else(|| Path::new("data").join(name))
    }

    /// The given path.
    ///
    /// # Errors
    /// [`DataError::Spec`] if there is none.
    pub(crate) fn path(&self, name: &str) -> Result<&Path, DataError> {
        let text = || format!("the dataset {name:?} needs a path: `--data PATH`");
        self.spec.path.as_deref().ok_or_else(|| DataError::Spec(text()))
    }

    /// The stream of noise of generated data: each split has its own.
    pub(crate) fn stream(&self) -> Noise {
        self.noise.derive(self.spec.split.name())
    }
}

/// Text conversions of an enum with `all()` and `name()`: `Display`, `FromStr`, and the two that serde uses.
macro_rules! by_name {
    ($type:ident, $kind:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::DataError;

            /// # Errors
            /// [`DataError::UnknownName`](crate::DataError::UnknownName), which lists the known names.
            fn from_str(name: &str) -> Result<Self, crate::DataError> {
                let unknown = || crate::DataError::UnknownName {
                    kind: $kind,
                    found: name.into(),
                    known: Self::all().map(|known| known.name()).collect(),
                };
                Self::all().find(|known| known.name() == name).ok_or_else(unknown)
            }
        }

        impl TryFrom<String> for $type {
            type Error = crate::DataError;

            fn try_from(name: String) -> Result<Self, crate::DataError> {
                name.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.name().into()
            }
        }
    };
}

pub(crate) use by_name;
