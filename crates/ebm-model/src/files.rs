//! Bounded reading of files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Reads the regular file at `path`, of at most `limit` bytes.
///
/// Pipes and devices are refused before they are opened, so this never blocks.
///
/// # Errors
/// If it cannot be read, is not a regular file, or is longer.
pub fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "a device or pipe" };
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{found}, expected a file")));
    }
    let too_long = |found: &str| {
        let problem = format!("{found} bytes, at most {limit} are read");
        Err(io::Error::new(io::ErrorKind::FileTooLarge, problem))
    };
    if limit < metadata.len() {
        return too_long(&metadata.len().to_string());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // It may grow while it is read, and some files of the system do not know their length.
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if limit < bytes.len() as u64 { too_long("more") } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(path: &Path, limit: u64) -> String {
        read_file(path, limit).unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_read_whole_or_refused_by_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_file(&path, 5).unwrap(), b"12345");
        assert_eq!(message(&path, 4), "5 bytes, at most 4 are read");
        assert!(message(folder.path(), 9).starts_with("a folder"));
        // Sparse: a terabyte that takes no disk, and must take no memory.
        let made = File::create(&path).unwrap().set_len(1 << 40);
        if made.is_ok() {
            assert!(message(&path, 1 << 20).starts_with("1099511627776 bytes"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_and_a_device_are_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero")] {
            assert_eq!(message(path, 9), "a device or pipe, expected a file");
        }
    }
}
