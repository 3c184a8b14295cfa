//! NumPy's array files.

mod dictionary;
mod kind;
mod on_disk;

use std::io::Read;
use std::path::Path;

use super::bytes;
use super::rows::Rows;
use crate::DataError;

use dictionary::Dictionary;
pub(crate) use kind::{Class, Kind};
pub(crate) use on_disk::ArrayFile;

/// Most bytes of a header; NumPy writes about a hundred.
const MAX_HEADER: usize = 1 << 16;

/// Most values in a table.
const MAX_VALUES: u64 = 1 << 29;

const EXPECTED: &str = "floats of 2, 4 or 8 bytes, integers or booleans, of one or two dimensions";

/// Reads an array of one or two dimensions; one dimension is a column.
///
/// Floats of 2, 4 or 8 bytes, integers and booleans are read, in either byte order, in C or Fortran order. Integers
/// beyond 2⁵³ are rounded to double precision.
///
/// The parser is our own because `npyz`, without its optional features, still brings 25 packages for Python's literals,
/// one of them in C, and allocates as much as a header claims.
///
/// # Reference
/// Kern (2007), *A simple file format for NumPy arrays* (NumPy enhancement proposal 1), versions 1 to 3.
///
/// # Errors
/// If it is not an array of such numbers, of one or two dimensions, as long as its header says.
pub fn read(mut content: impl Read, file: &Path) -> Result<Rows, DataError> {
    let header = Header::read(&mut content, file)?;
    let (n, dim) = match header.shape[..] {
        [n] => (n, 1),
        [n, dim] => (n, dim),
        ref shape => {
            let found = format!("an array of {} dimensions", shape.len());
            return Err(DataError::Unsupported { file: file.into(), found, expected: EXPECTED });
        }
    };
    if n == 0 || dim == 0 {
        return Err(DataError::Empty { path: file.into(), expected: "rows" });
    }
    if n.checked_mul(dim).is_none_or(|count| MAX_VALUES < count) {
        let problem = format!("shape ({n}, {dim}), expected at most {MAX_VALUES} values");
        return Err(DataError::malformed(file, problem));
    }
    Ok(Rows { dim: dim as usize, values: header.array(content, file)?.map(|value| value) })
}

/// Numbers with their dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// The dimensions, none of which is zero.
    pub shape: Vec<usize>,
    /// The numbers, the last index fastest.
    pub values: Vec<f64>,
}

/// Reads the array of any dimensions in a file, which may be compressed by gzip.
///
/// # Errors
/// If it cannot be read, or is not an array of numbers, as long as its header says, with at most 2²⁹ of them.
pub fn open(file: &Path) -> Result<Numbers, DataError> {
    let mut content = bytes::open(file)?;
    let header = Header::read(&mut content, file)?;
    let count = header.shape.iter().try_fold(1u64, |count, &n| count.checked_mul(n));
    match count {
        Some(0) => return Err(DataError::Empty { path: file.into(), expected: "numbers" }),
        Some(count) if count <= MAX_VALUES => {}
        _ => {
            let problem = format!("shape {:?}, expected at most {MAX_VALUES} values", header.shape);
            return Err(DataError::malformed(file, problem));
        }
    }
    let array = header.array(content, file)?;
    Ok(Numbers { values: array.map(|value| value), shape: array.shape })
}

/// What a file says of its array before the numbers come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The dimensions, any of which may be zero.
    pub(crate) shape: Vec<u64>,
    pub(crate) kind: Kind,
    fortran_order: bool,
}

