//! Tables whose rows are read from a file as they are wanted.

mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn_dataset::Dataset;
use ebm_ops::Noise;

use super::heavy_tails::heavy_tail;
use super::labels::{ClassNames, MOST, after, class_of, not_whole, ordered};
use super::layout::{Columns, RowLayout, Wanted};
use super::selection::{Builder, Numbers, Selection};
use super::standardize::Standardize;
use super::table::{
    Files, ending, fitted, heavy_note, none_held_out, none_left, of_holdout, some, transform_kind,
};
use super::transform::Transform;
use crate::data::Data;
use crate::files::npy::ArrayFile;
use crate::files::pixels::PixelFile;
use crate::images::image_folder::spread;
use crate::{DataError, DataSpec, Missing, Point, Split, TransformKind};

/// Numbers that are read at once when all rows are seen.
const TOGETHER: usize = 1 << 17;

/// Numbers of the rows by which quantiles and tails are found.
const SAMPLE: usize = 1 << 21;

/// A table of finite numbers in a file; each row is a point.
///
/// Its rows, statistics and errors are those of [`Table`](super::table::Table), which has them in memory. Quantiles are
/// of rows that are spread over the table.
pub(crate) struct LargeTable {
    rows: Arc<LargeRows>,
    /// The rows of the file that are read.
    kept: Arc<Selection>,
    transform: Transform,
}

/// The rows of a file in which one is a number of bytes.
enum Stored {
    /// Those of an array.
    Array(ArrayFile),
    /// The doubles of a text table in a file of a cache.
    Kept { file: PixelFile, dim: usize },
}

/// The chosen columns of the rows of a file.
struct LargeRows {
    path: PathBuf,
    stored: Stored,
    /// The chosen columns by their places in a row of the file.
    columns: Vec<usize>,
    names: Vec<String>,
    label: Option<LabelColumn>,
    notes: Vec<String>,
}

/// The column of classes.
struct LabelColumn {
    place: usize,
    /// Its values, from the least, and the class of each.
    values: Vec<(i64, u32)>,
    classes: Vec<String>,
}

impl Stored {
    fn n(&self) -> usize {
        match self {
            Self::Array(array) => array.n(),
            Self::Kept { file, .. } => file.about.n,
        }
    }

    fn dim(&self) -> usize {
        match self {
            Self::Array(array) => array.dim(),
            Self::Kept { dim, .. } => *dim,
        }
    }

    /// Appends the numbers of `count` rows from `first` on.
    fn read(&self, first: usize, count: usize, values: &mut Vec<f64>) -> Result<(), DataError> {
        match self {
            Self::Array(array) => array.read(first, count, values),
            Self::Kept { file, .. } => {
                let bytes = file.read_some(first, count)?;
                values.extend(bytes.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word)));
                Ok(())
            }
        }
    }

    /// Shows every row with its number.
    fn each(&self, mut show: impl FnMut(usize, &[f64])) -> Result<(), DataError> {
        let together = (TOGETHER / self.dim()).max(1);
        let mut values = Vec::new();
        for first in (0..self.n()).step_by(together) {
            values.clear();
            self.read(first, together.min(self.n() - first), &mut values)?;
            (first..).zip(values.chunks_exact(self.dim())).for_each(|(number, row)| show(number, row));
        }
        Ok(())
    }
}

