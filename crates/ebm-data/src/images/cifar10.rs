//! CIFAR-10 in its binary version.

use std::path::{Path, PathBuf};

use super::image_set::ImageSet;
use super::preparation::Preparation;
use crate::data::Data;
use crate::files::bytes;
use crate::files::cifar10::{CLASSES, RECORD, records};
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, ImageShape, Split};

/// Most records of one file; the original files have 10,000.
const MAX_RECORDS: usize = 1_000_000;

const FOLDERS: [&str; 3] = ["", "cifar-10-batches-bin", "cifar10"];

/// Photographs of ten classes of animals and vehicles, 50,000 for training and 10,000 for testing, 3×32×32.
///
/// # Reference
/// Krizhevsky (2009), *Learning multiple layers of features from tiny images*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cifar10;

impl Cifar10 {
    /// Reads one split from `folder`, or `cifar-10-batches-bin/` below it: `data_batch_1.bin` to `data_batch_5.bin`,
    /// or `test_batch.bin`; each may be plain or gzip.
    ///
    /// # Errors
    /// If a file is missing, does not consist of complete records, or has a label beyond 9.
    pub fn read(&self, folder: &Path, split: Split) -> Result<ImageSet, DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for name in names(split) {
            let file = find(folder, name)
                .ok_or_else(|| DataError::Missing { file: folder.join(name), dataset: self.name() })?;
            let content =
                bytes::read_at_most(&mut bytes::open(&file)?, (MAX_RECORDS * RECORD) as u64, &file)?;
            records(&content, &file, &mut pixels, &mut labels)?;
        }
        let shape = ImageShape { channels: 3, height: 32, width: 32 };
        Ok(ImageSet::new(shape, pixels, Some(labels), CLASSES.map(String::from).to_vec()))
    }
}

impl NamedDataset for Cifar10 {
    fn name(&self) -> &'static str {
        "cifar10"
    }

    fn about(&self) -> &'static str {
        "photographs of ten classes, 50,000 and 10,000 images of 3×32×32"
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        let wanted = Preparation::of(options.spec)?;
        Ok(self.read(&options.folder(self.name()), options.spec.split)?.prepared(&wanted).into())
    }

    fn is_at(&self, path: &Path) -> bool {
        [Split::Train, Split::Test].into_iter().flat_map(names).any(|name| find(path, name).is_some())
    }
}

fn names(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train => &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        Split::Test => &["test_batch.bin"],
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    bytes::find(folder, &FOLDERS, &[name])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use burn_dataset::Dataset;

    use super::*;

    fn record(label: u8, red: u8) -> Vec<u8> {
        let mut record = vec![label];
        record.extend([red; 1024].iter().chain(&[1; 1024]).chain(&[2; 1024]));
        record
    }

    #[test]
    fn five_batches_are_concatenated_and_planes_are_channels() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("cifar-10-batches-bin");
        fs::create_dir(&inside).unwrap();
        for batch in 1..=5 {
            fs::write(inside.join(format!("data_batch_{batch}.bin")), record(batch, 10 * batch)).unwrap();
        }
        let set = Cifar10.read(folder.path(), Split::Train).unwrap();
        assert_eq!((set.len(), set.shape().dim()), (5, 3072));
        let image = set.get(2).unwrap();
        assert_eq!(
            (image.label, image.pixels[1023], image.pixels[1024], image.pixels[3071]),
            (Some(3), 30, 1, 2)
        );
        assert_eq!(set.classes()[3], "cat");

        fs::remove_file(inside.join("data_batch_4.bin")).unwrap();
        let error = Cifar10.read(folder.path(), Split::Train).unwrap_err().to_string();
        assert!(error.contains("data_batch_4.bin") && error.contains("fetch cifar10"), "{error}");
    }

    #[test]
    fn a_truncated_record_and_a_label_beyond_nine_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("test_batch.bin");
        let read = |content: &[u8]| {
            fs::write(&file, content).unwrap();
            Cifar10.read(folder.path(), Split::Test).unwrap_err()
        };
        assert!(matches!(
            read(&record(1, 0)[..3000]),
            DataError::Truncated { expected: 3073, found: 3000, .. }
        ));
        assert!(matches!(read(&[]), DataError::Empty { .. }));
        assert!(read(&[record(1, 0), record(10, 0)].concat()).to_string().contains("record 1 has label 10"));
    }
}