impl Header {
    /// Reads up to the numbers.
    pub(crate) fn read(content: &mut impl Read, file: &Path) -> Result<Self, DataError> {
        let mut start = [0; 8];
        let found = bytes::read_start(content, &mut start, file)?;
        if found < 8 || !start.starts_with(b"\x93NUMPY") {
            return Err(DataError::magic(file, "a .npy file", &start[..found]));
        }
        let length = match start[6] {
            1 => u16::from_le_bytes(word(content, file)?).into(),
            2 | 3 => u32::from_le_bytes(word(content, file)?) as usize,
            version => {
                let found = format!("version {version} of the format");
                return Err(DataError::Unsupported { file: file.into(), found, expected: "version 1 to 3" });
            }
        };
        if MAX_HEADER < length {
            let problem = format!("a header of {length} bytes, expected at most {MAX_HEADER}");
            return Err(DataError::malformed(file, problem));
        }
        let mut text = vec![0; length];
        let found = bytes::read_start(content, &mut text, file)?;
        if found < length {
            let (expected, found) = (length as u64, found as u64);
            return Err(DataError::Truncated { file: file.into(), expected, found });
        }
        let text =
            str::from_utf8(&text).map_err(|_| DataError::malformed(file, "the header is not UTF-8"))?;
        let Dictionary { descr, fortran_order, shape } = Dictionary::parse(text).ok_or_else(|| {
            let start: String = text.trim_end().chars().take(120).collect();
            DataError::malformed(file, format!("expected a header as NumPy writes it, found {start:?}"))
        })?;
        let kind = Kind::parse(descr).ok_or_else(|| {
            let found = format!("an array of {descr:?}");
            DataError::Unsupported { file: file.into(), found, expected: EXPECTED }
        })?;
        Ok(Self { shape, kind, fortran_order })
    }

    /// Reads the numbers; memory grows with what is read, not with what the header claims.
    pub(crate) fn array(self, mut content: impl Read, file: &Path) -> Result<Array, DataError> {
        let Self { shape, kind, fortran_order } = self;
        let size = shape.iter().try_fold(kind.size as u64, |size, &n| size.checked_mul(n));
        let size = size.filter(|&size| size <= bytes::MAX_BYTES).ok_or_else(|| {
            let problem = format!("shape {shape:?}, expected at most {} bytes", bytes::MAX_BYTES);
            DataError::malformed(file, problem)
        })?;
        let mut bytes = bytes::read_exactly(&mut content, size, file)?;
        kind.little_endian(&mut bytes);
        Ok(Array { shape: shape.into_iter().map(|n| n as usize).collect(), kind, fortran_order, bytes })
    }
}

fn word<const N: usize>(content: &mut impl Read, file: &Path) -> Result<[u8; N], DataError> {
    let mut word = [0; N];
    match bytes::read_start(content, &mut word, file)? {
        found if found == N => Ok(word),
        found => {
            Err(DataError::Truncated { file: file.into(), expected: 8 + N as u64, found: 8 + found as u64 })
        }
    }
}

/// An array as a file has it.
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) kind: Kind,
    fortran_order: bool,
    bytes: Vec<u8>,
}

impl Array {
    /// What `map` makes of each number; the last index runs fastest. `map` may see the numbers in another order.
    pub(crate) fn map<T: Copy>(&self, map: impl FnMut(f64) -> T) -> Vec<T> {
        let mapped = self.kind.map(&self.bytes, map);
        if self.fortran_order { transposed(&mapped, &self.shape) } else { mapped }
    }

    /// The least and the greatest number, NaN left out; infinities in reverse order if there is none.
    pub(crate) fn range(&self) -> (f64, f64) {
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        self.kind.map(&self.bytes, |value| (least, greatest) = (least.min(value), greatest.max(value)));
        (least, greatest)
    }

    /// How many numbers are NaN or infinite.
    pub(crate) fn not_finite(&self) -> usize {
        let mut n = 0;
        self.kind.map(&self.bytes, |value| n += usize::from(!value.is_finite()));
        n
    }
}

