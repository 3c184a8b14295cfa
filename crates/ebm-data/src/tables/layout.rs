//! Which columns of a table are read, and as what.

use crate::files::comma_separated::flag_value;
use crate::tables::transform::Transform;
use crate::{DataError, DataSpec};

/// The columns and units of the rows that a model was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct RowLayout {
    /// The names of the columns; empty without names.
    pub columns: Vec<String>,
    /// The map from the units of the data to those of the model.
    pub transform: Transform,
}

/// The columns of a table before any are chosen.
pub(crate) struct Columns<'a> {
    /// How many there are.
    pub(crate) dim: usize,
    /// Their names; empty without names.
    pub(crate) names: &'a [String],
    /// Those that are no data unless they are asked for.
    pub(crate) left_out: &'a [usize],
}

/// The columns that are read.
#[derive(Debug, PartialEq)]
pub(crate) struct Chosen {
    /// Their places in the file.
    pub(crate) columns: Vec<usize>,
    /// That of the column of classes.
    pub(crate) label: Option<usize>,
    /// What there is to say about them.
    pub(crate) notes: Vec<String>,
}

/// What the columns of a table are to be.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Their names; empty without names.
    pub(crate) names: &'a [String],
    /// How many.
    pub(crate) dim: usize,
}

impl<'a> Wanted<'a> {
    /// Those of a model.
    pub(crate) fn of(layout: &'a RowLayout) -> Self {
        Self { names: &layout.columns, dim: layout.transform.dim() }
    }
}

