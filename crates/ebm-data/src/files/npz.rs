//! NumPy's archives of arrays: `.npz` files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};

use super::bytes;
use super::npy::{Array, Header};
use crate::DataError;

/// Most arrays in an archive.
const MAX_ENTRIES: usize = 4096;

/// An archive of arrays, each of them a `.npy` file within a ZIP file.
///
/// Stored and deflated arrays are read, as `numpy.savez` and `numpy.savez_compressed` write them. As for gzip, an array
/// may be 64 MiB and 64 times as long as its packed bytes.
pub(crate) struct Archive {
    file: PathBuf,
    archive: ZipArchive<FileReader>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    method: CompressionMethod,
    packed: u64,
    place: ZipArchiveEntryWayfinder,
}

impl Archive {
    /// Reads the list of the arrays in `file`.
    ///
    /// # Errors
    /// If it is no ZIP file, is damaged, or lists more than 4,096 arrays.
    pub(crate) fn open(file: &Path) -> Result<Self, DataError> {
        bytes::check_is_file(file)?;
        let content = File::open(file).map_err(|source| DataError::io(file, source))?;
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(content, &mut buffer);
        let archive = archive.map_err(|error| damaged(file, &error))?;
        let (mut entries, mut listed) = (Vec::new(), archive.entries(&mut buffer));
        while let Some(entry) = listed.next_entry().map_err(|error| damaged(file, &error))? {
            let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
            let Some(name) = name.strip_suffix(".npy") else { continue };
            if entries.len() == MAX_ENTRIES {
                let problem = format!("more than {MAX_ENTRIES} arrays, the most that are read");
                return Err(DataError::malformed(file, problem));
            }
            entries.push(Entry {
                name: name.into(),
                method: entry.compression_method(),
                packed: entry.compressed_size_hint(),
                place: entry.wayfinder(),
            });
        }
        Ok(Self { file: file.into(), archive, entries })
    }

    /// The names of the arrays, in the order of the archive.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The header of an array.
    ///
    /// # Errors
    /// If it is not there, not an array of numbers, or damaged.
    pub(crate) fn header(&self, name: &str) -> Result<Header, DataError> {
        self.with(name, |mut content, path| Header::read(&mut content, path))
    }

    /// An array.
    ///
    /// # Errors
    /// As [`header`](Self::header), or if the numbers are not as its header says.
    pub(crate) fn array(&self, name: &str) -> Result<Array, DataError> {
        self.with(name, |mut content, path| Header::read(&mut content, path)?.array(content, path))
    }

    /// What `read` makes of the content of an array.
    fn with<T>(
        &self,
        name: &str,
        read: impl FnOnce(&mut dyn Read, &Path) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        let path = self.file.join(format!("{name}.npy"));
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| DataError::NotFound { path: path.clone() })?;
        let packed = self.archive.get_entry(entry.place).map_err(|error| damaged(&path, &error))?;
        match entry.method {
            CompressionMethod::STORE => read(&mut packed.verifying_reader(packed.reader()), &path),
            CompressionMethod::DEFLATE => {
                bytes::check_unpacked(entry.packed, entry.place.uncompressed_size_hint(), &path)?;
                let content = packed.verifying_reader(DeflateDecoder::new(packed.reader()));
                read(&mut bytes::limited(content, entry.packed), &path)
            }
            method => {
                let found = format!("an array packed by the method {method}");
                Err(DataError::Unsupported { file: path, found, expected: "stored or deflated arrays" })
            }
        }
    }
}

fn damaged(file: &Path, error: &rawzip::Error) -> DataError {
    DataError::malformed(file, format!("the archive is damaged: {error}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use rawzip::ZipArchiveWriter;

    use super::*;

    /// The bytes of an archive, deflated or stored: (name, content).
    pub(crate) fn zip(files: &[(&str, &[u8])], deflated: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut archive = ZipArchiveWriter::new(&mut bytes);
        for (name, content) in files {
            let method = if deflated { CompressionMethod::DEFLATE } else { CompressionMethod::STORE };
            let (mut entry, config) = archive.new_file(*name).compression_method(method).start().unwrap();
            let descriptor = if deflated {
                let encoder = DeflateEncoder::new(&mut entry, Compression::default());
                let mut writer = config.wrap(encoder);
                writer.write_all(content).unwrap();
                let (encoder, descriptor) = writer.finish().unwrap();
                encoder.finish().unwrap();
                descriptor
            } else {
                let mut writer = config.wrap(&mut entry);
                writer.write_all(content).unwrap();
                writer.finish().unwrap().1
            };
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        bytes
    }

    /// The bytes of a `.npy` file in C order.
    pub(crate) fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\0".as_slice(), &length, header.as_bytes(), values].concat()
    }

    #[test]
    fn arrays_are_read_by_name_stored_and_deflated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.npz");
        let (a, b) = (npy("|u1", "(2, 3)", &[1, 2, 3, 4, 5, 6]), npy("|i1", "(2,)", &[7, 255]));
        for deflated in [false, true] {
            let content = zip(&[("a.npy", &a), ("notes.txt", b"no array"), ("b.npy", &b)], deflated);
            std::fs::write(&file, &content).unwrap();
            let archive = Archive::open(&file).unwrap();
            assert_eq!(archive.names().collect::<Vec<_>>(), ["a", "b"]);
            assert_eq!(archive.header("a").unwrap().shape, [2, 3]);
            assert_eq!(archive.array("b").unwrap().map(|value| value as i32), [7, -1]);
            assert!(matches!(archive.array("c"), Err(DataError::NotFound { .. })));

            let at = content.windows(6).position(|bytes| bytes == [1, 2, 3, 4, 5, 6]);
            if let Some(at) = at {
                let mut flipped = content.clone();
                flipped[at] = 9;
                std::fs::write(&file, flipped).unwrap();
                let error = Archive::open(&file).unwrap().array("a").err().unwrap().to_string();
                assert!(error.contains("a.npy") && error.contains("damaged"), "{error}");
            }
            std::fs::write(&file, &content[..content.len() / 2]).unwrap();
            assert!(Archive::open(&file).is_err());
        }
    }

    #[test]
    fn an_array_that_unpacks_to_far_more_than_its_bytes_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bomb.npz");
        let n = 200 << 20;
        let bomb = npy("|u1", &format!("({}, 1024, 1024)", n >> 20), &vec![0; n]);
        std::fs::write(&file, zip(&[("images.npy", &bomb)], true)).unwrap();
        let error = Archive::open(&file).unwrap().array("images").err().unwrap().to_string();
        assert!(error.contains("images.npy") && error.contains("packed bytes become more"), "{error}");
    }
}
