//! NumPy's array files.

use std::io::Read;
use std::path::Path;

use burn::tensor::f16;

use super::bytes;
use super::rows::Rows;
use crate::DataError;

/// Most bytes of a header; NumPy writes about a hundred.
const MAX_HEADER: usize = 1 << 16;

/// Most values in an array.
const MAX_VALUES: u64 = 1 << 29;

const EXPECTED: &str = "floats of 2, 4 or 8 bytes, integers or booleans, of one or two dimensions";

/// Reads an array of one or two dimensions; one dimension is a column.
///
/// Floats of 2, 4 or 8 bytes, integers and booleans are read, in either byte order, in C or Fortran order. Integers
/// beyond 2⁵³ are rounded to double precision.
///
/// The parser is our own because `npyz` would bring some thirty packages and allocate as much as a header claims.
///
/// # Reference
/// Kern (2007), *A simple file format for NumPy arrays* (NumPy enhancement proposal 1), versions 1 to 3.
///
/// # Errors
/// If it is not an array of such numbers, of one or two dimensions, as long as its header says.
pub fn read(mut content: impl Read, file: &Path) -> Result<Rows, DataError> {
    let mut start = [0; 8];
    let found = bytes::read_start(&mut content, &mut start, file)?;
    if found < 8 || !start.starts_with(b"\x93NUMPY") {
        return Err(DataError::magic(file, "a .npy file", &start[..found]));
    }
    let length = match start[6] {
        1 => u16::from_le_bytes(word(&mut content, file)?).into(),
        2 | 3 => u32::from_le_bytes(word(&mut content, file)?) as usize,
        version => {
            let found = format!("version {version} of the format");
            return Err(DataError::Unsupported { file: file.into(), found, expected: "version 1 to 3" });
        }
    };
    if MAX_HEADER < length {
        return Err(DataError::malformed(
            file,
            format!("a header of {length} bytes, expected at most {MAX_HEADER}"),
        ));
    }
    let mut text = vec![0; length];
    let found = bytes::read_start(&mut content, &mut text, file)?;
    if found < length {
        return Err(DataError::Truncated { file: file.into(), expected: length as u64, found: found as u64 });
    }
    let text = str::from_utf8(&text).map_err(|_| DataError::malformed(file, "the header is not UTF-8"))?;
    let header = Header::parse(text).ok_or_else(|| {
        let start: String = text.trim_end().chars().take(120).collect();
        DataError::malformed(file, format!("expected a header as NumPy writes it, found {start:?}"))
    })?;
    values(content, &header, file)
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

fn values(mut content: impl Read, header: &Header, file: &Path) -> Result<Rows, DataError> {
    let unsupported =
        |found: String| Err(DataError::Unsupported { file: file.into(), found, expected: EXPECTED });
    let Some(kind) = Kind::parse(header.descr) else {
        return unsupported(format!("an array of {:?}", header.descr));
    };
    let (n, dim) = match header.shape[..] {
        [n] => (n, 1),
        [n, dim] => (n, dim),
        ref shape => return unsupported(format!("an array of {} dimensions", shape.len())),
    };
    if n == 0 || dim == 0 {
        return Err(DataError::Empty { path: file.into(), expected: "rows" });
    }
    let Some(count) = n.checked_mul(dim).filter(|&count| count <= MAX_VALUES) else {
        let problem = format!("shape ({n}, {dim}), expected at most {MAX_VALUES} values");
        return Err(DataError::malformed(file, problem));
    };
    let bytes = bytes::read_exactly(&mut content, count * kind.size as u64, file)?;
    let (n, dim) = (n as usize, dim as usize);
    let values = kind.values(bytes);
    // In Fortran order, columns follow each other.
    let values = match header.fortran_order {
        true => (0..n).flat_map(|row| values[row..].iter().step_by(n)).copied().collect(),
        false => values,
    };
    Ok(Rows { dim, values })
}

/// A type of numbers.
struct Kind {
    class: Class,
    /// Bytes of a number.
    size: usize,
    big_endian: bool,
}

#[derive(Clone, Copy)]
enum Class {
    Float,
    Signed,
    Unsigned,
    Boolean,
}

impl Kind {
    /// The type that NumPy calls `descr`: byte order, class and size, such as `<f8` or `|u1`.
    fn parse(descr: &str) -> Option<Self> {
        let (class, size) = match descr.get(1..)? {
            "f2" => (Class::Float, 2),
            "f4" => (Class::Float, 4),
            "f8" => (Class::Float, 8),
            "i1" => (Class::Signed, 1),
            "i2" => (Class::Signed, 2),
            "i4" => (Class::Signed, 4),
            "i8" => (Class::Signed, 8),
            "u1" => (Class::Unsigned, 1),
            "u2" => (Class::Unsigned, 2),
            "u4" => (Class::Unsigned, 4),
            "u8" => (Class::Unsigned, 8),
            "b1" => (Class::Boolean, 1),
            _ => return None,
        };
        let big_endian = match descr.as_bytes()[0] {
            b'<' => false,
            b'>' => true,
            b'|' if size == 1 => false,
            _ => return None,
        };
        Some(Self { class, size, big_endian })
    }

    /// The numbers in `bytes`, in order.
    fn values(&self, mut bytes: Vec<u8>) -> Vec<f64> {
        if self.big_endian {
            bytes.chunks_exact_mut(self.size).for_each(<[u8]>::reverse);
        }
        match (self.class, self.size) {
            (Class::Float, 2) => words(&bytes, |word| f16::from_le_bytes(word).to_f64()),
            (Class::Float, 4) => words(&bytes, |word| f64::from(f32::from_le_bytes(word))),
            (Class::Float, _) => words(&bytes, f64::from_le_bytes),
            (Class::Signed, 1) => words(&bytes, |word| f64::from(i8::from_le_bytes(word))),
            (Class::Signed, 2) => words(&bytes, |word| f64::from(i16::from_le_bytes(word))),
            (Class::Signed, 4) => words(&bytes, |word| f64::from(i32::from_le_bytes(word))),
            (Class::Signed, _) => words(&bytes, |word| i64::from_le_bytes(word) as f64),
            (Class::Unsigned, 1) => words(&bytes, |word| f64::from(u8::from_le_bytes(word))),
            (Class::Unsigned, 2) => words(&bytes, |word| f64::from(u16::from_le_bytes(word))),
            (Class::Unsigned, 4) => words(&bytes, |word| f64::from(u32::from_le_bytes(word))),
            (Class::Unsigned, _) => words(&bytes, |word| u64::from_le_bytes(word) as f64),
            (Class::Boolean, _) => words(&bytes, |[byte]| f64::from(u8::from(byte != 0))),
        }
    }
}

fn words<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&word| value(word)).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<u64>,
}