impl Columns<'_> {
    /// The columns that `spec` asks for, as `wanted` says if it does: in its order where both have names.
    ///
    /// # Errors
    /// [`DataError::Spec`] if a column does not exist, or if columns are missing or left over.
    pub(crate) fn choose(
        &self,
        spec: &DataSpec,
        place: &str,
        wanted: Option<Wanted<'_>>,
    ) -> Result<Chosen, DataError> {
        let of_key = |key: &str, names: &[String]| {
            names.iter().map(|name| self.find(key, name.trim(), place)).collect::<Result<Vec<usize>, _>>()
        };
        let mut columns = match &spec.columns {
            Some(names) => of_key("--columns", names)?,
            None => (0..self.dim).filter(|column| !self.left_out.contains(column)).collect(),
        };
        if let Some(names) = &spec.drop {
            let dropped = of_key("--drop", names)?;
            columns.retain(|column| !dropped.contains(column));
        }
        let label = match &spec.label {
            None => None,
            Some(name) => match self.find("--label", name.trim(), place) {
                // Rows of a model may come without classes.
                Err(_) if wanted.is_some() => None,
                found => Some(found?),
            },
        };
        columns.retain(|column| Some(*column) != label);
        let mut sorted = columns.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(DataError::Spec(format!("{place}: --columns names {} twice", self.shown(pair[0]))));
        }
        if columns.is_empty() {
            return Err(DataError::Spec(format!("{place}: no column is left; there are {}", self.all())));
        }
        let chosen = Chosen { columns, label, notes: Vec::new() };
        match wanted {
            None => Ok(chosen),
            Some(wanted) if wanted.names.is_empty() || self.names.is_empty() => {
                self.by_position(chosen, place, wanted)
            }
            Some(wanted) => self.by_name(chosen, place, wanted.names),
        }
    }

    fn by_position(&self, chosen: Chosen, place: &str, wanted: Wanted<'_>) -> Result<Chosen, DataError> {
        let columns = &chosen.columns;
        if columns.len() != wanted.dim {
            let (found, expected) = (columns.len(), wanted.dim);
            let hint = match columns.get(..expected) {
                Some(first) if !wanted.names.is_empty() => {
                    format!(
                        "; `--columns {}` reads the first as {}",
                        flag_value(self.names, first),
                        wanted.names.join(", ")
                    )
                }
                Some(first) => format!("; `--columns {}` reads the first", flag_value(self.names, first)),
                None => String::new(),
            };
            return Err(DataError::Spec(format!("{place}: {found} columns, the model has {expected}{hint}")));
        }
        let note = match (wanted.names, self.names) {
            ([], []) => return Ok(chosen),
            ([], _) => "the model knows no names of columns, they were taken by position".to_owned(),
            (names, _) => format!("columns without names were taken by position as {}", names.join(", ")),
        };
        Ok(Chosen { notes: vec![note], ..chosen })
    }

    fn by_name(&self, chosen: Chosen, place: &str, wanted: &[String]) -> Result<Chosen, DataError> {
        let Chosen { columns, label, .. } = chosen;
        let find = |name: &String| columns.iter().copied().find(|&column| self.names[column] == *name);
        let missing: Vec<&str> =
            wanted.iter().filter(|name| find(name).is_none()).map(String::as_str).collect();
        let extra: Vec<usize> =
            columns.iter().copied().filter(|&column| !wanted.contains(&self.names[column])).collect();
        if !missing.is_empty() {
            let is_there = |name: &&str| self.names.iter().any(|other| other == name);
            let hint = match extra[..] {
                _ if missing.iter().all(is_there) => "; --columns and --drop leave it out".to_owned(),
                [] => String::new(),
                _ => format!("; besides there are {}", self.listed(&extra)),
            };
            let close = missing.iter().find_map(|name| {
                Some((name, closest(name, extra.iter().map(|&column| &*self.names[column]))?))
            });
            let close =
                close.map_or(String::new(), |(name, other)| format!("; is {other} meant to be {name}?"));
            let plural = if missing.len() == 1 { "column" } else { "columns" };
            let missing = missing.join(", ");
            return Err(DataError::Spec(format!(
                "{place}: the model's {plural} {missing} cannot be found{hint}{close}"
            )));
        }
        if !extra.is_empty() {
            let (kept, them) = (wanted.iter().filter_map(find).collect::<Vec<_>>(), self.listed(&extra));
            let what = if extra.len() == 1 { "is no column" } else { "are no columns" };
            return Err(DataError::Spec(format!(
                "{place}: {them} {what} of the model, which has {}; `--columns {}` or `--drop {}` leaves out the rest",
                wanted.join(", "),
                flag_value(self.names, &kept),
                flag_value(self.names, &extra),
            )));
        }
        let ordered: Vec<usize> = wanted.iter().filter_map(find).collect();
        let notes = if ordered == columns {
            Vec::new()
        } else {
            vec![format!("columns were matched by name, in the file they are {}", self.listed(&columns))]
        };
        Ok(Chosen { columns: ordered, label, notes })
    }

    /// The column of that name, or of that number, from 1.
    fn find(&self, key: &str, name: &str, place: &str) -> Result<usize, DataError> {
        if let Some(column) = self.names.iter().position(|other| other == name) {
            return Ok(column);
        }
        let number = name.parse::<usize>().ok().filter(|number| (1..=self.dim).contains(number));
        if let Some(number) = number {
            return Ok(number - 1);
        }
        let close = closest(name, self.names.iter().map(String::as_str).filter(|name| !name.is_empty()));
        let close = close.map_or(String::new(), |close| format!("; did you mean {close}?"));
        Err(DataError::Spec(format!(
            "{key} {name}: {place} has no such column; there are {}{close}",
            self.all()
        )))
    }

    fn shown(&self, column: usize) -> String {
        match self.names.get(column) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => (column + 1).to_string(),
        }
    }

    fn listed(&self, columns: &[usize]) -> String {
        const SHOWN: usize = 24;
        let first =
            columns.iter().take(SHOWN).map(|&column| self.shown(column)).collect::<Vec<_>>().join(", ");
        let more = columns.len().saturating_sub(SHOWN);
        if more == 0 { first } else { format!("{first}, and {more} more") }
    }

    /// All columns, as a list.
    fn all(&self) -> String {
        match self.names {
            [] if self.dim == 1 => "column 1, without a name".to_owned(),
            [] => format!("columns 1 to {}, without names", self.dim),
            _ => self.listed(&(0..self.dim).collect::<Vec<_>>()),
        }
    }
}

/// The name that is most like `name`, if one is much like it.
fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let least = names.map(|other| (distance(&name.to_lowercase(), &other.to_lowercase()), other)).min()?;
    (least.0 <= 1 + name.chars().count() / 4).then_some(least.1)
}

