//! The `[data]` table of a configuration, and what is opened from it.

use std::fs;
use std::path::{Path, PathBuf};

use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::named::OpenOptions;
use crate::{Data, DataError, DatasetName, Split};

/// The data that a run is trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// The name of the dataset.
    pub dataset: DatasetName,
    /// A folder, or the file of a table.
    ///
    /// Datasets that can be fetched are read from `data/NAME` by default; generated data needs no path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The split to read; `train` by default.
    #[serde(default)]
    pub split: Split,
    /// Whether the columns of a table are scaled to mean 0 and variance 1; `true` by default, ignored by other data.
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

    /// Finds out which dataset is at `path`: a table by its extension, IDX files, batches of CIFAR-10, a folder with a
    /// table named `train`, or else a folder of images.
    ///
    /// IDX files are taken for Fashion-MNIST if the path contains `fashion`; only the names of the classes differ.
    ///
    /// # Errors
    /// If nothing exists there, or if it is a file with an unknown extension.
    pub fn detect(path: &Path) -> Result<Self, DataError> {
        let metadata = fs::metadata(path).map_err(|source| DataError::io(path, source))?;
        let unknown = || {
            let (found, expected) = match metadata.is_file() {
                true => ("a file with this extension", ".npy, .csv, .tsv, or a folder"),
                false => ("a device or pipe", "a file or a folder"),
            };
            DataError::Unsupported { file: path.into(), found: found.into(), expected }
        };
        let dataset = DatasetName::at(path).ok_or_else(unknown)?;
        Ok(Self::new(dataset, Some(path.into())))
    }
}

impl Data {
    /// Opens the data that `spec` describes; `noise` seeds generated data, with a stream of its own for each split.
    ///
    /// Files are read and checked completely before this returns.
    ///
    /// # Errors
    /// If files are missing or damaged, or if `spec` needs a path and has none.
    pub fn open(spec: &DataSpec, noise: &Noise) -> Result<Self, DataError> {
        let &DataSpec { dataset, ref path, split, standardize } = spec;
        dataset.open(&OpenOptions { path: path.as_deref(), split, standardize, noise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Toy;
    use crate::files::idx::tests::encode;

    #[test]
    fn a_data_table_has_defaults_and_no_unknown_keys() {
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
    fn a_path_is_recognised_by_its_files() {
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

    #[test]
    fn generated_data_needs_no_files_and_its_splits_differ() {
        let noise = Noise::seeded(9);
        let generated = [DatasetName::Glyphs].into_iter().chain(Toy::ALL.map(DatasetName::Toy));
        for name in generated {
            let mut spec = DataSpec::new(name, None);
            let train = Data::open(&spec, &noise).unwrap();
            spec.split = Split::Test;
            let test = Data::open(&spec, &noise).unwrap();
            let row = |data: &Data| data.read(&[0], None).unwrap().values;
            assert_eq!((train.len(), row(&train).len()), (None, train.dim()), "{name}");
            assert_ne!(row(&train), row(&test), "{name}");
            assert!(row(&train).iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn missing_files_are_answered_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name, path| match Data::open(&DataSpec::new(name, path), &Noise::seeded(0)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{name} is open"),
        };
        let path = Some(folder.path().to_path_buf());
        assert!(open(DatasetName::Mnist, path.clone()).contains("cargo xtask fetch mnist"));
        assert!(open(DatasetName::Cifar10, path).contains("cargo xtask fetch cifar10"));
        assert!(open(DatasetName::Table, None).contains("needs a path"));
        assert!(open(DatasetName::Folder, None).contains("needs a path"));
    }

    #[test]
    fn a_table_is_mapped_back_to_its_own_units() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "1,100\n2,300\n6,200\n").unwrap();
        let data = Data::open(&DataSpec::detect(&file).unwrap(), &Noise::seeded(0)).unwrap();
        assert_eq!((data.len(), data.dim()), (Some(3), 2));
        let values = data.read(&[2, 0], None).unwrap().values;
        let back = data.standardize().unwrap().inverse(&values);
        for (found, expected) in back.iter().zip([6.0, 200.0, 1.0, 100.0]) {
            assert!((found - expected).abs() < 1e-6 * expected, "{found} against {expected}");
        }
    }
}
