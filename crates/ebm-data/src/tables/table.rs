//! Tables of numbers.

use std::path::{Path, PathBuf};

use burn_dataset::Dataset;
use ebm_ops::Noise;

use super::heavy_tails::heavy_tail;
use super::holdout::Holdout;
use super::labels::{ClassNames, Labels, class_of, not_whole};
use super::large::LargeTable;
use super::layout::{Columns, RowLayout, Wanted};
use super::quantile::Quantile;
use super::selection::Numbers;
use super::standardize::{Standardize, is_constant};
use super::transform::Transform;
use crate::data::Data;
use crate::files::comma_separated::{TextForm, TextTable};
use crate::files::rows::Rows as NumberRows;
use crate::files::{bytes, npy};
use crate::named::{NamedDataset, OpenOptions};
use crate::{DataError, DataSpec, DatasetName, Missing, Point, Split, TransformKind};

/// Extensions of the files that are read; text may be compressed, `.csv.gz`.
const ENDINGS: [&str; 6] = ["npy", "csv", "tsv", "txt", "dat", "tab"];

/// Those that a folder is searched for, in this order; a `train.txt` may be a list of images.
const IN_FOLDERS: [&str; 3] = ["npy", "csv", "tsv"];

/// Columns that a note names at most.
const NAMED: usize = 5;

/// A table of finite numbers in memory; each row is a point.
///
/// It keeps the values in the units of the file, and the [`Transform`] that maps them to those of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    dim: usize,
    values: Vec<f64>,
    transform: Transform,
    columns: Vec<String>,
    labels: Option<Labels>,
    /// The number of each row in its file, if some were left out.
    numbers: Option<Vec<usize>>,
    notes: Vec<String>,
}

/// The chosen columns of a file.
pub(super) struct Rows {
    pub(super) dim: usize,
    pub(super) values: Vec<f64>,
    pub(super) columns: Vec<String>,
    pub(super) labels: Option<Labels>,
    pub(super) numbers: Option<Vec<usize>>,
    pub(super) notes: Vec<String>,
}

impl Table {
    /// Reads one split of the table at `path`: a file, which is all for training, or a folder with files named
    /// `train` and `test`. The extension gives the format: `.npy`, or `.csv`, `.tsv`, `.txt`, `.dat`, `.tab` for text.
    ///
    /// With `standardize`, mean and scale are those of the training rows, whichever split is read.
    ///
    /// # Errors
    /// If the file or split is missing or malformed, or if a value is missing, infinite or beyond single precision.
    pub fn read(path: &Path, split: Split, standardize: bool) -> Result<Self, DataError> {
        let spec = DataSpec { split, standardize, ..DataSpec::new(DatasetName::Table, Some(path.into())) };
        Self::open(path, &spec, &Noise::seeded(0), None)
    }

    /// Reads the split of the table at `path` that `spec` describes, as rows of a model if there is a `layout`;
    /// `noise` decides which rows are held out.
    ///
    /// # Errors
    /// As [`read`](Self::read), and if columns do not exist or do not fit the layout.
    pub fn open(
        path: &Path,
        spec: &DataSpec,
        noise: &Noise,
        layout: Option<&RowLayout>,
    ) -> Result<Self, DataError> {
        let split = spec.split;
        let Files { training_file, test_file, holdout } = Files::of(path, spec, noise)?;
        let wanted = layout.map(Wanted::of);
        let mut rows = match (split, test_file, &holdout) {
            (Split::Train, ..) | (Split::Test, None, Some(_)) => rows(&training_file, spec, wanted)?,
            (Split::Test, Some(file), _) if layout.is_some() => rows(&file, spec, wanted)?,
            (Split::Test, Some(file), _) => {
                // The columns of the test file are those of the training file, whose units they have.
                let training = rows(&training_file, spec, None)?;
                let transform = fitted(&training.values, training.dim, spec);
                let wanted = Wanted { names: &training.columns, dim: training.dim };
                let mut rows = rows(&file, spec, Some(wanted))?;
                if let Some(known) = training.labels {
                    rows.labels = rows.labels.map(|labels| labels.after(&known.classes));
                }
                return Ok(rows.table(transform));
            }
            (Split::Test, None, None) => return Err(none_held_out(path)),
        };
        let training = match &holdout {
            None => None,
            Some(holdout) => rows.divide(holdout, split, spec.holdout.unwrap_or_default(), path)?,
        };
        let transform = match (layout, training) {
            (Some(layout), _) => layout.transform.clone(),
            (None, Some(training)) => fitted(&training, rows.dim, spec),
            (None, None) => {
                rows.notes.extend(rows.remarks(spec));
                fitted(&rows.values, rows.dim, spec)
            }
        };
        Ok(rows.table(transform))
    }

