//! Whether the data of a run that goes on are those that it began with.

use ebm_data::Data;
use ebm_model::weights;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest;
use crate::error::{Context, Result, anyhow, disagreement, ensure};
use crate::folder::RunFolder;
use crate::hint::quoted;

/// Most bytes of the file.
const MAX_BYTES: u64 = 1 << 12;

/// Rows that are read at once, and those that stand for all of data that are read as they are wanted.
const ROWS: usize = 1024;

/// What is written down of data that have an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The number of rows or images.
    pub rows: usize,
    /// SHA-256 of their values in the model's units and of their labels, in their order.
    pub sha256: String,
    /// Whether that is of some of the rows, spread over the data, and of the names and lengths of files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_some: bool,
}

impl Fingerprint {
    /// That of some data, or `None` if they have no end, and are a function of the configuration alone.
    ///
    /// Of data that are in memory it is of every row; of others, of 1,024 rows and of what is known without reading.
    ///
    /// # Errors
    /// If a row cannot be read.
    pub fn of(data: &Data) -> Result<Option<Self>> {
        let Some(source) = data.source() else { return Self::of_all(data) };
        let Some(rows) = data.len() else { return Ok(None) };
        let mut hash = Sha256::new_with_prefix(source);
        let n = rows.min(ROWS);
        let spread: Vec<usize> = (0..n).map(|i| (i as u128 * rows as u128 / n as u128) as usize).collect();
        digest::add(&mut hash, &data.read(&spread, None)?);
        Ok(Some(Self { rows, sha256: digest::hex(hash), of_some: true }))
    }

    /// That of every row of some data.
    fn of_all(data: &Data) -> Result<Option<Self>> {
        let Some(rows) = data.len() else { return Ok(None) };
        let mut hash = Sha256::new();
        for first in (0..rows).step_by(ROWS) {
            let indices: Vec<usize> = (first..rows.min(first + ROWS)).collect();
            digest::add(&mut hash, &data.read(&indices, None)?);
        }
        Ok(Some(Self { rows, sha256: digest::hex(hash), of_some: false }))
    }

    /// That of the data of a run that goes on, made as the one in its folder was.
    ///
    /// # Errors
    /// If a row or the folder's file cannot be read.
    pub fn of_resumed(folder: &RunFolder, data: &Data) -> Result<Option<Self>> {
        match Self::read(folder)? {
            Some(held) if !held.of_some => Self::of_all(data),
            _ => Self::of(data),
        }
    }

    /// That of the data with which the run in `folder` began, if its folder says so.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(folder: &RunFolder) -> Result<Option<Self>> {
        let path = folder.data();
        if !path.exists() {
            return Ok(None);
        }
        let failed = || format!("{} cannot be used", path.display());
        let bytes = weights::read_file(&path, MAX_BYTES).with_context(failed)?;
        Ok(Some(serde_json::from_slice(&bytes).with_context(failed)?))
    }

    /// Writes it to a run's folder, whole or not at all, unless the folder has one.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        if folder.data().exists() {
            return Ok(());
        }
        Ok(ebm_files::write_bytes(&folder.data(), (serde_json::to_string(self)? + "\n").as_bytes())?)
    }
}

/// Refuses data that are not those with which a run began; an older run, which does not say so, takes any.
///
/// # Errors
/// A wrong use of the program, with the command that begins a new run on the data.
pub fn check(folder: &RunFolder, found: Option<&Fingerprint>) -> Result<()> {
    let (Some(held), Some(found)) = (Fingerprint::read(folder)?, found) else { return Ok(()) };
    if held.of_some && !found.of_some && held.rows == found.rows {
        // The data are in memory by now, and were not as the run began: their rows are not hashed alike.
        return Ok(());
    }
    let count = |rows: usize| format!("{rows} row{}", if rows == 1 { "" } else { "s" });
    let difference = if held.rows == found.rows {
        "other values".to_owned()
    } else {
        format!("{}, not {}", count(found.rows), count(held.rows))
    };
    let run = quoted(folder.path());
    ensure!(
        held == *found,
        disagreement(anyhow!(
            "the data have changed since {run} began: {difference}; `ebm train --from {run}` begins a new run on them \
             from its weights"
        ))
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use ebm_data::{DataSpec, DatasetName};
    use ebm_ops::Noise;

    use super::*;

    fn of_table(text: &str) -> Fingerprint {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let spec = DataSpec::new(DatasetName::Table, Some(path));
        let data = Data::open(&spec, &Noise::seeded(1)).unwrap();
        Fingerprint::of(&data).unwrap().expect("a table has an end")
    }

    #[test]
    fn a_changed_value_a_row_more_and_another_order_are_other_data() {
        let held = of_table("x,y\n0,1\n2,5\n4,-3\n");
        assert_eq!(held, of_table("x,y\n0,1\n2,5\n4,-3\n"));
        assert_eq!(held.rows, 3);
        let others = ["x,y\n0,1\n2,5\n4,-3.001\n", "x,y\n2,5\n0,1\n4,-3\n", "x,y\n0,1\n2,5\n4,-3\n4,-3\n"];
        for other in others {
            assert_ne!(held, of_table(other), "{other}");
        }
        let folder = tempfile::tempdir().unwrap();
        let (run, _lock) = RunFolder::create(Some(&folder.path().join("run")), "run").unwrap();
        check(&run, Some(&held)).unwrap();
        held.write(&run).unwrap();
        check(&run, Some(&held)).unwrap();
        let error = check(&run, Some(&of_table(others[2]))).unwrap_err().to_string();
        assert!(error.contains("4 rows, not 3 rows") && error.contains("--from"), "{error}");
        // The first is kept.
        of_table(others[0]).write(&run).unwrap();
        assert_eq!(Fingerprint::read(&run).unwrap(), Some(held));
    }

    #[test]
    fn data_that_are_read_as_they_are_wanted_are_told_by_rows_and_length_and_an_older_run_by_all_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let open = |text: &str, is_kept: bool| {
            std::fs::write(&path, text).unwrap();
            let cache = is_kept.then(|| folder.path().join("cache"));
            let spec = DataSpec { cache, ..DataSpec::new(DatasetName::Table, Some(path.clone())) };
            Data::open(&spec, &Noise::seeded(1)).unwrap()
        };
        let text = "x,y\n0,1\n2,5\n4,-3\n";
        let of = |text: &str| Fingerprint::of(&open(text, true)).unwrap().unwrap();
        let held = of(text);
        assert!(held.of_some && held == of(text));
        for other in ["x,y\n0,1\n2,5\n4,-3.001\n", "x,y\n0,1\n2,5\n4,-3\n4,-3\n"] {
            assert_ne!(held, of(other), "{other}");
        }
        let (run, _lock) = RunFolder::create(Some(&folder.path().join("run")), "run").unwrap();
        let before = of_table(text);
        before.write(&run).unwrap();
        let found = Fingerprint::of_resumed(&run, &open(text, true)).unwrap();
        assert_eq!(found.as_ref(), Some(&before));
        let other = Fingerprint::of_resumed(&run, &open("x,y\n0,1\n2,5\n4,-2\n", true)).unwrap();
        assert!(check(&run, other.as_ref()).is_err());
    }

    #[test]
    fn data_without_an_end_have_no_fingerprint() {
        let data =
            Data::open(&DataSpec::new(DatasetName::Toy(ebm_data::Toy::TwoMoons), None), &Noise::seeded(1))
                .unwrap();
        assert_eq!(Fingerprint::of(&data).unwrap(), None);
    }
}