impl LargeTable {
    /// The data that `spec` describes, if they are a table whose rows are to be read as they are wanted: an array of more
    /// bytes than it allows in memory, or a text table with a cache.
    ///
    /// # Errors
    /// As [`Table::open`](super::table::Table::open), or if the file in the cache cannot be written.
    pub(crate) fn open(
        path: &Path,
        spec: &DataSpec,
        noise: &Noise,
        layout: Option<&RowLayout>,
    ) -> Result<Option<Data>, DataError> {
        let split = spec.split;
        let Files { training_file, test_file, holdout } = Files::of(path, spec, noise)?;
        let is_of_test_file = split == Split::Test && test_file.is_some();
        let file = match (split, test_file, &holdout) {
            (Split::Train, ..) | (Split::Test, None, Some(_)) => training_file.clone(),
            (Split::Test, Some(file), _) => file,
            (Split::Test, None, None) => return Err(none_held_out(path)),
        };
        // The columns and units of a test file are those of the training file.
        let training = match is_of_test_file && layout.is_none() {
            true => LargeRows::open(&training_file, spec, None)?,
            false => None,
        };
        let training = match training {
            Some(mut rows) => {
                let valid = rows.survey(spec)?;
                let transform = rows.fitted(&valid, spec)?;
                Some((rows, transform))
            }
            None => None,
        };
        let wanted = match &training {
            Some((rows, _)) => Some(Wanted { names: &rows.names, dim: rows.columns.len() }),
            None => layout.map(Wanted::of),
        };
        // A small file of an array beside a large one is read alike.
        let spec = &DataSpec { memory: training.as_ref().map_or(spec.memory, |_| Some(0)), ..spec.clone() };
        let Some(mut rows) = LargeRows::open(&file, spec, wanted)? else { return Ok(None) };
        if is_of_test_file && layout.is_none() && training.is_none() {
            return Ok(None);
        }
        let valid = rows.survey(spec)?;
        if let Some((training, _)) = &training {
            rows.label_after(training.label.as_ref());
        }
        let transform = match training {
            Some((_, transform)) => Some(transform),
            None => layout.map(|layout| layout.transform.clone()),
        };
        let (kept, training) = match &holdout {
            None => (valid, None),
            Some(holdout) => {
                let flags = holdout.flags(rows.stored.n());
                let is_of = |split: Split| {
                    let is_out = split == Split::Test;
                    Selection::of(
                        flags.iter().enumerate().map(|(row, flag)| valid.has(row) && *flag == is_out),
                    )
                };
                let [training, test] = [Split::Train, Split::Test].map(is_of);
                let share = spec.holdout.unwrap_or_default();
                let n = valid.len();
                if training.len() == 0 || test.len() == 0 {
                    return Err(none_left(path, share, n));
                }
                rows.notes.push(of_holdout(split, share, test.len(), n));
                match split {
                    Split::Train => (training, None),
                    Split::Test => (test, Some(training)),
                }
            }
        };
        let is_remarked = transform.is_none() && training.is_none();
        let transform = match transform {
            Some(transform) => transform,
            None => rows.fitted(training.as_ref().unwrap_or(&kept), spec)?,
        };
        if is_remarked {
            let remarks = rows.remarks(&transform, &kept, spec)?;
            rows.notes.extend(remarks);
        }
        Self { rows: Arc::new(rows), kept: Arc::new(kept), transform }.data().map(Some)
    }

    fn data(self) -> Result<Data, DataError> {
        let Self { rows, kept, transform } = &self;
        let (names, notes, transform) = (rows.names.clone(), rows.notes.clone(), transform.clone());
        let is_all = kept.len() == rows.stored.n();
        let numbers = (!is_all).then(|| Numbers::Selected((**kept).clone()));
        let source = format!(
            "{} of {} rows of {} of {} numbers{}",
            kept.len(),
            rows.stored.n(),
            rows.columns.len(),
            rows.stored.dim(),
            if rows.label.is_some() { ", with classes" } else { "" }
        );
        let (classes, counts) = match &rows.label {
            Some(label) => (label.classes.clone(), rows.counts(label, kept)?),
            None => Default::default(),
        };
        let data =
            Data::points(transform, self).with_columns(names).with_classes(classes).with_counts(counts);
        Ok(data.with_notes(notes).with_numbers(numbers).read_from(source))
    }
}

impl LargeRows {
    /// The rows of a file in the columns that are asked for, if they are read as they are wanted.
    fn open(file: &Path, spec: &DataSpec, wanted: Option<Wanted<'_>>) -> Result<Option<Self>, DataError> {
        let place = file.display().to_string();
        match (ending(file), &spec.cache) {
            (Some("npy"), _) => {
                let Some(array) = array(file, spec)? else { return Ok(None) };
                let columns = Columns { dim: array.dim(), names: &[], left_out: &[] };
                let chosen = columns.choose(spec, &place, wanted)?;
                let label =
                    chosen.label.map(|place| LabelColumn { place, values: Vec::new(), classes: Vec::new() });
                Ok(Some(Self {
                    path: file.into(),
                    stored: Stored::Array(array),
                    columns: chosen.columns,
                    names: Vec::new(),
                    label,
                    notes: chosen.notes,
                }))
            }
            (Some(_), Some(cache)) => text::open(file, spec, wanted, cache).map(Some),
            _ => Ok(None),
        }
    }

