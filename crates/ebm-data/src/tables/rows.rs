//! The rows of a table's file, read into memory.

use std::io::Read;
use std::path::Path;

use super::heavy_tails::heavy_tail;
use super::holdout::Holdout;
use super::labels::{ClassNames, Labels, class_of, not_whole};
use super::layout::{Columns, Wanted};
use super::remarks::remarks;
use super::splits::{ending, none_left, of_holdout};
use super::standardize::is_constant;
use super::text_form::{form_of, notes_of};
use crate::files::comma_separated::{TextForm, TextTable};
use crate::files::rows::Rows as NumberRows;
use crate::files::{bytes, npy};
use crate::{DataError, DataSpec, Missing, Split, TransformKind};

/// The chosen columns of a file.
pub(super) struct Rows {
    pub(super) dim: usize,
    pub(super) values: Vec<f64>,
    pub(super) columns: Vec<String>,
    pub(super) labels: Option<Labels>,
    pub(super) numbers: Option<Vec<usize>>,
    pub(super) notes: Vec<String>,
}

impl Rows {
    /// The rows of a file in the columns that are asked for, all finite.
    ///
    /// # Errors
    /// If the file is missing or malformed, if columns do not exist or are not those that are wanted, or if a value is
    /// missing and refused, infinite or beyond single precision.
    pub(super) fn read(file: &Path, spec: &DataSpec, wanted: Option<Wanted<'_>>) -> Result<Self, DataError> {
        let ending = ending(file).ok_or_else(|| {
            let found = "a file with this extension".into();
            DataError::Unsupported {
                file: file.into(),
                found,
                expected: ".npy, .csv, .tsv, .txt, .dat or .tab",
            }
        })?;
        let content = bytes::open(file)?;
        let (mut rows, n) = match ending {
            "npy" => Self::of_array(content, file, spec, wanted)?,
            _ => Self::of_text(content, form_of(spec, ending), file, spec, wanted)?,
        };
        if let Some(numbers) = &rows.numbers {
            let dropped = n - numbers.len();
            rows.notes.push(format!("{dropped} of {n} rows had a missing value and were left out"));
        }
        let bad = rows.values.iter().position(|&value| !(value as f32).is_finite());
        match bad {
            Some(i) => Err(DataError::NotFinite {
                file: file.into(),
                at: format!(
                    "row {}, column {}",
                    rows.numbers.as_ref().map_or(i / rows.dim, |numbers| numbers[i / rows.dim]) + 1,
                    i % rows.dim + 1
                ),
                found: format!("{:?}", rows.values[i]),
            }),
            None => Ok(rows),
        }
    }

    /// The rows of an array, and how many there are with those that are left out.
    fn of_array(
        content: impl Read,
        file: &Path,
        spec: &DataSpec,
        wanted: Option<Wanted<'_>>,
    ) -> Result<(Self, usize), DataError> {
        let NumberRows { dim, values } = npy::read(content, file)?;
        let columns = Columns { dim, names: &[], left_out: &[] };
        let chosen = columns.choose(spec, &file.display().to_string(), wanted)?;
        let n = values.len() / dim;
        // The classes go along as a column until rows with gaps are gone.
        let with_label: Vec<usize> = chosen.columns.iter().copied().chain(chosen.label).collect();
        let values = match with_label.iter().copied().eq(0..dim) {
            true => values,
            false => values.chunks_exact(dim).flat_map(|row| with_label.iter().map(|&i| row[i])).collect(),
        };
        let rows = Self {
            dim: with_label.len(),
            values,
            columns: Vec::new(),
            labels: None,
            numbers: None,
            notes: chosen.notes,
        };
        let rows = rows.without_gaps(file, spec.missing.unwrap_or_default())?;
        let rows = if chosen.label.is_some() { rows.with_last_as_label(file)? } else { rows };
        Ok((rows, n))
    }

    /// The rows of a text table, and how many there are with those that are left out.
    fn of_text(
        content: impl Read,
        form: TextForm,
        file: &Path,
        spec: &DataSpec,
        wanted: Option<Wanted<'_>>,
    ) -> Result<(Self, usize), DataError> {
        let table = TextTable::open(content, form, file)?;
        let columns = Columns { dim: table.dim(), names: table.names(), left_out: table.left_out() };
        let chosen = columns.choose(spec, &file.display().to_string(), wanted)?;
        let names = chosen.columns.iter().filter_map(|&column| table.names().get(column).cloned()).collect();
        let mut notes = notes_of(&table, spec);
        notes.extend(chosen.notes);
        let missing = spec.missing.unwrap_or_default();
        let (read, labels) = table.read_labelled(&chosen.columns, chosen.label, missing)?;
        let bytes = 8 * read.values.len() as u64;
        if spec.most_bytes() < bytes {
            let megabytes = bytes >> 20;
            notes.push(format!("{megabytes} MB in memory; `--set data.cache=FOLDER` keeps them in a file"));
        }
        let rows = Self {
            dim: chosen.columns.len(),
            values: read.values,
            columns: names,
            labels,
            numbers: read.numbers,
            notes,
        };
        Ok((rows, read.n_rows))
    }

