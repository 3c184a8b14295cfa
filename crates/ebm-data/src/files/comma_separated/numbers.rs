//! Fields of text as numbers.

/// A field as a number, with `decimal` as the decimal separator.
pub(super) fn number(field: &[u8], decimal: u8) -> Option<f64> {
    if decimal == b'.' {
        return str::from_utf8(field).ok()?.parse().ok();
    }
    // One comma, with a digit after it: a list of numbers is none.
    let comma = field.iter().position(|&byte| byte == decimal);
    let is_fraction = comma.is_none_or(|comma| field.get(comma + 1).is_some_and(u8::is_ascii_digit));
    if !is_fraction || field.contains(&b'.') || 400 < field.len() {
        return None;
    }
    let mut text = field.to_vec();
    if let Some(comma) = comma {
        text[comma] = b'.';
    }
    str::from_utf8(&text).ok()?.parse().ok()
}

/// Whether a field stands for a value that is missing.
pub(super) fn is_missing(field: &[u8]) -> bool {
    // Those of pandas, of dumps of databases, of C on Windows, and of tables that people write.
    const MARKS: [&str; 28] = [
        "",
        "na",
        "n/a",
        "n.a.",
        "#n/a",
        "#n/a n/a",
        "<na>",
        "nan",
        "-nan",
        "+nan",
        "nan(ind)",
        "-nan(ind)",
        "1.#ind",
        "-1.#ind",
        "1.#qnan",
        "-1.#qnan",
        "nat",
        "nil",
        "null",
        "(null)",
        "\\n",
        "none",
        "missing",
        "?",
        "-",
        "--",
        "---",
        ".",
    ];
    field.len() <= 9 && MARKS.iter().any(|mark| mark.as_bytes().eq_ignore_ascii_case(field))
}

/// Whether a line is a comment: it begins with `#`, and not with an error value of a spreadsheet.
pub(super) fn is_comment(line: &[u8]) -> bool {
    const ERRORS: [&[u8]; 7] = [b"#N/A", b"#VALUE!", b"#REF!", b"#DIV/0!", b"#NUM!", b"#NAME?", b"#NULL!"];
    line.starts_with(b"#") && !ERRORS.iter().any(|error| line.starts_with(error))
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Whole,
    Fraction,
    Missing,
    Date,
    Text,
}

impl Kind {
    /// The kind of a field, with `decimal` as the decimal separator.
    pub(super) fn of(field: &[u8], decimal: u8) -> Self {
        if is_missing(field) {
            return Self::Missing;
        }
        match number(field, decimal) {
            Some(_) if field.iter().all(|byte| byte.is_ascii_digit() || b"+-".contains(byte)) => Self::Whole,
            Some(_) => Self::Fraction,
            None if is_date(field) => Self::Date,
            None => Self::Text,
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Whole | Self::Fraction)
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Date | Self::Text)
    }
}

/// Whether a field looks like a date or a time: at least three digits, with separators between them. A single point
/// is that of a fraction.
fn is_date(field: &[u8]) -> bool {
    let n_digits = field.iter().filter(|byte| byte.is_ascii_digit()).count();
    let between = field.windows(3).filter(|w| w[0].is_ascii_digit() && w[2].is_ascii_digit()).map(|w| w[1]);
    let separators: Vec<u8> = between.filter(|byte| b"-/:. T".contains(byte)).collect();
    let has_separator = 1 < separators.len() || separators.first().is_some_and(|&byte| byte != b'.');
    let n_letters = field.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let looks_so = 3 <= n_digits && has_separator && n_letters <= 5;
    field.first().is_some_and(u8::is_ascii_digit) && looks_so && !has_groups(field)
}

/// Whether a field is a number whose thousands are set apart, as in `1,234.5`, `1.234,5`, `1 234` and `1'234`.
pub(super) fn has_groups(field: &[u8]) -> bool {
    if 100 < field.len() {
        return false;
    }
    let Ok(text) = str::from_utf8(field) else { return false };
    let spaced = text.replace(['\u{a0}', '\u{202f}', '\''], " ");
    let unsigned = spaced.strip_prefix(['-', '+']).unwrap_or(&spaced);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    [(',', '.'), ('.', ','), (' ', '.'), (' ', ',')].into_iter().any(|(group, decimal)| {
        let (whole, decimals) = unsigned.split_once(decimal).unwrap_or((unsigned, "0"));
        let mut groups = whole.split(group);
        let is_first = groups.next().is_some_and(|first| is_digits(first) && first.len() <= 3);
        let rest: Vec<&str> = groups.collect();
        let are_groups = !rest.is_empty() && rest.iter().all(|part| part.len() == 3 && is_digits(part));
        is_first && are_groups && is_digits(decimals)
    })
}

/// Whether a field is a number if its comma is a decimal separator.
pub(super) fn is_comma_number(field: &[u8]) -> bool {
    field.contains(&b',') && number(field, b',').is_some()
}

/// Whether a field is a number whose comma can only be a decimal separator, as in `12,5` but not in `1,234`.
pub(super) fn has_decimal_comma(field: &[u8]) -> bool {
    let mut parts = field.split(|&byte| byte == b',');
    let (Some(whole), Some(rest), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let digits = whole.strip_prefix(b"-").or(whole.strip_prefix(b"+")).unwrap_or(whole);
    let is_group = rest.len() == 3 && (1..=3).contains(&digits.len()) && !digits.starts_with(b"0");
    number(field, b',').is_some() && !is_group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_either_separator() {
        assert_eq!(number(b"-1.5e3", b'.'), Some(-1500.0));
        assert_eq!(number(b"-1,5e3", b','), Some(-1500.0));
        assert_eq!(number(b"12", b','), Some(12.0));
        for bad in ["1.5", "1,", "1,2,3", "1.234,5", "one"] {
            assert_eq!(number(bad.as_bytes(), b','), None, "{bad}");
        }
        for (text, is_decimal) in [
            ("1,5", true),
            ("0,123", true),
            ("-0,1970", true),
            ("1,234", false),
            ("12,345,678", false),
            ("1.5", false),
        ] {
            assert_eq!(has_decimal_comma(text.as_bytes()), is_decimal, "{text}");
        }
    }

    #[test]
    fn kinds_of_fields_are_told_apart() {
        let kind = |text: &str| Kind::of(text.as_bytes(), b'.');
        for missing in
            ["", "NA", "n/a", "n.a.", "NaN", "-nan(ind)", "-1.#QNAN", "null", "None", "\\N", "?", "-", "nan"]
        {
            assert_eq!(kind(missing), Kind::Missing, "{missing}");
        }
        for date in
            ["2026-01-01", "01/02/2026", "12:30:05", "2026-01-01T12:00:00Z", "2026-01-01 12:00:00+01:00"]
        {
            assert_eq!(kind(date), Kind::Date, "{date}");
        }
        assert_eq!(
            [kind("7"), kind("-7"), kind("7.0"), kind("7e1")],
            [Kind::Whole, Kind::Whole, Kind::Fraction, Kind::Fraction]
        );
        for text in ["x", "Paris", "A1", "1.5D+03", "1,000.00", "1.000,00", "1 000", "-12'345'678.5"] {
            assert_eq!(kind(text), Kind::Text, "{text}");
            assert_eq!(has_groups(text.as_bytes()), text.contains("00") || text.contains('\''), "{text}");
        }
        for text in ["1234.5", "12,34", "2026 01 05", "1,2345", "1,234,56", "1234 567"] {
            assert!(!has_groups(text.as_bytes()), "{text}");
        }
    }
}