    /// The rows without a missing value; finds the classes of an array.
    ///
    /// # Errors
    /// A missing value that is refused, else a value that is not finite, or a class that is no whole number.
    fn survey(&mut self, spec: &DataSpec) -> Result<Selection, DataError> {
        let (mut n_gaps, mut gap, mut infinite, mut class) = (0, None, None, None);
        let mut valid = Builder::default();
        let mut found = std::collections::BTreeSet::new();
        let mut last = None;
        let place = self.label.as_ref().map(|label| label.place);
        self.stored.each(|number, row| {
            let bad = self.columns.iter().position(|&column| !(row[column] as f32).is_finite());
            let is_nan = |column: usize| row[column].is_nan();
            let gap_here = bad.and_then(|_| self.columns.iter().position(|&column| is_nan(column)));
            let gap_here = gap_here.or(place.filter(|&place| is_nan(place)).map(|_| self.columns.len()));
            valid.push(gap_here.is_none());
            match (gap_here, bad) {
                (Some(column), _) => {
                    n_gaps += 1;
                    gap.get_or_insert((number, column));
                }
                (None, Some(column)) => {
                    infinite.get_or_insert((number, column, row[self.columns[column]]));
                }
                (None, None) => {}
            }
            let Some(place) = place.filter(|_| gap_here.is_none() && class.is_none()) else { return };
            // Most rows have the class of the one before.
            if last == Some(row[place]) {
                return;
            }
            last = Some(row[place]);
            match class_of(row[place]) {
                Some(value) if found.insert(value) && MOST < found.len() => class = Some((number, None)),
                Some(_) => {}
                None => class = Some((number, Some(row[place]))),
            }
        })?;
        let (file, n) = (self.path.clone(), self.stored.n());
        match (spec.missing.unwrap_or_default(), gap) {
            (Missing::Refuse, Some((row, column))) => {
                return Err(DataError::MissingValue {
                    file,
                    at: format!("row {}, column {}", row + 1, column + 1),
                    found: "NaN".into(),
                    rows: Some([n_gaps, n]),
                });
            }
            (Missing::Drop, _) if n_gaps == n => {
                return Err(DataError::Empty { path: file, expected: "row without a missing value" });
            }
            _ => {}
        }
        if 0 < n_gaps {
            self.notes.push(format!("{n_gaps} of {n} rows had a missing value and were left out"));
        }
        if let Some((row, column, found)) = infinite {
            return Err(DataError::NotFinite { file, row: row + 1, column: column + 1, found });
        }
        match class {
            Some((row, Some(value))) => {
                return Err(not_whole(&file, &format!("row {}", row + 1), value));
            }
            Some((row, None)) => return Err(ClassNames::too_many(&file, format!("row {}", row + 1))),
            None => {}
        }
        if let (Some(label), Stored::Array(_)) = (&mut self.label, &self.stored) {
            label.values = found.iter().copied().zip(0..).collect();
            label.classes = found.iter().map(i64::to_string).collect();
        }
        Ok(valid.finish())
    }

    /// Puts the classes of the training file first.
    fn label_after(&mut self, training: Option<&LabelColumn>) {
        let (Some(label), Some(training)) = (&mut self.label, training) else { return };
        let (classes, places) = after(&label.classes, &training.classes);
        label.values.iter_mut().for_each(|(_, class)| *class = places[*class as usize]);
        label.classes = classes;
    }

    /// Shows the chosen columns of the rows that are kept.
    fn each(&self, kept: &Selection, show: &mut dyn FnMut(&[f64])) -> Result<(), DataError> {
        let is_whole = self.columns.iter().copied().eq(0..self.stored.dim());
        let mut chosen = vec![0.0; self.columns.len()];
        self.stored.each(|number, row| {
            if !kept.has(number) {
                return;
            }
            if is_whole {
                return show(row);
            }
            chosen.iter_mut().zip(&self.columns).for_each(|(value, &column)| *value = row[column]);
            show(&chosen);
        })
    }

    /// The map of the kept rows to the units of training, as `spec` asks for it.
    fn fitted(&mut self, kept: &Selection, spec: &DataSpec) -> Result<Transform, DataError> {
        let dim = self.columns.len();
        match transform_kind(spec) {
            TransformKind::None => Ok(Transform::identity(dim)),
            TransformKind::Standardize => {
                Ok(Standardize::fit_in_passes(dim, |show| self.each(kept, show))?.into())
            }
            TransformKind::Quantile => {
                let values = self.sample(kept)?;
                if values.len() / dim < kept.len() {
                    let n = values.len() / dim;
                    self.notes
                        .push(format!("quantiles are those of {n} rows that are spread over the table"));
                }
                Ok(fitted(&values, dim, spec))
            }
        }
    }

    /// The numbers of rows that are spread over those that are kept.
    fn sample(&self, kept: &Selection) -> Result<Vec<f64>, DataError> {
        let mut values = Vec::new();
        let most = (SAMPLE / self.columns.len()).max(1000);
        let places: Vec<usize> = spread(kept.len(), most).map(|index| kept.at(index)).collect();
        self.read(&places, |row| values.extend(self.columns.iter().map(|&column| row[column])))?;
        Ok(values)
    }

