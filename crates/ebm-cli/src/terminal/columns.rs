//! Numbers and tables of text.

use std::fmt::Display;

/// Characters of a number beyond which it is written in scientific form.
const WIDEST: usize = 12;

/// A number with so many decimals, in scientific form where that is too wide for a column.
pub fn number(value: f64, decimals: usize) -> String {
    let written = format!("{value:.decimals$}");
    let digits = decimals.max(3);
    if written.len() <= WIDEST { written } else { format!("{value:.digits$e}") }
}

/// The same, in scientific form also where so many decimals show nothing of it.
pub fn visible(value: f64, decimals: usize) -> String {
    let written = number(value, decimals);
    let digits = decimals.max(3);
    if value != 0.0 && written.parse::<f64>() == Ok(0.0) { format!("{value:.digits$e}") } else { written }
}

/// So many things: `1 sample`, `2 samples`.
pub fn counted(n: impl Display, thing: &str) -> String {
    let n = n.to_string();
    if n == "1" { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// Which edge of its column a cell is flush with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// The lines of a table whose columns are as wide as their widest cells.
pub fn lines<const N: usize>(rows: &[[String; N]], columns: [Flush; N]) -> Vec<String> {
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(widest);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).zip(columns).map(|((cell, width), flush)| match flush {
            Flush::Left => format!("{cell:<width$}"),
            Flush::Right => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_wider_than_a_column_is_in_scientific_form() {
        for (value, decimals, expected) in [
            (0.12345, 4, "0.1235"),
            (-123_456.789, 4, "-123456.7890"),
            (1e12, 4, "1.0000e12"),
            (-1e300, 4, "-1.0000e300"),
            (4321.4, 0, "4321"),
            (1.234_56e15, 0, "1.235e15"),
            (f64::INFINITY, 4, "inf"),
            (f64::NAN, 4, "NaN"),
        ] {
            assert_eq!(number(value, decimals), expected);
        }
    }

    #[test]
    fn a_step_of_which_decimals_show_nothing_is_in_scientific_form() {
        let found = [0.05, 1e-300, -2e-5, 0.0, 1e12].map(|value| visible(value, 4));
        assert_eq!(found, ["0.0500", "1.0000e-300", "-2.0000e-5", "0.0000", "1.0000e12"]);
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "step")), ["0 steps", "1 step", "2 steps"]);
    }

    #[test]
    fn columns_hold_whatever_stands_in_them() {
        let row = |name: &str, value: f64| [name.to_owned(), number(value, 4), "± ε".to_owned()];
        let rows = [row("a", 1.0), row("a long name", -1e300), row("b", f64::NAN), row("", 1e12)];
        let lines = lines(&rows, [Flush::Left, Flush::Right, Flush::Right]);
        assert_eq!(lines[0], "a                 1.0000  ± ε");
        assert!(lines.iter().all(|line| line.chars().count() == lines[1].chars().count()), "{lines:?}");
        let row = |text: &str| ["x".to_owned(), text.to_owned()];
        assert_eq!(super::lines(&[row("long"), row("")], [Flush::Left; 2]), ["x  long", "x"]);
    }
}
