//! What a person should know of a table's columns before they train on them.

/// Columns that a note names at most.
const NAMED: usize = 5;

/// Sentences about columns, of these names or of none: those that are constant, with their value, and those with heavy
/// tails, with what [`heavy_tail`](super::heavy_tails::heavy_tail) says of them.
pub(super) fn remarks(
    names: &[String],
    constant: &[(usize, f64)],
    tails: &[(usize, [f64; 2])],
) -> Vec<String> {
    let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| (i + 1).to_string());
    let mut notes = some(constant, |(i, value)| format!("column {} is constant ({})", name(i), short(value)));
    notes.extend(some(tails, |(i, tail)| heavy_note(&name(i), tail)));
    notes
}

/// A number, in scientific form where it would be long.
fn short(value: f64) -> String {
    const LONGEST: usize = 20;
    let plain = value.to_string();
    if plain.len() <= LONGEST { plain } else { format!("{value:e}") }
}

/// The sentence about a column with heavy tails.
fn heavy_note(name: &str, [farthest, normal]: [f64; 2]) -> String {
    format!(
        "column {name} has heavy tails: a value lies {farthest:.0} deviations from the mean, {normal:.1} would be usual; \
         `--set data.transform=quantile` maps columns to normal scores"
    )
}

/// A note for each of the first few, and how many more there are.
fn some<T: Copy>(items: &[T], note: impl Fn(T) -> String) -> Vec<String> {
    let more = items.len().saturating_sub(NAMED);
    let notes = items.iter().take(NAMED).map(|&item| note(item));
    notes.chain((0 < more).then(|| format!("so are {more} more columns"))).collect()
}
