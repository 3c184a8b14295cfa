//! A folder of images that are decoded as they are wanted, so that they need not fit into memory.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use burn_dataset::Dataset;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::ImageFolder;
use super::collected::{Collected, block_of};
use super::listing::Listing;
use super::source::source;
use crate::data::Data;
use crate::images::held_out::Divided;
use crate::spread::spread;
use crate::{DataError, Image, ImageShape};

/// Most images that are looked at before any is wanted, and most bytes of their files.
const LOOKED_AT: usize = 1000;
const LOOKED_AT_BYTES: u64 = 16 << 20;

/// Most threads that decode.
const THREADS: usize = 4;

/// Images of one shape in files of their own.
///
/// Threads of their own decode them, so that no computation waits for an image. Their sides and channels are those of
/// images that are spread over the folder, which are decoded first; another that differs is an error where it is wanted.
pub(super) struct WantedImages {
    folder: ImageFolder,
    shape: ImageShape,
    /// The first image, and its sides, which all are to have.
    first: (PathBuf, ImageShape),
    files: Arc<[PathBuf]>,
    labels: Option<Vec<u32>>,
    classes: Vec<String>,
    notes: Vec<String>,
    source: String,
    threads: Arc<ThreadPool>,
}

impl ImageFolder {
    /// The images of `listing`, `one` of which, the first, has this shape.
    ///
    /// # Errors
    /// If one of those that are looked at cannot be decoded, or differs in its sides from the first.
    pub(super) fn wanted(&self, listing: Listing, one: ImageShape) -> Result<WantedImages, DataError> {
        let Listing { files, labels, classes, notes } = listing;
        let threads = ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads().clamp(1, THREADS))
            .thread_name(|i| format!("ebm-images-{i}"))
            .build()
            .map_err(|error| DataError::Spec(format!("no threads can be started: {error}")))?;
        let source = source(&self.root, &files)?;
        let mut images = WantedImages {
            folder: self.clone(),
            shape: one,
            first: (files[0].clone(), one),
            files: files.into(),
            labels,
            classes,
            notes: Vec::new(),
            source,
            threads: Arc::new(threads),
        };
        let found = images.look()?;
        images.notes = notes;
        images.notes.splice(0..0, found);
        Ok(images)
    }
}

impl WantedImages {
    /// Decodes images that are spread over the folder, by which the number of channels is known; what there is to say.
    fn look(&mut self) -> Result<Vec<String>, DataError> {
        let spread = spread(self.files.len(), LOOKED_AT);
        let mut bytes = 0;
        let mut within = |file: &PathBuf| {
            bytes += fs::metadata(file).map_or(0, |found| found.len());
            bytes <= LOOKED_AT_BYTES
        };
        let looked_at: Vec<&PathBuf> =
            spread.map(|i| &self.files[i]).take_while(|file| within(file)).collect();
        let first = (self.first.0.as_path(), self.first.1);
        let mut collected = Collected::new(&self.folder.root, self.shape, 0);
        for block in looked_at.chunks(block_of(self.shape)) {
            let decode = |file: &&PathBuf| self.folder.picture(file, None, Some(first));
            let decoded: Vec<_> = self.threads.install(|| block.par_iter().map(decode).collect());
            for (file, picture) in block.iter().zip(decoded) {
                collected.push(file, picture?)?;
            }
            collected.taken();
        }
        self.shape = collected.shape;
        let mut notes =
            vec![format!("decoded as they are wanted, {} of them looked at before", looked_at.len())];
        notes.extend(
            collected.notes(&self.folder.preparation).into_iter().map(|note| format!("of these {note}")),
        );
        Ok(notes)
    }

    /// The bytes of an image.
    fn pixels(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let file = &self.files[index];
        let (first, sides) = &self.first;
        let picture = self.folder.picture(file, None, Some((first.as_path(), *sides)))?;
        match (picture.shape.channels, self.shape.channels) {
            (found, expected) if found == expected => Ok(picture.pixels),
            (1, 3) => Ok(picture.pixels.repeat(3)),
            _ => Err(DataError::malformed(
                file,
                "in colour, and the images that were looked at before are grey; `--set data.channels=3` reads all of them \
                 in colour, `--set data.channels=1` in grey",
            )),
        }
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        Ok(Image { pixels: self.pixels(index)?, label: self.labels.as_ref().map(|labels| labels[index]) })
    }
}

impl Divided for WantedImages {
    fn n_images(&self) -> usize {
        self.files.len()
    }

    fn noted(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }

    fn chosen(self, is_kept: &[bool], note: String) -> Self {
        let places: Vec<usize> = (0..self.files.len()).filter(|&i| is_kept[i]).collect();
        let labels = self.labels.as_ref().map(|labels| places.iter().map(|&i| labels[i]).collect());
        let files = places.iter().map(|&i| self.files[i].clone()).collect();
        let source = format!("{}, {} of them", self.source, places.len());
        Self { files, labels, source, ..self }.noted(note)
    }
}

impl Dataset<Image, DataError> for WantedImages {
    fn get(&self, index: usize) -> Result<Image, DataError> {
        self.image(index)
    }

    /// Decoded beside each other; of several that cannot be read, the error is of the first.
    fn get_many(&self, indices: Vec<usize>) -> Result<Vec<Image>, DataError> {
        let images: Vec<_> =
            self.threads.install(|| indices.par_iter().map(|&index| self.image(index)).collect());
        images.into_iter().collect()
    }