    /// The file of a split in a folder, if it exists.
    fn file(folder: &Path, split: Split) -> Option<PathBuf> {
        let file = folder.join(split.name());
        let files = IN_FOLDERS.iter().map(|ending| file.with_extension(ending));
        files.flat_map(|file| [file.clone(), file.with_added_extension("gz")]).find(|file| file.is_file())
    }

    /// Number of columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The names of the columns; empty without names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The map from the table's units to those of training.
    pub fn transform(&self) -> &Transform {
        &self.transform
    }

    /// Row `index` in the table's units.
    ///
    /// # Panics
    /// Unless `index` is below the number of rows.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }
}

/// The dataset `table`.
pub(crate) struct ByName;

impl NamedDataset for ByName {
    fn name(&self) -> &'static str {
        "table"
    }

    fn about(&self) -> &'static str {
        "a table of numbers: .npy, .csv, .tsv or .txt, or a folder with a file for each split"
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        let (path, spec, noise, layout) =
            (options.path(self.name())?, options.spec, options.noise, options.layout);
        match LargeTable::open(path, spec, noise, layout)? {
            Some(data) => Ok(data),
            None => Ok(Table::open(path, spec, noise, layout)?.into()),
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        match path.is_dir() {
            true => Table::file(path, Split::Train).is_some(),
            false => path.is_file() && ending(path).is_some(),
        }
    }
}

impl From<Table> for Data {
    fn from(mut table: Table) -> Self {
        let (columns, notes) = (std::mem::take(&mut table.columns), std::mem::take(&mut table.notes));
        let numbers = table.numbers.take().map(Numbers::Listed);
        let (classes, counts) =
            table.labels.as_ref().map(|labels| (labels.classes.clone(), labels.counts())).unwrap_or_default();
        Self::points(table.transform.clone(), table)
            .with_columns(columns)
            .with_classes(classes)
            .with_counts(counts)
            .with_notes(notes)
            .with_numbers(numbers)
    }
}

impl Dataset<Point, DataError> for Table {
    /// Row `index` in the units of training.
    fn get(&self, index: usize) -> Result<Point, DataError> {
        let label = self.labels.as_ref().map(|labels| labels.values[index]);
        Ok(Point { coordinates: self.transform.forward(self.row(index)), label })
    }

    fn len(&self) -> usize {
        self.values.len() / self.dim
    }
}

impl Rows {
    fn table(self, transform: Transform) -> Table {
        let Self { dim, values, columns, labels, numbers, notes } = self;
        Table { dim, values, transform, columns, labels, numbers, notes }
    }