    /// The rows with the numbers of their last column as classes.
    fn with_last_as_label(mut self, file: &Path) -> Result<Self, DataError> {
        let (wide, dim) = (self.dim, self.dim - 1);
        let mut names = ClassNames::default();
        let mut labels = Vec::with_capacity(self.values.len() / wide);
        for (i, row) in self.values.chunks_exact(wide).enumerate() {
            let at = || format!("row {}", self.numbers.as_ref().map_or(i, |numbers| numbers[i]) + 1);
            let class = class_of(row[dim]).ok_or_else(|| not_whole(file, &at(), row[dim]))?;
            let name = class.to_string();
            let number = names.number(name.as_bytes(), |_| name.clone());
            labels.push(number.ok_or_else(|| ClassNames::too_many(file, at()))?);
        }
        self.labels = Some(Labels::new(labels, names.names()));
        self.values = self.values.chunks_exact(wide).flat_map(|row| &row[..dim]).copied().collect();
        Ok(Self { dim, ..self })
    }

    /// The rows without those that have a NaN, or an error that names the first.
    fn without_gaps(mut self, file: &Path, missing: Missing) -> Result<Self, DataError> {
        let Some(first) = self.values.iter().position(|value| value.is_nan()) else { return Ok(self) };
        let has_gap = |row: &[f64]| row.iter().any(|value| value.is_nan());
        let rows = || self.values.chunks_exact(self.dim);
        let (n, n_gaps) = (rows().len(), rows().filter(|row| has_gap(row)).count());
        if missing == Missing::Refuse {
            return Err(DataError::MissingValue {
                file: file.into(),
                at: format!("row {}, column {}", first / self.dim + 1, first % self.dim + 1),
                found: "NaN".into(),
                rows: Some([n_gaps, n]),
            });
        }
        if n_gaps == n {
            return Err(DataError::Empty { path: file.into(), expected: "row without a missing value" });
        }
        self.numbers = Some((0..).zip(rows()).filter(|(_, row)| !has_gap(row)).map(|(i, _)| i).collect());
        self.values = rows().filter(|row| !has_gap(row)).flatten().copied().collect();
        Ok(self)
    }

    /// Keeps the rows of `split`. Returns the training rows if they are the others.
    pub(super) fn divide(
        &mut self,
        holdout: &Holdout,
        split: Split,
        share: f64,
        path: &Path,
    ) -> Result<Option<Vec<f64>>, DataError> {
        let n = self.values.len() / self.dim;
        let numbers = self.numbers.take().unwrap_or_else(|| (0..n).collect());
        let flags = holdout.flags(numbers.last().map_or(0, |last| last + 1));
        let is_of = |split: Split, number: usize| flags[number] == (split == Split::Test);
        let rows_of = |split: Split| -> Vec<f64> {
            let rows = self.values.chunks_exact(self.dim).zip(&numbers);
            rows.filter(|(_, number)| is_of(split, **number)).flat_map(|(row, _)| row).copied().collect()
        };
        let [training, test] = [Split::Train, Split::Test].map(rows_of);
        if training.is_empty() || test.is_empty() {
            return Err(none_left(path, share, n));
        }
        let n_test = test.len() / self.dim;
        let kept = (0..n).filter(|&i| is_of(split, numbers[i]));
        self.labels = self.labels.take().map(|labels| labels.of(kept));
        self.numbers = Some(numbers.into_iter().filter(|&number| is_of(split, number)).collect());
        self.notes.push(of_holdout(split, share, n_test, n));
        Ok(match split {
            Split::Train => {
                self.values = training;
                None
            }
            Split::Test => {
                self.values = test;
                Some(training)
            }
        })
    }

    /// What a person should know of the values before they train on them in units of this kind.
    pub(super) fn remarks(&self, kind: TransformKind) -> Vec<String> {
        if self.values.len() == self.dim {
            return Vec::new();
        }
        let column = |i: usize| self.values[i..].iter().step_by(self.dim).copied();
        let constant: Vec<(usize, f64)> =
            (0..self.dim).filter(|&i| is_constant(column(i))).map(|i| (i, self.values[i])).collect();
        let tails: Vec<(usize, [f64; 2])> = match kind {
            TransformKind::Standardize => {
                (0..self.dim).filter_map(|i| Some((i, heavy_tail(column(i))?))).collect()
            }
            TransformKind::None | TransformKind::Quantile => Vec::new(),
        };
        remarks(&self.columns, &constant, &tails)
    }
}
