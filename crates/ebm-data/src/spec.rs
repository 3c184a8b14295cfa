//! Which data: the `[data]` table of a run's configuration.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cifar10::Cifar10;
use crate::{DataError, Mnist, Table, Toy};

/// Which data a run learns from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// What it is.
    pub dataset: DatasetName,
    /// Where it lies: a folder, or the file of a table.
    ///
    /// Datasets that can be fetched lie in `data/NAME` unless this says otherwise; what the program draws needs no path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Which part.
    #[serde(default)]
    pub split: Split,
    /// Whether the columns of a table are brought to mean 0 and variance 1; nothing else is.
    #[serde(default = "yes")]
    pub standardize: bool,
}

fn yes() -> bool {
    true
}

impl DataSpec {
    /// The training split of a dataset, standardised if it is a table.
    pub fn new(dataset: DatasetName, path: Option<PathBuf>) -> Self {
        Self { dataset, path, split: Split::Train, standardize: true }
    }

    /// Finds out what lies at `path`: a table by its ending, IDX files, batches of CIFAR-10, a folder with a table
    /// named `train`, or else pictures.
    ///
    /// IDX files are taken for Fashion-MNIST if the path speaks of fashion; only the names of the classes differ.
    ///
    /// # Errors
    /// If there is nothing, or a file of an unknown ending.
    pub fn detect(path: &Path) -> Result<Self, DataError> {
        let metadata = fs::metadata(path).map_err(|source| DataError::io(path, source))?;
        let has_images = |mnist: Mnist| {
            [Split::Train, Split::Test].iter().any(|&split| mnist.images(path, split).is_some())
        };
        let dataset = if metadata.is_file() {
            if !Table::is_table(path) {
                let found = "a file of this ending".into();
                let expected = ".npy, .csv, .tsv, or a folder";
                return Err(DataError::Unsupported { file: path.into(), found, expected });
            }
            DatasetName::Table
        } else if !metadata.is_dir() {
            let found = "a device or pipe".into();
            return Err(DataError::Unsupported { file: path.into(), found, expected: "a file or a folder" });
        } else if has_images(Mnist::DIGITS) && !speaks_of_fashion(path) {
            DatasetName::Mnist
        } else if has_images(Mnist::FASHION) {
            DatasetName::FashionMnist
        } else if Cifar10::is_in(path) {
            DatasetName::Cifar10
        } else if Table::file(path, Split::Train).is_some() {
            DatasetName::Table
        } else {
            DatasetName::Folder
        };
        Ok(Self::new(dataset, Some(path.into())))
    }
}

fn speaks_of_fashion(path: &Path) -> bool {
    path.to_string_lossy().to_lowercase().contains("fashion")
}

/// A part of a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What is learnt from.
    #[default]
    Train,
    /// What is held out; of endless data, another stream.
    Test,
}

impl Split {
    /// `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// The name of a kind of data; as text, `mnist`, `folder`, `two-moons` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatasetName {
    /// Drawn digits: [`Glyphs`](crate::Glyphs).
    Glyphs,
    /// [`Mnist::DIGITS`].
    Mnist,
    /// [`Mnist::FASHION`].
    FashionMnist,
    /// [`Cifar10`].
    Cifar10,
    /// An [`ImageFolder`](crate::ImageFolder).
    Folder,
    /// A [`Table`].
    Table,
    /// A [`Toy`].
    Toy(Toy),
}

impl DatasetName {
    const NAMED: [Self; 6] =
        [Self::Glyphs, Self::Mnist, Self::FashionMnist, Self::Cifar10, Self::Folder, Self::Table];

    /// Every name.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::NAMED.into_iter().chain(Toy::ALL.map(Self::Toy))
    }

    /// The name as text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Glyphs => "glyphs",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
            Self::Folder => "folder",
            Self::Table => "table",
            Self::Toy(toy) => toy.name(),
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DatasetName {
    type Err = DataError;

    /// # Errors
    /// [`DataError::Spec`] with the known names.
    fn from_str(name: &str) -> Result<Self, DataError> {
        Self::all().find(|dataset| dataset.name() == name).ok_or_else(|| {
            let known = Self::all().map(Self::name).collect::<Vec<_>>().join(", ");
            DataError::Spec(format!("no dataset is called {name:?}; there are {known}"))
        })
    }
}

impl TryFrom<String> for DatasetName {
    type Error = DataError;

    fn try_from(name: String) -> Result<Self, DataError> {
        name.parse()
    }
}

impl From<DatasetName> for String {
    fn from(dataset: DatasetName) -> Self {
        dataset.name().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idx::tests::encode;

    #[test]
    fn names_round_trip_and_an_unknown_one_is_answered_with_the_known() {
        for dataset in DatasetName::all() {
            assert_eq!(dataset.to_string().parse::<DatasetName>().unwrap(), dataset);
        }
        let error = "minst".parse::<DatasetName>().unwrap_err().to_string();
        assert!(
            error.contains("minst") && error.contains("fashion-mnist") && error.contains("swiss-roll"),
            "{error}"
        );
    }

    #[test]
    fn a_table_of_a_configuration_has_defaults_and_no_unknown_keys() {
        let spec: DataSpec = serde_json::from_str(r#"{ "dataset": "two-moons" }"#).unwrap();
        assert_eq!(spec, DataSpec::new(DatasetName::Toy(Toy::TwoMoons), None));
        let full = DataSpec {
            dataset: DatasetName::Table,
            path: Some("x.csv".into()),
            split: Split::Test,
            standardize: false,
        };
        let stored = serde_json::to_string(&full).unwrap();
        assert_eq!(stored, r#"{"dataset":"table","path":"x.csv","split":"test","standardize":false}"#);
        assert_eq!(serde_json::from_str::<DataSpec>(&stored).unwrap(), full);
        for bad in [r#"{ "dataset": "mnist", "folder": "x" }"#, r#"{ "dataset": "minst" }"#, "{}"] {
            assert!(serde_json::from_str::<DataSpec>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let found = |path: &Path| DataSpec::detect(path).unwrap().dataset;
        let make = |name: &str, content: &[u8]| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
            file
        };
        assert_eq!(found(&make("a/x.CSV", b"1,2")), DatasetName::Table);
        assert_eq!(found(make("b/train.npy", b"").parent().unwrap()), DatasetName::Table);
        make("c/MNIST/raw/train-images-idx3-ubyte", &encode(&[1, 1, 1], &[0]));
        assert_eq!(found(&folder.path().join("c")), DatasetName::Mnist);
        make("fashion/t10k-images-idx3-ubyte.gz", &[]);
        assert_eq!(found(&folder.path().join("fashion")), DatasetName::FashionMnist);
        make("d/cifar-10-batches-bin/test_batch.bin", &[]);
        assert_eq!(found(&folder.path().join("d")), DatasetName::Cifar10);
        make("e/cat/1.jpg", &[]);
        assert_eq!(found(&folder.path().join("e")), DatasetName::Folder);
        assert!(matches!(DataSpec::detect(&folder.path().join("f")), Err(DataError::NotFound { .. })));
        #[cfg(unix)]
        assert!(matches!(DataSpec::detect(Path::new("/dev/zero")), Err(DataError::Unsupported { .. })));
        assert!(matches!(DataSpec::detect(&make("x.zip", b"")), Err(DataError::Unsupported { .. })));
    }
}
