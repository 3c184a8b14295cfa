//! MNIST and the datasets in its format.

use std::path::{Path, PathBuf};

use crate::{DataError, Idx, ImageSet, ImageShape, Split, bytes};

/// A dataset in the four IDX files of MNIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mnist {
    name: &'static str,
    /// Where the files may lie below the folder that the user names.
    folders: [&'static str; 4],
    classes: [&'static str; 10],
}

impl Mnist {
    /// Handwritten digits, 60,000 for training and 10,000 for testing, 1×28×28.
    ///
    /// # Reference
    /// LeCun, Cortes and Burges (1998), *The MNIST database of handwritten digits*.
    pub const DIGITS: Self = Self {
        name: "mnist",
        folders: ["", "mnist", "raw", "MNIST/raw"],
        classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    };

    /// Articles of clothing, 60,000 for training and 10,000 for testing, 1×28×28.
    ///
    /// # Reference
    /// Xiao, Rasul and Vollgraf (2017), *Fashion-MNIST: a novel image dataset for benchmarking machine learning
    /// algorithms*.
    pub const FASHION: Self = Self {
        name: "fashion-mnist",
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

    /// Reads one split from `folder` or a usual folder below it; each file may be plain or gzip.
    ///
    /// Without a file of labels the images have none.
    ///
    /// # Errors
    /// If the images are absent, if a file is damaged, or if there are not as many labels as images.
    pub fn read(&self, folder: &Path, split: Split) -> Result<ImageSet, DataError> {
        let file = self.images(folder, split).ok_or_else(|| {
            let [name, _] = names(split, "images", 3);
            DataError::Missing { file: folder.join(name), dataset: self.name }
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

    /// The file of a split's images, if it is there.
    pub(crate) fn images(&self, folder: &Path, split: Split) -> Option<PathBuf> {
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

fn find(root: &Path, folders: &[&str], split: Split, what: &str, dimensions: u8) -> Option<PathBuf> {
    let [dash, dot] = names(split, what, dimensions);
    bytes::find(root, folders, &[&dash, &dot])
}

/// The name that the authors give the file, and the one that some archives unpack to.
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
    use crate::idx::tests::{encode, gzip};

    #[test]
    fn images_meet_their_labels_from_plain_and_gzip_files() {
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
    fn labels_may_be_absent_but_not_fewer_or_unknown() {
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
    fn a_missing_file_is_named_with_the_command_that_brings_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = Mnist::FASHION.read(folder.path(), Split::Train).unwrap_err().to_string();
        assert!(
            error.contains("train-images-idx3-ubyte") && error.contains("cargo xtask fetch fashion-mnist"),
            "{error}"
        );
    }
}
