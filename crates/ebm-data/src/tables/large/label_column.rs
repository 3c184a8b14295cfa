//! The column of classes of a table that is read as it is wanted.

use crate::tables::labels::{class_of, ordered};

/// The column of classes.
pub(super) struct LabelColumn {
    pub(super) place: usize,
    /// Its values, from the least, and the class of each.
    pub(super) values: Vec<(i64, u32)>,
    pub(super) classes: Vec<String>,
}

impl LabelColumn {
    /// The class of a row of the file.
    pub(super) fn of(&self, row: &[f64]) -> Option<u32> {
        let value = class_of(row[self.place])?;
        let place = self.values.binary_search_by_key(&value, |(value, _)| *value).ok()?;
        Some(self.values[place].1)
    }

    /// The classes that a file of a cache has as numbers in the order of `seen`.
    pub(super) fn of_numbers(place: usize, seen: &[String]) -> Self {
        let order = ordered(seen);
        let mut values: Vec<(i64, u32)> =
            order.iter().zip(0..).map(|(&old, new)| (old as i64, new)).collect();
        values.sort_unstable();
        Self { place, values, classes: order.into_iter().map(|old| seen[old].clone()).collect() }
    }
}
