//! Reading untrusted files within limits.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::gzip::Gzip;
use crate::DataError;

/// Most bytes that are read from one file, after decompression.
pub const MAX_BYTES: u64 = 1 << 32;

/// Bytes that any gzip file may decompress to.
const UNPACKED: u64 = 64 << 20;

/// Further bytes for each byte of the file: those of MNIST decompress to five, those of a bomb to a thousand.
const EXPANSION: u64 = 64;

/// The content of a file, decompressed if it is gzip, whatever its name.
///
/// A gzip file may decompress to 64 MiB plus 64 times its length; reading more is an error.
pub(crate) fn open(file: &Path) -> Result<Box<dyn Read>, DataError> {
    let length = check_is_file(file)?;
    let failed = |source| DataError::io(file, source);
    let mut content = File::open(file).map_err(failed)?;
    check_claimed(&mut content, length, file)?;
    content.rewind().map_err(failed)?;
    decompressed(BufReader::new(content), length).map_err(failed)
}

/// Refuses a gzip file that says at its end that it unpacks to more than is read, and does so.
///
/// Readers that parse while they unpack would otherwise spend time and memory on the part within the limit.
fn check_claimed(content: &mut File, length: u64, file: &Path) -> Result<(), DataError> {
    let mut unpack = || -> io::Result<()> {
        let (mut magic, mut claimed) = ([0; 2], [0; 4]);
        if length < 18 || read_up_to(content, &mut magic)? < 2 || magic != [0x1f, 0x8b] {
            return Ok(());
        }
        content.seek(SeekFrom::End(-4))?;
        content.read_exact(&mut claimed)?;
        if u64::from(u32::from_le_bytes(claimed)) <= limit(length) {
            return Ok(());
        }
        content.rewind()?;
        let mut unpacked = decompressed(BufReader::new(&mut *content), length)?;
        io::copy(&mut unpacked, &mut io::sink())?;
        Ok(())
    };
    match unpack() {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(DataError::malformed(file, error.to_string()))
        }
        // What else is wrong with the file is for its reader to say.
        _ => Ok(()),
    }
}

/// The length of a file; a folder, a device and a pipe are none.
pub(super) fn check_is_file(file: &Path) -> Result<u64, DataError> {
    let metadata = std::fs::metadata(file).map_err(|source| DataError::io(file, source))?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "a device or pipe" };
        return Err(DataError::Unsupported { file: file.into(), found: found.into(), expected: "a file" });
    }
    Ok(metadata.len())
}

/// The content of `packed`, which is `length` bytes long, decompressed if it is gzip.
///
/// It may decompress to 64 MiB plus 64 times `length`; reading more is an error.
///
/// # Errors
/// If the first bytes cannot be read.
pub fn decompressed<'a>(packed: impl Read + 'a, length: u64) -> io::Result<Box<dyn Read + 'a>> {
    let mut packed = packed;
    let mut magic = [0; 2];
    let found = read_up_to(&mut packed, &mut magic)?;
    let whole = io::Cursor::new(magic).take(found as u64).chain(packed);
    if magic != [0x1f, 0x8b] {
        return Ok(Box::new(BufReader::new(whole)));
    }
    Ok(Box::new(limited(Gzip::new(whole), length)))
}

/// Content that was unpacked from `length` bytes: reading more than 64 MiB plus 64 times as many is an error.
pub(super) fn limited<R: Read>(content: R, length: u64) -> impl Read {
    Limited { content, left: limit(length), length }
}

/// Refuses what says itself that it unpacks from `length` bytes to more than is read.
pub(super) fn check_unpacked(length: u64, unpacked: u64, file: &Path) -> Result<(), DataError> {
    match unpacked <= limit(length) {
        true => Ok(()),
        false => Err(DataError::malformed(file, beyond(length))),
    }
}

fn limit(length: u64) -> u64 {
    UNPACKED + EXPANSION.saturating_mul(length)
}

fn beyond(length: u64) -> String {
    let limit = limit(length);
    format!(
        "{length} packed bytes become more than {limit}, the most for this length; if the file is right, unpack it first"
    )
}

