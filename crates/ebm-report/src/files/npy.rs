//! NumPy's array file, format version 1.0: float32 or float64, little-endian, C order.

use std::io::Write;

use super::little_endian::Numbers;
use crate::ReportError;

/// Writes an array of shape `dims` to `out`.
///
/// The header is padded with spaces so that the numbers begin at a multiple of 64 bytes.
///
/// # Errors
/// If `values` does not have the length that `dims` says, or `out` cannot be written.
///
/// # Reference
/// NumPy, *numpy.lib.format*, version 1.0.
pub(crate) fn encode(dims: &[usize], values: Numbers<'_>, out: &mut dyn Write) -> Result<(), ReportError> {
    let expected = dims.iter().product::<usize>();
    if expected != values.len() {
        return Err(ReportError::length(format!("array of shape {dims:?}"), expected, values.len()));
    }
    out.write_all(&header(dims, values.width())?)?;
    Ok(values.write(out)?)
}

/// The bytes before the numbers, each of `width` bytes.
///
/// # Errors
/// If there are too many axes.
pub(crate) fn header(dims: &[usize], width: usize) -> Result<Vec<u8>, ReportError> {
    const PREFIX: usize = 10;
    let shape = match dims {
        [only] => format!("({only},)"),
        _ => format!("({})", dims.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut text = format!("{{'descr': '<f{width}', 'fortran_order': False, 'shape': {shape}, }}");
    let padded = (PREFIX + text.len() + 1).next_multiple_of(64) - PREFIX;
    text.push_str(&" ".repeat(padded - 1 - text.len()));
    text.push('\n');
    let length = u16::try_from(text.len())
        .map_err(|_| ReportError::Format(format!("a .npy cannot hold an array of {} axes", dims.len())))?;
    Ok([b"\x93NUMPY\x01\x00".as_slice(), &length.to_le_bytes(), text.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_that_numpy_writes() {
        let mut found = Vec::new();
        let values = [0.0, 1.0, -2.0, 0.5, f32::INFINITY, 3.0];
        encode(&[2, 3], Numbers::Single(&values), &mut found).unwrap();

        // np.save of the same array: 128 bytes of header, then the numbers.
        let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        expected.extend(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        expected.resize(127, b' ');
        expected.push(b'\n');
        for bits in [0u32, 0x3f80_0000, 0xc000_0000, 0x3f00_0000, 0x7f80_0000, 0x4040_0000] {
            expected.extend(bits.to_le_bytes());
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn doubles_are_written_as_they_are() {
        let mut found = Vec::new();
        encode(&[2], Numbers::Double(&[3e-7, 5_530_000.01]), &mut found).unwrap();
        assert!(found.windows(3).any(|part| part == b"<f8"));
        assert_eq!(found[128..], [3e-7f64.to_le_bytes(), 5_530_000.01f64.to_le_bytes()].concat());
    }

    #[test]
    fn every_header_is_aligned_and_ends_its_line() {
        for digits in 1..40 {
            let dims = vec![10usize.pow(digits % 18); 1 + digits as usize];
            let header = header(&dims, 4).unwrap();
            assert_eq!(header.len() % 64, 0);
            assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])), header.len() - 10);
            assert_eq!(header.last(), Some(&b'\n'));
        }
    }

    #[test]
    fn one_dimension_is_a_tuple_of_one() {
        assert!(header(&[7], 4).unwrap().windows(4).any(|w| w == b"(7,)"));
    }

    #[test]
    fn a_wrong_count_is_refused() {
        assert!(encode(&[2, 2], Numbers::Single(&[0.0; 3]), &mut Vec::new()).is_err());
    }
}
