//! A file of weights whose header is read before its numbers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::format::{Header, PREFIX, header, header_length};
use super::{NamedTensors, tensors};
use crate::ModelError;

/// A safetensors file of which the header is read, and found to be true of the file's length.
///
/// So what is in it can be compared with what it should be before memory is taken for it.
#[derive(Debug)]
pub struct WeightsFile {
    file: File,
    header: Header,
    /// Bytes after the header.
    data: u64,
}

impl WeightsFile {
    /// Opens the regular file at `path`, of at most `limit` bytes.
    ///
    /// Pipes and devices are refused before they are opened, so this never blocks.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] with a [`ModelError`] if it is no safetensors file within the limits of
    /// [`from_bytes`](super::from_bytes); other kinds if it cannot be read.
    pub fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        if !found.is_file() {
            let what = if found.is_dir() { "a folder" } else { "a device or pipe" };
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{what}, expected a file")));
        }
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        if limit < length {
            let problem = format!("{length} bytes, at most {limit} are read");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        let mut start = Vec::new();
        (&mut file).take(PREFIX).read_to_end(&mut start)?;
        let header_length = header_length(&start, length).map_err(invalid)?;
        let mut text = Vec::new();
        (&mut file).take(header_length).read_to_end(&mut text)?;
        let data = length - PREFIX - header_length;
        Ok(Self { file, header: header(&text, data).map_err(invalid)?, data })
    }

    /// The text stored with the tensors, empty if there is none.
    pub fn text(&self) -> &str {
        &self.header.text
    }

    /// The shapes of the tensors by name.
    pub fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.header.tensors.iter().map(|(name, place)| (name.clone(), place.shape.clone())).collect()
    }

    /// The tensors.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if a number is not finite or the file has become shorter.
    pub fn tensors(mut self) -> io::Result<NamedTensors> {
        let mut data = vec![0; self.data as usize];
        self.file.read_exact(&mut data)?;
        tensors(&self.header, &data).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, ModelError::Format(reason))
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::weights::to_bytes;

    #[test]
    fn a_file_gives_its_text_its_shapes_and_then_its_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let tensors: NamedTensors = [("a".to_owned(), TensorData::new(vec![1f32, 2.0], [2, 1]))].into();
        fs::write(&path, to_bytes(&tensors, "about").unwrap()).unwrap();
        let file = WeightsFile::open(&path, 1 << 20).unwrap();
        assert_eq!((file.text(), file.shapes()), ("about", [("a".to_owned(), vec![2, 1])].into()));
        assert_eq!(file.tensors().unwrap(), tensors);
        assert!(WeightsFile::open(&path, 10).unwrap_err().to_string().ends_with("at most 10 are read"));
        assert!(WeightsFile::open(folder.path(), 10).unwrap_err().to_string().starts_with("a folder"));
    }

    #[test]
    fn a_long_file_that_is_none_is_refused_without_reading_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        // Sparse: it takes no disk, and must take no memory.
        if File::create(&path).unwrap().set_len(1 << 40).is_err() {
            return;
        }
        let error = WeightsFile::open(&path, u64::MAX).unwrap_err().to_string();
        assert!(error.contains("its header cannot be read"), "{error}");
        fs::write(&path, "short").unwrap();
        let error = WeightsFile::open(&path, u64::MAX).unwrap_err().to_string();
        assert!(error.contains("it has 5 bytes"), "{error}");
    }
}
