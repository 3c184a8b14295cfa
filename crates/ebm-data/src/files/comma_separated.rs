//! Tables of numbers as text.

use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::bytes;
use super::rows::Rows;
use crate::DataError;

/// Most fields in a row.
const MAX_FIELDS: usize = 1 << 20;

/// Most values in a table.
const MAX_VALUES: usize = 1 << 29;

/// Reads rows of numbers separated by `delimiter`.
///
/// The first row is a header if none of its fields is a number; empty lines are skipped.
///
/// # Reference
/// Shafranovich (2005), *Common format and MIME type for comma-separated values files*, RFC 4180.
///
/// # Errors
/// If a row is longer or shorter than the first, if a field is not a number, or if there are no rows of numbers.
pub fn read(mut content: impl Read, delimiter: u8, file: &Path) -> Result<Rows, DataError> {
    let content = bytes::read_at_most(&mut content, bytes::MAX_BYTES, file)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(&content[..]);
    let mut rows = Rows { dim: 0, values: Vec::new() };
    let mut record = ByteRecord::new();
    let mut is_first = true;
    while reader.read_byte_record(&mut record).map_err(|error| failed(error, file))? {
        let line = || record.position().map_or(1, |position| line(&content, position.byte()));
        if is_first {
            is_first = false;
            rows.dim = record.len();
            if MAX_FIELDS < rows.dim {
                return Err(DataError::malformed(
                    file,
                    format!("{} fields, expected at most {MAX_FIELDS}", rows.dim),
                ));
            }
            if record.iter().all(|field| number(field).is_none()) {
                continue;
            }
        }
        if record.len() != rows.dim {
            return Err(DataError::Ragged {
                file: file.into(),
                line: line(),
                expected: rows.dim,
                found: record.len(),
            });
        }
        if MAX_VALUES - rows.dim < rows.values.len() {
            return Err(DataError::malformed(
                file,
                format!("more than {MAX_VALUES} values, the most that are read"),
            ));
        }
        for (column, field) in (1..).zip(&record) {
            let value = number(field).ok_or_else(|| {
                let found = String::from_utf8_lossy(field).chars().take(40).collect();
                DataError::NotANumber { file: file.into(), line: line(), column, found }
            })?;
            rows.values.push(value);
        }
    }
    if rows.values.is_empty() {
        return Err(DataError::Empty { path: file.into(), expected: "rows of numbers" });
    }
    Ok(rows)
}

/// The line, from 1, of the row that is read from byte `start` on, after empty lines.
fn line(content: &[u8], start: u64) -> u64 {
    let (before, from) = content.split_at(content.len().min(start as usize));
    let empty = from.iter().take_while(|byte| byte.is_ascii_whitespace());
    let ends = before.iter().chain(empty).filter(|&&byte| byte == b'\n').count();
    1 + ends as u64
}

fn number(field: &[u8]) -> Option<f64> {
    str::from_utf8(field).ok()?.parse().ok()
}

fn failed(error: csv::Error, file: &Path) -> DataError {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => DataError::io(file, source),
        other => DataError::malformed(file, format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;

    fn parse(text: &str) -> Result<Rows, DataError> {
        read(text.as_bytes(), b',', Path::new("file.csv"))
    }

    #[test]
    fn a_first_row_without_numbers_is_a_header() {
        let expected = Rows { dim: 2, values: vec![1.0, -2.5, 3e2, 4.0] };
        for text in
            ["1,-2.5\n3e2,4\n", "x,y\n1,-2.5\n3e2,4", "\u{feff}\"x\", y\r\n 1 ,-2.5\r\n\r\n\"3e2\",4\r\n"]
        {
            assert_eq!(parse(text).unwrap(), expected, "{text:?}");
        }
        assert!(matches!(parse("x,y\n"), Err(DataError::Empty { .. })));
        assert!(matches!(parse(""), Err(DataError::Empty { .. })));
    }

    #[test]
    fn a_bad_row_is_named_by_line_and_column() {
        let ragged = parse("x,y\n1,2\n\n3\n").unwrap_err();
        assert!(matches!(ragged, DataError::Ragged { line: 4, expected: 2, found: 1, .. }), "{ragged}");
        let ragged = parse("x,y\r\n1,2\r\n\r\n3\r\n").unwrap_err();
        assert!(matches!(ragged, DataError::Ragged { line: 4, .. }), "{ragged}");
        let ragged = parse("1,2\n3,4,5\n").unwrap_err();
        assert!(matches!(ragged, DataError::Ragged { line: 2, expected: 2, found: 3, .. }), "{ragged}");

        let text = parse("x,y\n1,2\n3,four\n").unwrap_err();
        assert!(matches!(text, DataError::NotANumber { line: 3, column: 2, .. }), "{text}");
        assert!(text.to_string().contains("\"four\""), "{text}");
        let empty = parse("1,2\n3,\n").unwrap_err();
        assert!(matches!(empty, DataError::NotANumber { line: 2, column: 2, .. }), "{empty}");
        let half_a_header = parse("1,y\n3,4\n").unwrap_err();
        assert!(matches!(half_a_header, DataError::NotANumber { line: 1, column: 2, .. }), "{half_a_header}");
    }

    #[test]
    fn no_mutation_of_a_file_panics() {
        let good = b"x,y,z\n1,2,3\n\"4\",5.5,-6e1\n7,8,9\n";
        let mut noise = Noise::seeded(33);
        for _ in 0..20_000 {
            let mut bad = good.to_vec();
            for at in noise.indices(2, good.len()) {
                bad[at] = noise.words(1)[0] as u8;
            }
            if let Ok(rows) = read(&bad[..], b',', Path::new("file.csv")) {
                assert!(0 < rows.dim && rows.values.len() % rows.dim == 0);
            }
        }
    }
}