/// The least number of characters to insert, delete or replace that makes one of the other.
///
/// # Reference
/// Wagner and Fischer (1974), *The string-to-string correction problem*.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(100).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatasetName;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn choose(
        file: &[&str],
        columns: &[&str],
        drop: &[&str],
        model: Option<&[&str]>,
    ) -> Result<Chosen, String> {
        let some = |list: &[&str]| (!list.is_empty()).then(|| names(list));
        let spec =
            DataSpec { columns: some(columns), drop: some(drop), ..DataSpec::new(DatasetName::Table, None) };
        let (file, model) = (names(file), model.map(names));
        let columns = Columns { dim: file.len(), names: &file, left_out: &[] };
        let wanted = model.as_ref().map(|names| Wanted { names, dim: names.len() });
        columns.choose(&spec, "x.csv", wanted).map_err(|error| error.to_string())
    }

    fn places(chosen: Result<Chosen, String>) -> Vec<usize> {
        chosen.unwrap().columns
    }

    #[test]
    fn columns_are_chosen_by_name_or_number_in_the_order_given() {
        let file = ["a", "b", "c"];
        assert_eq!(places(choose(&file, &[], &[], None)), [0, 1, 2]);
        assert_eq!(places(choose(&file, &["c", "1"], &[], None)), [2, 0]);
        assert_eq!(places(choose(&file, &[], &["b"], None)), [0, 2]);
        assert_eq!(places(choose(&["0", "1", "2"], &["1"], &[], None)), [1], "a name goes before a number");
        let error =
            |columns: &[&str], drop: &[&str]| choose(&["rate", "pressure"], columns, drop, None).unwrap_err();
        assert!(error(&["presure"], &[]).contains("there are rate, pressure; did you mean pressure?"));
        assert!(
            error(&[], &["valve"])
                .starts_with("--drop valve: x.csv has no such column; there are rate, pressure")
        );
        assert!(!error(&[], &["valve"]).contains("mean"));
        assert!(error(&["rate", "1"], &[]).contains("twice"));
        assert!(error(&[], &["1", "2"]).contains("no column is left"));
        assert!(error(&["3"], &[]).contains("--columns 3"));
    }

    #[test]
    fn the_column_of_classes_is_no_data_and_need_not_be_there_for_a_model() {
        let file = names(&["x", "kind", "y"]);
        let columns = Columns { dim: 3, names: &file, left_out: &[] };
        let spec =
            |label: &str| DataSpec { label: Some(label.into()), ..DataSpec::new(DatasetName::Table, None) };
        let choose = |label: &str, wanted: Option<&[String]>| {
            let wanted = wanted.map(|names| Wanted { names, dim: names.len() });
            columns.choose(&spec(label), "x.csv", wanted).map_err(|error| error.to_string())
        };
        for label in ["kind", "2"] {
            let found = choose(label, None).unwrap();
            assert_eq!((found.columns, found.label), (vec![0, 2], Some(1)));
            let found = choose(label, Some(&names(&["y", "x"]))).unwrap();
            assert_eq!((found.columns, found.label), (vec![2, 0], Some(1)));
        }
        assert!(choose("kid", None).unwrap_err().contains("--label kid: x.csv has no such column"));
        let found = choose("colour", Some(&names(&["x", "kind", "y"]))).unwrap();
        assert_eq!((found.columns, found.label), (vec![0, 1, 2], None));
    }

    #[test]
    fn a_model_finds_its_columns_by_name_and_refuses_others() {
        let model: Option<&[&str]> = Some(&["rate", "pressure"]);
        let turned = choose(&["pressure", "rate"], &[], &[], model).unwrap();
        assert_eq!(turned.columns, [1, 0]);
        assert!(turned.notes[0].contains("matched by name"), "{:?}", turned.notes);
        let same = choose(&["rate", "pressure"], &[], &[], model).unwrap();
        assert_eq!((same.columns, same.notes.len()), (vec![0, 1], 0));
        let more = ["valve", "pressure", "rate"];
        let error = choose(&more, &[], &[], model).unwrap_err();
        assert!(error.contains("valve is no column of the model, which has rate, pressure"), "{error}");
        assert!(error.contains("`--columns rate,pressure` or `--drop valve`"), "{error}");
        assert_eq!(places(choose(&more, &["rate", "pressure"], &[], model)), [2, 1]);
        assert_eq!(places(choose(&more, &["pressure", "rate"], &[], model)), [2, 1]);
        assert_eq!(places(choose(&more, &[], &["valve"], model)), [2, 1]);
        let error = choose(&["rate", "presure"], &[], &[], model).unwrap_err();
        assert!(
            error.contains("column pressure cannot be found") && error.contains("is presure meant"),
            "{error}"
        );
    }

    #[test]
    fn without_names_columns_are_taken_by_position() {
        let columns = |names: &[String], dim, wanted: &[&str]| {
            let columns = Columns { dim, names, left_out: &[] };
            let wanted = self::names(wanted);
            let wanted = Wanted { names: &wanted, dim: 2 };
            let chosen = columns.choose(&DataSpec::new(DatasetName::Table, None), "x.npy", Some(wanted));
            chosen.map_err(|error| error.to_string())
        };
        let found = columns(&[], 2, &["rate", "pressure"]).unwrap();
        assert_eq!(found.columns, [0, 1]);
        assert!(found.notes[0].contains("by position as rate, pressure"));
        assert!(columns(&names(&["a", "b"]), 2, &[]).unwrap().notes[0].contains("by position"));
        assert!(columns(&[], 2, &[]).unwrap().notes.is_empty());
        let error = columns(&[], 3, &[]).unwrap_err();
        assert!(error.contains("3 columns, the model has 2; `--columns 1,2`"), "{error}");
        assert!(columns(&[], 1, &[]).unwrap_err().contains("1 columns, the model has 2"));
    }
}