impl<'a> Header<'a> {
    /// The dictionary that NumPy writes: three known keys, each once, in any order.
    fn parse(text: &'a str) -> Option<Self> {
        let mut rest = Text(text.trim_end());
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        rest.expect("{")?;
        while rest.expect("}").is_none() {
            let key = rest.string()?;
            rest.expect(":")?;
            let again = match key {
                "descr" => descr.replace(rest.descr()?).is_some(),
                "fortran_order" => fortran_order.replace(rest.truth()?).is_some(),
                "shape" => shape.replace(rest.tuple()?).is_some(),
                _ => true,
            };
            if again {
                return None;
            }
            if rest.expect(",").is_none() {
                rest.expect("}")?;
                break;
            }
        }
        rest.0.is_empty().then_some(())?;
        Some(Self { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }
}

/// The rest of a Python literal.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn expect(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|&c| c == '\'' || c == '"')?;
        let (string, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    /// The name of a type, or the whole list that describes a structure.
    fn descr(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        if !text.starts_with('[') {
            return self.string();
        }
        let end = text.rfind(']')? + 1;
        self.0 = &text[end..];
        Some(&text[..end])
    }

    fn truth(&mut self) -> Option<bool> {
        self.expect("True").map(|()| true).or_else(|| self.expect("False").map(|()| false))
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut numbers = Vec::new();
        self.expect("(")?;
        while self.expect(")").is_none() {
            let text = self.0.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            numbers.push(text[..end].parse().ok()?);
            self.0 = &text[end..];
            if self.expect(",").is_none() {
                self.expect(")")?;
                // In Python, (3) is a number and (3,) a tuple.
                return (1 < numbers.len()).then_some(numbers);
            }
        }
        Some(numbers)
    }
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
    fn a_header_is_a_dictionary_of_three_keys() {
        for bad in [
            "{'descr': '<f8', 'fortran_order': False}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} + x",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
            "",
        ] {
            assert_eq!(Header::parse(bad), None, "{bad}");
        }
        let dense = Header::parse("{\"shape\":(4,2),\"descr\":\"<f4\",\"fortran_order\":False}").unwrap();
        assert_eq!(dense, Header { descr: "<f4", fortran_order: false, shape: vec![4, 2] });
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