    /// Keeps the rows of `split`. Returns the training rows if they are the others.
    fn divide(
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

    /// What a person should know of the values before they train on them.
    pub(super) fn remarks(&self, spec: &DataSpec) -> Vec<String> {
        let n = self.values.len() / self.dim;
        let column = |i: usize| self.values[i..].iter().step_by(self.dim).copied();
        let name = |i: usize| self.columns.get(i).cloned().unwrap_or_else(|| (i + 1).to_string());
        let mut notes = Vec::new();
        if n == 1 {
            return notes;
        }
        let constant: Vec<usize> = (0..self.dim).filter(|&i| is_constant(column(i))).collect();
        notes.extend(some(&constant, |i| format!("column {} is constant ({})", name(i), self.values[i])));
        if transform_kind(spec) == TransformKind::Standardize {
            let tails: Vec<(usize, [f64; 2])> =
                (0..self.dim).filter_map(|i| Some((i, heavy_tail(column(i))?))).collect();
            notes.extend(some(&tails, |(i, tail)| heavy_note(&name(i), tail)));
        }
        notes
    }
}

/// The files of a table's splits.
pub(super) struct Files {
    pub(super) training_file: PathBuf,
    pub(super) test_file: Option<PathBuf>,
    /// The rows of the training file that are held out, if there is no file of them.
    pub(super) holdout: Option<Holdout>,
}

impl Files {
    pub(super) fn of(path: &Path, spec: &DataSpec, noise: &Noise) -> Result<Self, DataError> {
        let file = |split: Split| match path.is_dir() {
            true => Table::file(path, split),
            false => (split == Split::Train).then(|| path.to_owned()),
        };
        let not_found = || DataError::NotFound { path: path.join(spec.split.name()).with_extension("csv") };
        let training_file = file(Split::Train).ok_or_else(not_found)?;
        let test_file = file(Split::Test);
        let holdout = spec.holdout.filter(|_| test_file.is_none());
        let holdout = holdout.map(|share| Holdout::new(share, noise)).transpose()?;
        Ok(Self { training_file, test_file, holdout })
    }
}

pub(super) fn none_held_out(path: &Path) -> DataError {
    DataError::NoHeldOut {
        path: path.into(),
        expected: "files named train and test, or a run with `--set data.holdout=0.1`, which holds out a tenth",
    }
}

/// The error of a share of `n` rows that leaves none on one side.
pub(super) fn none_left(path: &Path, share: f64, n: usize) -> DataError {
    let what = format!("data.holdout of {n} rows in {}", path.display());
    let expected = "a share that leaves rows for training and for evaluation";
    ebm_ops::OutOfRange::new(what, share, expected).into()
}

/// What is said of a share that is held out.
pub(super) fn of_holdout(split: Split, share: f64, n_test: usize, n: usize) -> String {
    match split {
        Split::Train => format!("{n_test} of {n} rows are held out (data.holdout = {share})"),
        Split::Test => format!("held out of {n} rows (data.holdout = {share})"),
    }
}

/// What is said of a column with heavy tails.
pub(super) fn heavy_note(name: &str, [farthest, normal]: [f64; 2]) -> String {
    format!(
        "column {name} has heavy tails: a value lies {farthest:.0} deviations from the mean, {normal:.1} would be usual; \
         `--set data.transform=quantile` maps columns to normal scores"
    )
}

/// A note for each of the first few, and how many more there are.
pub(super) fn some<T: Copy>(items: &[T], note: impl Fn(T) -> String) -> Vec<String> {
    let more = items.len().saturating_sub(NAMED);
    let notes = items.iter().take(NAMED).map(|&item| note(item));
    notes.chain((0 < more).then(|| format!("so are {more} more columns"))).collect()
}

pub(super) fn transform_kind(spec: &DataSpec) -> TransformKind {
    spec.transform.unwrap_or(if spec.standardize { TransformKind::Standardize } else { TransformKind::None })
}

/// The map of rows to the units of training, as `spec` asks for it.
pub(super) fn fitted(values: &[f64], dim: usize, spec: &DataSpec) -> Transform {
    match transform_kind(spec) {
        TransformKind::None => Transform::identity(dim),
        TransformKind::Standardize => Standardize::fit(values, dim).into(),
        TransformKind::Quantile => Quantile::fit(values, dim).into(),
    }
}

pub(super) fn ending(file: &Path) -> Option<&'static str> {
    let is_packed = file.extension()?.eq_ignore_ascii_case("gz");
    let file = if is_packed { file.file_stem().map(Path::new)? } else { file };
    let found = file.extension()?;
    ENDINGS.into_iter().find(|ending| found.eq_ignore_ascii_case(ending))
}

/// The rows of a file in the columns that are asked for, all finite.
pub(super) fn rows(file: &Path, spec: &DataSpec, wanted: Option<Wanted<'_>>) -> Result<Rows, DataError> {
    let ending = ending(file).ok_or_else(|| {
        let found = "a file with this extension".into();
        DataError::Unsupported { file: file.into(), found, expected: ".npy, .csv, .tsv, .txt, .dat or .tab" }
    })?;
    let content = bytes::open(file)?;
    let place = file.display().to_string();
    let missing = spec.missing.unwrap_or_default();
    let (mut rows, n) = if ending == "npy" {
        let NumberRows { dim, values } = npy::read(content, file)?;
        let columns = Columns { dim, names: &[], left_out: &[] };
        let chosen = columns.choose(spec, &place, wanted)?;
        let n = values.len() / dim;
        // The classes go along as a column until rows with gaps are gone.
        let with_label: Vec<usize> = chosen.columns.iter().copied().chain(chosen.label).collect();
        let values = match with_label.iter().copied().eq(0..dim) {
            true => values,
            false => values.chunks_exact(dim).flat_map(|row| with_label.iter().map(|&i| row[i])).collect(),
        };
        let rows = Rows {
            dim: with_label.len(),
            values,
            columns: Vec::new(),
            labels: None,
            numbers: None,
            notes: chosen.notes,
        };
        let rows = rows.without_gaps(file, missing)?;
        let rows = if chosen.label.is_some() { rows.with_last_as_label(file)? } else { rows };
        (rows, n)
    } else {
        let table = TextTable::open(content, form(spec, ending), file)?;
        let columns = Columns { dim: table.dim(), names: table.names(), left_out: table.left_out() };
        let chosen = columns.choose(spec, &place, wanted)?;
        let names = chosen.columns.iter().filter_map(|&column| table.names().get(column).cloned()).collect();
        let mut notes = notes_of(&table, spec);
        notes.extend(chosen.notes);
        let (read, labels) = table.read_labelled(&chosen.columns, chosen.label, missing)?;
        let bytes = 8 * read.values.len() as u64;
        if spec.most_bytes() < bytes {
            let megabytes = bytes >> 20;
            notes.push(format!("{megabytes} MB in memory; `--set data.cache=FOLDER` keeps them in a file"));
        }
        let n = read.n_rows;
        (
            Rows {
                dim: chosen.columns.len(),
                values: read.values,
                columns: names,
                labels,
                numbers: read.numbers,
                notes,
            },
            n,
        )
    };
    if let Some(numbers) = &rows.numbers {
        let dropped = n - numbers.len();
        rows.notes.push(format!("{dropped} of {n} rows had a missing value and were left out"));
    }
    let bad = rows.values.iter().position(|&value| !(value as f32).is_finite());
    match bad {
        Some(i) => Err(DataError::NotFinite {
            file: file.into(),
            row: rows.numbers.as_ref().map_or(i / rows.dim, |numbers| numbers[i / rows.dim]) + 1,
            column: i % rows.dim + 1,
            found: rows.values[i],
        }),
        None => Ok(rows),
    }
}

