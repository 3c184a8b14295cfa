//! The `[data]` table of a configuration, and what is opened from it.

use std::fs;
use std::path::{Path, PathBuf};

use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::named::OpenOptions;
use crate::tables::layout::RowLayout;
use crate::{Background, Data, DataError, DatasetName, Split};

mod keys;

pub use keys::delimiter_named;

/// The data that a run is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// The columns of a table to read, by name or by number from 1, in this order; all of them by default.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "keys::names")]
    pub columns: Option<Vec<String>>,
    /// The columns of a table to leave out, by name or by number from 1.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "keys::names")]
    pub drop: Option<Vec<String>>,
    /// The column of a table that says the class of each row, by name or by number from 1; it is not learned. Classes are
    /// whole numbers or text.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "keys::name")]
    pub label: Option<String>,
    /// Whether the first row of a text table is a header; found out by default.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "keys::yes_or_no")]
    pub header: Option<bool>,
    /// The character between the fields of a text table, a space for any white space; found out by default.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "keys::delimiter")]
    pub delimiter: Option<char>,
    /// The decimal separator of a text table, `.` or `,`; found out by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// What to do with a row of a table that has a missing value; `refuse` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// The share of a table's rows that is held out as the test split, if there is no file of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<f64>,
    /// The map of a table's columns to the units of training, in place of [`standardize`](Self::standardize).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformKind>,
    /// Height and width to which images are brought; by default they must be of one size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ImageSize>,
    /// How images are brought to [`size`](Self::size); `crop` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// What lies beneath transparent pixels and beside padded images: `white` (the default), `black`, `#ff8800`, or a
    /// grey level from 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Background>,
    /// 1 to read images in grey, 3 to read them in colour; by default colour, if one of them is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Whether links that lead out of an image folder are followed; `false` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_links: Option<bool>,
    /// A folder in which the decoded bytes of an image folder, or the numbers of a text table, are kept, so that they are
    /// read as they are wanted and need not fit into memory; what is kept is made anew where a file has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// Megabytes (2²⁰ bytes) that the images of a folder or the numbers of a table may take in memory, 256 by default; of
    /// more, the images or rows are read from their files as they are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Whether training sees images mirrored left to right, every second time; `false` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flip: Option<bool>,
    /// By how many pixels at most training sees images shifted, their edges filled by reflection; 0 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<usize>,
}

/// What to do with a row of a table that has a missing value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The table is refused, and the value named by line and column.
    #[default]
    Refuse,
    /// The row is left out.
    Drop,
}

/// The map of a table's columns to the units of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransformKind {
    /// The values as they are.
    None,
    /// Mean 0 and variance 1.
    Standardize,
    /// Each column to normal scores by its quantiles.
    Quantile,
}

/// How images are brought to one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Scaled until they cover the size, and what protrudes is cut off on both sides.
    #[default]
    Crop,
    /// Scaled until they fit into the size, and the rest filled with the background.
    Pad,
    /// Scaled to the size, whatever happens to the aspect ratio.
    Stretch,
}

/// Height and width of images in pixels; a single number stands for a square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImageSize {
    /// A square.
    Square(usize),
    /// Height and width.
    Rectangle([usize; 2]),
}

/// Megabytes that data may take in memory, unless said otherwise.
const IN_MEMORY: u64 = 256;

fn yes() -> bool {
    true
}

impl DataSpec {
    /// The training split of a dataset, standardised if it is a table.
    pub fn new(dataset: DatasetName, path: Option<PathBuf>) -> Self {
        Self {
            dataset,
            path,
            split: Split::Train,
            standardize: true,
            columns: None,
            drop: None,
            label: None,
            header: None,
            delimiter: None,
            decimal: None,
            missing: None,
            holdout: None,
            transform: None,
            size: None,
            fit: None,
            background: None,
            channels: None,
            follow_links: None,
            cache: None,
            memory: None,
            flip: None,
            shift: None,
        }
    }

    /// # Errors
    /// [`DataError::Spec`] if something is asked for that only tables have, and the data are no table.
    fn check(&self) -> Result<(), DataError> {
        if self.cache.as_ref().is_some_and(|cache| cache.as_os_str().is_empty()) {
            return Err(DataError::Spec("data.cache is empty; expected a folder".into()));
        }
        let keys = [
            ("columns", self.columns.is_some()),
            ("drop", self.drop.is_some()),
            ("label", self.label.is_some()),
            ("header", self.header.is_some()),
            ("delimiter", self.delimiter.is_some()),
            ("decimal", self.decimal.is_some()),
            ("missing", self.missing.is_some()),
            ("holdout", self.holdout.is_some() && !self.is_of_image_files()),
            ("transform", self.transform.is_some()),
        ];
        match keys.into_iter().find(|(_, is_given)| *is_given && self.dataset != DatasetName::Table) {
            Some((key, _)) => {
                let dataset = self.dataset;
                Err(DataError::Spec(format!("data.{key} is for tables, the data are those of {dataset}")))
            }
            None => Ok(()),
        }
    }

