//! A file of the decoded bytes of images, one image after the other, which is read image by image.
//!
//! After the images stands a text that says what they are, then the length of that text in eight bytes, least
//! significant first, and [`MAGIC`].

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::{DataError, ImageShape};

/// How the file ends.
const MAGIC: &[u8; 8] = b"ebmpix\x00\x01";

/// Bytes after the text.
const END: u64 = 16;

/// Most bytes of the text.
const MAX_TEXT: u64 = 1 << 20;

/// What a file of pixels says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// The hash of what the pixels were made of.
    pub(crate) key: String,
    /// The shape of every image.
    pub(crate) shape: ImageShape,
    /// The number of images.
    pub(crate) n: usize,
    /// What was changed when they were decoded, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl About {
    /// The bytes after the images.
    pub(crate) fn end(&self) -> Vec<u8> {
        let ImageShape { channels, height, width } = self.shape;
        let mut text = format!("{}\n{channels} {height} {width} {}\n", self.key, self.n);
        for note in &self.notes {
            text.push_str(&note.replace('\n', " "));
            text.push('\n');
        }
        [text.as_bytes(), &(text.len() as u64).to_le_bytes(), MAGIC].concat()
    }

    fn of_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let key = lines.next()?.to_owned();
        let numbers: Vec<usize> = lines.next()?.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
        let &[channels, height, width, n] = &numbers[..] else { return None };
        let shape = ImageShape { channels, height, width };
        Some(Self { key, shape, n, notes: lines.map(str::to_owned).collect() })
    }

    /// Bytes of all images.
    fn length(&self) -> Option<u64> {
        let ImageShape { channels, height, width } = self.shape;
        let factors = [channels, height, width, self.n];
        factors.into_iter().try_fold(1u64, |product, factor| product.checked_mul(factor as u64))
    }
}

/// A file of pixels that is open.
#[derive(Debug)]
pub(crate) struct PixelFile {
    pub(crate) about: About,
    path: PathBuf,
    file: Mutex<File>,
}

impl PixelFile {
    /// Opens the file; `None` if it is not there, or is not one of pixels as they would be written.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, DataError> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DataError::io(path, source)),
        };
        let about = about(&mut file).map_err(|source| DataError::io(path, source))?;
        Ok(about.map(|about| Self { about, path: path.to_owned(), file: Mutex::new(file) }))
    }

    /// The bytes of one image.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn read(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; self.about.shape.dim()];
        let place = index as u64 * bytes.len() as u64;
        // A reader that panicked has changed no more than the place, which is set anew.
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(place)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|source| DataError::io(&self.path, source))?;
        Ok(bytes)
    }
}

/// What the end of a file says, if it is that of a whole file of pixels.
fn about(file: &mut File) -> std::io::Result<Option<About>> {
    let length = file.metadata()?.len();
    let Some(before_end) = length.checked_sub(END) else { return Ok(None) };
    file.seek(SeekFrom::Start(before_end))?;
    let (mut of_text, mut magic) = ([0; 8], [0; 8]);
    file.read_exact(&mut of_text)?;
    file.read_exact(&mut magic)?;
    let of_text = u64::from_le_bytes(of_text);
    let Some(of_images) = before_end.checked_sub(of_text).filter(|_| of_text <= MAX_TEXT && magic == *MAGIC)
    else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(of_images))?;
    let mut text = vec![0; of_text as usize];
    file.read_exact(&mut text)?;
    let about = std::str::from_utf8(&text).ok().and_then(About::of_text);
    Ok(about.filter(|about| about.length() == Some(of_images) && 0 < about.n))
}

/// Writes images to a file of pixels as they come.
pub(crate) struct PixelWriter<'a> {
    /// Where they go.
    pub(crate) out: &'a mut dyn Write,
    /// The file, for errors.
    pub(crate) path: &'a Path,
}

impl PixelWriter<'_> {
    /// Appends bytes.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.out.write_all(bytes).map_err(|source| DataError::io(self.path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> (About, Vec<u8>) {
        let shape = ImageShape { channels: 1, height: 1, width: 3 };
        let notes = vec!["1 turned (a\nb.png)".to_owned(), "2 more".into()];
        let about = About { key: "key".into(), shape, n: 2, notes };
        let bytes = [&[1, 2, 3, 4, 5, 6][..], &about.end()].concat();
        (about, bytes)
    }

    #[test]
    fn images_come_back_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (about, bytes) = whole();
        std::fs::write(&path, bytes).unwrap();
        let file = PixelFile::open(&path).unwrap().unwrap();
        assert_eq!((&file.about.key, file.about.shape, file.about.n), (&about.key, about.shape, 2));
        assert_eq!(file.about.notes, ["1 turned (a b.png)", "2 more"]);
        assert_eq!((file.read(1).unwrap(), file.read(0).unwrap()), (vec![4, 5, 6], vec![1, 2, 3]));
        assert!(file.read(1000).is_err());
    }

    #[test]
    fn a_file_that_is_not_whole_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(PixelFile::open(&path).unwrap().is_none());
        let (_, bytes) = whole();
        for cut in 0..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert!(PixelFile::open(&path).unwrap().is_none(), "the first {cut} bytes");
            std::fs::write(&path, &bytes[bytes.len() - cut..]).unwrap();
            assert!(PixelFile::open(&path).unwrap().is_none(), "the last {cut} bytes");
        }
        let mut other = bytes.clone();
        let claims = other.len() - 16;
        other[claims..claims + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        std::fs::write(&path, other).unwrap();
        assert!(PixelFile::open(&path).unwrap().is_none());
    }
}
