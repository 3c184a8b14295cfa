//! Tar archives, plain or packed by gzip or xz, read member by member; nothing is unpacked to the disk.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use lzma_rust2::XzReader;
use tar::EntryType;

use super::bytes::{broken, check_is_file, decompressed, limited, read_at_most};
use crate::DataError;

/// The endings of archives.
const ENDINGS: [&str; 5] = [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz"];

/// The endings, for a sentence.
pub const FORMATS: &str = ".tar, .tar.gz or .tar.xz";

/// How an xz stream begins.
const XZ: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];

/// Most memory of a decoder of xz, in KiB; `xz -9` asks for 65 MiB.
const XZ_MEMORY: u32 = 128 << 10;

/// Most bytes of a member's name.
const MAX_NAME: usize = 4096;

/// Whether a file has the name of an archive.
pub(crate) fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending)) && path.is_file()
}

/// A file in an archive.
pub struct Member<'a> {
    /// Its path in the archive, with `/` between folders, and none of them `..`.
    pub name: String,
    /// Bytes of its content, as its header claims.
    pub size: u64,
    content: &'a mut dyn Read,
    file: &'a Path,
}

impl Member<'_> {
    /// The content.
    ///
    /// # Errors
    /// If it is longer than `most`, shorter than it should be, or cannot be read.
    pub fn bytes(self, most: u64) -> Result<Vec<u8>, DataError> {
        let Self { name, size, mut content, file } = self;
        if most < size {
            return Err(DataError::malformed(file, format!("{name}: {size} bytes, expected at most {most}")));
        }
        let bytes = read_at_most(&mut content, size, file)?;
        if bytes.len() as u64 != size {
            let found = bytes.len();
            let problem = format!("{name} is truncated: expected {size} bytes, found {found}");
            return Err(DataError::malformed(file, problem));
        }
        Ok(bytes)
    }
}

/// Shows `visit` one file after another of the archive at `file`, until it breaks off.
///
/// # Errors
/// As [`members`], or if the file cannot be opened.
pub(crate) fn visit(
    file: &Path,
    visit: impl FnMut(Member) -> Result<ControlFlow<()>, DataError>,
) -> Result<(), DataError> {
    let length = check_is_file(file)?;
    members(File::open(file).map_err(|source| DataError::io(file, source))?, length, file, visit)
}

/// Shows `visit` one file after another of an archive of `length` bytes, until it breaks off.
///
/// It may become 64 MiB plus 64 times its length; reading more is an error.
///
/// # Errors
/// If the archive is damaged or truncated, has links or devices, or a member whose path leads out of it.
pub fn members(
    packed: impl Read,
    length: u64,
    file: &Path,
    mut visit: impl FnMut(Member) -> Result<ControlFlow<()>, DataError>,
) -> Result<(), DataError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::OutOfMemory => {
            DataError::malformed(file, format!("its xz stream needs more than {} MiB", XZ_MEMORY >> 10))
        }
        io::ErrorKind::UnexpectedEof => DataError::malformed(file, "the archive is truncated"),
        _ => broken(error, 1, 0, file),
    };
    let mut archive = tar::Archive::new(unpacked(packed, length).map_err(failed)?);
    let mut n = 0u64;
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        n += 1;
        let name = name(&entry.path_bytes(), file)?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            other => {
                let problem = format!("{name:?} is {}, expected files and folders", kind(other));
                return Err(DataError::malformed(file, problem));
            }
        }
        let size = entry.size();
        let found = visit(Member { name, size, content: &mut entry, file })?;
        if found.is_break() {
            return Ok(());
        }
    }
    if n == 0 {
        return Err(DataError::Empty { path: file.into(), expected: "members, as a tar archive has them" });
    }
    Ok(())
}

/// The archive itself.
fn unpacked<'a>(packed: impl Read + 'a, length: u64) -> io::Result<Box<dyn Read + 'a>> {
    let mut packed = BufReader::with_capacity(1 << 16, packed);
    if packed.fill_buf()?.starts_with(&XZ) {
        return Ok(Box::new(limited(XzReader::new_mem_limit(packed, true, XZ_MEMORY), length)));
    }
    decompressed(packed, length)
}

