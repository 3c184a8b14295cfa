//! What the first records of a text table say about its form.

use super::numbers::{Kind, has_decimal_comma, has_groups, is_comma_number};
use super::records::{Field, Record, cut};

/// The delimiters that are tried, the more telling ones first.
const DELIMITERS: [u8; 5] = [b'\t', b';', b'|', b',', b' '];

/// The delimiter with which most fields are numbers, in rows of equal length; if none cuts, the `usual` one.
pub(super) fn delimiter(head: &[Record], decimal: Option<u8>, usual: u8) -> u8 {
    // What separates decimals separates fields only where quotes keep the two apart, as in `"1,5","2,5"`.
    let is_free =
        |delimiter: u8| decimal != Some(delimiter) || head.iter().any(|record| record.bytes.contains(&b'"'));
    // Where nothing tells, there is one field in a row.
    let usual = if decimal == Some(usual) { b';' } else { usual };
    if head.is_empty() {
        return usual;
    }
    let tried = std::iter::once(usual).chain(DELIMITERS.into_iter().filter(|&other| other != usual));
    let scores = tried
        .filter(|&delimiter| is_free(delimiter))
        .map(|delimiter| (delimiter, score(head, delimiter, decimal)));
    // The first of equals.
    let best = scores.fold((usual, 0.0), |best, found| if best.1 + 1e-9 < found.1 { found } else { best });
    best.0
}

/// The share of rows of the usual length, times that of fields that are numbers or missing, and a little for cutting.
fn score(head: &[Record], delimiter: u8, decimal: Option<u8>) -> f64 {
    let mut fields = Vec::new();
    let mut lengths = Vec::new();
    let (mut n_fields, mut n_numbers) = (0, 0);
    // What has or may have groups of thousands is a number too, if only to be refused with a reason. Within commas, a
    // field that has one is in quotes.
    let is_comma = |field: &[u8]| match delimiter {
        b';' => decimal.is_none() && is_comma_number(field),
        _ => decimal.is_none() && has_decimal_comma(field),
    };
    for (i, record) in head.iter().enumerate() {
        if !cut(&record.bytes, delimiter, &mut fields) {
            return 0.0;
        }
        lengths.push(fields.len());
        // The first may be a header.
        if 0 < i || head.len() == 1 {
            n_fields += fields.len();
            let texts = fields.iter().map(|field| &record.bytes[field.range.clone()]);
            n_numbers += texts
                .filter(|text| {
                    !Kind::of(text, decimal.unwrap_or(b'.')).is_text() || is_comma(text) || has_groups(text)
                })
                .count();
        }
    }
    let rows = if lengths.len() == 1 { &lengths[..] } else { &lengths[1..] };
    let count = |length: usize| rows.iter().filter(|&&other| other == length).count();
    let Some(&usual) = rows.iter().max_by_key(|&&length| count(length)) else { return 0.0 };
    let regular = count(usual) as f64 / rows.len() as f64;
    if usual < 2 || regular < 0.9 {
        return 0.0;
    }
    // A header has as many fields as the rows, or one less where those have names.
    let header = match lengths[0] {
        length if length == usual => 1.0,
        length if length + 1 == usual => 0.9,
        _ => 0.8,
    };
    header * regular * (0.01 + n_numbers as f64 / n_fields as f64)
}

/// The decimal separator: a comma if fields have one that can be nothing else, and none has a point.
pub(super) fn decimal(rows: &[Row<'_>]) -> u8 {
    let fields = || rows.iter().flat_map(Row::texts);
    let has_point = |text: &[u8]| text.contains(&b'.') && Kind::of(text, b'.').is_number();
    let is_comma = fields().any(has_decimal_comma) && !fields().any(has_point);
    if is_comma { b',' } else { b'.' }
}

/// Whether the commas are inside the numbers of one column: its header has none, or zeros follow them, as in `1,05`.
pub(super) fn is_one_column(head: &[Record]) -> bool {
    let [first, rest @ ..] = head else { return false };
    let has_header = !is_comma_number(&first.bytes);
    let rows = if has_header { rest } else { head };
    if rows.is_empty() || (has_header && (first.bytes.contains(&b',') || first.bytes.contains(&b';'))) {
        return false;
    }
    let is_whole = |record: &Record| Kind::of(&record.bytes, b',') == Kind::Whole;
    if !rows.iter().all(|record| is_comma_number(&record.bytes) || is_whole(record)) {
        return false;
    }
    let parts = || {
        rows.iter().filter_map(|record| {
            let comma = record.bytes.iter().position(|&byte| byte == b',')?;
            Some((&record.bytes[..comma], &record.bytes[comma + 1..]))
        })
    };
    let is_padded = |digits: &[u8]| 1 < digits.len() && digits[0] == b'0';
    let is_fraction =
        parts().any(|(_, decimals)| is_padded(decimals)) && !parts().any(|(whole, _)| is_padded(whole));
    // Names of rows, as R writes them, count from one.
    let counts = || parts().zip(1usize..).all(|((whole, _), n)| whole == n.to_string().as_bytes());
    is_fraction || (has_header && parts().next().is_some() && !counts())
}

/// A record that is cut into fields.
pub(super) struct Row<'a> {
    pub(super) record: &'a Record,
    pub(super) fields: Vec<Field>,
}

