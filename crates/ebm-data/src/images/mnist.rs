//! MNIST and the datasets in its format.

use std::path::{Path, PathBuf};

use super::image_set::ImageSet;
use super::preparation::Preparation;
use crate::data::Data;
use crate::files::bytes;
use crate::files::idx::Idx;
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, DatasetName, ImageShape, ItemShape, Split};

/// A dataset in the four IDX files of MNIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mnist {
    dataset: DatasetName,
    about: &'static str,
    /// Folders, below the one that the user names, in which the files may be.
    folders: [&'static str; 4],
    classes: [&'static str; 10],
}

impl Mnist {
    /// Handwritten digits, 60,000 for training and 10,000 for testing, 1×28×28.
    ///
    /// # Reference
    /// LeCun, Cortes and Burges (1998), *The MNIST database of handwritten digits*.
    pub const DIGITS: Self = Self {
        dataset: DatasetName::Mnist,
        about: "handwritten digits, 60,000 and 10,000 images of 1×28×28",
        folders: ["", "mnist", "raw", "MNIST/raw"],
        classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    };

    /// Articles of clothing, 60,000 for training and 10,000 for testing, 1×28×28.
    ///
    /// # Reference
    /// Xiao, Rasul and Vollgraf (2017), *Fashion-MNIST: a novel image dataset for benchmarking machine learning
    /// algorithms*.
    pub const FASHION: Self = Self {
        dataset: DatasetName::FashionMnist,
        about: "articles of clothing, 60,000 and 10,000 images of 1×28×28",
        folders: ["", "fashion-mnist", "raw", "FashionMNIST/raw"],
        classes: [
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ],
    };

    /// Reads one split from `folder`, or from a folder below it with a customary name; each file may be plain or gzip.
    ///
    /// Without a file of labels the images have none.
    ///
    /// # Errors
    /// If the images are missing, if a file is damaged, or if the number of labels is not that of images.
    pub fn read(&self, folder: &Path, split: Split) -> Result<ImageSet, DataError> {
        let file = self.images(folder, split).ok_or_else(|| {
            let [name, _] = names(split, "images", 3);
            DataError::Missing { file: folder.join(name), dataset: self.dataset.name() }
        })?;
        let Idx { dimensions, values } = Idx::read(&file)?;
        let [n, height, width] = dimensions[..] else {
            let found = format!("IDX with {} dimensions", dimensions.len());
            return Err(DataError::Unsupported { file, found, expected: "3 (images, rows, columns)" });
        };
        let labels = file.parent().and_then(|folder| find(folder, &[""], split, "labels", 1));
        let labels = labels.map(|file| self.labels(&file, n)).transpose()?;
        let classes = labels.iter().flat_map(|_| self.classes).map(String::from).collect();
        Ok(ImageSet::new(ImageShape { channels: 1, height, width }, values, labels, classes))
    }

    /// The file of a split's images, if it exists.
    fn images(&self, folder: &Path, split: Split) -> Option<PathBuf> {
        find(folder, &self.folders, split, "images", 3)
    }

    fn labels(&self, file: &Path, images: usize) -> Result<Vec<u32>, DataError> {
        let Idx { dimensions, values } = Idx::read(file)?;
        if dimensions.len() != 1 {
            let found = format!("IDX with {} dimensions", dimensions.len());
            return Err(DataError::Unsupported { file: file.into(), found, expected: "1 (labels)" });
        }
        if values.len() != images {
            return Err(DataError::Labels { file: file.into(), images, labels: values.len() });
        }
        match values.iter().position(|&label| self.classes.len() <= usize::from(label)) {
            Some(i) => {
                Err(DataError::malformed(file, format!("label {i} is {}, expected 0 to 9", values[i])))
            }
            None => Ok(values.into_iter().map(u32::from).collect()),
        }
    }
}

impl NamedDataset for Mnist {
    fn about(&self) -> &'static str {
        self.about
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        let wanted = Preparation::of(options.spec)?;
        Ok(self.read(&options.folder(), options.spec.split)?.prepared(&wanted).into())
    }

    fn item_shape(&self) -> Option<ItemShape> {
        Some(ItemShape::Image(ImageShape { channels: 1, height: 28, width: 28 }))
    }

    /// The files of both datasets have the same names: they are fashion's if the path says so.
    fn is_at(&self, path: &Path) -> bool {
        let is_fashion = path.to_string_lossy().to_lowercase().contains("fashion");
        let excluded = is_fashion && *self == Self::DIGITS;
        !excluded && [Split::Train, Split::Test].iter().any(|&split| self.images(path, split).is_some())
    }
}

fn find(root: &Path, folders: &[&str], split: Split, what: &str, dimensions: u8) -> Option<PathBuf> {
    let [dash, dot] = names(split, what, dimensions);
    bytes::find(root, folders, &[&dash, &dot])
}

/// The name that the authors gave the file, and the one in some archives.
fn names(split: Split, what: &str, dimensions: u8) -> [String; 2] {
    let split = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    [format!("{split}-{what}-idx{dimensions}-ubyte"), format!("{split}-{what}.idx{dimensions}-ubyte")]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use burn_dataset::Dataset;

    use super::*;
    use crate::files::idx::tests::{encode, gzip};

    #[test]
    fn images_and_labels_are_read_from_plain_and_gzip_files() {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("MNIST/raw");
        fs::create_dir_all(&raw).unwrap();
        let pixels: Vec<u8> = (0..18).collect();
        fs::write(raw.join("train-images-idx3-ubyte"), encode(&[3, 2, 3], &pixels)).unwrap();
        fs::write(raw.join("train-labels-idx1-ubyte.gz"), gzip(&encode(&[3], &[9, 0, 4]))).unwrap();

        let set = Mnist::DIGITS.read(folder.path(), Split::Train).unwrap();

        assert_eq!((set.len(), set.shape()), (3, ImageShape { channels: 1, height: 2, width: 3 }));
        assert_eq!(set.get(2).unwrap().pixels, (12..18).collect::<Vec<u8>>());
        assert_eq!(set.get(2).unwrap().label, Some(4));
        assert_eq!(set.classes()[4], "4");
    }

    #[test]
    fn labels_may_be_missing_but_not_fewer_than_images_or_beyond_nine() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("t10k-images-idx3-ubyte"), encode(&[2, 1, 1], &[5, 6])).unwrap();
        let set = Mnist::FASHION.read(folder.path(), Split::Test).unwrap();
        assert_eq!((set.get(1).unwrap().label, set.classes().len()), (None, 0));

        let labels = folder.path().join("t10k-labels-idx1-ubyte");
        fs::write(&labels, encode(&[1], &[5])).unwrap();
        let error = Mnist::FASHION.read(folder.path(), Split::Test).unwrap_err();
        assert!(matches!(error, DataError::Labels { images: 2, labels: 1, .. }), "{error}");

        fs::write(&labels, encode(&[2], &[5, 10])).unwrap();
        let error = Mnist::FASHION.read(folder.path(), Split::Test).unwrap_err().to_string();
        assert!(error.contains("label 1 is 10"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named_with_the_command_that_fetches_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = Mnist::FASHION.read(folder.path(), Split::Train).unwrap_err().to_string();
        assert!(
            error.contains("train-images-idx3-ubyte") && error.contains("ebm fetch fashion-mnist"),
            "{error}"
        );
    }
}
