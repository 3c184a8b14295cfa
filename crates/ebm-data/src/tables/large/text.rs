//! Text tables whose numbers are kept in a file of a cache.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::label_column::LabelColumn;
use super::rows::LargeRows;
use super::stored::Stored;
use crate::files::bytes;
use crate::files::comma_separated::TextTable;
use crate::files::hex::hex;
use crate::files::pixels::{About, PixelFile, PixelWriter};
use crate::files::state::state;
use crate::tables::layout::{Columns, Wanted};
use crate::tables::splits::ending;
use crate::tables::text_form::{form_of, notes_of};
use crate::{DataError, DataSpec, ImageShape};

/// The version of how tables are read: another one makes every file stale.
const VERSION: &str = "1";

/// Digits of the hash that tells files of one folder of caches apart.
const DIGITS: usize = 12;

/// What stands before the name of a column, the name of a class, and what was found out.
const NAME: &str = "name ";
const CLASS: &str = "class ";
const NOTE: &str = "note ";

/// The line that says that the last number of a row is its class.
const LABELLED: &str = "labelled";

/// The rows of a text table: from the file in the folder `cache` if the table has not changed since it was made, by its
/// length and time of change, on Unix also by its inode, or else from a new one.
///
/// The file has a double for every value, NaN where one is missing, and the number of the class, in the order in which
/// classes were seen.
///
/// # Errors
/// As those of a table in memory, or if the file cannot be written.
pub(super) fn open(
    file: &Path,
    spec: &DataSpec,
    wanted: Option<Wanted<'_>>,
    cache: &Path,
) -> Result<LargeRows, DataError> {
    let how = how(spec);
    let name = format!("{}\n{how}", file.canonicalize().unwrap_or_else(|_| file.to_owned()).display());
    let path = cache.join(format!("table-{}.numbers", &hex(Sha256::new_with_prefix(name))[..DIGITS]));
    let key = hex(Sha256::new_with_prefix(format!("{VERSION}\n{how}\n{}", state(file)?)));
    let is_fresh = |found: &PixelFile| found.about.key == key;
    let make = || keep(file, spec, wanted.is_some(), &path, &key);
    let kept = PixelFile::open_or_keep(&path, is_fresh, make)?;
    let all = |kind: &str| -> Vec<String> {
        kept.about.notes.iter().filter_map(|line| line.strip_prefix(kind)).map(str::to_owned).collect()
    };
    let (names, classes, mut notes) = (all(NAME), all(CLASS), all(NOTE));
    let is_labelled = kept.about.notes.iter().any(|line| line == LABELLED);
    let width = kept.about.shape.width / 8;
    let dim = width - usize::from(is_labelled);
    // What the description says of columns was done as they were kept; what a model wants is done now.
    let label = spec.label.clone().filter(|_| !is_labelled);
    let plain = DataSpec { columns: None, drop: None, label, ..spec.clone() };
    let columns = Columns { dim, names: &names, left_out: &[] };
    let chosen = columns.choose(&plain, &file.display().to_string(), wanted)?;
    notes.extend(chosen.notes);
    let names = chosen.columns.iter().filter_map(|&column| names.get(column).cloned()).collect();
    Ok(LargeRows {
        path: file.into(),
        stored: Stored::Kept { file: kept, dim: width },
        columns: chosen.columns,
        names,
        label: is_labelled.then(|| LabelColumn::of_numbers(dim, &classes)),
        notes,
    })
}

/// All of a description that the numbers depend on.
fn how(spec: &DataSpec) -> String {
    let DataSpec { columns, drop, label, header, delimiter, decimal, missing, .. } = spec;
    format!("{columns:?} {drop:?} {label:?} {header:?} {delimiter:?} {decimal:?} {missing:?}")
}

/// Reads the table into the file at `path`, which appears when it is whole. Rows for a model need not have the column of
/// classes.
fn keep(file: &Path, spec: &DataSpec, is_for_model: bool, path: &Path, key: &str) -> Result<(), DataError> {
    let ending = ending(file).unwrap_or_default();
    ebm_files::write(path, |out| {
        let table = TextTable::open(bytes::open(file)?, form_of(spec, ending), file)?;
        let columns = Columns { dim: table.dim(), names: table.names(), left_out: table.left_out() };
        let place = file.display().to_string();
        let has_label = !is_for_model || spec.label.is_none() || columns.choose(spec, &place, None).is_ok();
        let spec = &DataSpec { label: spec.label.clone().filter(|_| has_label), ..spec.clone() };
        let chosen = columns.choose(spec, &place, None)?;
        let mut lines: Vec<String> =
            notes_of(&table, spec).iter().map(|note| format!("{NOTE}{note}")).collect();
        let names = chosen.columns.iter().filter_map(|&column| table.names().get(column));
        lines.extend(names.map(|name| format!("{NAME}{name}")));
        lines.extend(chosen.label.map(|_| LABELLED.to_owned()));
        let width = chosen.columns.len() + usize::from(chosen.label.is_some());
        let mut writer = PixelWriter::new(out, path);
        let (mut n, mut bytes) = (0, Vec::new());
        let classes = table.each(&chosen.columns, chosen.label, spec.missing.unwrap_or_default(), |row| {
            bytes.extend(row.values.iter().flat_map(|value| value.to_le_bytes()));
            if chosen.label.is_some() {
                bytes.extend(row.class.map_or(f64::NAN, f64::from).to_le_bytes());
            }
            n += 1;
            // A block at a time.
            if bytes.len() < 1 << 16 {
                return Ok(());
            }
            let written = writer.write(&bytes);
            bytes.clear();
            written
        })?;
        if n == 0 {
            return Err(DataError::Empty { path: file.into(), expected: "rows of numbers" });
        }
        writer.write(&bytes)?;
        lines.extend(classes.iter().map(|class| format!("{CLASS}{class}")));
        let shape = ImageShape { channels: 1, height: 1, width: 8 * width };
        writer.finish(&About { key: key.to_owned(), shape, n, notes: lines })
    })
}
