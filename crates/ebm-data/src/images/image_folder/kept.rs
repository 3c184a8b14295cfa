//! A folder of images whose decoded bytes are kept in a file, so that they need not fit into memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ebm_files::FileError;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::collected::{Collected, block_of};
use super::listing::Listing;
use super::source::source;
use super::{ImageFolder, packed};
use crate::files::hex::hex;
use crate::files::pixels::{About, PixelFile, PixelWriter};
use crate::files::state::state;
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
    /// since, by names, lengths and times of change, on Unix also by inodes, or else a new one. Of more bytes than `most` not
    /// all are read to tell them from others.
    ///
    /// # Errors
    /// As [`read`](Self::read), if `cache` is within the folder of images, or if the file cannot be written.
    pub(crate) fn cached(&self, split: Split, cache: &Path, most: u64) -> Result<CachedImages, DataError> {
        if is_within(cache, &self.root) {
            return Err(DataError::Spec(format!(
                "data.cache is {}, within the data {}; expected a folder elsewhere",
                cache.display(),
                self.root.display()
            )));
        }
        let Listing { files, labels, classes, notes } = self.list(split)?;
        let path = cache.join(self.cache_name(split));
        let key = self.key(&files)?;
        let is_fresh = |found: &PixelFile| found.about.key == key && found.about.n == files.len();
        let pixels = PixelFile::open_or_keep(&path, is_fresh, || self.keep(&files, &path, &key))?;
        let bytes = (files.len() as u64).saturating_mul(pixels.about.shape.dim() as u64);
        let source = if most < bytes { Some(source(&self.root, &files)?) } else { None };
        Ok(CachedImages::new(pixels, labels, classes, files).with_notes(notes).read_from(source))
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
            hash.update(file.as_os_str().as_encoded_bytes());
            hash.update(format!("\0{}\n", state(file)?));
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
        let contents = self.contents(files)?;
        let attempt = |in_colour: bool| {
            ebm_files::write(path, |out| {
                let mut writer = PixelWriter::new(out, path);
                let (shape, notes) = self.decoded_into(files, contents.as_ref(), in_colour, &mut writer)?;
                let about = About { key: key.to_owned(), shape, n: files.len(), notes };
                writer.finish(&about).map_err(Failure::Data)
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

/// Whether a folder, which need not be there, is `root` or within it.
fn is_within(folder: &Path, root: &Path) -> bool {
    let (Ok(folder), Ok(root)) = (std::path::absolute(folder), root.canonicalize()) else { return false };
    // The part of the path that is there may lead over links, the rest cannot.
    let real = |part: &Path| Some(part.canonicalize().ok()?.join(folder.strip_prefix(part).ok()?));
    folder.ancestors().find_map(real).is_some_and(|folder| folder.starts_with(root))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::UNIX_EPOCH;

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
        let read = || open(images.path(), Some(cache.path()), |_| {}).read(&[0], None);
        let first = || read().unwrap().values;
        let before = first();
        let path = cache.path().join(&names(cache.path())[0]);
        let mut bytes = fs::read(&path).unwrap();
        // Altered among the images, it is refused.
        bytes[0] ^= 0xff;
        fs::write(&path, &bytes).unwrap();
        let error = read().unwrap_err().to_string();
        assert!(error.contains(".pixels") && error.contains("delete the file"), "{error}");
        // Cut off, it is made anew.
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

    #[cfg(unix)]
    #[test]
    fn an_image_that_took_the_place_of_one_of_its_length_and_time_is_noticed() {
        let (images, cache) = (folder(None), tempfile::tempdir().unwrap());
        let (file, other) = (images.path().join("a/00.bmp"), cache.path().join("other.bmp"));
        let write = |file: &Path, level: u8| {
            GrayImage::from_raw(3, 2, vec![level; 6]).unwrap().save(file).unwrap();
            fs::File::options().write(true).open(file).unwrap().set_modified(UNIX_EPOCH).unwrap();
            fs::metadata(file).unwrap().len()
        };
        let lengths = [write(&file, 10), write(&other, 200)];
        assert_eq!(lengths[0], lengths[1]);
        let kept = cache.path().join("kept");
        let all = || open(images.path(), Some(kept.as_path()), |_| {}).read(&[0, 1], None).unwrap().values;
        let before = all();
        fs::rename(other, file).unwrap();
        assert_ne!(all(), before);
    }

    #[test]
    fn a_cache_is_a_folder_outside_of_the_images() {
        let images = folder(None);
        let refused = |cache: &Path| {
            let mut spec = DataSpec::new(DatasetName::Folder, Some(images.path().into()));
            spec.cache = Some(cache.into());
            Data::open(&spec, &Noise::seeded(1)).err().unwrap().to_string()
        };
        for cache in [images.path().to_owned(), images.path().join("a"), images.path().join("new/er")] {
            let error = refused(&cache);
            assert!(error.contains("data.cache") && error.contains("elsewhere"), "{error}");
        }
        assert!(!images.path().join("new").exists());
        let error = refused(Path::new(""));
        assert!(error.contains("data.cache is empty"), "{error}");
    }

    #[test]
    fn a_cache_is_for_folders_of_images() {
        let spec =
            DataSpec { cache: Some("x".into()), ..DataSpec::new(DatasetName::Mnist, Some("x".into())) };
        let error = Data::open(&spec, &Noise::seeded(0)).err().unwrap().to_string();
        assert!(error.contains("data.cache is for folders of images and tables"), "{error}");
    }
}
