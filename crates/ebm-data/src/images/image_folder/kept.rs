//! A folder of images whose decoded bytes are kept in a file, so that they need not fit into memory.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ebm_files::FileError;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Collected, ImageFolder, Listing, block_of, packed};
use crate::files::pixels::{About, PixelFile, PixelWriter};
use crate::images::cached::CachedImages;
use crate::{DataError, ImageShape, Split};

/// The version of how images are decoded: another one makes every file stale.
const VERSION: &str = "1";

/// Digits of the hash that tells files of one folder of caches apart.
const DIGITS: usize = 12;

/// Why images could not be put into a file.
enum Failure {
    /// One is in colour after others in grey, which are to be read anew in colour.
    Mixed,
    Data(DataError),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Data(error.into())
    }
}

impl ImageFolder {
    /// One split, whose decoded bytes are in a file in the folder `cache`: the one that is there if no image has changed
    /// since, by names, lengths and times of change, or else a new one.
    ///
    /// # Errors
    /// As [`read`](Self::read), or if the file cannot be written.
    pub(crate) fn cached(&self, split: Split, cache: &Path) -> Result<CachedImages, DataError> {
        let Listing { files, labels, classes, notes } = self.list(split)?;
        let path = cache.join(self.cache_name(split));
        let key = self.key(&files)?;
        let is_fresh = |found: &PixelFile| found.about.key == key && found.about.n == files.len();
        let pixels = match PixelFile::open(&path)?.filter(is_fresh) {
            Some(pixels) => pixels,
            None => {
                self.keep(&files, &path, &key)?;
                let changed = || DataError::malformed(&path, "changed by another process while it was read");
                PixelFile::open(&path)?.filter(is_fresh).ok_or_else(changed)?
            }
        };
        Ok(CachedImages::new(pixels, labels, classes, files).with_notes(notes))
    }

    /// The name of the file for a split of this folder, prepared as it is.
    fn cache_name(&self, split: Split) -> String {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        let what = format!("{}\n{:?}\n{}", root.display(), self.preparation, self.follow_links);
        format!("{}-{}.pixels", split.name(), &hex(Sha256::new_with_prefix(what))[..DIGITS])
    }

    /// The hash of all that the bytes of the images are made of, as far as the file system tells it.
    fn key(&self, files: &[PathBuf]) -> Result<String, DataError> {
        let mut hash =
            Sha256::new_with_prefix(format!("{VERSION}\n{:?}\n{}\n", self.preparation, files.len()));
        let mut add = |file: &Path| -> Result<(), DataError> {
            let found = fs::metadata(file).map_err(|source| DataError::io(file, source))?;
            let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let changed = changed.map_or(0, |since| since.as_nanos());
            hash.update(file.as_os_str().as_encoded_bytes());
            hash.update(format!("\0{} {changed}\n", found.len()));
            Ok(())
        };
        match packed::archive_at(&self.root) {
            // Its members are as old as it is.
            Some(archive) => add(&archive)?,
            None => files.iter().try_for_each(|file| add(file))?,
        }
        Ok(hex(hash))
    }