/// The path of a member, if it stays within the archive.
fn name(bytes: &[u8], file: &Path) -> Result<String, DataError> {
    let shown: String = String::from_utf8_lossy(bytes).chars().take(80).collect();
    let wrong = |what: &str| Err(DataError::malformed(file, format!("the member {shown:?} {what}")));
    let Ok(path) = std::str::from_utf8(bytes) else { return wrong("has a name that is no UTF-8") };
    if MAX_NAME < path.len() {
        return wrong("has a name that is too long");
    }
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    let is_absolute = path.starts_with(['/', '\\']) || parts.first().is_some_and(|part| part.ends_with(':'));
    if is_absolute || parts.contains(&"..") || path.contains('\0') {
        return wrong("leads out of the archive");
    }
    Ok(parts.join("/"))
}

fn kind(found: EntryType) -> &'static str {
    match found {
        EntryType::Link | EntryType::Symlink => "a link",
        EntryType::Char | EntryType::Block | EntryType::Fifo => "a device or pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "of a kind that is not known",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use lzma_rust2::{XzOptions, XzWriter};

    use super::*;

    /// An archive of these files.
    pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            builder.append(&header(name, content.len() as u64, EntryType::Regular), *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// A header with any name, which the builder would refuse.
    fn header(name: &str, size: u64, kind: EntryType) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header
    }

    pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    pub(crate) fn xz(content: &[u8]) -> Vec<u8> {
        let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(3)).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn read(packed: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut found = Vec::new();
        let each = |member: Member| {
            let name = member.name.clone();
            found.push((name, member.bytes(1 << 20)?));
            Ok(ControlFlow::Continue(()))
        };
        let result = members(packed, packed.len() as u64, Path::new("a.tar"), each);
        result.map(|()| found).map_err(|error| error.to_string())
    }

    #[test]
    fn members_are_the_same_however_the_archive_is_packed() {
        let archive = tar(&[("./in/one", b"first"), ("in/two", b"")]);
        let expected = vec![("in/one".to_owned(), b"first".to_vec()), ("in/two".to_owned(), Vec::new())];
        for packed in [archive.clone(), gzip(&archive), xz(&archive)] {
            assert_eq!(read(&packed).unwrap(), expected);
        }
    }

    #[test]
    fn paths_that_lead_out_links_and_devices_are_refused_by_name() {
        for name in ["../x", "in/../../x", "/etc/passwd", "\\x", "C:/x"] {
            let error = read(&tar(&[("fine", b"1"), (name, b"2")])).unwrap_err();
            assert!(
                error.contains("leads out of the archive") && error.contains(&format!("{name:?}")),
                "{error}"
            );
        }
        for (kind, said) in
            [(EntryType::Symlink, "a link"), (EntryType::Link, "a link"), (EntryType::Char, "a device")]
        {
            let mut builder = tar::Builder::new(Vec::new());
            builder.append(&header("in/odd", 0, kind), &b""[..]).unwrap();
            let error = read(&builder.into_inner().unwrap()).unwrap_err();
            assert!(error.contains("\"in/odd\" is ") && error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_huge_size_a_truncated_archive_and_a_bomb_are_refused() {
        let mut huge = header("in/huge", 1 << 40, EntryType::Regular).as_bytes().to_vec();
        huge.extend([0; 1024]);
        let error = read(&huge).unwrap_err();
        assert!(error.contains("in/huge: 1099511627776 bytes, expected at most"), "{error}");

        let whole = tar(&[("in/one", &[7; 3000]), ("in/two", &[8; 3000])]);
        for packed in [whole.clone(), gzip(&whole), xz(&whole)] {
            let length = if packed.len() == whole.len() { 4000 } else { packed.len() * 2 / 3 };
            let error = read(&packed[..length]).unwrap_err();
            assert!(error.contains("truncated") || error.contains("damaged"), "{error}");
        }
        let bomb = tar(&[("in/zeros", &vec![0; 100 << 20])]);
        for packed in [gzip(&bomb), xz(&bomb)] {
            let nothing = |_: Member| Ok(ControlFlow::Continue(()));
            let error = members(&packed[..], packed.len() as u64, Path::new("a.tar"), nothing).unwrap_err();
            assert!(error.to_string().contains("the most for this length"), "{error}");
        }
        assert!(read(&[]).is_err() && read(&[0; 1024]).unwrap_err().contains("holds no members"));
    }

    #[test]
    fn an_xz_stream_that_asks_for_gigabytes_is_refused_before_it_gets_them() {
        let mut options = XzOptions::with_preset(3);
        options.lzma_options.dict_size = 512 << 20;
        let mut encoder = XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(&tar(&[("a", b"1")])).unwrap();
        let error = read(&encoder.finish().unwrap()).unwrap_err();
        assert!(error.contains("more than 128 MiB"), "{error}");
    }
}
