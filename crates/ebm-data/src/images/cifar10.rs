//! CIFAR-10 in its binary version and its Python version.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::image_set::ImageSet;
use super::preparation::Preparation;
use crate::data::Data;
use crate::files::archive;
use crate::files::bytes;
use crate::files::cifar10::{CLASSES, RECORD, batch, records};
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, DatasetName, ImageShape, ItemShape, Split};

/// The shape of every image.
const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

/// Most records of one file; the original files have 10,000.
const MAX_RECORDS: usize = 1_000_000;

/// Most members of an archive that are looked at before it is none of CIFAR-10.
const MEMBERS: usize = 16;

/// Appends the images of a file's content to the pixels, and their classes to the labels.
type Parser = fn(&[u8], &Path, &mut Vec<u8>, &mut Vec<u32>) -> Result<(), DataError>;

/// How a version of the dataset names and writes its files.
struct Version {
    folders: [&'static str; 3],
    ending: &'static str,
    archives: [&'static str; 2],
    parse: Parser,
}

const VERSIONS: [Version; 2] = [
    Version {
        folders: ["", "cifar-10-batches-bin", "cifar10"],
        ending: ".bin",
        archives: ["cifar-10-binary.tar.gz", "cifar-10-binary.tar"],
        parse: records,
    },
    Version {
        folders: ["", "cifar-10-batches-py", "cifar10"],
        ending: "",
        archives: ["cifar-10-python.tar.gz", "cifar-10-python.tar"],
        parse: batch,
    },
];

impl Version {
    fn names(&self, split: Split) -> Vec<String> {
        let name = |name: String| name + self.ending;
        match split {
            Split::Train => (1..=5).map(|i| name(format!("data_batch_{i}"))).collect(),
            Split::Test => vec![name("test_batch".into())],
        }
    }

    fn find(&self, folder: &Path, name: &str) -> Option<PathBuf> {
        bytes::find(folder, &self.folders, &[name])
    }

    /// Whether any of its files is in the folder.
    fn is_in(&self, folder: &Path) -> bool {
        let names = [Split::Train, Split::Test].map(|split| self.names(split));
        names.iter().flatten().any(|name| self.find(folder, name).is_some())
    }

    fn parsed(&self, files: &[(PathBuf, Vec<u8>)]) -> Result<ImageSet, DataError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for (file, content) in files {
            (self.parse)(content, file, &mut pixels, &mut labels)?;
        }
        Ok(ImageSet::new(SHAPE, pixels, Some(labels), CLASSES.map(String::from).to_vec()))
    }
}

/// Photographs of ten classes of animals and vehicles, 50,000 for training and 10,000 for testing, 3×32×32.
///
/// # Reference
/// Krizhevsky (2009), *Learning multiple layers of features from tiny images*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cifar10;

impl Cifar10 {
    /// Reads one split from `path`: an archive, or a folder with the files of one version or its archive.
    ///
    /// The binary version has `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, also in
    /// `cifar-10-batches-bin/` or as `cifar-10-binary.tar.gz`. The Python version has pickles of these names without an
    /// ending, also in `cifar-10-batches-py/` or as `cifar-10-python.tar.gz`; they are read without calling anything.
    /// Each file may be plain or gzip.
    ///
    /// # Errors
    /// If a file is missing, does not consist of complete records, has a label beyond 9, or is a pickle of anything else.
    pub fn read(&self, path: &Path, split: Split) -> Result<ImageSet, DataError> {
        if path.is_file() {
            return self.of_archive(path, split);
        }
        let version = VERSIONS.iter().find(|version| version.is_in(path));
        if let (None, Some(archive)) = (version, archive_in(path)) {
            return self.of_archive(&archive, split);
        }
        let version = version.unwrap_or(&VERSIONS[0]);
        let mut files = Vec::new();
        for name in version.names(split) {
            let dataset = DatasetName::Cifar10.name();
            let missing = || DataError::Missing { file: path.join(&name), dataset };
            let file = version.find(path, &name).ok_or_else(missing)?;
            let content = bytes::read_at_most(&mut bytes::open(&file)?, MOST, &file)?;
            files.push((file, content));
        }
        version.parsed(&files)
    }

