//! The names of columns.

use std::collections::{HashMap, HashSet};

use super::found::Row;
use super::numbers::{Kind, is_missing};
use super::records::Record;

/// The first names of a header, to recognise it by.
pub(super) fn shown(names: &[String]) -> String {
    let first = names.iter().take(5).map(|name| if name.is_empty() { "(empty)" } else { name });
    let first = first.collect::<Vec<_>>().join(", ");
    if names.len() <= 5 { first } else { format!("{first}, …") }
}

/// The fields of a header as names.
pub(super) fn unescaped(row: &Row<'_>) -> Vec<String> {
    row.texts().map(name).collect()
}

/// A field as a name of at most 100 characters, with single spaces between words and in place of control characters,
/// which a terminal would obey.
pub(super) fn name(field: &[u8]) -> String {
    let field = &field[..field.len().min(200)];
    let text = match str::from_utf8(field) {
        Ok(text) => text.replace("\"\"", "\""),
        // What is not UTF-8 is mostly Latin 1, each of whose bytes is that character.
        Err(_) => field.iter().map(|&byte| char::from(byte)).collect(),
    };
    let text = text.replace(char::is_control, " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect()
}

/// The names in a comment over the table, if they are as many as columns.
pub(super) fn commented(comment: &Record, delimiter: u8, dim: usize, decimal: u8) -> Option<Vec<String>> {
    let row = Row::new(comment, delimiter)?;
    let is_names = row.texts().all(|text| Kind::of(text, decimal).is_text());
    (row.fields.len() == dim && is_names && 1 < dim).then(|| unescaped(&row))
}

/// Names columns that have none; those that are left out, and what to say of them.
pub(super) fn unnamed(names: &mut [String], rows: &[Row<'_>], decimal: u8) -> (Vec<usize>, Vec<String>) {
    let (mut left_out, mut notes) = (Vec::new(), Vec::new());
    let n_named = names.iter().filter(|name| !is_no_name(name)).count();
    if n_named == 0 {
        return (left_out, notes);
    }
    for (column, name) in names.iter_mut().enumerate().filter(|(_, name)| is_no_name(name)) {
        let texts = || rows.iter().filter_map(|row| row.texts().nth(column));
        let is_empty = texts().all(is_missing);
        let kinds = || texts().map(|text| Kind::of(text, decimal));
        let is_distinct = || texts().collect::<HashSet<_>>().len() == rows.len();
        // Of tables that were joined, it may begin with 0 again.
        let counts = || kinds().all(|kind| kind != Kind::Fraction) && texts().next() == Some(b"0");
        let is_index = column == 0 && (is_distinct() || counts());
        if is_empty {
            notes.push(format!("column {} has neither a name nor values and was left out", column + 1));
        } else if is_index {
            notes.push(format!("column {}, an index without a name, was left out", column + 1));
        } else {
            *name = format!("column{}", column + 1);
            notes.push(format!("column {} has no name and is called {name}", column + 1));
            continue;
        }
        left_out.push(column);
    }
    (left_out, notes)
}

/// Whether a name is none, or the one that pandas gives a column without one.
fn is_no_name(name: &str) -> bool {
    name.is_empty()
        || name.strip_prefix("Unnamed: ").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Makes names distinct by a number at their end; what to say of those that were not.
pub(super) fn distinct(names: &mut [String]) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let (mut repeats, mut notes) = (HashMap::<String, usize>::new(), Vec::new());
    for (column, name) in names.iter_mut().enumerate().filter(|(_, name)| !name.is_empty()) {
        let Some(repeat) = repeats.get_mut(name) else {
            repeats.insert(name.clone(), 0);
            continue;
        };
        let free = loop {
            *repeat += 1;
            let free = format!("{name}.{repeat}");
            if taken.insert(free.clone()) {
                break free;
            }
        };
        notes.push(format!("column {}, another {name}, is called {free}", column + 1));
        *name = free;
    }
    if 5 < notes.len() {
        let more = notes.len() - 5;
        notes.truncate(5);
        notes.push(format!("{more} more columns were renamed so"));
    }
    notes
}
