//! Reading files that are not trusted.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::DataError;

/// Most bytes that are read from one file, after decompression.
pub(crate) const MAX_BYTES: u64 = 1 << 32;

/// The content of a file, decompressed if it is gzip, whatever its name.
pub(crate) fn open(file: &Path) -> Result<Box<dyn Read>, DataError> {
    let metadata = std::fs::metadata(file).map_err(|source| DataError::io(file, source))?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "a device or pipe" };
        return Err(DataError::Unsupported { file: file.into(), found: found.into(), expected: "a file" });
    }
    let mut reader = BufReader::new(File::open(file).map_err(|source| DataError::io(file, source))?);
    let mut magic = [0; 2];
    let found = read_up_to(&mut reader, &mut magic).map_err(|source| DataError::io(file, source))?;
    let whole = BufReader::new(io::Cursor::new(magic).take(found as u64).chain(reader));
    if magic == [0x1f, 0x8b] { Ok(Box::new(MultiGzDecoder::new(whole))) } else { Ok(Box::new(whole)) }
}

/// `expected` bytes and then the end; the memory grows with what is there, not with what is expected.
pub(crate) fn read_exactly(reader: &mut impl Read, expected: u64, file: &Path) -> Result<Vec<u8>, DataError> {
    if MAX_BYTES < expected {
        return Err(DataError::malformed(
            file,
            format!("{expected} bytes are more than the {MAX_BYTES} that are read"),
        ));
    }
    let mut bytes = Vec::new();
    let end = reader.take(expected + 1).read_to_end(&mut bytes);
    let found = bytes.len() as u64;
    match end {
        Ok(_) if found == expected => Ok(bytes),
        Ok(_) if expected < found => Err(DataError::TooLong { file: file.into(), expected }),
        Ok(_) => Err(DataError::Truncated { file: file.into(), expected, found }),
        Err(error) => Err(broken(error, expected, found, file)),
    }
}

/// Everything up to the end, which must come within `limit` bytes.
pub(crate) fn read_at_most(reader: &mut impl Read, limit: u64, file: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let end = reader.take(limit + 1).read_to_end(&mut bytes);
    let found = bytes.len() as u64;
    match end {
        Ok(_) if found <= limit => Ok(bytes),
        Ok(_) => {
            Err(DataError::malformed(file, format!("it is longer than the {limit} bytes that are read")))
        }
        Err(error) => Err(broken(error, found + 1, found, file)),
    }
}

/// The first bytes, as many as fit and are there.
pub(crate) fn read_start(reader: &mut impl Read, buffer: &mut [u8], file: &Path) -> Result<usize, DataError> {
    let expected = buffer.len() as u64;
    read_up_to(reader, buffer).map_err(|error| broken(error, expected, 0, file))
}

/// A stream that ends or turns senseless before its time.
fn broken(error: io::Error, expected: u64, found: u64, file: &Path) -> DataError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DataError::Truncated { file: file.into(), expected, found },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            DataError::malformed(file, format!("the gzip stream is damaged: {error}"))
        }
        _ => DataError::io(file, error),
    }
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while found < buffer.len() {
        match reader.read(&mut buffer[found..]) {
            Ok(0) => break,
            Ok(n) => found += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The first of `folders` below `root` that holds one of `names`, as it is or with `.gz`.
pub(crate) fn find(root: &Path, folders: &[&str], names: &[&str]) -> Option<PathBuf> {
    let folders = folders.iter().map(|folder| root.join(folder));
    folders
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .flat_map(|file| [file.clone(), file.with_added_extension("gz")])
        .find(|file| file.is_file())
}
