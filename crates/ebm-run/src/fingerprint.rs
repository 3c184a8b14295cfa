//! Whether the data of a run that goes on are those that it began with.

use anyhow::{Context, Result, anyhow, ensure};
use ebm_data::Data;
use ebm_model::weights;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest;
use crate::folder::RunFolder;
use crate::hint::quoted;
use crate::usage::usage;

/// Most bytes of the file.
const MAX_BYTES: u64 = 1 << 12;

/// Rows that are read at once.
const ROWS: usize = 1024;

/// What is written down of data that have an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The number of rows or images.
    pub rows: usize,
    /// SHA-256 of their values in the model's units and of their labels, in their order.
    pub sha256: String,
}

impl Fingerprint {
    /// That of some data, or `None` if they have no end, and are a function of the configuration alone.
    ///
    /// # Errors
    /// If a row cannot be read.
    pub fn of(data: &Data) -> Result<Option<Self>> {
        let Some(rows) = data.len() else { return Ok(None) };
        let mut hash = Sha256::new();
        let all: Vec<usize> = (0..rows).collect();
        for indices in all.chunks(ROWS) {
            let batch = data.read(indices, None)?;
            digest::add(&mut hash, &batch);
        }
        Ok(Some(Self { rows, sha256: digest::hex(hash) }))
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
    let count = |rows: usize| format!("{rows} row{}", if rows == 1 { "" } else { "s" });
    let difference = if held.rows == found.rows {
        "other values".to_owned()
    } else {
        format!("{}, not {}", count(found.rows), count(held.rows))
    };
    let run = quoted(folder.path());
    ensure!(
        held == *found,
        usage(anyhow!(
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
    fn data_without_an_end_have_no_fingerprint() {
        let data =
            Data::open(&DataSpec::new(DatasetName::Toy(ebm_data::Toy::TwoMoons), None), &Noise::seeded(1))
                .unwrap();
        assert_eq!(Fingerprint::of(&data).unwrap(), None);
    }
}
