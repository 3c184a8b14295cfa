//! Tables of numbers as text.
//!
//! [`TextTable::open`] reads the first records and finds out the form of the table: its delimiter, its decimal
//! separator, its header; [`TextTable::read`] reads chosen columns as numbers.

mod faults;
mod found;
mod names;
mod numbers;
mod records;

use std::io::Read;
use std::path::Path;

pub(crate) use self::faults::flag_value;
use self::faults::{Faults, Place};
use self::found::{Header, Row};
use self::names::{commented, distinct, name, shown, unescaped, unnamed};
use self::numbers::{Kind, is_comment, is_missing, number};
use self::records::{MAX_FIELDS, Record, Records, cut};
use crate::tables::labels::{ClassNames, Labels};
use crate::{DataError, Missing};

/// Most values in a table.
const MAX_VALUES: usize = 1 << 29;

/// Records, and bytes of them, from which the form of a table is found out.
const HEAD: [usize; 2] = [1000, 1 << 20];

/// Records that are read after the first that is wrong, to name all columns that are.
const LOOK_AHEAD: usize = 100_000;

/// What is known of the form of a text table; the rest is found out.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextForm {
    /// Whether the first row is a header.
    pub header: Option<bool>,
    /// The character between fields; a space stands for any white space.
    pub delimiter: Option<char>,
    /// The decimal separator, `.` or `,`.
    pub decimal: Option<char>,
    /// The delimiter where nothing tells, by the file's extension.
    pub usual: Option<char>,
}

/// A text table whose form is known.
pub struct TextTable<'a, R> {
    records: Records<'a, R>,
    /// The records that are read already, without the header.
    head: Vec<Record>,
    file: &'a Path,
    delimiter: u8,
    decimal: u8,
    dim: usize,
    names: Vec<String>,
    left_out: Vec<usize>,
    notes: Vec<String>,
}

/// Rows of numbers of chosen columns.
#[derive(Clone, Debug, PartialEq)]
pub struct TextRows {
    /// Row after row.
    pub values: Vec<f64>,
    /// The number of each row, from 0, if some were left out.
    pub numbers: Option<Vec<usize>>,
    /// All rows, with those that were left out.
    pub n_rows: usize,
}

/// A row as it is read.
pub(crate) struct TextRow<'a> {
    /// The chosen columns, NaN where a value is missing.
    pub(crate) values: &'a [f64],
    /// The class by the order in which names were seen, if a column has one and its value is not missing.
    pub(crate) class: Option<u32>,
    /// Whether a value is missing, or the class.
    pub(crate) has_gap: bool,
}

/// Reads all columns of a table.
///
/// # Errors
/// As [`TextTable::open`] and [`TextTable::read`].
pub fn read(content: impl Read, form: TextForm, file: &Path) -> Result<TextRows, DataError> {
    let table = TextTable::open(content, form, file)?;
    let columns: Vec<usize> = (0..table.dim()).collect();
    table.read(&columns, Missing::Refuse)
}

