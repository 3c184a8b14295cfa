//! What was changed in a run after it began.
//!
//! A run's `config.toml` stays as it was written: its checkpoints are known by the hash of its text. What a resume
//! changes is a line of `history.jsonl`, and the configuration of a run is the former with every line applied in order.
//! The line is written, whole or not at all, before the first step under the new settings: a run that is killed at any
//! moment goes on under the old ones or the new ones.

use std::collections::BTreeMap;

use ebm_model::weights;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::error::{Context, Result, anyhow, usage};
use crate::folder::RunFolder;
use crate::hint::quoted;

/// Most bytes of a history.
const MAX_BYTES: u64 = 1 << 24;

/// The value of a key that is not there any more.
const GONE: &str = "absent";

/// Settings that were changed when a run was resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The step at which the run went on.
    pub step: u64,
    /// What was changed.
    pub changes: Vec<Change>,
}

/// One setting with its old and its new value, in TOML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The dotted key.
    pub key: String,
    /// The value before; `None` if the key was not there.
    pub old: Option<String>,
    /// The value since.
    pub new: String,
}

impl Change {
    /// The change as `key=value`.
    pub fn assignment(&self) -> String {
        format!("{}={}", self.key, self.new)
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let old = self.old.as_deref().unwrap_or("not set");
        write!(f, "{}: {old} → {}", self.key, self.new)
    }
}

/// The changes of a run so far, in order; none if nothing was changed.
///
/// # Errors
/// If the file cannot be read, or a line is not an entry.
pub fn read(folder: &RunFolder) -> Result<Vec<Entry>> {
    let path = folder.history();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let failed = || format!("could not read {}", path.display());
    let text = String::from_utf8(weights::read_file(&path, MAX_BYTES).with_context(failed)?);
    let text = text.with_context(failed)?;
    let entry = |(i, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), i + 1))
    };
    text.lines().enumerate().map(entry).collect()
}

/// Adds an entry, whole or not at all.
///
/// # Errors
/// If the disk refuses.
pub fn append(folder: &RunFolder, entry: &Entry) -> Result<()> {
    let mut text = String::new();
    for entry in read(folder)?.iter().chain([entry]) {
        text += &serde_json::to_string(entry)?;
        text.push('\n');
    }
    Ok(ebm_files::write_bytes(&folder.history(), text.as_bytes())?)
}

/// Every setting in which `new` differs from `old`, by key.
///
/// # Errors
/// If a configuration cannot be written.
pub fn changes<T: Serialize>(old: &T, new: &T) -> Result<Vec<Change>> {
    let [old, new] = [leaves("", old)?, leaves("", new)?];
    // A table of another kind has other keys.
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key));
    let gone = gone.map(|(key, old)| Change { key: key.clone(), old: Some(old.clone()), new: GONE.into() });
    let gone: Vec<Change> = gone.collect();
    let changed = new.into_iter().filter(|(key, value)| old.get(key) != Some(value));
    let changed = changed.map(|(key, new)| Change { old: old.get(&key).cloned(), key, new });
    Ok(changed.chain(gone).collect())
}

/// The values of a configuration, or of a part of it, by dotted key, as TOML.
///
/// # Errors
/// If it cannot be written.
pub fn leaves<T: Serialize>(path: &str, value: &T) -> Result<BTreeMap<String, String>> {
    let table = Table::try_from(value).context("the configuration cannot be written")?;
    let mut leaves = BTreeMap::new();
    collect(path, &Value::Table(table), &mut leaves);
    Ok(leaves)
}

fn collect(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| {
            let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            collect(&full, value, leaves);
        }),
        leaf => {
            leaves.insert(path.to_owned(), leaf.to_string());
        }
    }
}

/// Refuses changes that a run cannot go on with; `given` is how they were asked for, as words of a command.
///
/// # Errors
/// A wrong use of the program, with the key, the reason, and the command that begins a new run instead.
pub fn check(folder: &RunFolder, changes: &[Change], given: &str) -> Result<()> {
    // Data in another place are compared with those that the run began with.
    let is_moved = |change: &Change| change.key == "data.path" && folder.data().exists();
    let mut others = changes.iter().filter(|change| !is_moved(change));
    let Some((change, reason)) = others.find_map(|change| Some((change, fixed(change)?))) else {
        return Ok(());
    };
    let Change { key, old, new } = change;
    let old = old.as_deref().unwrap_or("not set");
    let begin = match part(key) {
        // Weights of another shape are of no use to the new run.
        "model" => quoted(folder.config()),
        _ => format!("--from {}", quoted(folder.path())),
    };
    Err(usage(anyhow!(
        "{key} is {old} and cannot become {new} in this run: {reason}; `ebm train {begin}{given}` begins a new one"
    )))
}