/// The form of a text table as far as it is known.
pub(super) fn form(spec: &DataSpec, ending: &str) -> TextForm {
    let usual = if matches!(ending, "tsv" | "tab") { '\t' } else { ',' };
    let DataSpec { header, delimiter, decimal, .. } = *spec;
    TextForm { header, delimiter, decimal, usual: Some(usual) }
}

/// What was found out of a text table, without what is left out of columns that were asked for.
pub(super) fn notes_of<R: std::io::Read>(table: &TextTable<'_, R>, spec: &DataSpec) -> Vec<String> {
    let is_asked = spec.columns.is_some();
    let is_said = |note: &&String| !(is_asked && note.ends_with("left out"));
    table.notes().iter().filter(is_said).cloned().collect()
}

impl Rows {
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
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn mean(table: &Table) -> &[f64] {
        match table.transform() {
            Transform::Standardize(standardize) => standardize.mean(),
            Transform::Quantile(_) => panic!("columns are mapped to normal scores"),
        }
    }

    /// The table of `text` read by keys as in a configuration, in JSON.
    fn open(text: &str, keys: &str, split: Split) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.csv");
        fs::write(&file, text).unwrap();
        let spec: DataSpec = serde_json::from_str(&format!(r#"{{"dataset": "table"{keys}}}"#)).unwrap();
        let spec = DataSpec { split, ..spec };
        Table::open(&file, &spec, &Noise::seeded(7), None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_read_by_its_extension_and_standardised() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Table.CSV");
        fs::write(&file, "height,weight\n1,10\n3,20\n5,60\n").unwrap();
        let table = Table::read(&file, Split::Train, true).unwrap();
        assert_eq!((table.len(), table.dim(), table.row(2)), (3, 2, &[5.0, 60.0][..]));
        assert_eq!(mean(&table), [3.0, 30.0]);
        assert_eq!(table.get(1).unwrap().coordinates[0], 0.0);
        let raw = Table::read(&file, Split::Train, false).unwrap();
        assert_eq!(raw.get(1).unwrap().coordinates, [3.0, 20.0]);

        assert!(matches!(Table::read(&file, Split::Test, true), Err(DataError::NoHeldOut { .. })));
        assert!(matches!(
            Table::read(&folder.path().join("x.csv"), Split::Train, true),
            Err(DataError::NotFound { .. })
        ));
        fs::write(folder.path().join("x.xls"), "").unwrap();
        let error = Table::read(&folder.path().join("x.xls"), Split::Train, true).unwrap_err();
        assert!(matches!(error, DataError::Unsupported { .. }), "{error}");
    }

    #[test]
    fn the_test_split_is_standardised_with_the_training_rows() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.csv"), "0\n2\n").unwrap();
        fs::write(folder.path().join("test.tsv"), "4\n").unwrap();
        let test = Table::read(folder.path(), Split::Test, true).unwrap();
        assert_eq!(test.get(0).unwrap().coordinates, [3.0]);
        fs::write(folder.path().join("test.tsv"), "4\t5\n").unwrap();
        let error = Table::read(folder.path(), Split::Test, true).unwrap_err().to_string();
        assert!(error.contains("2 columns, the model has 1"), "{error}");
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_by_row_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.csv");
        for bad in ["inf", "-Infinity", "1e39", "1e999"] {
            fs::write(&file, format!("a,b\n1,2\n3,{bad}\n")).unwrap();
            let error = Table::read(&file, Split::Train, true).unwrap_err();
            assert!(matches!(error, DataError::NotFinite { row: 2, column: 2, .. }), "{bad}: {error}");
        }
    }

    #[test]
    fn rows_are_held_out_by_a_share_and_units_are_those_of_the_rest() {
        let text: String = (0..200).map(|i| format!("{i}.5,1\n")).collect();
        let [train, test] =
            [Split::Train, Split::Test].map(|split| open(&text, r#", "holdout": 0.25"#, split).unwrap());
        assert_eq!(train.len() + test.len(), 200);
        assert!((30..70).contains(&test.len()), "{}", test.len());
        let expected = (0..train.len()).map(|i| train.row(i)[0]).sum::<f64>() / train.len() as f64;
        for table in [&train, &test] {
            assert!((mean(table)[0] - expected).abs() < 1e-9, "{:?}", mean(table));
            let numbers = table.numbers.as_ref().unwrap();
            assert!((0..table.len()).all(|i| table.row(i)[0] == numbers[i] as f64 + 0.5));
        }
        assert!(
            train.notes.iter().any(|note| note.contains("of 200 rows are held out")),
            "{:?}",
            train.notes
        );
        let error = open(&text, "", Split::Test).unwrap_err();
        assert!(error.contains("--set data.holdout=0.1"), "{error}");
        assert!(
            open("1\n2\n", r#", "holdout": 1e-9"#, Split::Train)
                .unwrap_err()
                .contains("data.holdout of 2 rows")
        );
        // a row that is dropped changes nothing about the others
        let first = test.numbers.as_ref().unwrap()[1];
        let gap = text.replacen(&format!("\n{first}.5,1\n"), "\nNA,1\n", 1);
        let with_gaps = open(&gap, r#", "holdout": 0.25, "missing": "drop""#, Split::Test).unwrap();
        let numbers = with_gaps.numbers.as_ref().unwrap();
        assert!(numbers.iter().all(|number| test.numbers.as_ref().unwrap().contains(number)));
        assert!(with_gaps.len() < test.len());
    }

    #[test]
    fn what_was_read_and_what_is_unusual_is_said() {
        let notes = |text: &str, keys: &str| open(text, keys, Split::Train).unwrap().notes.join("; ");
        let wide: String = (0..300).map(|i| format!("{},3e-7\n", f64::exp(0.05 * f64::from(i)))).collect();
        let found = notes(&format!("euro,k\n{wide}"), "");
        assert!(found.contains("column k is constant (0.0000003)"), "{found}");
        assert!(
            found.contains("column euro has heavy tails") && found.contains("data.transform=quantile"),
            "{found}"
        );
        assert!(!notes(&format!("euro,k\n{wide}"), r#", "transform": "quantile""#).contains("heavy"));
        let gaps = notes("x,y\n1,2\nNA,3\n4,5\n", r#", "missing": "drop""#);
        assert!(gaps.contains("1 of 3 rows had a missing value and were left out"), "{gaps}");
    }

    #[test]
    fn a_gap_in_an_array_is_refused_or_its_row_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.npy");
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }          \n";
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend([1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0].iter().flat_map(|value: &f64| value.to_le_bytes()));
        fs::write(&file, bytes).unwrap();
        let error = Table::read(&file, Split::Train, true).unwrap_err().to_string();
        assert!(error.contains("row 2, column 2") && error.contains("--missing drop"), "{error}");
        let spec = DataSpec { missing: Some(Missing::Drop), ..DataSpec::new(DatasetName::Table, None) };
        let table = Table::open(&file, &spec, &Noise::seeded(0), None).unwrap();
        assert_eq!((table.len(), table.row(1), &table.numbers), (2, &[5.0, 6.0][..], &Some(vec![0, 2])));
        let spec = DataSpec { columns: Some(vec!["2".into(), "1".into()]), ..spec };
        assert_eq!(Table::open(&file, &spec, &Noise::seeded(0), None).unwrap().row(1), [6.0, 5.0]);
    }

    #[test]
    fn compressed_text_is_read() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.csv.gz");
        let mut packed =
            flate2::write::GzEncoder::new(fs::File::create(&file).unwrap(), flate2::Compression::fast());
        packed.write_all(b"x,y\n1,2\n3,4\n").unwrap();
        packed.finish().unwrap();
        let table = Table::read(&file, Split::Train, false).unwrap();
        assert_eq!((table.row(1), table.columns()), (&[3.0, 4.0][..], &["x".to_owned(), "y".into()][..]));
    }
}