    fn len(&self) -> usize {
        self.files.len()
    }
}

impl From<WantedImages> for Data {
    fn from(set: WantedImages) -> Self {
        let mut counts = vec![0; set.classes.len()];
        set.labels.iter().flatten().for_each(|&label| counts[label as usize] += 1);
        let (notes, files, source) = (set.notes.clone(), set.files.clone(), set.source.clone());
        let images = Self::images(set.shape, set.classes.clone(), set);
        images.with_counts(counts).with_notes(notes).with_files(files).read_from(source)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ebm_ops::Noise;
    use image::{GrayImage, RgbImage};

    use super::*;
    use crate::{DataSpec, DatasetName, ImageSize, Split};

    /// Images in two classes, of 2×3 pixels in grey, those of these numbers in colour.
    fn folder(n: usize, colour: &[usize]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..n {
            let file = folder.path().join(["a", "b"][i % 2]).join(format!("{i:04}.png"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let bytes = |n: usize| (0..n).map(|k| (37 * i + 11 * k) as u8).collect::<Vec<_>>();
            match colour.contains(&i) {
                true => RgbImage::from_raw(3, 2, bytes(18)).unwrap().save(&file).unwrap(),
                false => GrayImage::from_raw(3, 2, bytes(6)).unwrap().save(&file).unwrap(),
            }
        }
        folder
    }

    fn open(folder: &Path, memory: Option<u64>, change: impl Fn(&mut DataSpec)) -> Data {
        let mut spec = DataSpec::new(DatasetName::Folder, Some(folder.into()));
        spec.memory = memory;
        change(&mut spec);
        Data::open(&spec, &Noise::seeded(1)).unwrap()
    }

    #[test]
    fn images_that_are_decoded_as_they_are_wanted_are_those_from_memory() {
        let holdout = |split| move |spec: &mut DataSpec| (spec.holdout, spec.split) = (Some(0.4), split);
        let changes: [&dyn Fn(&mut DataSpec); 4] = [
            &|_| {},
            &|spec| spec.size = Some(ImageSize::Square(4)),
            &holdout(Split::Train),
            &holdout(Split::Test),
        ];
        for colour in [&[][..], &[0], &[5]] {
            let images = folder(9, colour);
            for change in changes {
                let [memory, wanted] = [None, Some(0)].map(|most| open(images.path(), most, change));
                assert!(memory.is_in_memory() && !wanted.is_in_memory());
                assert_eq!((memory.len(), memory.image_shape()), (wanted.len(), wanted.image_shape()));
                assert_eq!(
                    (memory.files(), memory.summary().classes),
                    (wanted.files(), wanted.summary().classes)
                );
                let all: Vec<usize> = (0..memory.len().unwrap()).rev().collect();
                let draw = || Some(Noise::seeded(3));
                let read = |data: &Data| data.read(&all, draw().as_mut()).unwrap();
                assert_eq!(read(&memory), read(&wanted), "{colour:?}");
            }
        }
    }

    #[test]
    fn what_is_wrong_with_an_image_is_said_where_it_is_wanted_and_by_its_name() {
        // Every second one is looked at before.
        let images = folder(2 * LOOKED_AT, &[]);
        let data = || open(images.path(), Some(0), |_| {});
        let write = |name: &str, side: u32| GrayImage::new(side, 2).save(images.path().join(name)).unwrap();
        write("a/0002.png", 4);
        let wrong = data();
        assert_eq!(wrong.read(&[0, 2], None).unwrap().values.len(), 12);
        let error = wrong.read(&[0, 1, 2], None).unwrap_err().to_string();
        assert!(error.contains("0002.png is 1×2×4, but") && error.contains("data.size"), "{error}");
        RgbImage::new(3, 2).save(images.path().join("a/0002.png")).unwrap();
        let error = data().read(&[1], None).unwrap_err().to_string();
        assert!(error.contains("0002.png: in colour") && error.contains("data.channels=3"), "{error}");
        let coloured = open(images.path(), Some(0), |spec| spec.channels = Some(3));
        assert_eq!(coloured.read(&[0, 1], None).unwrap().values.len(), 36);
        fs::write(images.path().join("a/0002.png"), "no image").unwrap();
        let error = data().read(&[1, 2], None).unwrap_err().to_string();
        assert!(error.contains("0002.png"), "{error}");
        // One that is looked at is named at once.
        write("a/0004.png", 4);
        let mut spec = DataSpec::new(DatasetName::Folder, Some(images.path().into()));
        spec.memory = Some(0);
        let error = Data::open(&spec, &Noise::seeded(1)).err().unwrap().to_string();
        assert!(error.contains("0004.png is 1×2×4"), "{error}");
    }

    #[test]
    fn a_folder_is_told_from_another_by_names_and_lengths() {
        let images = folder(6, &[]);
        let source = || open(images.path(), Some(0), |_| {}).source().unwrap().to_owned();
        let before = source();
        assert_eq!(before, source());
        let moved = tempfile::tempdir().unwrap();
        fs::rename(images.path().join("a"), moved.path().join("a")).unwrap();
        fs::rename(images.path().join("b"), moved.path().join("b")).unwrap();
        assert_eq!(before, open(moved.path(), Some(0), |_| {}).source().unwrap());
        GrayImage::new(3, 2).save(moved.path().join("b/9.png")).unwrap();
        assert_ne!(before, open(moved.path(), Some(0), |_| {}).source().unwrap());
    }
}
