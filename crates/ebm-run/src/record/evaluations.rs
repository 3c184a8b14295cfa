//! What evaluations of a run came to, kept in its folder.

use std::collections::BTreeMap;

use ebm_model::weights;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Context, Result};
use crate::folder::RunFolder;

/// Most bytes of the file.
const MAX_BYTES: u64 = 1 << 24;

/// Evaluations that are kept: the last so many.
const KEPT: usize = 20;

/// An evaluation: what was asked for, and what it came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The step of the weights.
    pub step: u64,
    /// What was asked for, by name: samples, seed, sampler, data.
    pub asked: BTreeMap<String, String>,
    /// The unit of distances.
    pub units: String,
    /// The result in a sentence.
    pub summary: String,
    /// What was left out.
    pub notes: Vec<String>,
    /// What is wrong.
    pub warnings: Vec<String>,
    /// The figures, as `ebm eval --json` has them; a number that is not finite is null.
    pub figures: Vec<Value>,
}

/// The evaluations of a run, the last one at the end.
///
/// # Errors
/// If the file cannot be read.
pub fn read(folder: &RunFolder) -> Result<Vec<Evaluation>> {
    let path = folder.evaluations();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let failed = || format!("could not read {}", path.display());
    let text = String::from_utf8(weights::read_file(&path, MAX_BYTES).with_context(failed)?);
    let text = text.with_context(failed)?;
    let one = |(i, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), i + 1))
    };
    text.lines().enumerate().map(one).collect()
}

/// Adds an evaluation, whole or not at all, in place of one of the same step that was asked for alike.
///
/// # Errors
/// If the disk refuses.
pub fn add(folder: &RunFolder, evaluation: &Evaluation) -> Result<()> {
    // A damaged file is no reason to lose what was just measured.
    let mut all = read(folder).unwrap_or_default();
    all.retain(|other| (other.step, &other.asked) != (evaluation.step, &evaluation.asked));
    all.push(evaluation.clone());
    let mut text = String::new();
    for evaluation in &all[all.len().saturating_sub(KEPT)..] {
        text += &serde_json::to_string(evaluation)?;
        text.push('\n');
    }
    Ok(ebm_files::write_bytes(&folder.evaluations(), text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_one_answer_and_the_last_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (run, _lock) = RunFolder::create(Some(&folder.path().join("run")), "run").unwrap();
        let asked = |seed: u64, summary: &str| Evaluation {
            step: 3,
            asked: [("seed".to_owned(), seed.to_string())].into(),
            summary: summary.into(),
            ..Evaluation::default()
        };
        assert!(read(&run).unwrap().is_empty());
        for (seed, summary) in [(1, "old"), (2, "other"), (1, "new")] {
            add(&run, &asked(seed, summary)).unwrap();
        }
        assert_eq!(read(&run).unwrap(), [asked(2, "other"), asked(1, "new")]);
        (0..KEPT as u64 + 5).for_each(|seed| add(&run, &asked(10 + seed, "")).unwrap());
        assert_eq!(read(&run).unwrap().len(), KEPT);
        std::fs::write(run.evaluations(), "{").unwrap();
        assert!(read(&run).is_err());
        add(&run, &asked(1, "after")).unwrap();
        assert_eq!(read(&run).unwrap(), [asked(1, "after")]);
    }
}
