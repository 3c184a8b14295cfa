//! What is wrong with the columns of a text table.

use std::path::Path;

use super::numbers::{Kind, has_groups, number};
use crate::error::named;
use crate::{DataError, Missing};

/// A field that is no number.
pub(super) struct Place {
    line: u64,
    /// Its first characters.
    text: String,
    kind: Kind,
}

impl Place {
    pub(super) fn of(text: &[u8], line: u64) -> Self {
        let kind = Kind::of(text, b'.');
        let text = String::from_utf8_lossy(&text[..text.len().min(200)]).chars().take(40).collect();
        Self { line, text, kind }
    }
}

/// What is wrong with a column.
#[derive(Default)]
pub(super) struct Fault {
    pub(super) n_numbers: usize,
    pub(super) n_texts: usize,
    /// The first field that is no number.
    pub(super) text: Option<Place>,
    /// The first value that is missing.
    pub(super) gap: Option<Place>,
}

/// What is wrong with a table.
pub(super) struct Faults {
    pub(super) columns: Vec<Fault>,
    /// Rows with a missing value.
    pub(super) n_gaps: usize,
    /// The first value without a gap in its row that is infinite or beyond single precision, and its column.
    pub(super) infinite: Option<(Place, usize)>,
    /// All rows, if all were read.
    pub(super) n_rows: Option<usize>,
}

impl Faults {
    pub(super) fn new(n: usize) -> Self {
        Self { columns: (0..n).map(|_| Fault::default()).collect(), n_gaps: 0, infinite: None, n_rows: None }
    }

    pub(super) fn is_wrong(&self, missing: Missing) -> bool {
        (missing == Missing::Refuse && 0 < self.n_gaps)
            || self.infinite.is_some()
            || self.columns.iter().any(|fault| fault.text.is_some())
    }

    /// # Errors
    /// Columns of text, else a field of text, else a missing value that is refused, else one that is not finite.
    pub(super) fn first(
        &self,
        file: &Path,
        names: &[String],
        columns: &[usize],
        decimal: u8,
        missing: Missing,
    ) -> Result<(), DataError> {
        let name = |column: usize| names.get(column).cloned().unwrap_or_default();
        let each = || self.columns.iter().zip(columns);
        let texts = each().filter_map(|(fault, &column)| {
            let place = fault.text.as_ref().filter(|_| fault.n_numbers < fault.n_texts)?;
            Some((column, place))
        });
        let texts: Vec<(usize, &Place)> = texts.collect();
        if !texts.is_empty() {
            let is_all = texts.len() == columns.len();
            return Err(text_columns(file, names, &texts, is_all, decimal));
        }
        let text = each().filter_map(|(fault, column)| Some((fault.text.as_ref()?, *column)));
        if let Some((place, column)) = text.min_by_key(|(place, column)| (place.line, *column)) {
            let (line, found) = (place.line, place.text.clone());
            return Err(DataError::NotANumber {
                file: file.into(),
                line,
                column: column + 1,
                name: name(column),
                found,
            });
        }
        let gap = each().filter_map(|(fault, column)| Some((fault.gap.as_ref()?, *column)));
        let Some((place, column)) = gap.min_by_key(|(place, column)| (place.line, *column)) else {
            return self.finite(file, names);
        };
        let empty: Vec<usize> =
            each().filter(|(fault, _)| fault.n_numbers == 0).map(|(_, &column)| column).collect();
        if let Some(n) = self.n_rows.filter(|_| !empty.is_empty() && empty.len() < columns.len()) {
            let problem = format!(
                "{} in each of {n} rows no value; `--drop {}` leaves {} out",
                if empty.len() == 1 {
                    format!("column {} has", column_shown(names, empty[0]))
                } else {
                    format!("{} columns have", empty.len())
                },
                flag_value(names, &empty),
                if empty.len() == 1 { "it" } else { "them" }
            );
            return Err(DataError::malformed(file, problem));
        }
        match missing {
            Missing::Drop => self.finite(file, names),
            Missing::Refuse => Err(DataError::MissingValue {
                file: file.into(),
                at: format!("line {}, column {}{}", place.line, column + 1, named(&name(column))),
                found: place.text.clone(),
                rows: self.n_rows.map(|n| [self.n_gaps, n]),
            }),
        }
    }

    fn finite(&self, file: &Path, names: &[String]) -> Result<(), DataError> {
        let Some((place, column)) = &self.infinite else { return Ok(()) };
        let name = names.get(*column).map_or("", String::as_str);
        Err(DataError::NotFinite {
            file: file.into(),
            at: format!("line {}, column {}{}", place.line, column + 1, named(name)),
            found: place.text.clone(),
        })
    }
}

/// Columns of text where numbers are expected, with what to do.
fn text_columns(
    file: &Path,
    names: &[String],
    texts: &[(usize, &Place)],
    is_all: bool,
    decimal: u8,
) -> DataError {
    const SHOWN: usize = 12;
    let each = texts.iter().take(SHOWN).map(|(column, place)| {
        let what = match place.kind {
            Kind::Date => "dates or times",
            _ if has_groups(place.text.as_bytes()) => "numbers whose thousands are set apart",
            _ => "text",
        };
        format!(
            "column {} holds {what} ({:?} in line {})",
            column_shown(names, *column),
            place.text,
            place.line
        )
    });
    let more = texts.len().saturating_sub(SHOWN);
    let more = if 0 < more { format!(", and {more} more columns do") } else { String::new() };
    let columns: Vec<usize> = texts.iter().map(|(column, _)| *column).collect();
    let has_comma = texts.iter().any(|(_, place)| number(place.text.as_bytes(), b',').is_some());
    let has_point =
        decimal == b',' && texts.iter().any(|(_, place)| number(place.text.as_bytes(), b'.').is_some());
    let hint = match (has_comma, has_point, is_all) {
        (true, ..) => "`--decimal ,` reads the comma as a decimal separator".to_owned(),
        (_, true, _) => "`--decimal .` reads the point as a decimal separator".to_owned(),
        (_, _, true) => "no column holds numbers".to_owned(),
        _ => {
            let them = if columns.len() == 1 { "it" } else { "them" };
            format!("`--drop {}` leaves {them} out", flag_value(names, &columns))
        }
    };
    let each = each.collect::<Vec<_>>().join(", ");
    DataError::malformed(file, format!("{each}{more}, expected numbers; {hint}"))
}

/// A column by its name, or else by its number.
fn column_shown(names: &[String], column: usize) -> String {
    match names.get(column) {
        Some(name) if !name.is_empty() => name.clone(),
        _ => (column + 1).to_string(),
    }
}

/// Columns as the value of a flag: by name, but by number where a name would be misread.
pub(crate) fn flag_value(names: &[String], columns: &[usize]) -> String {
    let each = columns.iter().map(|&column| match names.get(column).map(String::as_str) {
        Some(name)
            if !name.is_empty() && !name.contains([',', '\'', '`', '\n']) && !name.starts_with('-') =>
        {
            name.to_owned()
        }
        _ => (column + 1).to_string(),
    });
    let value = each.collect::<Vec<_>>().join(",");
    let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.,:/%+=@".contains(&byte));
    if is_plain { value } else { format!("'{value}'") }
}