/// Why a setting cannot change within a run, if it cannot.
fn fixed(change: &Change) -> Option<&'static str> {
    match (part(&change.key), change.key.as_str()) {
        ("model", _) => Some("its weights are of this network"),
        ("data", _) => Some("which rows a step sees is a function of the data, the seed and the step"),
        ("objective", _) => Some("the moments of its optimizer are of this loss"),
        ("seed" | "batch_size", _) => Some("which rows a step sees is a function of it"),
        ("origin", _) => Some("it says where the run began"),
        (_, "train.shards") => {
            Some("the noise of a step, and what is remembered after it, are those of its shards")
        }
        (_, "train.adam.decays") => Some("the moments of its optimizer are averages with these decays"),
        _ if change.new == GONE => Some("a setting cannot be taken back"),
        _ => None,
    }
}

/// The first part of a dotted key.
fn part(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};

    fn config(set: &[&str]) -> Config {
        let set = set.iter().map(|&text| text.to_owned()).collect();
        Config::resolve("two-moons", &Overrides { set }).unwrap()
    }

    #[test]
    fn what_differs_is_found_by_key_and_gives_the_new_configuration_again() {
        let old = config(&[]);
        let new = config(&[
            "train.steps=7000",
            "sample.sampler=\"annealed-langevin\"",
            "sample.reverse.levels=7",
            "train.adam.epsilon=1e-7",
            "name=two words",
        ]);
        let changes = changes(&old, &new).unwrap();
        let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
        let expected =
            ["name", "sample.reverse.levels", "sample.sampler", "train.adam.epsilon", "train.steps"];
        assert_eq!(keys, expected);
        assert_eq!(changes[4].to_string(), "train.steps: 8000 → 7000");
        let set = changes.iter().map(Change::assignment).collect();
        let again = Config::parse(&old.to_toml().unwrap(), &Overrides { set }).unwrap();
        assert_eq!(again, new);
    }

    #[test]
    fn a_history_is_applied_in_order_to_the_configuration_that_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (run, _lock) = RunFolder::create(Some(folder.path()), "run").unwrap();
        run.write_config(&config(&[]).to_toml().unwrap()).unwrap();
        let hash = run.hash().unwrap();
        for (step, steps) in [(10, 20), (20, 90)] {
            let old = Config::of(&run).unwrap();
            let mut new = old.clone();
            new.train.steps = steps;
            append(&run, &Entry { step, changes: changes(&old, &new).unwrap() }).unwrap();
        }
        assert_eq!(Config::of(&run).unwrap().train.steps, 90);
        assert_eq!(read(&run).unwrap()[1].changes[0].old.as_deref(), Some("20"));
        assert_eq!(run.hash().unwrap(), hash);
        std::fs::write(run.history(), "{\"step\":").unwrap();
        assert!(format!("{:#}", Config::of(&run).unwrap_err()).contains("history.jsonl, line 1"));
    }

    #[test]
    fn what_cannot_change_is_refused_with_the_reason_and_a_command() {
        let folder = tempfile::tempdir().unwrap();
        let (run, _lock) = RunFolder::create(Some(folder.path()), "run").unwrap();
        let refused = |key: &str, new: &str| {
            let change = Change { key: key.into(), old: Some("1".into()), new: new.into() };
            check(&run, &[change], " --set x=1").err().map(|error| error.to_string())
        };
        let keys = ["model.hidden", "data.path", "objective.kind", "seed", "batch_size"];
        for key in keys.into_iter().chain(["train.adam.decays", "train.shards"]) {
            let error = refused(key, "2").expect("it is refused");
            assert!(error.starts_with(&format!("{key} is 1 and cannot become 2")), "{error}");
            assert!(error.contains("`ebm train "), "{error}");
            assert_eq!(error.contains("--from"), key != "model.hidden", "{error}");
        }
        for key in
            ["train.steps", "train.learning_rate", "record.picture_every", "sample.temperature", "name"]
        {
            assert_eq!(refused(key, "2"), None);
        }
    }
}
