//! The classes of the rows of a table.

use std::collections::HashMap;
use std::path::Path;

use crate::DataError;

/// Most classes of a table.
pub(crate) const MOST: usize = 1000;

/// The class of each row, and the names of the classes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labels {
    pub(crate) values: Vec<u32>,
    pub(crate) classes: Vec<String>,
}

/// The names of classes in the order in which they are seen.
#[derive(Debug, Default)]
pub(crate) struct ClassNames {
    numbers: HashMap<Vec<u8>, u32>,
    names: Vec<String>,
}

impl ClassNames {
    /// The number of the class that a field names, which `name` makes a name of; `None` if there would be too many.
    pub(crate) fn number(&mut self, field: &[u8], name: impl Fn(&[u8]) -> String) -> Option<u32> {
        if let Some(number) = self.numbers.get(field) {
            return Some(*number);
        }
        let name = name(field);
        let place = self.names.iter().position(|known| *known == name);
        if self.numbers.len() == MOST {
            return None;
        }
        let number = place.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        }) as u32;
        self.numbers.insert(field.to_vec(), number);
        Some(number)
    }

    /// The names in their order.
    pub(crate) fn names(self) -> Vec<String> {
        self.names
    }

    /// What is said of too many classes, the first of them `at` a place.
    pub(crate) fn too_many(file: &Path, at: String) -> DataError {
        let problem = format!(
            "{at}: more than {MOST} classes in the column of data.label, which is to have one of few names"
        );
        DataError::malformed(file, problem)
    }
}

impl Labels {
    /// The labels of rows, each a place in `seen`, with the classes put in order: by their values if all are whole numbers,
    /// otherwise bytewise by their names.
    pub(crate) fn new(labels: Vec<u32>, seen: Vec<String>) -> Self {
        let order = ordered(&seen);
        let mut place = vec![0; seen.len()];
        (0..).zip(&order).for_each(|(new, &old)| place[old] = new);
        let values = labels.into_iter().map(|label| place[label as usize]).collect();
        Self { values, classes: order.into_iter().map(|old| seen[old].clone()).collect() }
    }

    /// The same rows with the classes in `known` first, in that order.
    pub(crate) fn after(self, known: &[String]) -> Self {
        let (classes, places) = after(&self.classes, known);
        Self { values: self.values.into_iter().map(|label| places[label as usize]).collect(), classes }
    }

    /// The number of rows of each class.
    pub(crate) fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        self.values.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    }

    /// Those of the rows at `places`.
    pub(crate) fn of(&self, places: impl Iterator<Item = usize>) -> Self {
        Self { values: places.map(|place| self.values[place]).collect(), classes: self.classes.clone() }
    }
}

/// `classes` after those in `known`, which keep their order, and the place of each of `classes` there.
pub(crate) fn after(classes: &[String], known: &[String]) -> (Vec<String>, Vec<u32>) {
    let more = classes.iter().filter(|class| !known.contains(class));
    let all: Vec<String> = known.iter().chain(more).cloned().collect();
    let place = |class: &String| all.iter().position(|other| other == class).unwrap_or_default() as u32;
    let places = classes.iter().map(place).collect();
    (all, places)
}

/// What is said of a class that is a number and not whole, `at` a place.
pub(crate) fn not_whole(file: &Path, at: &str, found: f64) -> DataError {
    let problem = format!("{at}: {found} in the column of data.label, expected a whole number");
    DataError::malformed(file, problem)
}

/// The places of names in their order.
pub(crate) fn ordered(names: &[String]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    let numbers: Option<Vec<i64>> = names.iter().map(|name| name.parse().ok()).collect();
    match numbers {
        Some(numbers) => order.sort_by_key(|&place| (numbers[place], &names[place])),
        None => order.sort_by(|&a, &b| names[a].cmp(&names[b])),
    }
    order
}

/// The name of a class that is a number; `None` unless it is whole.
pub(crate) fn class_of(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(fields: &[&str]) -> Labels {
        let mut names = ClassNames::default();
        let text = |field: &[u8]| String::from_utf8_lossy(field).trim().to_owned();
        let numbers = fields.iter().map(|field| names.number(field.as_bytes(), text).unwrap()).collect();
        Labels::new(numbers, names.names())
    }

    #[test]
    fn classes_are_in_the_order_of_numbers_or_of_names() {
        let numbers = labels(&["10", "-1", "9", "10"]);
        assert_eq!(
            (numbers.values, numbers.classes),
            (vec![2, 0, 1, 2], vec!["-1".into(), "9".into(), "10".into()])
        );
        let text = labels(&["setosa", "9", "10", "setosa"]);
        assert_eq!(text.classes, ["10", "9", "setosa"]);
        assert_eq!((&text.values[..], text.counts()), (&[2, 1, 0, 2][..], vec![1, 1, 2]));
    }

    #[test]
    fn classes_that_are_known_come_first_and_names_are_told_apart_by_what_is_shown() {
        let found = labels(&["b", "c", " b", "a"]).after(&["c".into(), "d".into()]);
        assert_eq!(found.classes, ["c", "d", "a", "b"]);
        assert_eq!(found.values, [3, 0, 3, 2]);
        assert_eq!(found.of([3, 0].into_iter()).values, [2, 3]);
        let mut names = ClassNames::default();
        let number =
            |names: &mut ClassNames, i: usize| names.number(i.to_string().as_bytes(), |_| i.to_string());
        assert!((0..MOST).all(|i| number(&mut names, i) == Some(i as u32)));
        assert_eq!((number(&mut names, MOST), number(&mut names, 3)), (None, Some(3)));
        assert_eq!(
            (class_of(-3.0), class_of(0.5), class_of(f64::NAN), class_of(1e300)),
            (Some(-3), None, None, None)
        );
    }
}
