//! The two forms of PyTorch's files: an archive since 1.6, and a row of pickles before it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use burn::tensor::TensorData;
use rawzip::{CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};

use super::pickle::{Pickle, Tensor, Value, read, storages};
use crate::error::{Context, Result, anyhow, bail, ensure};

/// Most bytes of a pickle.
const MAX_PICKLE: u64 = 1 << 26;

/// Most numbers of a storage.
const MAX_ELEMENTS: usize = 1 << 30;

/// Most files in an archive.
const MAX_FILES: usize = 1 << 16;

/// The number that the older form begins with, as a pickle has it.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// A file with a pickle and the storages that it speaks of.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) pickle: Pickle,
    storages: Storages,
}

enum Storages {
    /// By key, in an archive.
    Packed { archive: ZipArchive<FileReader>, files: HashMap<String, (ZipArchiveEntryWayfinder, u64)> },
    /// By key: where in the file the numbers are, and how many there are.
    Plain { file: File, places: HashMap<String, (u64, u64)>, length: u64 },
}

impl std::fmt::Debug for Storages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Packed { .. } => "Packed",
            Self::Plain { .. } => "Plain",
        })
    }
}

impl Archive {
    /// # Errors
    /// If the file is neither form, is damaged, or asks for anything to be called.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let found = std::fs::metadata(path)?;
        ensure!(found.is_file(), "a folder, a device or a pipe, expected a file");
        let mut file = File::open(path)?;
        let mut start = Vec::new();
        (&mut file).take(MAGIC.len() as u64).read_to_end(&mut start)?;
        if start.starts_with(b"PK") {
            return Self::packed(file);
        }
        ensure!(
            start == MAGIC,
            "it is no file of PyTorch: neither an archive nor the magic number of older ones"
        );
        Self::plain(file, found.len())
    }

    fn packed(file: File) -> Result<Self> {
        let damaged = |error: rawzip::Error| anyhow!("the archive is damaged: {error}");
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(file, &mut buffer).map_err(damaged)?;
        let (mut files, mut pickle, mut listed) = (HashMap::new(), None, archive.entries(&mut buffer));
        while let Some(entry) = listed.next_entry().map_err(damaged)? {
            ensure!(files.len() < MAX_FILES, "more than {MAX_FILES} files");
            let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
            let is_plain = entry.compression_method() == CompressionMethod::STORE;
            let place = (entry.wayfinder(), entry.uncompressed_size_hint());
            // Beneath a folder of any name.
            match name.split_once('/').map(|(_, name)| name) {
                Some("data.pkl") => {
                    ensure!(is_plain, "the archive is compressed, PyTorch's are not");
                    pickle = Some(place);
                }
                Some(name) if is_plain && name.starts_with("data/") => {
                    files.insert(name["data/".len()..].to_owned(), place);
                }
                _ => {}
            }
        }
        let (place, length) = pickle.context("the archive has no data.pkl")?;
        let bytes = content(&archive, place, length.min(MAX_PICKLE))?;
        ensure!(bytes.len() as u64 <= MAX_PICKLE, "its pickle has more than {MAX_PICKLE} bytes");
        let pickle = read(&bytes)?;
        Ok(Self { pickle, storages: Storages::Packed { archive, files } })
    }

    /// The magic number, a version, the machine, the pickle, the keys of the storages, and the storages.
    fn plain(mut file: File, length: u64) -> Result<Self> {
        file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        let mut bytes = Vec::new();
        (&mut file).take(MAX_PICKLE).read_to_end(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let mut next = || -> Result<Pickle> {
            let pickle = read(rest)?;
            rest = &rest[pickle.length()..];
            Ok(pickle)
        };
        let version = next()?;
        ensure!(
            matches!(version.value(version.root()), Value::Int(1001)),
            "an unknown version of PyTorch's files"
        );
        let _machine = next()?;
        let (pickle, keys) = (next()?, next()?);
        let Value::List(keys_of) = keys.value(keys.root()) else { bail!("it has no list of storages") };
        let widths = widths(&pickle);
        let mut at = MAGIC.len() as u64 + (bytes.len() - rest.len()) as u64;
        let mut places = HashMap::new();
        for key in keys_of {
            let key = keys.text(*key).context("a storage has no name")?;
            let width = widths.get(key).with_context(|| format!("nothing speaks of storage {key}"))?;
            file.seek(SeekFrom::Start(at))?;
            let mut count = [0; 8];
            file.read_exact(&mut count)?;
            let elements = u64::from_le_bytes(count);
            let end = elements.checked_mul(*width).and_then(|n| n.checked_add(at + 8));
            let end =
                end.filter(|end| *end <= length).with_context(|| format!("storage {key} is cut short"))?;
            places.insert(key.to_owned(), (at + 8, end - at - 8));
            at = end;
        }
        Ok(Self { pickle, storages: Storages::Plain { file, places, length } })
    }

    /// The numbers of a tensor in single precision.
    pub(super) fn tensor(&self, tensor: &Tensor) -> Result<TensorData> {
        let Tensor { storage, offset, shape, stride } = tensor;
        let width = match storage.class.as_str() {
            "FloatStorage" => 4,
            "DoubleStorage" => 8,
            other => bail!("numbers of a {other}, expected a FloatStorage or a DoubleStorage"),
        };
        let n = shape
            .iter()
            .try_fold(1usize, |n, size| n.checked_mul(*size))
            .context("a size beyond all memory")?;
        // Where there are numbers, their count bounds these products.
        let step = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        let is_dense = n == 0 || (0..shape.len()).all(|axis| shape[axis] == 1 || stride[axis] == step(axis));
        ensure!(is_dense, "a view of {shape:?} with the strides {stride:?}, expected numbers row by row");
        let end = offset.checked_add(n).filter(|end| *end <= storage.elements && *end <= MAX_ELEMENTS);
        ensure!(end.is_some(), "{n} numbers from {offset} on of a storage of {}", storage.elements);
        let bytes = self.bytes(&storage.key, (offset * width) as u64, n * width)?;
        let values: Vec<f32> = match width {
            4 => bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
            _ => bytes.as_chunks().0.iter().map(|word| f64::from_le_bytes(*word) as f32).collect(),
        };
        ensure!(values.iter().all(|value| value.is_finite()), "a number that is not finite");
        Ok(TensorData::new(values, shape.clone()))
    }

    fn bytes(&self, key: &str, start: u64, n: usize) -> Result<Vec<u8>> {
        let missing = || format!("there is no storage {key}");
        match &self.storages {
            Storages::Packed { archive, files } => {
                let (place, length) = files.get(key).with_context(missing)?;
                ensure!(start + n as u64 <= *length, "storage {key} has {length} bytes");
                // A storage is read whole, as its checksum is of the whole.
                let mut whole = content(archive, *place, *length)?;
                ensure!(whole.len() as u64 == *length, "storage {key} is cut short");
                whole.truncate(start as usize + n);
                Ok(whole.split_off(start as usize))
            }
            Storages::Plain { file, places, length } => {
                let (at, bytes) = places.get(key).with_context(missing)?;
                ensure!(
                    start + n as u64 <= *bytes && at + bytes <= *length,
                    "storage {key} has {bytes} bytes"
                );
                let (mut file, mut found) = (file, vec![0; n]);
                file.seek(SeekFrom::Start(at + start))?;
                file.read_exact(&mut found)?;
                Ok(found)
            }
        }
    }
}

/// Up to `length` bytes and one more of a file of an archive, whose checksum is compared at its end.
fn content(
    archive: &ZipArchive<FileReader>,
    place: ZipArchiveEntryWayfinder,
    length: u64,
) -> Result<Vec<u8>> {
    let entry = archive.get_entry(place).map_err(|error| anyhow!("the archive is damaged: {error}"))?;
    let mut bytes = Vec::new();
    entry
        .verifying_reader(entry.reader())
        .take(length.saturating_add(1))
        .read_to_end(&mut bytes)
        .context("the archive is damaged")?;
    Ok(bytes)
}

/// The bytes of a number of each storage that a pickle speaks of.
fn widths(pickle: &Pickle) -> HashMap<String, u64> {
    let width = |class: &str| match class {
        "LongStorage" | "DoubleStorage" | "ComplexFloatStorage" => 8,
        "ShortStorage" | "HalfStorage" | "BFloat16Storage" => 2,
        "ByteStorage" | "CharStorage" | "BoolStorage" => 1,
        "ComplexDoubleStorage" => 16,
        _ => 4,
    };
    storages(pickle).map(|storage| (storage.key.clone(), width(&storage.class))).collect()
}
