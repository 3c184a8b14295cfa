//! Weights of networks of other programs, by tables of names: a table for each kind, in its own file.

mod ncsn;
mod score_sde;

use std::f64::consts::TAU;

use burn::tensor::TensorData;

use super::NamedTensors;
use crate::ModelError;

pub use ncsn::NCSN;
pub use score_sde::score_sde;

/// How the tensors of a program of others become those of a network of this crate.
///
/// A place is the beginning of a name up to a layer. In theirs `@` stands for a number from 0 on and `#` for one from
/// 1 on; in ours, each `@` for the next of these numbers, from 0 on.
/// What is left of a name is the name of a tensor within its layer.
#[derive(Clone, Copy, Debug)]
pub struct ForeignTable {
    /// Places, theirs and ours; the first that fits counts.
    pub places: &'static [(&'static str, &'static str)],
    /// Tensors within a layer: their name, and what becomes of it.
    pub tensors: &'static [(&'static str, Change)],
    /// Tensors that the network here has as settings.
    pub ignored: &'static [&'static str],
}

/// What becomes of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its name.
    Renamed(&'static str),
    /// `[n]` becomes `[1, n]` under this name.
    Row(&'static str),
    /// `[rows, columns]` becomes `[columns, rows]` under this name.
    Transposed(&'static str),
    /// `[inputs, outputs]` becomes `[outputs, inputs, 1, 1]` under this name: a product at each pixel as a convolution.
    Pixelwise(&'static str),
    /// Every number times 2π, under this name: turns become radians.
    Radians(&'static str),
    /// `[rows, k·n]` becomes k tensors `[rows, n]`, one after another.
    Columns(&'static [&'static str]),
}

impl ForeignTable {
    /// The tensors under our names.
    ///
    /// # Errors
    /// [`ModelError::Mismatch`] lists every name that the table does not know, and every shape that a change cannot be
    /// made of.
    pub fn apply(&self, tensors: NamedTensors) -> Result<NamedTensors, ModelError> {
        let (mut found, mut wrong) = (NamedTensors::new(), Vec::new());
        for (name, data) in tensors {
            if self.ignored.contains(&name.as_str()) {
                continue;
            }
            let shape = data.shape().as_slice().to_vec();
            match self.place(&name) {
                None => wrong.push(format!("{name} {shape:?} is unknown")),
                Some((place, change)) => match change.apply(data) {
                    Some(parts) => found.extend(parts.map(|(name, data)| (format!("{place}{name}"), data))),
                    None => wrong.push(format!("{name} has shape {shape:?}, which no {change:?} is made of")),
                },
            }
        }
        if wrong.is_empty() { Ok(found) } else { Err(ModelError::Mismatch(wrong)) }
    }

    fn place(&self, name: &str) -> Option<(String, Change)> {
        self.places.iter().find_map(|(theirs, ours)| {
            let (numbers, rest) = numbers(theirs, name)?;
            let (_, change) = self.tensors.iter().find(|(tensor, _)| *tensor == rest)?;
            let mut numbers = numbers.into_iter();
            let mut place = String::new();
            for letter in ours.chars() {
                match letter {
                    '@' => place.push_str(&numbers.next()?.to_string()),
                    letter => place.push(letter),
                }
            }
            Some((place, *change))
        })
    }
}

/// The numbers in `name` where `pattern` has `@` and `#`, from 0 on, and what follows the pattern.
fn numbers<'a>(pattern: &str, name: &'a str) -> Option<(Vec<usize>, &'a str)> {
    let (mut found, mut rest) = (Vec::new(), name);
    for letter in pattern.chars() {
        let first = match letter {
            '@' => 0,
            '#' => 1,
            letter => {
                rest = rest.strip_prefix(letter)?;
                continue;
            }
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        found.push(rest[..digits].parse::<usize>().ok()?.checked_sub(first)?);
        rest = &rest[digits..];
    }
    Some((found, rest))
}

impl Change {
    fn apply(self, data: TensorData) -> Option<std::vec::IntoIter<(&'static str, TensorData)>> {
        let shape = data.shape().as_slice().to_vec();
        let parts = match (self, shape.as_slice()) {
            (Self::Renamed(name), _) => vec![(name, data)],
            (Self::Row(name), &[n]) => vec![(name, TensorData::new(data.try_to_vec::<f32>().ok()?, [1, n]))],
            (Self::Transposed(name), &[rows, columns]) => {
                vec![(name, TensorData::new(transposed(&data, columns)?, [columns, rows]))]
            }
            (Self::Pixelwise(name), &[inputs, outputs]) => {
                vec![(name, TensorData::new(transposed(&data, outputs)?, [outputs, inputs, 1, 1]))]
            }
            (Self::Radians(name), &[n]) => {
                let radians = |turns: f32| (f64::from(turns) * TAU) as f32;
                let values = data.try_to_vec::<f32>().ok()?.into_iter().map(radians).collect();
                vec![(name, TensorData::new(values, [n]))]
            }
            (Self::Columns(names), &[rows, columns])
                if 0 < columns && columns.is_multiple_of(names.len()) =>
            {
                let (values, n) = (data.try_to_vec::<f32>().ok()?, columns / names.len());
                let part = |k: usize| values.chunks(columns).flat_map(move |row| &row[k * n..][..n]).copied();
                let parts = names.iter().enumerate();
                parts.map(|(k, &name)| (name, TensorData::new(part(k).collect(), [rows, n]))).collect()
            }
            _ => return None,
        };
        Some(parts.into_iter())
    }
}

/// The numbers of a matrix of so many columns, one column after another.
fn transposed(data: &TensorData, columns: usize) -> Option<Vec<f32>> {
    let values = data.try_to_vec::<f32>().ok()?;
    if values.is_empty() {
        return Some(values);
    }
    let column = |k: usize| values.iter().skip(k).step_by(columns).copied();
    Some((0..columns).flat_map(column).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: ForeignTable = ForeignTable {
        places: &[("a#.x@_", "b.@.y.@."), ("a#.", "c.@.")],
        tensors: &[
            ("w", Change::Renamed("weight")),
            ("row", Change::Row("row")),
            ("all", Change::Columns(&["first", "second"])),
            ("turned", Change::Transposed("turned")),
            ("pixels", Change::Pixelwise("pixels")),
            ("turns", Change::Radians("radians")),
        ],
        ignored: &["steps"],
    };

    fn tensor<const D: usize>(name: &str, shape: [usize; D]) -> (String, TensorData) {
        let n: usize = shape.iter().product();
        (name.to_owned(), TensorData::new((0..n).map(|i| i as f32).collect(), shape))
    }

    #[test]
    fn numbers_of_places_count_from_0_and_tensors_are_split_by_columns() {
        let given =
            [tensor("a1.x12_w", [2]), tensor("a3.row", [2]), tensor("a3.all", [2, 4]), tensor("steps", [1])];
        let found = TABLE.apply(given.into()).unwrap();
        let expected = ["b.0.y.12.weight", "c.2.first", "c.2.row", "c.2.second"];
        assert_eq!(found.keys().collect::<Vec<_>>(), expected);
        assert_eq!(found["c.2.second"].try_to_vec::<f32>().unwrap(), [2.0, 3.0, 6.0, 7.0]);
        assert_eq!(found["c.2.row"].shape().as_slice(), [1, 2]);
    }

    #[test]
    fn matrices_are_transposed_and_turns_become_radians() {
        let given = [tensor("a1.turned", [2, 3]), tensor("a1.pixels", [2, 3]), tensor("a1.turns", [2])];
        let found = TABLE.apply(given.into()).unwrap();
        let numbers = |name: &str| found[name].try_to_vec::<f32>().unwrap();
        assert_eq!(numbers("c.0.turned"), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(numbers("c.0.pixels"), numbers("c.0.turned"));
        assert_eq!(found["c.0.turned"].shape().as_slice(), [3, 2]);
        assert_eq!(found["c.0.pixels"].shape().as_slice(), [3, 2, 1, 1]);
        assert_eq!(numbers("c.0.radians"), [0.0, std::f32::consts::TAU]);
    }

    #[test]
    fn what_the_table_does_not_know_is_named() {
        let given = [tensor("a0.w", [1]), tensor("b1.w", [1]), tensor("a1.all", [2, 3])];
        let error = TABLE.apply(given.into()).unwrap_err().to_string();
        for part in ["a0.w [1] is unknown", "b1.w [1] is unknown", "a1.all has shape [2, 3]"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