    /// Finds out which dataset is at `path`: IDX files, batches of CIFAR-10, images in an array, a table by its extension,
    /// a folder with an array or a table named `train`, or else a folder of images.
    ///
    /// IDX files are taken for Fashion-MNIST if the path contains `fashion`; only the names of the classes differ.
    ///
    /// # Errors
    /// If nothing exists there, or if it is a file with an unknown extension.
    pub fn detect(path: &Path) -> Result<Self, DataError> {
        let metadata = fs::metadata(path).map_err(|source| DataError::io(path, source))?;
        let unknown = || {
            let (found, expected) = match metadata.is_file() {
                true => (
                    "a file with this extension",
                    ".npy, .npz, .csv, .tsv, .tar, .tar.gz, .tar.xz, or a folder",
                ),
                false => ("a device or pipe", "a file or a folder"),
            };
            DataError::Unsupported { file: path.into(), found: found.into(), expected }
        };
        let dataset = DatasetName::at(path).ok_or_else(unknown)?;
        Ok(Self::new(dataset, Some(path.into())))
    }
}

impl DataSpec {
    /// The same data, with images read in colour, as a network for colour wants grey ones too.
    ///
    /// Data without image files, and those that say how many channels they want, stay what they are.
    pub fn in_colour(mut self) -> Self {
        if self.is_of_image_files() {
            self.channels.get_or_insert(3);
        }
        self
    }

    /// The same data, with images brought to the size and onto the ground that `other` says, where this does not.
    ///
    /// So images are scored as those were read on which a network was trained.
    pub fn with_images_as(self, other: &Self) -> Self {
        if !self.is_of_image_files() {
            return self;
        }
        Self {
            fit: self.fit.or(other.fit).filter(|_| self.size.or(other.size).is_some()),
            size: self.size.or(other.size),
            background: self.background.or(other.background),
            channels: self.channels.or(other.channels),
            ..self
        }
    }

    /// Bytes that the data may take in memory.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.memory.unwrap_or(IN_MEMORY).saturating_mul(1 << 20)
    }

    /// Whether its items may be read as they are wanted.
    fn may_be_wanted(&self) -> bool {
        matches!(self.dataset, DatasetName::Folder | DatasetName::Table)
    }

    /// The same data, with the column of classes that `other` says, if this is a table and does not say one; a table that
    /// is read as rows of a model need not have it.
    pub fn with_label_as(self, other: &Self) -> Self {
        match self.dataset {
            DatasetName::Table => Self { label: self.label.or_else(|| other.label.clone()), ..self },
            _ => self,
        }
    }

    fn is_of_image_files(&self) -> bool {
        use DatasetName::{Cifar10, FashionMnist, Folder, Mnist, Stack};
        matches!(self.dataset, Cifar10 | FashionMnist | Folder | Mnist | Stack)
    }

    /// Refuses the keys of image files for data of another kind, where they would do nothing.
    fn check_keys_of_images(&self) -> Result<(), DataError> {
        let (is_of_images, is_drawn) = (self.is_of_image_files(), self.dataset == DatasetName::Glyphs);
        let keys = [
            ("size", self.size.is_some() && !is_of_images),
            ("fit", self.fit.is_some() && !is_of_images),
            ("background", self.background.is_some() && !is_of_images),
            ("channels", self.channels.is_some() && !is_of_images),
            ("follow_links", self.follow_links == Some(true) && self.dataset != DatasetName::Folder),
            ("cache", self.cache.is_some() && !self.may_be_wanted()),
            ("memory", self.memory.is_some() && !self.may_be_wanted()),
            ("flip", self.flip.is_some() && !is_of_images && !is_drawn),
            ("shift", self.shift.is_some() && !is_of_images && !is_drawn),
        ];
        match keys.into_iter().find(|(_, is_idle)| *is_idle) {
            Some((key, _)) => {
                let kind = match key {
                    "follow_links" => "folders of images",
                    "cache" | "memory" => "folders of images and tables",
                    "flip" | "shift" => "images",
                    _ => "files of images",
                };
                Err(DataError::Spec(format!(
                    "data.{key} is for {kind}; the dataset is {:?}",
                    self.dataset.name()
                )))
            }
            None => Ok(()),
        }
    }
}