    fn of_archive(self, path: &Path, split: Split) -> Result<ImageSet, DataError> {
        let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let names = VERSIONS.each_ref().map(|version| version.names(split));
        archive::visit(path, |member| {
            let name = last(&member.name).to_owned();
            if !names.iter().flatten().any(|known| *known == name) {
                return Ok(ControlFlow::Continue(()));
            }
            if found.insert(name.clone(), member.bytes(MOST)?).is_some() {
                return Err(DataError::malformed(path, format!("{name} is in the archive twice")));
            }
            let is_whole = names.iter().any(|names| names.iter().all(|name| found.contains_key(name)));
            Ok(if is_whole { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let has = |names: &Vec<String>| names.iter().any(|name| found.contains_key(name));
        let version = usize::from(!has(&names[0]) && has(&names[1]));
        let mut files = Vec::new();
        for name in &names[version] {
            let missing = || DataError::malformed(path, format!("{name} is not in the archive"));
            files.push((path.join(name), found.remove(name).ok_or_else(missing)?));
        }
        VERSIONS[version].parsed(&files)
    }
}

/// Most bytes of a file.
const MOST: u64 = (MAX_RECORDS * RECORD) as u64;

/// An archive of either version in a folder.
fn archive_in(folder: &Path) -> Option<PathBuf> {
    let names = VERSIONS.iter().flat_map(|version| version.archives);
    names.map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Whether a file of either version is among the first members of an archive.
fn is_in_archive(path: &Path) -> bool {
    let (mut is_found, mut n) = (false, 0);
    let known: Vec<String> = VERSIONS
        .iter()
        .flat_map(|version| [Split::Train, Split::Test].map(|split| version.names(split)))
        .flatten()
        .collect();
    let result = archive::visit(path, |member| {
        is_found |= known.iter().any(|name| name == last(&member.name));
        n += 1;
        Ok(if is_found || MEMBERS <= n { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    // One that cannot be read is read again, and refused then with the reason.
    is_found && result.is_ok()
}

/// The last part of a path in an archive.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

impl NamedDataset for Cifar10 {
    fn about(&self) -> &'static str {
        "photographs of ten classes, 50,000 and 10,000 images of 3×32×32"
    }

    fn item_shape(&self) -> Option<ItemShape> {
        Some(ItemShape::Image(SHAPE))
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        let wanted = Preparation::of(options.spec)?;
        Ok(self.read(&options.folder(), options.spec.split)?.prepared(&wanted).into())
    }

    fn is_at(&self, path: &Path) -> bool {
        if archive::is_archive(path) {
            return is_in_archive(path);
        }
        path.is_dir() && (VERSIONS.iter().any(|version| version.is_in(path)) || archive_in(path).is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use burn_dataset::Dataset;

    use super::*;
    use crate::files::pickle;

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
    fn the_python_version_and_both_archives_hold_the_same_images() {
        let folder = tempfile::tempdir().unwrap();
        let python = |batch: u8| {
            let record = record(batch, 10 * batch);
            pickle::tests::batch(&record[1..], &record[..1])
        };
        let binary: Vec<(String, Vec<u8>)> = (1..=5)
            .map(|i| (format!("cifar-10-batches-bin/data_batch_{i}.bin"), record(i, 10 * i)))
            .chain([("cifar-10-batches-bin/test_batch.bin".to_owned(), record(7, 7))])
            .collect();
        let pickled: Vec<(String, Vec<u8>)> = [4, 1, 5, 2, 3]
            .map(|i| (format!("cifar-10-batches-py/data_batch_{i}"), python(i)))
            .into_iter()
            .chain([("cifar-10-batches-py/test_batch".to_owned(), python(7))])
            .collect();
        let mut sets = Vec::new();
        for (name, files) in [("cifar-10-binary.tar.gz", binary), ("cifar-10-python.tar.gz", pickled)] {
            let files: Vec<(&str, &[u8])> = files.iter().map(|(name, file)| (&**name, &**file)).collect();
            let inside = folder.path().join(name.replace('.', "-"));
            fs::create_dir(&inside).unwrap();
            let file = inside.join(name);
            fs::write(&file, archive::tests::gzip(&archive::tests::tar(&files))).unwrap();
            for path in [&file, &inside] {
                assert!(Cifar10.is_at(path), "{path:?}");
                sets.push(Cifar10.read(path, Split::Train).unwrap());
                let test = Cifar10.read(path, Split::Test).unwrap();
                assert_eq!((test.len(), test.get(0).unwrap().label), (1, Some(7)));
            }
            // Unpacked.
            for (name, content) in &files {
                let file = inside.join("unpacked").join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, content).unwrap();
            }
            let unpacked = inside.join("unpacked");
            assert!(Cifar10.is_at(&unpacked));
            sets.push(Cifar10.read(&unpacked, Split::Train).unwrap());
        }
        assert_eq!((sets[0].len(), sets[0].get(2).unwrap().label), (5, Some(3)));
        assert!(sets.iter().all(|set| *set == sets[0]));
    }

    #[test]
    fn an_archive_without_a_batch_and_a_pickle_that_calls_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cifar-10-python.tar.gz");
        let error = |files: &[(&str, &[u8])]| {
            fs::write(&file, archive::tests::tar(files)).unwrap();
            Cifar10.read(&file, Split::Test).unwrap_err().to_string()
        };
        let train = pickle::tests::batch(&[0; 3072], &[0]);
        assert!(error(&[("a/data_batch_1", &train)]).contains("test_batch"));
        let found = error(&[("a/test_batch", b"cos\nsystem\n(S'true'\ntR.")]);
        assert!(found.contains("test_batch") && found.contains("\"os.system\""), "{found}");
        assert!(error(&[("a/test_batch", &pickle::tests::batch(&[0; 3072], &[10]))]).contains("label 0 is"));
        let short = error(&[("a/test_batch", &pickle::tests::batch(&[0; 3071], &[1]))]);
        assert!(short.contains("3071 bytes"), "{short}");
        assert!(error(&[("a/../test_batch", &train)]).contains("leads out"));
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
