//! The IDX format of MNIST.

use std::io::Read;
use std::path::Path;

use super::bytes;
use crate::DataError;
use crate::images::preparation::MAX_VALUES;

/// Most dimensions that are read.
const MAX_DIMENSIONS: u8 = 4;

/// An array of bytes from an IDX file.
///
/// The file is two zero bytes, the code 0x08 of unsigned bytes, the number of dimensions, each dimension as a
/// big-endian word of four bytes, and the values, the last dimension fastest.
///
/// # Reference
/// LeCun, Cortes and Burges (1998), *The MNIST database of handwritten digits*, the section on file formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The dimensions, none of them zero.
    pub dimensions: Vec<usize>,
    /// As many values as the product of the dimensions.
    pub values: Vec<u8>,
}

impl Idx {
    /// Reads a file, plain or gzip.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), or if the file cannot be read.
    pub fn read(file: &Path) -> Result<Self, DataError> {
        Self::parse(bytes::open(file)?, file)
    }

    /// Reads the uncompressed content of `file`.
    ///
    /// Memory grows with the bytes that are read, never with what the header claims.
    ///
    /// # Errors
    /// If the content is not IDX of unsigned bytes, if a dimension is zero, if their product exceeds four gigabytes,
    /// or if the number of values is another.
    pub fn parse(mut content: impl Read, file: &Path) -> Result<Self, DataError> {
        let mut start = [0; 4];
        let found = bytes::read_start(&mut content, &mut start, file)?;
        let [0, 0, kind, n_dimensions] = start else {
            return Err(DataError::magic(file, "an IDX file", &start[..found]));
        };
        if found < 4 {
            return Err(DataError::magic(file, "an IDX file", &start[..found]));
        }
        if kind != 8 || !(1..=MAX_DIMENSIONS).contains(&n_dimensions) {
            let found = format!("IDX of type 0x{kind:02x} with {n_dimensions} dimensions");
            let expected = "type 0x08 (unsigned bytes) with 1 to 4 dimensions";
            return Err(DataError::Unsupported { file: file.into(), found, expected });
        }
        let dimensions = dimensions(&mut content, usize::from(n_dimensions), file)?;
        let size = dimensions.iter().try_fold(1u64, |size, &n| size.checked_mul(n));
        let Some(size) = size.filter(|size| (1..=bytes::MAX_BYTES).contains(size)) else {
            let problem = format!("dimensions {dimensions:?}, expected 1 to {} values", bytes::MAX_BYTES);
            return Err(DataError::malformed(file, problem));
        };
        // The first dimension counts items; one item is no larger than an image may be.
        let item: u64 = dimensions[1..].iter().product();
        if (MAX_VALUES as u64) < item {
            let problem =
                format!("images of {:?}, expected at most {MAX_VALUES} values in each", &dimensions[1..]);
            return Err(DataError::malformed(file, problem));
        }
        let values = bytes::read_exactly(&mut content, size, file)?;
        Ok(Self { dimensions: dimensions.into_iter().map(|n| n as usize).collect(), values })
    }
}

fn dimensions(content: &mut impl Read, n: usize, file: &Path) -> Result<Vec<u64>, DataError> {
    let mut words = [0; 4 * MAX_DIMENSIONS as usize];
    let words = &mut words[..4 * n];
    let found = bytes::read_start(content, words, file)?;
    if found < words.len() {
        let (expected, found) = (4 + words.len() as u64, 4 + found as u64);
        return Err(DataError::Truncated { file: file.into(), expected, found });
    }
    Ok(words
        .chunks_exact(4)
        .map(|word| u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]])))
        .collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use ebm_ops::Noise;
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// The bytes of an IDX file.
    pub(crate) fn encode(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, dimensions.len() as u8];
        dimensions.iter().for_each(|n| file.extend(n.to_be_bytes()));
        file.extend(values);
        file
    }

    pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn parse(content: &[u8]) -> Result<Idx, DataError> {
        Idx::parse(content, Path::new("file"))
    }

    #[test]
    fn plain_and_gzip_files_read_the_same_and_a_truncated_gzip_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let values: Vec<u8> = Noise::seeded(2).indices(600, 256).into_iter().map(|i| i as u8).collect();
        let plain = encode(&[2, 10, 30], &values);
        let file = folder.path().join("images");
        let packed = gzip(&plain);
        for content in [&plain, &packed] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(
                Idx::read(&file).unwrap(),
                Idx { dimensions: vec![2, 10, 30], values: values.clone() }
            );
        }
        for length in [packed.len() - 1, packed.len() - 9, packed.len() / 2, 12] {
            std::fs::write(&file, &packed[..length]).unwrap();
            let error = Idx::read(&file).unwrap_err();
            assert!(
                matches!(error, DataError::Truncated { .. } | DataError::Magic { .. })
                    || error.to_string().contains("cut off at its end"),
                "{length}: {error}"
            );
        }
        let mut flipped = packed.clone();
        let at = packed.len() - 6; // in the checksum
        flipped[at] ^= 1;
        std::fs::write(&file, flipped).unwrap();
        assert!(Idx::read(&file).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn a_false_header_is_refused_without_allocating_what_it_claims() {
        assert!(matches!(parse(&encode(&[u32::MAX, u32::MAX, 9], &[])), Err(DataError::Malformed { .. })));
        assert!(matches!(parse(&encode(&[1 << 31, 2], &[1])), Err(DataError::Truncated { found: 1, .. })));
        assert!(matches!(parse(&encode(&[0, 28, 28], &[])), Err(DataError::Malformed { .. })));
        let huge = parse(&encode(&[1, 20_000, 20_000], &[])).unwrap_err().to_string();
        assert!(huge.contains("[20000, 20000]"), "{huge}");
        assert!(matches!(
            parse(&encode(&[3], &[1, 2])),
            Err(DataError::Truncated { expected: 3, found: 2, .. })
        ));
        assert!(matches!(parse(&encode(&[3], &[1, 2, 3, 4])), Err(DataError::TooLong { expected: 3, .. })));
        assert!(matches!(
            parse(&encode(&[3], &[])[..6]),
            Err(DataError::Truncated { expected: 8, found: 6, .. })
        ));
    }

    #[test]
    fn an_unknown_format_is_named_by_its_first_bytes() {
        let error = parse(b"\x89PNG\r\n\x1a\n").unwrap_err().to_string();
        assert!(error.contains("89 50 4e 47"), "{error}");
        assert!(matches!(parse(&[]), Err(DataError::Magic { .. })));
        assert!(matches!(parse(&[0, 0]), Err(DataError::Magic { .. })));
        assert!(matches!(parse(&[0, 0, 0x0d, 1, 0, 0, 0, 1, 0]), Err(DataError::Unsupported { .. })));
        assert!(matches!(parse(&[0, 0, 8, 0]), Err(DataError::Unsupported { .. })));
    }

    #[test]
    fn no_mutation_of_a_file_panics() {
        let good = encode(&[3, 2, 2], &[7; 12]);
        let mut noise = Noise::seeded(31);
        for _ in 0..5_000 {
            let mut bad = good.clone();
            for at in noise.indices(3, good.len()) {
                bad[at] = noise.words(1)[0] as u8;
            }
            bad.truncate(noise.indices(1, good.len() + 1)[0]);
            if let Ok(idx) = parse(&bad) {
                assert_eq!(idx.values.len(), idx.dimensions.iter().product::<usize>());
            }
        }
    }
}
