//! The files of a dataset out of what wraps them: a gzip, a tar archive, or nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use ebm_files::{Draft, FileError};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::manifest::{Content, Download};
use crate::digest;
use crate::error::{Context, Error, Result, bail, ensure};

/// Puts the files of `download` into `folder`, read from `packed` and checked; all of them, or none.
///
/// `origin` is what messages call the source. Any gzip of the content is accepted, and the bare content too.
/// Of an archive only the named members are read, and only if they are regular files: nothing is unpacked.
///
/// # Errors
/// If the content is damaged, cut, too long, of another hash, or cannot be written.
pub fn accept(packed: &File, origin: &str, download: &Download, folder: &Path) -> Result<()> {
    let mut packed = BufReader::with_capacity(1 << 16, packed);
    ensure!(!is_web_page(packed.fill_buf()?), "{origin} is a web page, not {}", download.name);
    let limit = download.most_bytes();
    let content: Box<dyn Read> = if packed.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(packed))
    } else {
        Box::new(packed)
    };
    let drafts = if download.is_archive() {
        members(content.take(limit), download, folder)
    } else {
        checked(content, &download.files[0], folder).map(|draft| vec![draft])
    };
    Ok(drafts.with_context(|| origin.to_owned())?.into_iter().try_for_each(Draft::commit)?)
}

/// Whether the file at `path` has the size and the hash that it should have.
pub fn is_right(path: &Path, file: &Content) -> bool {
    let right = || -> io::Result<bool> {
        // A pipe would be waited for.
        if !std::fs::metadata(path)?.is_file() {
            return Ok(false);
        }
        let mut opened = File::open(path)?;
        let same_size = opened.metadata()?.len() == file.bytes;
        Ok(same_size && copy(&mut opened, &mut io::sink(), file.bytes)?.1 == file.sha256)
    };
    right().unwrap_or(false)
}

/// Whether bytes begin like HTML or XML, which none of the datasets' files does.
pub fn is_web_page(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

fn members(content: impl Read, download: &Download, folder: &Path) -> Result<Vec<Draft>> {
    let mut drafts: Vec<Option<Draft>> = download.files.iter().map(|_| None).collect();
    let mut archive = tar::Archive::new(content);
    for entry in archive.entries().context("the archive cannot be read")? {
        let entry = entry.context("the archive is cut short or damaged")?;
        let path = entry.path_bytes().into_owned();
        let wanted = |file: &Content| file.member.as_deref().is_some_and(|member| member.as_bytes() == path);
        let Some(i) = download.files.iter().position(wanted) else { continue };
        let file = &download.files[i];
        ensure!(entry.header().entry_type().is_file(), "{} is not a regular file in the archive", file.name);
        ensure!(drafts[i].is_none(), "{} is in the archive twice", file.name);
        drafts[i] = Some(checked(entry, file, folder)?);
    }
    let found = drafts.into_iter().zip(&download.files);
    found.map(|(draft, file)| draft.with_context(|| format!("{} is not in the archive", file.name))).collect()
}

fn checked(mut content: impl Read, file: &Content, folder: &Path) -> Result<Draft> {
    let mut draft = Draft::of(&folder.join(&file.name))?;
    let (bytes, sha256) = copy(&mut content, &mut draft, file.bytes).map_err(|error| {
        // What the draft says is of the disk, and not of the content.
        let is_ours = error.get_ref().is_some_and(|cause| cause.is::<FileError>());
        let error = Error::from(error);
        if is_ours { error } else { error.context(format!("{} is cut short or damaged", file.name)) }
    })?;
    if bytes > file.bytes {
        bail!("{} is longer than the {} bytes expected", file.name, file.bytes);
    }
    ensure!(bytes == file.bytes, "{}: expected {} bytes, found {bytes}", file.name, file.bytes);
    ensure!(sha256 == file.sha256, "{}: expected sha256 {}, found {sha256}", file.name, file.sha256);
    Ok(draft)
}

/// Copies at most `limit` bytes and one more, so that a longer source shows; returns their count and SHA-256.
fn copy(from: &mut dyn Read, to: &mut dyn Write, limit: u64) -> io::Result<(u64, String)> {
    let mut from = from.take(limit.saturating_add(1));
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..n]);
        to.write_all(&buffer[..n])?;
        bytes += n as u64;
    }
    Ok((bytes, digest::hex(hash)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_pages_are_known_by_their_first_sign() {
        for page in ["<!DOCTYPE html>", "\n\t <html>", "\u{feff}<?xml", "<"] {
            assert!(is_web_page(page.as_bytes()), "{page}");
        }
        for file in [b"\x00\x00\x08\x03<".as_slice(), b"\x1f\x8b", b"", b"cifar-10-batches-bin/"] {
            assert!(!is_web_page(file), "{file:?}");
        }
    }

    #[test]
    fn the_hash_is_the_published_one_of_abc() {
        // FIPS 180-2, appendix B.1.
        let (bytes, hash) = copy(&mut b"abc".as_slice(), &mut io::sink(), 3).unwrap();
        assert_eq!(bytes, 3);
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_bottomless_source_is_left_after_one_byte_too_many() {
        assert_eq!(copy(&mut io::repeat(7), &mut io::sink(), 1_000_000).unwrap().0, 1_000_001);
    }
}
