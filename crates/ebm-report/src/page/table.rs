//! Tables of a page.

use maud::{Markup, html};

use super::pieces::short;

/// Most rows that are shown.
const ROWS: usize = 600;

/// What a result is to be seen as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not decided.
    Unclear,
    /// Not as it should be.
    Bad,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    class: &'static str,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "" }
    }

    /// A number, on the right.
    pub fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "number" }
    }

    /// A name or value as it is typed.
    pub fn code(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "code" }
    }

    /// Words with a tone, which a mark in front of them also tells.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        let class = match tone {
            Tone::Good => "good",
            Tone::Unclear => "unclear",
            Tone::Bad => "bad",
        };
        Self { text: text.into(), class }
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What it shows; none if empty.
    pub caption: String,
    /// The heads of the columns.
    pub heads: Vec<String>,
    /// The rows, whose first cell names them.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Whether a column is one of numbers, by its first row.
    fn is_of_numbers(&self, column: usize) -> bool {
        let first = self.rows.first().and_then(|row| row.get(column));
        first.is_some_and(|cell| cell.class == "number")
    }

    pub(super) fn html(&self) -> Markup {
        let left_out = self.rows.len().saturating_sub(ROWS);
        let label = if self.caption.is_empty() { "Table".to_owned() } else { short(&self.caption) };
        html! {
            // A caption of the table itself would be as narrow, or as wide, as the table.
            @if !self.caption.is_empty() { p.caption { (short(&self.caption)) } }
            div.table tabindex="0" role="region" aria-label=(label) {
                table aria-label=(label) {
                    thead {
                        tr {
                            @for (i, head) in self.heads.iter().enumerate() {
                                th.number[self.is_of_numbers(i)] scope="col" { (short(head)) }
                            }
                        }
                    }
                    tbody {
                        @for row in self.rows.iter().take(ROWS) {
                            tr {
                                @for (i, Cell { text, class }) in row.iter().enumerate() {
                                    @if i == 0 {
                                        th scope="row" class=[(!class.is_empty()).then_some(class)] { (short(text)) }
                                    } @else {
                                        td class=[(!class.is_empty()).then_some(class)] { (short(text)) }
                                    }
                                }
                            }
                        }
                    }
                }
                @if 0 < left_out { p { "and " (left_out) " rows more" } }
            }
        }
    }
}
