//! A file of the decoded bytes of images, one image after the other, which is read image by image.
//!
//! Of a table, an image is the bytes of a row's doubles, 1×1×8d for d numbers.
//!
//! After the images stand the SHA-256 of each [`BLOCK`] of their bytes, a text that says what they are, the length of
//! that text in eight bytes, least significant first, the SHA-256 of these hashes and the text, and [`MAGIC`]. So
//! nothing whole is read when the file is opened, and each block is checked when it is first read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use super::bytes::check_is_file;
use crate::{DataError, ImageShape};

/// How the file ends.
const MAGIC: &[u8; 8] = b"ebmpix\x00\x02";

/// Bytes of a hash.
const HASH: usize = 32;

/// Bytes after the text: its length, a hash, and [`MAGIC`].
const END: u64 = 8 + HASH as u64 + 8;

/// Bytes of images that have a hash of their own; the last block may be shorter.
const BLOCK: u64 = 1 << 20;

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
    /// The bytes after the images, whose blocks have these hashes.
    fn end(&self, hashes: &[u8]) -> Vec<u8> {
        let ImageShape { channels, height, width } = self.shape;
        let mut text = format!("{}\n{channels} {height} {width} {}\n", self.key, self.n);
        for note in &self.notes {
            text.push_str(&note.replace('\n', " "));
            text.push('\n');
        }
        let hash = hash_of_index(hashes, text.as_bytes());
        [hashes, text.as_bytes(), &(text.len() as u64).to_le_bytes(), hash.as_slice(), MAGIC].concat()
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

/// The hash of the hashes of all blocks and of the text.
fn hash_of_index(hashes: &[u8], text: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(hashes);
    hash.update(text);
    hash.finalize().to_vec()
}

/// A file of pixels that is open.
#[derive(Debug)]
pub(crate) struct PixelFile {
    pub(crate) about: About,
    path: PathBuf,
    blocks: Mutex<Blocks>,
}

/// The bytes of the images, block by block.
#[derive(Debug)]
struct Blocks {
    file: File,
    /// Bytes of all images.
    length: u64,
    /// The hash of each block, one after the other.
    hashes: Vec<u8>,
    /// Which blocks have been found to be as they were written.
    verified: Vec<bool>,
}

impl Blocks {
    /// Fills `bytes` from `place`; whether the blocks that they are in are as they were written.
    fn read(&mut self, place: u64, bytes: &mut [u8]) -> std::io::Result<bool> {
        let end = (place + bytes.len() as u64).div_ceil(BLOCK);
        for block in place / BLOCK..end {
            if !self.verify(block)? {
                return Ok(false);
            }
        }
        self.file.seek(SeekFrom::Start(place))?;
        self.file.read_exact(bytes)?;
        Ok(true)
    }

    /// Whether a block is as it was written, which is found out once.
    fn verify(&mut self, block: u64) -> std::io::Result<bool> {
        let i = block as usize;
        if !self.verified[i] {
            let begin = block * BLOCK;
            let mut bytes = vec![0; BLOCK.min(self.length - begin) as usize];
            self.file.seek(SeekFrom::Start(begin))?;
            self.file.read_exact(&mut bytes)?;
            self.verified[i] = Sha256::digest(&bytes).as_slice() == &self.hashes[i * HASH..][..HASH];
        }
        Ok(self.verified[i])
    }
}

impl PixelFile {
    /// Opens the file; `None` if it is not there, or is not one of pixels as they would be written.
    ///
    /// # Errors
    /// If the system refuses, or if something that is no file is there.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, DataError> {
        match check_is_file(path) {
            Ok(_) => {}
            Err(DataError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let failed = |source| DataError::io(path, source);
        let mut file = File::open(path).map_err(failed)?;
        let Some((about, length, hashes)) = index(&mut file).map_err(failed)? else { return Ok(None) };
        let verified = vec![false; hashes.len() / HASH];
        let blocks = Mutex::new(Blocks { file, length, hashes, verified });
        Ok(Some(Self { about, path: path.to_owned(), blocks }))
    }

    /// Opens the file at `path` if it is there and `is_fresh`, or else the one that `keep` writes there.
    ///
    /// # Errors
    /// As [`open`](Self::open) and `keep`, or if another process changes the file.
    pub(crate) fn open_or_keep(
        path: &Path,
        is_fresh: impl Fn(&Self) -> bool,
        keep: impl FnOnce() -> Result<(), DataError>,
    ) -> Result<Self, DataError> {
        if let Some(found) = Self::open(path)?.filter(&is_fresh) {
            return Ok(found);
        }
        keep()?;
        let changed = || DataError::malformed(path, "changed by another process while it was read");
        Self::open(path)?.filter(&is_fresh).ok_or_else(changed)
    }

    /// The bytes of one image.
    ///
    /// # Errors
    /// If they cannot be read, or are not those that were written.
    pub(crate) fn read(&self, index: usize) -> Result<Vec<u8>, DataError> {
        self.read_some(index, 1)
    }

    /// The bytes of `count` images from `first` on.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_some(&self, first: usize, count: usize) -> Result<Vec<u8>, DataError> {
        if first.checked_add(count).is_none_or(|end| self.about.n < end) {
            let problem = format!("no images {first} to {first} + {count} of {}", self.about.n);
            return Err(DataError::malformed(&self.path, problem));
        }
        let mut bytes = vec![0; count * self.about.shape.dim()];
        let place = first as u64 * self.about.shape.dim() as u64;
        // A reader that panicked has changed no more than the place, which is set anew.
        let mut blocks = self.blocks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match blocks.read(place, &mut bytes) {
            Ok(true) => Ok(bytes),
            Ok(false) => Err(DataError::malformed(
                &self.path,
                "damaged: its bytes are not those that were written; delete the file, and it is made anew",
            )),
            Err(source) => Err(DataError::io(&self.path, source)),
        }
    }
}

/// What the end of a file says, the bytes of its images, and the hashes of their blocks, if it is that of a whole file of
/// pixels.
fn index(file: &mut File) -> std::io::Result<Option<(About, u64, Vec<u8>)>> {
    let length = file.metadata()?.len();
    let Some(before_end) = length.checked_sub(END) else { return Ok(None) };
    file.seek(SeekFrom::Start(before_end))?;
    let (mut of_text, mut hash, mut magic) = ([0; 8], [0; HASH], [0; 8]);
    file.read_exact(&mut of_text)?;
    file.read_exact(&mut hash)?;
    file.read_exact(&mut magic)?;
    let of_text = u64::from_le_bytes(of_text);
    let Some(before_text) =
        before_end.checked_sub(of_text).filter(|_| of_text <= MAX_TEXT && magic == *MAGIC)
    else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(before_text))?;
    let mut text = vec![0; of_text as usize];
    file.read_exact(&mut text)?;
    let about = std::str::from_utf8(&text).ok().and_then(About::of_text).filter(|about| 0 < about.n);
    let Some(about) = about else { return Ok(None) };
    let Some(of_images) = about.length() else { return Ok(None) };
    let of_hashes = of_images.div_ceil(BLOCK) * HASH as u64;
    if of_images.checked_add(of_hashes) != Some(before_text) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(of_images))?;
    let mut hashes = vec![0; of_hashes as usize];
    file.read_exact(&mut hashes)?;
    Ok((hash_of_index(&hashes, &text) == hash).then_some((about, of_images, hashes)))
}

