//! A table and its verdict.

use std::fmt::Write;

/// Whether a row is as it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It is.
    Holds,
    /// It is not, and it is known why.
    KnownHard,
    /// It is not.
    Fails,
}

/// A line of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured, one cell a column.
    pub cells: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
}

impl Row {
    /// A row that holds or fails.
    pub fn new(cells: Vec<String>, holds: bool) -> Self {
        Self { cells, verdict: if holds { Verdict::Holds } else { Verdict::Fails } }
    }
}

/// A table with what it is about.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What was done and what is wanted.
    pub about: String,
    /// The columns.
    pub header: &'static [&'static str],
    /// The lines.
    pub rows: Vec<Row>,
}

impl Section {
    /// The rows that fail.
    pub fn failing(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.verdict == Verdict::Fails).collect()
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.about);
        let line = |text: &mut String, cells: &[&str]| {
            writeln!(text, "| {} |", cells.join(" | ")).expect("a string takes text");
        };
        line(&mut text, &[self.header, &["holds"]].concat());
        line(&mut text, &vec!["---"; self.header.len() + 1]);
        for row in &self.rows {
            let verdict = match row.verdict {
                Verdict::Holds => "yes",
                Verdict::KnownHard => "**no** (known)",
                Verdict::Fails => "**NO**",
            };
            let cells: Vec<&str> = row.cells.iter().map(String::as_str).chain([verdict]).collect();
            line(&mut text, &cells);
        }
        text
    }
}

/// A number of standard errors.
pub fn errors(z: f64) -> String {
    if z < 100.0 { format!("{z:.2}") } else { format!("{z:.0}") }
}