impl<'a, R: Read> TextTable<'a, R> {
    /// Reads the first records, and finds out what `form` does not say.
    ///
    /// The first row is a header if it has a field that is no number over numbers, or if it counts up, as 0, 1, 2, … over
    /// fractions. Lines that begin with `#` are skipped; the last of them before the first row may name the columns.
    /// `sep=;` in the first line names the delimiter.
    ///
    /// # Reference
    /// Shafranovich (2005), *Common format and MIME type for comma-separated values files*, RFC 4180.
    ///
    /// # Errors
    /// If there are no rows, a record is too long, or it cannot be read.
    pub fn open(content: R, form: TextForm, file: &'a Path) -> Result<Self, DataError> {
        let mut records = Records::new(content, file)?;
        let mut notes = Vec::new();
        let (mut head, mut comment, mut named_delimiter) = (Vec::new(), None, None);
        let (mut record, mut n_bytes) = (Record::default(), 0);
        while head.len() < HEAD[0] && n_bytes < HEAD[1] && records.next(&mut record)? {
            n_bytes += record.bytes.len();
            match record.bytes.as_slice() {
                [b's', b'e', b'p', b'=', only] if head.is_empty() => named_delimiter = Some(*only),
                line @ [b'#', rest @ ..] if is_comment(line) => {
                    if head.is_empty() {
                        comment = Some(Record { line: record.line, bytes: rest.to_vec() });
                    }
                }
                _ => head.push(std::mem::take(&mut record)),
            }
        }
        let ascii = |character: Option<char>| character.and_then(|character| u8::try_from(character).ok());
        let usual = ascii(form.usual).unwrap_or(b',');
        let decimal = ascii(form.decimal);
        let delimiter = ascii(form.delimiter).or(named_delimiter);
        let is_one_column =
            usual == b',' && delimiter.is_none() && decimal.is_none() && found::is_one_column(&head);
        let delimiter = delimiter.or(is_one_column.then_some(b';'));
        let delimiter = delimiter.unwrap_or_else(|| found::delimiter(&head, decimal, usual));
        let too_wide = |line: u64| {
            DataError::malformed(
                file,
                format!("line {line}: more than {MAX_FIELDS} columns, the most that are read"),
            )
        };
        let rows = head.iter().map(|record| Row::new(record, delimiter).ok_or_else(|| too_wide(record.line)));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let [first, rest @ ..] = &rows[..] else {
            return Err(DataError::Empty { path: file.into(), expected: "rows of numbers" });
        };
        let decimal = decimal.unwrap_or_else(|| found::decimal(&rows));
        let header = match form.header {
            Some(true) => Header::Names,
            Some(false) => Header::No,
            None => found::header(first, rest, decimal),
        };
        let form_notes = [
            (form.delimiter.is_none() && delimiter != usual && !is_one_column)
                .then(|| format!("the delimiter is {}", named(delimiter))),
            (form.decimal.is_none() && decimal == b',')
                .then(|| "the decimal separator is a comma".to_owned()),
        ];
        notes.extend(form_notes.into_iter().flatten());
        let has_header = matches!(header, Header::Names | Header::Numbers);
        let values = if has_header { rest } else { &rows[..] };
        let mut dim = values.first().map_or(first.fields.len(), |row| row.fields.len());
        let mut names =
            match (has_header, comment.and_then(|comment| commented(&comment, delimiter, dim, decimal))) {
                (true, _) => unescaped(first),
                (false, Some(names)) => names,
                (false, None) => Vec::new(),
            };
        if !names.is_empty() && names.len() + 1 == dim && values.iter().all(|row| row.fields.len() == dim) {
            // R names its rows so; an empty last field is a delimiter at the end of each line.
            let ends = values.iter().all(|row| row.texts().last().is_some_and(<[u8]>::is_empty));
            // Fractions are no names of rows: what was taken for a header names fewer columns than there are.
            let is_value = |row: &Row<'_>| {
                let is_quoted = row.fields.first().is_some_and(|field| field.is_quoted);
                !is_quoted && row.texts().next().is_some_and(|text| Kind::of(text, decimal) == Kind::Fraction)
            };
            let has_values = !ends && values.iter().all(is_value);
            let inserted = if has_values { "column1" } else { "" };
            notes.extend(has_values.then(|| format!("column 1 has no name and is called {inserted}")));
            names.insert(if ends { names.len() } else { 0 }, inserted.to_owned());
        } else if !names.is_empty() {
            dim = names.len();
        }
        match header {
            Header::Numbers => notes.push(format!(
                "line {}, {}, was taken for a header; `--header no` reads it as a row",
                first.record.line,
                shown(&names)
            )),
            Header::Unlikely => notes.push(format!(
                "line {}, which counts up, was read as a row; `--header yes` takes it for a header",
                first.record.line
            )),
            Header::No | Header::Names if names.is_empty() => notes.push("no header".to_owned()),
            Header::No | Header::Names => {}
        }
        let (left_out, more) = unnamed(&mut names, values, decimal);
        notes.extend(more);
        notes.extend(distinct(&mut names));
        let head = head.split_off(usize::from(has_header));
        Ok(Self { records, head, file, delimiter, decimal, dim, names, left_out, notes })
    }

    /// Columns, with those that are left out.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The names of all columns, distinct; empty without names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns that are no data unless they are asked for: numbers of rows, and columns without values.
    pub fn left_out(&self) -> &[usize] {
        &self.left_out
    }

    /// What was found out, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The rows of `columns`, in this order.
    ///
    /// # Errors
    /// If a row is longer or shorter than the first, a value is missing and refused, infinite or beyond single
    /// precision, a field is no number, or there are no rows of numbers.
    pub fn read(self, columns: &[usize], missing: Missing) -> Result<TextRows, DataError> {
        Ok(self.read_labelled(columns, None, missing)?.0)
    }

    /// The same with the classes in the column `label`, if there is one.
    ///
    /// # Errors
    /// As [`read`](Self::read), and if there are too many classes.
    pub(crate) fn read_labelled(
        self,
        columns: &[usize],
        label: Option<usize>,
        missing: Missing,
    ) -> Result<(TextRows, Option<Labels>), DataError> {
        let (mut values, mut numbers, mut labels, mut n) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let file = self.file;
        let names = self.each(columns, label, missing, |row| {
            if MAX_VALUES - columns.len() < values.len() {
                let problem = format!(
                    "more than {MAX_VALUES} values, the most that are read into memory; `--set data.cache=FOLDER` keeps \
                     them in a file"
                );
                return Err(DataError::malformed(file, problem));
            }
            if !(row.has_gap && missing == Missing::Drop) {
                values.extend_from_slice(row.values);
                labels.extend(row.class);
                numbers.push(n);
            }
            n += 1;
            Ok(())
        })?;
        if values.is_empty() {
            let expected = if 0 < n { "row without a missing value" } else { "rows of numbers" };
            return Err(DataError::Empty { path: file.into(), expected });
        }
        let numbers = (numbers.len() < n).then_some(numbers);
        let labels = label.map(|_| Labels::new(labels, names));
        Ok((TextRows { values, numbers, n_rows: n }, labels))
    }

    /// Shows every row of `columns` with the class in the column `label`; the names of the classes in the order in which
    /// they were seen.
    ///
    /// # Errors
    /// As [`read_labelled`](Self::read_labelled), and those of `show`. After a row that is wrong more are shown, whose
    /// values are of no use.
    pub(crate) fn each(
        mut self,
        columns: &[usize],
        label: Option<usize>,
        missing: Missing,
        mut show: impl FnMut(TextRow<'_>) -> Result<(), DataError>,
    ) -> Result<Vec<String>, DataError> {
        // What is missing in the column of classes is a fault as any other.
        let of_faults: Vec<usize> = columns.iter().copied().chain(label).collect();
        let mut faults = Faults::new(of_faults.len());
        let (mut fields, mut values, mut n, mut budget) = (Vec::new(), Vec::new(), 0, LOOK_AHEAD);
        let mut classes = ClassNames::default();
        let mut head = std::mem::take(&mut self.head).into_iter();
        let mut record = Record::default();
        loop {
            match head.next() {
                Some(next) => record = next,
                None if self.records.next(&mut record)? => {}
                None => break,
            }
            if is_comment(&record.bytes) {
                continue;
            }
            let whole = cut(&record.bytes, self.delimiter, &mut fields);
            if !whole || fields.len() != self.dim {
                faults.first(self.file, &self.names, &of_faults, self.decimal, missing)?;
                let (line, expected, found) = (record.line, self.dim, fields.len());
                return Err(DataError::Ragged { file: self.file.into(), line, expected, found });
            }
            let text_of = |column: usize| &record.bytes[fields[column].range.clone()];
            let mut has_gap = false;
            values.clear();
            for (i, &column) in columns.iter().enumerate() {
                let text = text_of(column);
                let value = number(text, self.decimal).filter(|value| !value.is_nan());
                match value {
                    Some(_) => faults.columns[i].n_numbers += 1,
                    None if is_missing(text) => {
                        has_gap = true;
                        faults.columns[i].gap.get_or_insert_with(|| Place::of(text, record.line));
                    }
                    None => {
                        faults.columns[i].n_texts += 1;
                        faults.columns[i].text.get_or_insert_with(|| Place::of(text, record.line));
                    }
                }
                values.push(value.unwrap_or(f64::NAN));
            }
            let class =
                match label.map(text_of) {
                    None => None,
                    Some(text) if is_missing(text) => {
                        has_gap = true;
                        faults.columns[columns.len()].gap.get_or_insert_with(|| Place::of(text, record.line));
                        None
                    }
                    Some(text) => {
                        faults.columns[columns.len()].n_numbers += 1;
                        let class = classes.number(text, name);
                        Some(class.ok_or_else(|| {
                            ClassNames::too_many(self.file, format!("line {}", record.line))
                        })?)
                    }
                };
            faults.n_gaps += usize::from(has_gap);
            if !has_gap
                && faults.infinite.is_none()
                && let Some(i) = values.iter().position(|&value| !(value as f32).is_finite())
            {
                faults.infinite = Some((Place::of(text_of(columns[i]), record.line), columns[i]));
            }
            show(TextRow { values: &values, class, has_gap })?;
            n += 1;
            if faults.is_wrong(missing) {
                budget -= 1;
                if budget == 0 {
                    faults.n_rows = None;
                    break;
                }
            }
            faults.n_rows = Some(n);
        }
        faults.first(self.file, &self.names, &of_faults, self.decimal, missing)?;
        Ok(classes.names())
    }
}

fn named(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "a tab".into(),
        b' ' => "white space".into(),
        other => format!("{:?}", char::from(other)),
    }
}

#[cfg(test)]
mod tests;
