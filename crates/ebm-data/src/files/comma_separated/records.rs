//! The records of a text table, one after the other, within bounds.

use std::io::{BufRead, BufReader, Chain, Cursor, Read};
use std::ops::Range;
use std::path::Path;

use super::numbers::is_comment;
use crate::DataError;
use crate::files::bytes;

/// Most bytes of a record.
pub(super) const MAX_RECORD: usize = 1 << 24;

/// Most fields of a record.
pub(super) const MAX_FIELDS: usize = 1 << 16;

/// A record: a line, or several where a quoted field goes on over their ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record {
    /// Its first line, from 1.
    pub(super) line: u64,
    /// Without the end of its line.
    pub(super) bytes: Vec<u8>,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// Its bytes, without quotes and white space around it.
    pub(super) range: Range<usize>,
    /// Whether it was in quotes.
    pub(super) is_quoted: bool,
}

/// Reads records; lines end by `\n`, `\r\n` or `\r`, and those without anything but white space are skipped.
pub(super) struct Records<'a, R> {
    content: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    /// Lines read so far.
    line: u64,
    /// Whether the last byte read was `\r`, after which a `\n` belongs to the same end of a line.
    after_return: bool,
    file: &'a Path,
}

impl<'a, R: Read> Records<'a, R> {
    /// The records of `content`, which may begin with the byte order mark of UTF-8.
    ///
    /// # Errors
    /// If the content is UTF-16, with a byte order mark or without, or cannot be read.
    pub(super) fn new(content: R, file: &'a Path) -> Result<Self, DataError> {
        // A reader may give its first bytes one by one, so they are collected before they are looked at.
        let (mut content, mut start) = (content, vec![0; 6]);
        let n = bytes::read_start(&mut content, &mut start, file)?;
        start.truncate(n);
        // Every second byte of text in UTF-16 is 0 where its characters are ASCII.
        let is_unmarked = matches!(start[..], [0, 1..=255, 0, 1..=255, ..] | [1..=255, 0, 1..=255, 0, ..]);
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) || is_unmarked {
            let found = "text in UTF-16".into();
            return Err(DataError::Unsupported { file: file.into(), found, expected: "text in UTF-8" });
        }
        if start.starts_with(b"\x93NUMPY") || start.starts_with(b"PK\x03\x04") {
            return Err(DataError::magic(file, "a table of text", &start));
        }
        if start.starts_with(&[0xef, 0xbb, 0xbf]) {
            start.drain(..3);
        }
        let content = BufReader::with_capacity(1 << 16, Cursor::new(start).chain(content));
        Ok(Self { content, line: 0, after_return: false, file })
    }

    /// The next record in place of `record`; whether there was one.
    ///
    /// # Errors
    /// If it is longer than [`MAX_RECORD`], a quoted field of it does not end, or it cannot be read.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, DataError> {
        record.bytes.clear();
        loop {
            let found = self.line(&mut record.bytes)?;
            if record.bytes.iter().all(u8::is_ascii_whitespace) {
                record.bytes.clear();
                if !found {
                    return Ok(false);
                }
                continue;
            }
            record.line = self.line;
            if is_comment(&record.bytes) {
                return Ok(true);
            }
            let (mut quote, mut seen) = (Quote::default(), 0);
            while quote.is_open_after(&record.bytes[seen..]) {
                seen = record.bytes.len();
                record.bytes.push(b'\n');
                if !self.line(&mut record.bytes)? {
                    let problem = format!(
                        "line {}: a quote begins a field, expected another that ends it, found the end of the file",
                        record.line
                    );
                    return Err(DataError::malformed(self.file, problem));
                }
            }
            return Ok(true);
        }
    }

    /// Appends the next line to `bytes`, without its end; whether there was one.
    fn line(&mut self, bytes: &mut Vec<u8>) -> Result<bool, DataError> {
        self.line += 1;
        let mut found_any = false;
        loop {
            let read = bytes.len() as u64;
            let buffer =
                self.content.fill_buf().map_err(|error| bytes::broken(error, read + 1, read, self.file))?;
            if buffer.is_empty() {
                return Ok(found_any);
            }
            if self.after_return {
                self.after_return = false;
                if buffer[0] == b'\n' {
                    self.content.consume(1);
                    continue;
                }
            }
            found_any = true;
            let end = buffer.iter().position(|&byte| byte == b'\n' || byte == b'\r');
            let length = end.unwrap_or(buffer.len());
            if MAX_RECORD < bytes.len() + length {
                let problem =
                    format!("line {} is longer than {MAX_RECORD} bytes, the most that are read", self.line);
                return Err(DataError::malformed(self.file, problem));
            }
            bytes.extend_from_slice(&buffer[..length]);
            self.after_return = end.is_some_and(|end| buffer[end] == b'\r');
            self.content.consume(length + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// Whether a quoted field is open, as a record goes by.
#[derive(Default)]
struct Quote {
    is_open: bool,
    /// The byte before; none at the beginning of the record.
    previous: Option<u8>,
}

impl Quote {
    fn is_open_after(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            self.is_open = match (byte, self.is_open) {
                (b'"', true) => false,
                // In the middle of a field it is a character as others; two in a row within quotes are one.
                (b'"', false) => {
                    matches!(self.previous, None | Some(b',' | b';' | b'\t' | b'|' | b' ' | b'"'))
                }
                (_, is_open) => is_open,
            };
            self.previous = Some(byte);
        }
        self.is_open
    }
}

/// Cuts a record into its fields, in place of those in `fields`. A space as `delimiter` is any white space.
///
/// Returns whether there are at most [`MAX_FIELDS`].
pub(super) fn cut(record: &[u8], delimiter: u8, fields: &mut Vec<Field>) -> bool {
    fields.clear();
    let is_blank = |byte: u8| byte == b' ' || (byte == b'\t' && delimiter != b'\t') || byte == b'\n';
    let mut at = 0;
    loop {
        while at < record.len() && is_blank(record[at]) {
            at += 1;
        }
        if delimiter == b' ' && at == record.len() && !fields.is_empty() {
            return true;
        }
        if fields.len() == MAX_FIELDS {
            return false;
        }
        let is_quoted = record.get(at) == Some(&b'"');
        let range = if is_quoted {
            let start = at + 1;
            at = start;
            while at < record.len() && (record[at] != b'"' || record.get(at + 1) == Some(&b'"')) {
                at += if record[at] == b'"' { 2 } else { 1 };
            }
            start..at.min(record.len())
        } else {
            at..at
        };
        let ends = |byte: u8| byte == delimiter || (delimiter == b' ' && is_blank(byte));
        let from = at.min(record.len());
        let rest = record[from..].iter().position(|&byte| ends(byte));
        let end = rest.map_or(record.len(), |rest| from + rest);
        // What follows the closing quote belongs to the field, which is then none in quotes.
        let is_closed =
            record.get(from + 1..end).is_none_or(|after| after.iter().all(|&byte| is_blank(byte)));
        let is_quoted = is_quoted && is_closed;
        let range = match (is_quoted, is_closed) {
            (true, _) => range,
            (false, true) => range.start..end,
            (false, false) if record.get(range.start.wrapping_sub(1)) == Some(&b'"') => range.start - 1..end,
            (false, false) => range.start..end,
        };
        fields.push(Field { range: trimmed(record, range), is_quoted });
        if rest.is_none() {
            return true;
        }
        at = end + 1;
    }
}

fn trimmed(record: &[u8], range: Range<usize>) -> Range<usize> {
    let text = &record[range.clone()];
    let start = range.start + (text.len() - text.trim_ascii_start().len());
    start..start + text.trim_ascii().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<(u64, String)> {
        let mut records = Records::new(text.as_bytes(), Path::new("file.csv")).unwrap();
        let (mut found, mut record) = (vec![], Record::default());
        while records.next(&mut record).unwrap() {
            found.push((record.line, String::from_utf8(record.bytes.clone()).unwrap()));
        }
        found
    }

    fn fields(record: &str, delimiter: u8) -> Vec<String> {
        let mut fields = vec![];
        assert!(cut(record.as_bytes(), delimiter, &mut fields));
        fields.into_iter().map(|field| record[field.range].to_owned()).collect()
    }

    #[test]
    fn every_end_of_a_line_is_known_and_lines_are_counted() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "1,2", "  ", "\"x", "y\",3", ""].join(end);
            let expected = [(1, "a,b".to_owned()), (3, "1,2".into()), (5, "\"x\ny\",3".into())];
            assert_eq!(records(&text), expected, "{end:?}");
        }
        assert_eq!(records("\u{feff}1\n2"), [(1, "1".to_owned()), (2, "2".into())]);
        assert_eq!(records("5\" pipe,2\n3,4\n").len(), 2, "an inch is no quote");
        assert_eq!(records("# of 5 \" pipes\n3,4\n").len(), 2, "a comment has no fields");
        assert_eq!(records(""), []);
    }

    #[test]
    fn records_are_cut_at_delimiters_outside_of_quotes() {
        assert_eq!(fields("1, 2 ,,\"a, b\" ,3", b','), ["1", "2", "", "a, b", "3"]);
        assert_eq!(fields("1;2;", b';'), ["1", "2", ""]);
        assert_eq!(fields("  1  2\t3  ", b' '), ["1", "2", "3"]);
        assert_eq!(fields("1\t\t3", b'\t'), ["1", "", "3"]);
        assert_eq!(fields("\"open", b','), ["open"]);
        assert_eq!(fields("\"a \"\"b\"\"\",1", b','), ["a \"\"b\"\"", "1"]);
        assert!(!cut(&vec![b','; MAX_FIELDS], b',', &mut vec![]));
        assert!(cut(&vec![b','; MAX_FIELDS - 1], b',', &mut vec![]));
    }

    #[test]
    fn a_quote_that_nothing_ends_does_not_swallow_the_rows_after_it() {
        let text = "x,note\n1,\"a\"\n2,\"b\n3,c\n4,d\n";
        let mut records = Records::new(text.as_bytes(), Path::new("file.csv")).unwrap();
        let mut record = Record::default();
        assert!(records.next(&mut record).unwrap() && records.next(&mut record).unwrap());
        let error = records.next(&mut record).unwrap_err().to_string();
        assert!(error.contains("file.csv: line 3: a quote begins a field"), "{error}");
    }

    #[test]
    fn a_line_without_an_end_is_refused_after_a_bounded_part() {
        for (start, line) in [("", "1,"), ("", "9"), ("\"a\n", "b\n"), ("1,\"", "\r")] {
            let endless = start.as_bytes().chain(Repeat(line.as_bytes(), 0));
            let mut records = Records::new(endless, Path::new("file.csv")).unwrap();
            let mut record = Record::default();
            let error = records.next(&mut record).unwrap_err().to_string();
            assert!(error.contains("longer than 16777216 bytes"), "{error}");
            assert!(record.bytes.capacity() <= 2 * MAX_RECORD);
        }
    }

    struct Repeat<'a>(&'a [u8], usize);

    impl Read for Repeat<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            for byte in &mut *buffer {
                *byte = self.0[self.1 % self.0.len()];
                self.1 += 1;
            }
            Ok(buffer.len())
        }
    }
}