    /// Decodes the images into the file at `path`, which appears when it is whole.
    fn keep(&self, files: &[PathBuf], path: &Path, key: &str) -> Result<(), DataError> {
        let contents = match packed::archive_at(&self.root) {
            Some(archive) => Some(packed::contents(&archive, files)?),
            None => None,
        };
        let attempt = |in_colour: bool| {
            ebm_files::write(path, |out| {
                let mut writer = PixelWriter { out, path };
                let (shape, notes) = self.decoded_into(files, contents.as_ref(), in_colour, &mut writer)?;
                let about = About { key: key.to_owned(), shape, n: files.len(), notes };
                writer.write(&about.end()).map_err(Failure::Data)
            })
        };
        match attempt(false) {
            Err(Failure::Mixed) => match attempt(true) {
                Err(Failure::Data(error)) => Err(error),
                Err(Failure::Mixed) => Err(DataError::malformed(&self.root, "changed while it was read")),
                Ok(()) => Ok(()),
            },
            Err(Failure::Data(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    /// Decodes the images, of which there is at least one, block by block: their shape, and what was changed.
    fn decoded_into(
        &self,
        files: &[PathBuf],
        contents: Option<&HashMap<PathBuf, Vec<u8>>>,
        in_colour: bool,
        writer: &mut PixelWriter<'_>,
    ) -> Result<(ImageShape, Vec<String>), Failure> {
        let (first, rest) = files.split_first().expect("a listing has files");
        let one = self.picture(first, contents, None).map_err(Failure::Data)?;
        let sides = one.shape;
        let shape = if in_colour { ImageShape { channels: 3, ..sides } } else { sides };
        let mut collected = Collected::new(&self.root, shape, 0);
        collected.push(first, one).map_err(Failure::Data)?;
        for block in rest.chunks(block_of(shape)) {
            let first = Some((first.as_path(), sides));
            let decoded: Vec<_> = block.par_iter().map(|file| self.picture(file, contents, first)).collect();
            for (file, picture) in block.iter().zip(decoded) {
                collected.push(file, picture.map_err(Failure::Data)?).map_err(Failure::Data)?;
            }
            if collected.shape != shape {
                return Err(Failure::Mixed);
            }
            writer.write(&collected.taken()).map_err(Failure::Data)?;
        }
        writer.write(&collected.taken()).map_err(Failure::Data)?;
        Ok((collected.shape, collected.notes(&self.preparation)))
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, DataSpec, DatasetName, ImageSize};
    use ebm_ops::Noise;
    use image::{GrayImage, RgbImage};

    /// Images in two classes, of 2×3 pixels in grey, the one of this number in colour.
    fn folder(colour: Option<usize>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..7 {
            let file = folder.path().join(["a", "b"][i % 2]).join(format!("{i}.png"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let bytes = |n: usize| (0..n).map(|k| (37 * i + 11 * k) as u8).collect::<Vec<_>>();
            match colour == Some(i) {
                true => RgbImage::from_raw(3, 2, bytes(18)).unwrap().save(&file).unwrap(),
                false => GrayImage::from_raw(3, 2, bytes(6)).unwrap().save(&file).unwrap(),
            }
        }
        folder
    }

    fn open(folder: &Path, cache: Option<&Path>, change: impl Fn(&mut DataSpec)) -> Data {
        let mut spec = DataSpec::new(DatasetName::Folder, Some(folder.into()));
        spec.cache = cache.map(Path::to_owned);
        change(&mut spec);
        Data::open(&spec, &Noise::seeded(1)).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn images_from_a_file_are_those_from_memory() {
        let holdout = |split| move |spec: &mut DataSpec| (spec.holdout, spec.split) = (Some(0.4), split);
        for colour in [None, Some(0), Some(5)] {
            let (images, cache) = (folder(colour), tempfile::tempdir().unwrap());
            let changes: [&dyn Fn(&mut DataSpec); 4] = [
                &|_| {},
                &|spec| spec.size = Some(ImageSize::Square(4)),
                &holdout(Split::Train),
                &holdout(Split::Test),
            ];
            for change in changes {
                // The second time from the file.
                for _ in 0..2 {
                    let [memory, file] =
                        [None, Some(cache.path())].map(|cache| open(images.path(), cache, change));
                    assert_eq!((memory.len(), memory.summary()), (file.len(), file.summary()));
                    assert_eq!((memory.files(), memory.classes()), (file.files(), file.classes()));
                    let all: Vec<usize> = (0..memory.len().unwrap()).rev().collect();
                    assert_eq!(
                        memory.read(&all, None).unwrap(),
                        file.read(&all, None).unwrap(),
                        "{colour:?}"
                    );
                }
            }
            // One for each preparation.
            assert_eq!(names(cache.path()).len(), 2);
        }
    }

    #[test]
    fn a_file_is_made_anew_where_an_image_has_changed_and_only_there() {
        let (images, cache) = (folder(None), tempfile::tempdir().unwrap());
        let first = || open(images.path(), Some(cache.path()), |_| {}).read(&[0], None).unwrap().values;
        let before = first();
        let path = cache.path().join(&names(cache.path())[0]);
        let mut bytes = fs::read(&path).unwrap();
        // As it is, and not as the images are.
        bytes[0] ^= 0xff;
        fs::write(&path, &bytes).unwrap();
        assert_ne!(first(), before);
        // Damaged, it is made anew.
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(first(), before);
        let file = images.path().join("a/0.png");
        GrayImage::from_raw(3, 2, vec![9; 6]).unwrap().save(&file).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let changed = first();
        assert_ne!(changed, before);
        assert_eq!(changed, open(images.path(), None, |_| {}).read(&[0], None).unwrap().values);
        fs::remove_file(file).unwrap();
        assert_ne!(first(), changed);
        assert_eq!(names(cache.path()).len(), 1);
    }

    #[test]
    fn a_cache_is_for_folders_of_images() {
        let spec =
            DataSpec { cache: Some("x".into()), ..DataSpec::new(DatasetName::Mnist, Some("x".into())) };
        let error = Data::open(&spec, &Noise::seeded(0)).err().unwrap().to_string();
        assert!(error.contains("data.cache is for folders of images"), "{error}");
    }
}
