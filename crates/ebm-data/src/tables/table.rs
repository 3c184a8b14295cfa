//! Tables of numbers in memory.

use std::path::Path;

use burn_dataset::Dataset;
use ebm_ops::Noise;

use super::labels::Labels;
use super::layout::{RowLayout, Wanted};
use super::rows::Rows;
use super::selection::Numbers;
use super::splits::{Files, none_held_out};
use super::transform::Transform;
use crate::data::Data;
use crate::{DataError, DataSpec, DatasetName, Point, Split};

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
        let (split, kind) = (spec.split, spec.transform_kind());
        let Files { training_file, test_file, holdout } = Files::of(path, spec, noise)?;
        let wanted = layout.map(Wanted::of);
        let mut rows = match (split, test_file, &holdout) {
            (Split::Train, ..) | (Split::Test, None, Some(_)) => Rows::read(&training_file, spec, wanted)?,
            (Split::Test, Some(file), _) if layout.is_some() => Rows::read(&file, spec, wanted)?,
            (Split::Test, Some(file), _) => {
                // The columns of the test file are those of the training file, whose units they have.
                let training = Rows::read(&training_file, spec, None)?;
                let transform = Transform::fit(&training.values, training.dim, kind);
                let wanted = Wanted { names: &training.columns, dim: training.dim };
                let mut rows = Rows::read(&file, spec, Some(wanted))?;
                if let Some(known) = training.labels {
                    rows.labels = rows.labels.map(|labels| labels.after(&known.classes));
                }
                return Ok(Self::of(rows, transform));
            }
            (Split::Test, None, None) => return Err(none_held_out(path)),
        };
        let training = match &holdout {
            None => None,
            Some(holdout) => rows.divide(holdout, split, spec.holdout.unwrap_or_default(), path)?,
        };
        let transform = match (layout, training) {
            (Some(layout), _) => layout.transform.clone(),
            (None, Some(training)) => Transform::fit(&training, rows.dim, kind),
            (None, None) => {
                rows.notes.extend(rows.remarks(kind));
                Transform::fit(&rows.values, rows.dim, kind)
            }
        };
        Ok(Self::of(rows, transform))
    }

    fn of(rows: Rows, transform: Transform) -> Self {
        let Rows { dim, values, columns, labels, numbers, notes } = rows;
        Self { dim, values, transform, columns, labels, numbers, notes }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Missing;

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
    fn a_value_that_is_not_finite_is_named_by_line_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.csv");
        for bad in ["inf", "-Infinity", "1e39", "1e999"] {
            fs::write(&file, format!("a,b\n1,2\n3,{bad}\n")).unwrap();
            let error = Table::read(&file, Split::Train, true).unwrap_err();
            let expected =
                format!(", line 3, column 2 (b): expected a finite number of single precision, found {bad}");
            assert!(error.to_string().ends_with(&expected), "{bad}: {error}");
        }
        // The column is that of the file, and a row that is left out may have any value.
        let first = |keys: &str| open("a,b,c\n1,2,3\n4,NA,inf\n\n4,5,inf\n", keys, Split::Train);
        let error = first(r#", "columns": "c", "missing": "drop""#).unwrap_err();
        assert!(error.contains("line 3, column 3 (c)"), "{error}");
        let error = first(r#", "missing": "drop""#).unwrap_err();
        assert!(error.contains("line 5, column 3 (c)"), "{error}");
        let rows = open("a,b\n1,2\n,inf\n4,5\n", r#", "missing": "drop""#, Split::Train).unwrap();
        assert_eq!(rows.len(), 2);
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
        let least: String = (0..30).map(|i| format!("{i}.5,1e-300\n")).collect();
        let found = notes(&format!("x,k\n{least}"), "");
        assert!(found.contains("column k is constant (1e-300)"), "{found}");
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