/// Values in Fortran order, where the first index runs fastest, in C order.
fn transposed<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let strides: Vec<usize> =
        shape.iter().scan(1, |stride, n| Some(std::mem::replace(stride, *stride * n))).collect();
    let (mut index, mut at) = (vec![0; shape.len()], 0);
    let next = |_| {
        let value = values[at];
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
        value
    };
    (0..values.len()).map(next).collect()
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;

    fn file(version: u8, header: &str, values: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY".to_vec();
        file.extend([version, 0]);
        match version {
            1 => file.extend((header.len() as u16).to_le_bytes()),
            _ => file.extend((header.len() as u32).to_le_bytes()),
        }
        file.extend(header.as_bytes());
        file.extend(values);
        file
    }

    fn header(descr: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}          \n")
    }

    fn parse(content: &[u8]) -> Result<Rows, DataError> {
        read(content, Path::new("file.npy"))
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn arrays_of_both_precisions_and_all_versions_are_read() {
        let values = [1.5, -2.0, 3.0, 0.25, 5.0, 1e-3];
        for version in 1..=3 {
            let content = file(version, &header("'<f8'", "False", "(3, 2)"), &doubles(&values));
            assert_eq!(parse(&content).unwrap(), Rows { dim: 2, values: values.to_vec() });
        }
        let singles: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let column = parse(&file(1, &header("'<f4'", "False", "(2,)"), &singles)).unwrap();
        assert_eq!(column, Rows { dim: 1, values: vec![1.5, -2.0] });
    }

    #[test]
    fn fortran_order_is_transposed() {
        let columns = doubles(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let rows = |shape| parse(&file(1, &header("'<f8'", "True", shape), &columns)).unwrap();
        assert_eq!(rows("(3, 2)"), Rows { dim: 2, values: vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0] });
        assert_eq!(rows("(2, 3)"), Rows { dim: 3, values: vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0] });
        assert_eq!(rows("(1, 6)").values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(rows("(6,)").values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn fortran_order_of_three_dimensions_is_transposed() {
        // a[i][j][k] = 100 i + 10 j + k of shape (2, 3, 2), the first index fastest
        let index = |at: usize| (at % 2, at / 2 % 3, at / 6);
        let columns: Vec<f64> = (0..12).map(index).map(|(i, j, k)| (100 * i + 10 * j + k) as f64).collect();
        let content = file(1, &header("'<f8'", "True", "(2, 3, 2)"), &doubles(&columns));
        let mut content = &content[..];
        let name = Path::new("file.npy");
        let array = Header::read(&mut content, name).unwrap().array(content, name).unwrap();
        let found = array.map(|value| value as usize);
        assert_eq!(found, [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121]);
        assert_eq!(array.range(), (0.0, 121.0));
    }

    #[test]
    fn a_file_of_any_dimensions_is_read_with_its_shape() {
        let folder = tempfile::tempdir().unwrap();
        let open = |shape: &str, values: &[f64]| {
            let path = folder.path().join("x.npy");
            std::fs::write(&path, file(1, &header("'<f8'", "False", shape), &doubles(values))).unwrap();
            super::open(&path)
        };
        let values = [1.5, -2.0, 3.0, 0.25, 5.0, 1e-3];
        assert_eq!(
            open("(1, 3, 2)", &values).unwrap(),
            Numbers { shape: vec![1, 3, 2], values: values.to_vec() }
        );
        assert_eq!(open("(6,)", &values).unwrap().shape, [6]);
        assert!(matches!(open("(0, 3)", &[]), Err(DataError::Empty { .. })));
        assert!(open("(2, 2)", &values[..3]).is_err() && open("(4294967296, 4294967296)", &values).is_err());
        assert!(super::open(&folder.path().join("none.npy")).is_err());
    }

    #[test]
    fn every_type_of_number_is_read_in_both_byte_orders() {
        fn bytes<const N: usize>(words: [[u8; N]; 2]) -> Vec<u8> {
            words.concat()
        }
        let cases = [
            ("<f2", bytes([[0x00, 0x3e], [0x00, 0xc0]]), [1.5, -2.0]),
            (">f2", bytes([[0x3e, 0x00], [0xc0, 0x00]]), [1.5, -2.0]),
            ("<f2", bytes([[0x01, 0x00], [0xff, 0x7b]]), [2f64.powi(-24), 65504.0]),
            (">f4", bytes([1.5f32, -2.0].map(f32::to_be_bytes)), [1.5, -2.0]),
            (">f8", bytes([1e-3f64, -2.0].map(f64::to_be_bytes)), [1e-3, -2.0]),
            ("|i1", bytes([-3i8, 7].map(i8::to_le_bytes)), [-3.0, 7.0]),
            ("<i1", bytes([-3i8, 7].map(i8::to_le_bytes)), [-3.0, 7.0]),
            ("<i2", bytes([-300i16, 7].map(i16::to_le_bytes)), [-300.0, 7.0]),
            (">i4", bytes([-70_000i32, 7].map(i32::to_be_bytes)), [-70_000.0, 7.0]),
            ("<i8", bytes([-5_000_000_000i64, 7].map(i64::to_le_bytes)), [-5e9, 7.0]),
            ("|u1", vec![255, 7], [255.0, 7.0]),
            (">u2", bytes([65_535u16, 7].map(u16::to_be_bytes)), [65_535.0, 7.0]),
            ("<u4", bytes([u32::MAX, 7].map(u32::to_le_bytes)), [4_294_967_295.0, 7.0]),
            (">u8", bytes([1u64 << 40, 7].map(u64::to_be_bytes)), [2f64.powi(40), 7.0]),
            ("|b1", vec![0, 1], [0.0, 1.0]),
        ];
        for (descr, content, expected) in cases {
            let rows = parse(&file(1, &header(&format!("'{descr}'"), "False", "(1, 2)"), &content)).unwrap();
            assert_eq!(rows, Rows { dim: 2, values: expected.to_vec() }, "{descr}");
        }
    }

    #[test]
    fn other_types_and_shapes_are_refused_by_name() {
        let cases = [
            (header("'|O'", "False", "(2, 2)"), "\"|O\""),
            (header("'<c16'", "False", "(2, 2)"), "\"<c16\""),
            (header("'<f16'", "False", "(2, 2)"), "\"<f16\""),
            (header("'|f8'", "False", "(2, 2)"), "\"|f8\""),
            (header("'<U1'", "False", "(2, 2)"), "\"<U1\""),
            (header("''", "False", "(2, 2)"), "\"\""),
            (header("'éf8'", "False", "(2, 2)"), "éf8"),
            (header("[('x', '<f8'), ('y', '<f8')]", "False", "(2, 2)"), "('x', '<f8')"),
            (header("'<f8'", "False", "(2, 2, 1)"), "3 dimensions"),
            (header("'<f8'", "False", "()"), "0 dimensions"),
        ];
        for (header, part) in cases {
            let error = parse(&file(1, &header, &doubles(&[0.0; 4]))).unwrap_err();
            assert!(matches!(error, DataError::Unsupported { .. }), "{header}: {error}");
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(matches!(parse(b"PK\x03\x04 an .npz"), Err(DataError::Magic { .. })));
        assert!(matches!(parse(&file(4, "", &[])), Err(DataError::Unsupported { .. })));
        assert!(matches!(
            parse(&file(1, &header("'<f8'", "False", "(0, 2)"), &[])),
            Err(DataError::Empty { .. })
        ));
    }

    #[test]
    fn a_false_header_is_refused_without_allocating_what_it_claims() {
        let with_shape = |shape: &str, n: usize| {
            parse(&file(1, &header("'<f8'", "False", shape), &doubles(&vec![0.0; n])))
        };
        assert!(matches!(with_shape("(2, 2)", 3), Err(DataError::Truncated { expected: 32, found: 24, .. })));
        assert!(matches!(with_shape("(2, 2)", 5), Err(DataError::TooLong { expected: 32, .. })));
        assert!(matches!(with_shape("(9000000000, 9000000000)", 1), Err(DataError::Malformed { .. })));
        assert!(matches!(with_shape("(536870912, 1)", 1), Err(DataError::Truncated { found: 8, .. })));
        assert!(matches!(with_shape("(536870913, 1)", 1), Err(DataError::Malformed { .. })));
        assert!(matches!(with_shape("(90000000000000000000000, 1)", 1), Err(DataError::Malformed { .. })));
        let mut long = file(2, "", &[]);
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(parse(&long), Err(DataError::Malformed { .. })));
        assert!(matches!(parse(&file(1, "{}", &[])[..9]), Err(DataError::Truncated { .. })));
    }

    #[test]
    fn no_mutation_of_a_file_panics() {
        let plain = file(1, &header("'<f8'", "False", "(2, 2)"), &doubles(&[1.0; 4]));
        let other = file(2, &header("'>i2'", "True", "(4, 2)"), &doubles(&[1.0; 2]));
        let mut noise = Noise::seeded(32);
        for i in 0..20_000 {
            let good = if i % 2 == 0 { &plain } else { &other };
            let mut bad = good.clone();
            for at in noise.indices(2, good.len()) {
                bad[at] = noise.words(1)[0] as u8;
            }
            bad.truncate(noise.indices(1, good.len() + 1)[0].max(good.len() / 2));
            if let Ok(rows) = parse(&bad) {
                assert!(0 < rows.dim && rows.values.len() % rows.dim == 0);
            }
        }
    }
}