/// Writes images to a file of pixels as they come.
pub(crate) struct PixelWriter<'a> {
    /// Where they go.
    out: &'a mut dyn Write,
    /// The file, for errors.
    path: &'a Path,
    /// The hashes of blocks that are whole.
    hashes: Vec<u8>,
    /// The block that is not, and its bytes so far.
    block: Sha256,
    in_block: usize,
}

impl<'a> PixelWriter<'a> {
    /// A writer of images to `out`, which becomes the file at `path`.
    pub(crate) fn new(out: &'a mut dyn Write, path: &'a Path) -> Self {
        Self { out, path, hashes: Vec::new(), block: Sha256::new(), in_block: 0 }
    }

    /// Appends bytes of images.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        let mut left = bytes;
        while !left.is_empty() {
            let (now, later) = left.split_at(left.len().min(BLOCK as usize - self.in_block));
            self.block.update(now);
            self.in_block += now.len();
            left = later;
            if self.in_block == BLOCK as usize {
                self.end_block();
            }
        }
        self.append(bytes)
    }

    /// Appends what stands after the images.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn finish(mut self, about: &About) -> Result<(), DataError> {
        if 0 < self.in_block {
            self.end_block();
        }
        let end = about.end(&self.hashes);
        self.append(&end)
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.hashes.extend_from_slice(block.finalize().as_slice());
        self.in_block = 0;
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), DataError> {
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
        let bytes = written(&about, &[1, 2, 3, 4, 5, 6]);
        (about, bytes)
    }

    /// The bytes of a file of images, which come in pieces.
    fn written(about: &About, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = PixelWriter::new(&mut bytes, Path::new("a"));
        pixels.chunks(700_001).for_each(|piece| writer.write(piece).unwrap());
        writer.finish(about).unwrap();
        bytes
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
        let claims = other.len() - END as usize;
        other[claims..claims + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        std::fs::write(&path, other).unwrap();
        assert!(PixelFile::open(&path).unwrap().is_none());
        // Nor is one whose hashes or text were altered.
        for place in 6..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            std::fs::write(&path, other).unwrap();
            assert!(PixelFile::open(&path).unwrap().is_none(), "byte {place}");
        }
    }

    #[test]
    fn an_altered_block_is_refused_and_the_others_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        // Images of 300,000 bytes: the fourth is in the first and the second block, the last in the third.
        let shape = ImageShape { channels: 3, height: 100, width: 1000 };
        let about = About { key: "key".into(), shape, n: 8, notes: vec![] };
        let pixels: Vec<u8> = (0..8 * shape.dim()).map(|i| (i % 251) as u8).collect();
        let mut bytes = written(&about, &pixels);
        let image = |i: usize| &pixels[i * shape.dim()..][..shape.dim()];
        std::fs::write(&path, &bytes).unwrap();
        let file = PixelFile::open(&path).unwrap().unwrap();
        assert!((0..8).rev().all(|i| file.read(i).unwrap() == image(i)));

        bytes[BLOCK as usize + 100] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let file = PixelFile::open(&path).unwrap().unwrap();
        for i in [0, 1, 2, 7, 0] {
            assert!(file.read(i).unwrap() == image(i), "image {i}");
        }
        for i in [3, 4, 5, 6, 3] {
            let error = file.read(i).unwrap_err().to_string();
            assert!(error.contains("delete the file"), "image {i}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = PixelFile::open(&pipe).unwrap_err().to_string();
        assert!(error.contains("a device or pipe"), "{error}");
    }
}