impl<'a> Row<'a> {
    pub(super) fn new(record: &'a Record, delimiter: u8) -> Option<Self> {
        let mut fields = Vec::new();
        cut(&record.bytes, delimiter, &mut fields).then_some(Self { record, fields })
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().map(|field| &self.record.bytes[field.range.clone()])
    }

    fn kinds(&self, decimal: u8) -> Vec<Kind> {
        self.texts().map(|text| Kind::of(text, decimal)).collect()
    }
}

/// Whether the first row is a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    No,
    /// It has names.
    Names,
    /// All of it are numbers, which are taken for names.
    Numbers,
    /// It could be a header of numbers, but the values below are like it.
    Unlikely,
}

/// Whether the first row is a header over the others.
pub(super) fn header(first: &Row<'_>, rows: &[Row<'_>], decimal: u8) -> Header {
    let kinds = first.kinds(decimal);
    if rows.is_empty() {
        let is_names = kinds.iter().all(|kind| kind.is_text());
        return if is_names { Header::Names } else { Header::No };
    }
    let below: Vec<Vec<Kind>> = rows.iter().map(|row| row.kinds(decimal)).collect();
    // A row names may have one field less than those below it, whose first are names of rows.
    let shift = usize::from(below.iter().all(|row| row.len() == kinds.len() + 1));
    let column = |i: usize| below.iter().filter_map(move |row| row.get(i + shift)).copied();
    let is_text = |i: usize| {
        let (n_text, n) =
            column(i).fold((0, 0), |(text, n), kind| (text + usize::from(kind.is_text()), n + 1));
        n < 2 * n_text
    };
    let texts: Vec<usize> = (0..kinds.len()).filter(|&i| kinds[i].is_text()).collect();
    if texts.iter().any(|&i| !is_text(i)) {
        // Beside a fraction, a text that is no name is a value that cannot be read.
        let is_name = |text: &[u8]| {
            text.first().is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii())
        };
        let are_names = first.texts().zip(&kinds).all(|(text, kind)| !kind.is_text() || is_name(text));
        let has_fraction = kinds.contains(&Kind::Fraction);
        return if has_fraction && !are_names { Header::No } else { Header::Names };
    }
    if !texts.is_empty() {
        // Text over text: a date over dates is a value, and so is all where a fraction stands beside it.
        let date_over_dates =
            texts.iter().any(|&i| kinds[i] == Kind::Date && column(i).any(|kind| kind == Kind::Date));
        let has_fraction = kinds.contains(&Kind::Fraction);
        let has_whole = kinds.contains(&Kind::Whole);
        let over_fractions =
            (0..kinds.len()).all(|i| kinds[i] != Kind::Whole || column(i).any(|kind| kind == Kind::Fraction));
        let is_header = !date_over_dates && !has_fraction && (!has_whole || over_fractions);
        return if is_header { Header::Names } else { Header::No };
    }
    numbers(first, rows, &kinds, &below)
}

/// Rows without a whole number below which two that follow each other are a header.
const ALONE: usize = 10;

/// Whether a first row of numbers is a header: quoted over numbers that are not, or counted up as libraries name columns.
fn numbers(first: &Row<'_>, rows: &[Row<'_>], kinds: &[Kind], below: &[Vec<Kind>]) -> Header {
    let is_quoted = |row: &Row<'_>| row.fields.iter().all(|field| field.is_quoted);
    if is_quoted(first) && !rows.iter().any(is_quoted) {
        return Header::Numbers;
    }
    let unnamed = usize::from(kinds.first() == Some(&Kind::Missing) && 1 < kinds.len());
    let texts: Vec<&[u8]> = first.texts().skip(unnamed).collect();
    let number = |text: &&[u8]| str::from_utf8(text).ok()?.parse::<i64>().ok();
    let Some(counted) = texts.iter().map(number).collect::<Option<Vec<i64>>>() else { return Header::No };
    let counts_up = counted.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    let from_zero = counted[0] == 0;
    // Two whole numbers may follow each other by chance, but not where no other is whole.
    let is_fraction = |kind: &Kind| matches!(kind, Kind::Fraction | Kind::Missing);
    let alone = ALONE <= below.len() && below.iter().all(|row| row.iter().skip(unnamed).all(is_fraction));
    if !counts_up || !(from_zero || 3 <= counted.len() || (counted.len() == 2 && alone)) {
        return Header::No;
    }
    // Values of which many are fractions are not like whole numbers above them.
    let n_fields: usize = below.iter().map(Vec::len).sum();
    let n_fractions = below.iter().flatten().filter(|kind| **kind == Kind::Fraction).count();
    if n_fields < 3 * n_fractions {
        return Header::Numbers;
    }
    let recurs = |i: usize| rows.iter().any(|row| row.texts().nth(i + unnamed) == Some(texts[i]));
    match from_zero && unnamed == 0 && (0..texts.len()).all(recurs) {
        true => Header::Unlikely,
        false if from_zero && (1 < texts.len() || unnamed == 1) => Header::Numbers,
        false => Header::No,
    }
}
