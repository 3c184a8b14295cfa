//! The `[data]` table of a configuration.

mod checks;
mod keys;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Background, DatasetName, ImageShape, ItemShape, Split};

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
    /// The probability of each of the augmentations of EDM that training sees of images, of which the network is told, so
    /// that samples are not augmented; 0 by default. See [`Augmentation::non_leaking`](crate::Augmentation::non_leaking).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augment: Option<f64>,
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
#[serde(untagged, expecting = "expected a number of pixels, or [height, width]")]
pub enum ImageSize {
    /// A square.
    Square(usize),
    /// Height and width.
    Rectangle([usize; 2]),
}

impl ImageSize {
    /// Height and width.
    pub fn sides(self) -> [usize; 2] {
        match self {
            Self::Square(side) => [side; 2],
            Self::Rectangle(sides) => sides,
        }
    }
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
            augment: None,
        }
    }

    /// What an item of the data is, as it is read by [`size`](Self::size) and [`channels`](Self::channels); `None` if only
    /// the files can say it.
    pub fn item_shape(&self) -> Option<ItemShape> {
        Some(match self.dataset.item_shape()? {
            ItemShape::Image(ImageShape { channels, height, width }) => {
                let [height, width] = self.size.map_or([height, width], ImageSize::sides);
                ItemShape::Image(ImageShape { channels: self.channels.unwrap_or(channels), height, width })
            }
            point @ ItemShape::Point { .. } => point,
        })
    }

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

    /// The map of a table's columns to the units of training.
    pub(crate) fn transform_kind(&self) -> TransformKind {
        let standardize = if self.standardize { TransformKind::Standardize } else { TransformKind::None };
        self.transform.unwrap_or(standardize)
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Toy;

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
}
