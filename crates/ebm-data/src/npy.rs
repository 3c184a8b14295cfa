//! NumPy's array files.

use std::io::Read;
use std::path::Path;

use crate::rows::Rows;
use crate::{DataError, bytes};

/// Most bytes of a header; NumPy writes about a hundred.
const MAX_HEADER: usize = 1 << 16;

const EXPECTED: &str = "'<f4' or '<f8' in C order, of one or two dimensions";

/// Reads an array of one or two dimensions; one dimension is a column.
///
/// The parser is our own: what is accepted is small, and every refusal says what was found.
///
/// # Reference
/// Kern (2007), *A simple file format for NumPy arrays* (NumPy enhancement proposal 1), versions 1 to 3.
///
/// # Errors
/// If it is not an array of little-endian floats in C order, of one or two dimensions, as long as its header says.
pub(crate) fn read(mut content: impl Read, file: &Path) -> Result<Rows, DataError> {
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
    let text = str::from_utf8(&text).map_err(|_| DataError::malformed(file, "the header is not text"))?;
    let header = Header::parse(text).ok_or_else(|| {
        let start: String = text.trim_end().chars().take(120).collect();
        DataError::malformed(file, format!("the header is not as NumPy writes it: {start:?}"))
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
    let size = match header.descr {
        "<f4" => 4,
        "<f8" => 8,
        other => return unsupported(format!("an array of {other:?}")),
    };
    let (n, dim) = match header.shape[..] {
        [n] => (n, 1),
        [n, dim] => (n, dim),
        ref shape => return unsupported(format!("an array of {} dimensions", shape.len())),
    };
    if header.fortran_order && 1 < n && 1 < dim {
        return unsupported("an array in Fortran order".into());
    }
    if n == 0 || dim == 0 {
        return Err(DataError::Empty { path: file.into(), expected: "rows" });
    }
    let Some(length) = n.checked_mul(dim).and_then(|n| n.checked_mul(size)) else {
        return Err(DataError::malformed(file, format!("shape ({n}, {dim}) is beyond all files")));
    };
    let bytes = bytes::read_exactly(&mut content, length, file)?;
    let values = match size {
        4 => bytes.as_chunks().0.iter().map(|&word| f64::from(f32::from_le_bytes(word))).collect(),
        _ => bytes.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word)).collect(),
    };
    Ok(Rows { dim: dim as usize, values })
}

#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<u64>,
}

impl<'a> Header<'a> {
    /// The dictionary that NumPy writes: three known keys, once each, in any order.
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

/// What is left to read of a Python literal.
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
        // A single row lies the same in both orders.
        assert!(parse(&file(1, &header("'<f8'", "True", "(1, 2)"), &doubles(&[1.0, 2.0]))).is_ok());
    }

    #[test]
    fn other_arrays_are_refused_by_what_they_are() {
        let cases = [
            (header("'<f8'", "True", "(2, 2)"), "Fortran"),
            (header("'|O'", "False", "(2, 2)"), "\"|O\""),
            (header("'>f8'", "False", "(2, 2)"), "\">f8\""),
            (header("'<i8'", "False", "(2, 2)"), "\"<i8\""),
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
    fn a_header_that_lies_is_refused_without_taking_memory() {
        let with_shape = |shape: &str, n: usize| {
            parse(&file(1, &header("'<f8'", "False", shape), &doubles(&vec![0.0; n])))
        };
        assert!(matches!(with_shape("(2, 2)", 3), Err(DataError::Truncated { expected: 32, found: 24, .. })));
        assert!(matches!(with_shape("(2, 2)", 5), Err(DataError::TooLong { expected: 32, .. })));
        assert!(matches!(with_shape("(9000000000, 9000000000)", 1), Err(DataError::Malformed { .. })));
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
        let good = file(1, &header("'<f8'", "False", "(2, 2)"), &doubles(&[1.0; 4]));
        let mut noise = Noise::seeded(32);
        for _ in 0..20_000 {
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