    /// Shows the rows of the file at `places`, in their order; those that follow each other are read at once.
    fn read(&self, places: &[usize], mut show: impl FnMut(&[f64])) -> Result<(), DataError> {
        let mut values = Vec::new();
        for run in places.chunk_by(|a, b| a + 1 == *b) {
            values.clear();
            self.stored.read(run[0], run.len(), &mut values)?;
            values.chunks_exact(self.stored.dim()).for_each(&mut show);
        }
        Ok(())
    }

    /// What a person should know of the values before they train on them.
    fn remarks(
        &self,
        transform: &Transform,
        kept: &Selection,
        spec: &DataSpec,
    ) -> Result<Vec<String>, DataError> {
        let name = |i: usize| self.names.get(i).cloned().unwrap_or_else(|| (i + 1).to_string());
        let (dim, kind) = (self.columns.len(), transform_kind(spec));
        if kept.len() == 1 {
            return Ok(Vec::new());
        }
        let standardize = match transform {
            Transform::Standardize(standardize) if kind == TransformKind::Standardize => standardize,
            _ => &Standardize::fit_in_passes(dim, |show| self.each(kept, show))?,
        };
        let constant: Vec<usize> = (0..dim).filter(|&i| standardize.constant()[i]).collect();
        let mut notes =
            some(&constant, |i| format!("column {} is constant ({})", name(i), standardize.mean()[i]));
        if kind != TransformKind::Standardize {
            return Ok(notes);
        }
        let sample = self.sample(kept)?;
        let tails: Vec<(usize, [f64; 2])> = (0..dim)
            .filter_map(|i| Some((i, heavy_tail(sample[i..].iter().step_by(dim).copied())?)))
            .collect();
        notes.extend(some(&tails, |(i, tail)| heavy_note(&name(i), tail)));
        Ok(notes)
    }

    /// How many of the kept rows each class has.
    fn counts(&self, label: &LabelColumn, kept: &Selection) -> Result<Vec<usize>, DataError> {
        let mut counts = vec![0; label.classes.len()];
        self.stored.each(|number, row| {
            if kept.has(number)
                && let Some(class) = label.of(row)
            {
                counts[class as usize] += 1;
            }
        })?;
        Ok(counts)
    }
}

impl LabelColumn {
    /// The class of a row of the file.
    fn of(&self, row: &[f64]) -> Option<u32> {
        let value = class_of(row[self.place])?;
        let place = self.values.binary_search_by_key(&value, |(value, _)| *value).ok()?;
        Some(self.values[place].1)
    }

    /// The classes that a file of a cache has as numbers in the order of `seen`.
    fn of_numbers(place: usize, seen: &[String]) -> Self {
        let order = ordered(seen);
        let mut values: Vec<(i64, u32)> =
            order.iter().zip(0..).map(|(&old, new)| (old as i64, new)).collect();
        values.sort_unstable();
        Self { place, values, classes: order.into_iter().map(|old| seen[old].clone()).collect() }
    }
}

impl Dataset<Point, DataError> for LargeTable {
    fn get(&self, index: usize) -> Result<Point, DataError> {
        self.get_many(vec![index]).map(|mut points| points.swap_remove(0))
    }

    fn get_many(&self, indices: Vec<usize>) -> Result<Vec<Point>, DataError> {
        let rows = &*self.rows;
        let places: Vec<usize> = indices.iter().map(|&index| self.kept.at(index)).collect();
        let dim = rows.columns.len();
        let (mut values, mut labels) = (Vec::with_capacity(dim * places.len()), Vec::new());
        rows.read(&places, |row| {
            values.extend(rows.columns.iter().map(|&column| row[column]));
            labels.push(rows.label.as_ref().and_then(|label| label.of(row)));
        })?;
        let coordinates = self.transform.forward(&values);
        let each = coordinates.chunks_exact(dim).zip(labels);
        Ok(each.map(|(row, label)| Point { coordinates: row.to_vec(), label }).collect())
    }

    fn len(&self) -> usize {
        self.kept.len()
    }
}

/// The array in a file, if its numbers need more bytes than `spec` allows in memory.
fn array(file: &Path, spec: &DataSpec) -> Result<Option<ArrayFile>, DataError> {
    let is_large = |array: &ArrayFile| {
        let numbers = (array.n() as u64).saturating_mul(array.dim() as u64);
        spec.most_bytes() < numbers.saturating_mul(8)
    };
    Ok(ArrayFile::open(file)?.filter(is_large))
}

#[cfg(test)]
mod tests;