impl Data {
    /// Opens the data that `spec` describes; `noise` seeds generated data, with a stream of its own for each split.
    ///
    /// Files are read and checked completely before this returns, except for images of a folder that need more than
    /// [`memory`](DataSpec::memory) megabytes.
    ///
    /// # Errors
    /// If files are missing or damaged, or if `spec` needs a path and has none.
    pub fn open(spec: &DataSpec, noise: &Noise) -> Result<Self, DataError> {
        spec.check_keys_of_images()?;
        spec.check()?;
        spec.dataset.open(&OpenOptions { spec, noise, layout: None })
    }

    /// Opens the data as rows of a model: with its columns, matched by name where both have names, in its units.
    ///
    /// Images have no columns, and are opened as by [`open`](Self::open).
    ///
    /// # Errors
    /// As [`open`](Self::open), and if columns are missing or left over.
    pub fn open_as(spec: &DataSpec, noise: &Noise, layout: &RowLayout) -> Result<Self, DataError> {
        spec.check_keys_of_images()?;
        spec.check()?;
        let data = spec.dataset.open(&OpenOptions { spec, noise, layout: Some(layout) })?;
        match spec.dataset {
            DatasetName::Table => Ok(data),
            _ => data.with_layout(layout),
        }
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
            split: Split::Test,
            standardize: false,
            ..DataSpec::new(DatasetName::Table, Some("x.csv".into()))
        };
        let stored = serde_json::to_string(&full).unwrap();
        assert_eq!(stored, r#"{"dataset":"table","path":"x.csv","split":"test","standardize":false}"#);
        assert_eq!(serde_json::from_str::<DataSpec>(&stored).unwrap(), full);
        for bad in [r#"{ "dataset": "mnist", "folder": "x" }"#, r#"{ "dataset": "minst" }"#, "{}"] {
            assert!(serde_json::from_str::<DataSpec>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_only_tables_have_is_refused_elsewhere() {
        let spec = DataSpec { holdout: Some(0.1), ..DataSpec::new(DatasetName::Glyphs, None) };
        let error = Data::open(&spec, &Noise::seeded(0)).err().unwrap().to_string();
        assert_eq!(error, "data.holdout is for tables, the data are those of glyphs");
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
        assert!(open(DatasetName::Mnist, path.clone()).contains("ebm fetch mnist"));
        assert!(open(DatasetName::Cifar10, path).contains("ebm fetch cifar10"));
        assert!(open(DatasetName::Table, None).contains("needs a path"));
        assert!(open(DatasetName::Folder, None).contains("needs a path"));
    }

    #[test]
    fn a_key_that_would_do_nothing_is_refused() {
        let error = |spec: DataSpec| Data::open(&spec, &Noise::seeded(0)).err().unwrap().to_string();
        let spec = |dataset| DataSpec::new(dataset, Some("x".into()));
        let sized = DataSpec { size: Some(ImageSize::Square(8)), ..spec(DatasetName::Table) };
        assert!(error(sized).contains("data.size is for files of images"));
        let flipped = DataSpec { flip: Some(true), ..spec(DatasetName::Table) };
        assert_eq!(error(flipped), "data.flip is for images; the dataset is \"table\"");
        let shifted = DataSpec { shift: Some(2), ..spec(DatasetName::Toy(Toy::Rings)) };
        assert_eq!(error(shifted), "data.shift is for images; the dataset is \"rings\"");
        let linked = DataSpec { follow_links: Some(true), ..spec(DatasetName::Mnist) };
        assert!(error(linked).contains("data.follow_links"));
    }

    #[test]
    fn a_table_is_mapped_back_to_its_own_units() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "1,100\n2,300\n6,200\n").unwrap();
        let data = Data::open(&DataSpec::detect(&file).unwrap(), &Noise::seeded(0)).unwrap();
        assert_eq!((data.len(), data.dim()), (Some(3), 2));
        let values = data.read(&[2, 0], None).unwrap().values;
        let back = data.transform().unwrap().inverse(&values);
        for (found, expected) in back.iter().zip([6.0, 200.0, 1.0, 100.0]) {
            assert!((found - expected).abs() < 1e-6 * expected, "{found} against {expected}");
        }
    }
}
