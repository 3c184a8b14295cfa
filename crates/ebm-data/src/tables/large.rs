//! Tables whose rows are read from a file as they are wanted.

mod label_column;
mod rows;
mod stored;
mod text;

use std::path::Path;
use std::sync::Arc;

use burn_dataset::Dataset;
use ebm_ops::Noise;

use super::layout::{Columns, RowLayout, Wanted};
use super::selection::{Numbers, Selection};
use super::splits::{Files, ending, none_held_out, none_left, of_holdout};
use super::transform::Transform;
use crate::data::Data;
use crate::files::npy::ArrayFile;
use crate::{DataError, DataSpec, Point, Split};

use label_column::LabelColumn;
use rows::LargeRows;
use stored::Stored;

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
        let (split, kind, missing) = (spec.split, spec.transform_kind(), spec.missing.unwrap_or_default());
        let Files { training_file, test_file, holdout } = Files::of(path, spec, noise)?;
        let is_of_test_file = split == Split::Test && test_file.is_some();
        let file = match (split, test_file, &holdout) {
            (Split::Train, ..) | (Split::Test, None, Some(_)) => training_file.clone(),
            (Split::Test, Some(file), _) => file,
            (Split::Test, None, None) => return Err(none_held_out(path)),
        };
        // The columns and units of a test file are those of the training file.
        let training = match is_of_test_file && layout.is_none() {
            true => rows_of(&training_file, spec, None)?,
            false => None,
        };
        let training = match training {
            Some(mut rows) => {
                let valid = rows.survey(missing)?;
                let transform = rows.fitted(&valid, kind)?;
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
        let Some(mut rows) = rows_of(&file, spec, wanted)? else { return Ok(None) };
        if is_of_test_file && layout.is_none() && training.is_none() {
            return Ok(None);
        }
        let valid = rows.survey(missing)?;
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
            None => rows.fitted(training.as_ref().unwrap_or(&kept), kind)?,
        };
        if is_remarked {
            let remarks = rows.remarks(&transform, &kept, kind)?;
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

/// The rows of a file in the columns that are asked for, if they are read as they are wanted.
fn rows_of(file: &Path, spec: &DataSpec, wanted: Option<Wanted<'_>>) -> Result<Option<LargeRows>, DataError> {
    let place = file.display().to_string();
    match (ending(file), &spec.cache) {
        (Some("npy"), _) => {
            let Some(array) = array(file, spec)? else { return Ok(None) };
            let columns = Columns { dim: array.dim(), names: &[], left_out: &[] };
            let chosen = columns.choose(spec, &place, wanted)?;
            let label =
                chosen.label.map(|place| LabelColumn { place, values: Vec::new(), classes: Vec::new() });
            Ok(Some(LargeRows {
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
