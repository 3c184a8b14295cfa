//! What was read of a dataset, in words and numbers.

use std::fmt;

use serde::Serialize;

use crate::item::ImageShape;

/// What was read of a dataset: one line for a person by `Display`, and an object for a journal by `Serialize`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The number of rows or images; `None` if there is no end of them.
    pub rows: Option<usize>,
    /// The names of the columns of a table; empty without names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The number of columns, if these are points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// The shape of the images, if these are images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageShape>,
    /// The classes, and how many items each of them has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<(String, usize)>,
    /// What was left out or changed, and why: a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl fmt::Display for Summary {
    /// `200 rows × 3 columns (x, y, z)`, or `48 images of 1×12×12, 2 classes (bird 24, fish 24)`, then the notes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows {
            Some(rows) => write!(f, "{rows} ")?,
            None => f.write_str("endless ")?,
        }
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let s = self.rows.map_or("s", plural);
        match (self.image, self.dim) {
            (Some(shape), _) => write!(f, "image{s} of {shape}")?,
            (None, Some(dim)) => write!(f, "row{s} × {dim} column{}", plural(dim))?,
            (None, None) => write!(f, "row{s}")?,
        }
        if !self.columns.is_empty() {
            write!(f, " ({})", listed(self.columns.iter().cloned()))?;
        }
        if !self.classes.is_empty() {
            let classes = self.classes.iter().map(|(name, count)| format!("{name} {count}"));
            let word = if self.classes.len() == 1 { "class" } else { "classes" };
            write!(f, ", {} {word} ({})", self.classes.len(), listed(classes))?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

/// At most twelve names, and how many there are besides.
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    const MOST: usize = 12;
    let more = names.len().saturating_sub(MOST);
    let text = names.take(MOST).collect::<Vec<_>>().join(", ");
    if more == 0 { text } else { format!("{text}, and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_one_line() {
        let table = Summary {
            rows: Some(200),
            columns: vec!["x".into(), "y".into()],
            dim: Some(2),
            notes: vec!["column 1 has no name and was left out".into()],
            ..Summary::default()
        };
        assert_eq!(table.to_string(), "200 rows × 2 columns (x, y); column 1 has no name and was left out");
        let images = Summary {
            rows: Some(3),
            image: Some(ImageShape { channels: 1, height: 12, width: 8 }),
            classes: vec![("bird".into(), 1), ("fish".into(), 2)],
            ..Summary::default()
        };
        assert_eq!(images.to_string(), "3 images of 1×12×8, 2 classes (bird 1, fish 2)");
        let one = Summary { rows: Some(1), dim: Some(1), ..Summary::default() };
        assert_eq!(one.to_string(), "1 row × 1 column");
        let many = (0..20).map(|i| format!("c{i}"));
        assert!(listed(many).ends_with("c11, and 8 more"));
    }
}