/// A stream that fails when it exceeds its limit.
struct Limited<R> {
    content: R,
    left: u64,
    /// Bytes of the compressed file.
    length: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buffer)? as u64;
        self.left = self
            .left
            .checked_sub(n)
            .ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, beyond(self.length)))?;
        Ok(n as usize)
    }
}

/// Exactly `expected` bytes up to the end; memory grows with what is read, not with what is expected.
pub(crate) fn read_exactly(reader: &mut impl Read, expected: u64, file: &Path) -> Result<Vec<u8>, DataError> {
    if MAX_BYTES < expected {
        return Err(DataError::malformed(file, format!("{expected} bytes, expected at most {MAX_BYTES}")));
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
///
/// # Errors
/// If it is longer, damaged or cannot be read.
pub fn read_at_most(reader: &mut impl Read, limit: u64, file: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let end = reader.take(limit + 1).read_to_end(&mut bytes);
    let found = bytes.len() as u64;
    match end {
        Ok(_) if found <= limit => Ok(bytes),
        Ok(_) => {
            Err(DataError::malformed(file, format!("longer than {limit} bytes, the most that are read")))
        }
        Err(error) => Err(broken(error, found + 1, found, file)),
    }
}

/// Fills `buffer` as far as there are bytes; how many there were.
pub(crate) fn read_start(reader: &mut impl Read, buffer: &mut [u8], file: &Path) -> Result<usize, DataError> {
    let expected = buffer.len() as u64;
    read_up_to(reader, buffer).map_err(|error| broken(error, expected, 0, file))
}

/// The error of a stream that ends too early or is damaged.
pub(crate) fn broken(error: io::Error, expected: u64, found: u64, file: &Path) -> DataError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof if expected <= found => {
            DataError::malformed(file, "the packed stream is cut off at its end")
        }
        io::ErrorKind::UnexpectedEof => DataError::Truncated { file: file.into(), expected, found },
        io::ErrorKind::FileTooLarge => DataError::malformed(file, error.to_string()),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other => {
            DataError::malformed(file, format!("the packed stream is damaged: {error}"))
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

/// The first file in one of `folders` below `root` that has one of `names`, plain or with `.gz`.
pub(crate) fn find(root: &Path, folders: &[&str], names: &[&str]) -> Option<PathBuf> {
    let folders = folders.iter().map(|folder| root.join(folder));
    folders
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .flat_map(|file| [file.clone(), file.with_added_extension("gz")])
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn a_gzip_bomb_is_stopped_at_the_limit_for_its_size() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..128 {
            bomb.write_all(&vec![0; 1 << 20]).unwrap();
        }
        let bomb = bomb.finish().unwrap();
        let cap = UNPACKED + EXPANSION * bomb.len() as u64;
        assert!(cap < 128 << 20, "a bomb of {} bytes is too large for this test", bomb.len());
        let file = Path::new("bomb.gz");
        let mut content = decompressed(&bomb[..], bomb.len() as u64).unwrap();
        let error = read_exactly(&mut content, 128 << 20, file).unwrap_err();
        assert!(matches!(error, DataError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(&cap.to_string()), "{error}");

        // A file is refused before anything of it is read, and one that is only cut off is not called a bomb.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.csv.gz");
        std::fs::write(&path, &bomb).unwrap();
        let error = open(&path).err().expect("it is a bomb").to_string();
        assert!(error.contains("bomb.csv.gz: ") && error.contains(&cap.to_string()), "{error}");
        std::fs::write(&path, [&bomb[..bomb.len() / 4], &[0xff; 4]].concat()).unwrap();
        let mut content = open(&path).unwrap();
        let error = read_exactly(&mut content, 1 << 20, &path).unwrap_err().to_string();
        assert!(!error.contains("the most for this length"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.csv");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = folder.path().join("zero.npy");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [&pipe, &link] {
            let error = open(path).err().expect("it is not a file").to_string();
            assert!(error.contains("a device or pipe"), "{error}");
        }
        let error = open(folder.path()).err().expect("it is not a file").to_string();
        assert!(error.contains("a folder"), "{error}");
    }
}
