//! The rows of a table that are read as they are wanted: what they hold and how they are looked through.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::label_column::LabelColumn;
use super::stored::Stored;
use crate::spread::spread;
use crate::tables::heavy_tails::heavy_tail;
use crate::tables::labels::{ClassNames, MOST, after, class_of, not_whole};
use crate::tables::remarks::remarks;
use crate::tables::selection::{Builder, Selection};
use crate::tables::standardize::Standardize;
use crate::tables::transform::Transform;
use crate::{DataError, Missing, TransformKind};

/// Numbers of the rows by which quantiles and tails are found.
const SAMPLE: usize = 1 << 21;

/// The chosen columns of the rows of a file.
pub(super) struct LargeRows {
    pub(super) path: PathBuf,
    pub(super) stored: Stored,
    /// The chosen columns by their places in a row of the file.
    pub(super) columns: Vec<usize>,
    pub(super) names: Vec<String>,
    pub(super) label: Option<LabelColumn>,
    pub(super) notes: Vec<String>,
}

impl LargeRows {
    /// The rows without a missing value; finds the classes of an array.
    ///
    /// # Errors
    /// A missing value that is refused, else a value that is not finite, or a class that is no whole number.
    pub(super) fn survey(&mut self, missing: Missing) -> Result<Selection, DataError> {
        let (mut n_gaps, mut gap, mut infinite, mut class) = (0, None, None, None);
        let mut valid = Builder::default();
        let mut found = BTreeSet::new();
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
        match (missing, gap) {
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
            let (at, found) = (format!("row {}, column {}", row + 1, column + 1), format!("{found:?}"));
            return Err(DataError::NotFinite { file, at, found });
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
    pub(super) fn label_after(&mut self, training: Option<&LabelColumn>) {
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

    /// The map of the kept rows to the units of training, of this kind.
    pub(super) fn fitted(&mut self, kept: &Selection, kind: TransformKind) -> Result<Transform, DataError> {
        let dim = self.columns.len();
        match kind {
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
                Ok(Transform::fit(&values, dim, kind))
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
    pub(super) fn read(&self, places: &[usize], mut show: impl FnMut(&[f64])) -> Result<(), DataError> {
        let mut values = Vec::new();
        for run in places.chunk_by(|a, b| a + 1 == *b) {
            values.clear();
            self.stored.read(run[0], run.len(), &mut values)?;
            values.chunks_exact(self.stored.dim()).for_each(&mut show);
        }
        Ok(())
    }

    /// What a person should know of the values before they train on them in units of this kind.
    pub(super) fn remarks(
        &self,
        transform: &Transform,
        kept: &Selection,
        kind: TransformKind,
    ) -> Result<Vec<String>, DataError> {
        if kept.len() == 1 {
            return Ok(Vec::new());
        }
        let dim = self.columns.len();
        let standardize = match transform {
            Transform::Standardize(standardize) if kind == TransformKind::Standardize => standardize,
            _ => &Standardize::fit_in_passes(dim, |show| self.each(kept, show))?,
        };
        let constant: Vec<(usize, f64)> =
            (0..dim).filter(|&i| standardize.constant()[i]).map(|i| (i, standardize.mean()[i])).collect();
        let tails: Vec<(usize, [f64; 2])> = match kind {
            TransformKind::Standardize => {
                let sample = self.sample(kept)?;
                let column = |i: usize| sample[i..].iter().step_by(dim).copied();
                (0..dim).filter_map(|i| Some((i, heavy_tail(column(i))?))).collect()
            }
            TransformKind::None | TransformKind::Quantile => Vec::new(),
        };
        Ok(remarks(&self.names, &constant, &tails))
    }

    /// How many of the kept rows each class has.
    pub(super) fn counts(&self, label: &LabelColumn, kept: &Selection) -> Result<Vec<usize>, DataError> {
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
