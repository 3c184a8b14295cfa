//! SHA-256 of files and folders.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// A reader that hashes what is read.
pub struct Hashing<R> {
    reader: R,
    hash: Sha256,
}

impl<R: Read> Hashing<R> {
    /// Of what the reader gives.
    pub fn new(reader: R) -> Self {
        Self { reader, hash: Sha256::new() }
    }

    /// SHA-256 of what was read so far.
    pub fn sha256(self) -> String {
        hex(self.hash)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }
}

/// SHA-256 of all that a reader gives.
///
/// # Errors
/// If it cannot be read.
pub fn sha256_of(reader: impl Read) -> io::Result<String> {
    let mut reader = Hashing::new(reader);
    io::copy(&mut reader, &mut io::sink())?;
    Ok(reader.sha256())
}

/// SHA-256 of a file, or of the names and contents of all files in a folder.
///
/// # Errors
/// If it cannot be read.
pub fn sha256_at(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_dir() {
        return sha256_of(File::open(path)?);
    }
    let mut hash = Sha256::new();
    add_folder(&mut hash, path)?;
    Ok(hex(hash))
}

fn add_folder(hash: &mut Sha256, folder: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, path) = (entry.file_name(), entry.path());
        let is_folder = entry.file_type()?.is_dir();
        // A name has neither a slash nor a zero in it, so that no two folders are alike.
        hash.update(name.as_encoded_bytes());
        hash.update(if is_folder { "/" } else { "\0" });
        if is_folder {
            add_folder(hash, &path)?;
            hash.update("/");
        } else {
            hash.update(sha256_of(File::open(&path)?)?);
        }
    }
    Ok(())
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_with_other_names_or_contents_have_other_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |name: &str, files: &[(&str, &str)]| {
            let at = folder.path().join(name);
            for (file, text) in files {
                fs::create_dir_all(at.join(file).parent().unwrap()).unwrap();
                fs::write(at.join(file), text).unwrap();
            }
            sha256_at(&at).unwrap()
        };
        let held = hash("a", &[("x/0", "12"), ("y/0", "3")]);
        assert_eq!(held, hash("b", &[("y/0", "3"), ("x/0", "12")]));
        assert_ne!(held, hash("c", &[("x/0", "1"), ("y/0", "23")]));
        assert_ne!(held, hash("d", &[("x/0", "12"), ("z/0", "3")]));
    }
}
