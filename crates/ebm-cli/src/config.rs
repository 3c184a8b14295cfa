//! What a run is: everything that, with the data, determines it.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use ebm_data::DataSpec;
use ebm_model::{Architecture, NetworkConfig, weights};
use ebm_train::TrainSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::objective::ObjectiveConfig;
use crate::presets;
use crate::sampler::SampleConfig;
use crate::usage::usage;

/// Most bytes of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

/// Most parts of a key.
const MAX_DEPTH: usize = 16;

/// The whole configuration of a run, as its `config.toml` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// What the run's folder is called.
    pub name: String,
    /// Of all randomness.
    pub seed: u64,
    /// Rows of a batch.
    pub batch_size: usize,
    /// What is learned from.
    pub data: DataSpec,
    /// The network.
    pub model: Architecture,
    /// The loss.
    pub objective: ObjectiveConfig,
    /// How the run goes.
    pub train: TrainSettings,
    /// What is written while it goes.
    pub record: RecordConfig,
    /// How samples are drawn.
    pub sample: SampleConfig,
}

/// How often a run writes what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordConfig {
    /// Steps between checkpoints; 0 writes only the last one.
    pub checkpoint_every: u64,
    /// Checkpoints that are kept: the last so many.
    pub keep_checkpoints: usize,
    /// Checkpoints that are kept besides, those with the least running loss; contrastive divergence, whose loss
    /// does not say how good a model is, has none.
    #[serde(default = "keep_best")]
    pub keep_best: usize,
    /// Steps between lines of the journal.
    pub journal_every: u64,
    /// Steps between pictures of samples; 0 draws only the last one.
    pub picture_every: u64,
    /// Samples in a picture.
    pub picture_samples: usize,
    /// How often a run of contrastive divergence that diverges goes back to its last checkpoint and on with half
    /// of the learning rate, of the sampler's step, or of both, before it gives up.
    #[serde(default = "retreats")]
    pub retreats: u32,
}

fn keep_best() -> usize {
    1
}

fn retreats() -> u32 {
    10
}

/// What the command line says about a configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `key=value`, dotted keys, values in TOML or plain text; later ones win.
    pub set: Vec<String>,
}

impl Config {
    /// The configuration of a preset's name or of a file that ends in `.toml`, with `overrides` applied.
    ///
    /// # Errors
    /// A wrong use of the command line: an unknown preset, an unreadable file, a key that does not exist, a
    /// value of the wrong kind.
    pub fn resolve(preset: &str, overrides: &Overrides) -> Result<Self> {
        let (text, mut set) = if Path::new(preset).extension().is_some_and(|extension| extension == "toml") {
            (read_text(Path::new(preset)).map_err(usage)?, Vec::new())
        } else {
            let (text, changes) = presets::find(preset)?;
            (text.to_owned(), changes)
        };
        set.extend(overrides.set.iter().cloned());
        Self::parse(&text, &Overrides { set }).with_context(|| format!("in {preset}")).map_err(usage)
    }

    /// The configuration that `text` is, with `overrides` applied.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn parse(text: &str, overrides: &Overrides) -> Result<Self> {
        let mut table: Table =
            text.parse().map_err(|error: toml::de::Error| anyhow!("{}", error.message()))?;
        for assignment in &overrides.set {
            assign(&mut table, assignment)?;
        }
        read(table)
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("the configuration cannot be written")
    }
}

/// The text of a configuration file.
///
/// # Errors
/// If it is no file, longer than a configuration can be, or no text.
fn read_text(path: &Path) -> Result<String> {
    let failed = || format!("could not read {}", path.display());
    let bytes = weights::read_file(path, MAX_BYTES).with_context(failed)?;
    String::from_utf8(bytes).with_context(failed)
}

/// `value` with `key=value` assignments applied.
///
/// # Errors
/// If an assignment is none, names a key that does not exist, or has a value of the wrong kind.
pub fn assign_to<T: Serialize + DeserializeOwned>(value: &T, assignments: &[String]) -> Result<T> {
    let mut table = Table::try_from(value).context("the configuration cannot be written")?;
    for assignment in assignments {
        assign(&mut table, assignment)?;
    }
    read(table)
}

/// The value that a table is, if it has no key too many.
fn read<T: Serialize + DeserializeOwned>(table: Table) -> Result<T> {
    let value: T = Value::Table(table.clone())
        .try_into()
        .map_err(|error: toml::de::Error| anyhow!("{}", error.to_string().trim_end().replace('\n', " ")))?;
    let complete = Table::try_from(&value).context("the configuration cannot be written")?;
    match unknown(&table, &complete, "") {
        Some((key, known)) => bail!("there is no key {key}; known here: {known}"),
        None => Ok(value),
    }
}

/// Puts one `key=value` into the table.
fn assign(table: &mut Table, assignment: &str) -> Result<()> {
    let (key, text) = assignment.split_once('=').ok_or_else(|| {
        anyhow!("--set {assignment}: expected key=value, as in --set train.learning_rate=1e-3")
    })?;
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(text.to_owned()));
    // The name of a kind stands for the whole table of that kind.
    let value = match (key.trim(), value) {
        ("objective", Value::String(kind)) => Value::Table(ObjectiveConfig::table(&kind)?),
        ("model", Value::String(kind)) => Value::Table(model(&kind)?),
        (_, value) => value,
    };
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last =
        parts.pop().filter(|part| !part.is_empty()).ok_or_else(|| anyhow!("--set {assignment}: no key"))?;
    ensure!(
        parts.len() < MAX_DEPTH,
        "--set: a key of {} parts, expected at most {MAX_DEPTH}",
        parts.len() + 1
    );
    let mut inner = table;
    for part in parts {
        let next = inner.entry(part).or_insert_with(|| Value::Table(Table::new()));
        inner = next.as_table_mut().ok_or_else(|| anyhow!("--set {assignment}: {part} is no table"))?;
    }
    // A whole number where a fraction is meant is what people write.
    let value = match (inner.get(last), value) {
        (Some(Value::Float(_)), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    };
    inner.insert(last.to_owned(), value);
    Ok(())
}

/// The default description of a network of this kind, as a table.
fn model(kind: &str) -> Result<Table> {
    let unknown = || anyhow!("there is no model {kind}; known: {}", Architecture::kinds().join(", "));
    Ok(Table::try_from(Architecture::named(kind).ok_or_else(unknown)?)?)
}

/// The first key of `given` that `complete` does not have, with the keys that it has there.
fn unknown(given: &Table, complete: &Table, path: &str) -> Option<(String, String)> {
    for (key, value) in given {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (value, complete.get(key)) {
            (_, None) => {
                let known = complete.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                return Some((full, known));
            }
            (Value::Table(given), Some(Value::Table(complete))) => {
                if let Some(found) = unknown(given, complete, &full) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[&str]) -> Result<Config> {
        let set = set.iter().map(|&text| text.to_owned()).collect();
        Config::resolve("glyphs", &Overrides { set })
    }

    #[test]
    fn every_preset_is_a_whole_configuration_and_survives_being_written() {
        for name in presets::names() {
            let config = Config::resolve(name, &Overrides::default()).unwrap();
            assert_eq!(config.name, name);
            let again = Config::parse(&config.to_toml().unwrap(), &Overrides::default()).unwrap();
            assert_eq!(again, config);
            assert_eq!(again.to_toml().unwrap(), config.to_toml().unwrap());
        }
    }

    #[test]
    fn values_are_set_by_dotted_keys_and_the_text_follows() {
        let config = with(&["train.learning_rate=2", "data.dataset=two-moons", "seed = 7"]).unwrap();
        assert_eq!((config.train.learning_rate, config.seed), (2.0, 7));
        assert_ne!(config.to_toml().unwrap(), with(&[]).unwrap().to_toml().unwrap());
    }

    #[test]
    fn what_does_not_exist_is_named_with_what_does() {
        let message = |set: &[&str]| format!("{:#}", with(set).unwrap_err());
        assert!(message(&["train.speed=3"]).contains("there is no key train.speed; known here: adam,"));
        assert!(message(&["model.depth=3"]).contains("there is no key model.depth"));
        assert!(
            message(&["objective.noise.n=3"])
                .contains("there is no key objective.noise.n; known here: deviation")
        );
        assert!(message(&["train.steps=many"]).contains("invalid type: string"));
        assert!(message(&["train.steps"]).contains("expected key=value"));
        let unknown = format!("{:#}", Config::resolve("mnits", &Overrides::default()).unwrap_err());
        assert!(unknown.contains("mnits") && unknown.contains("mnist"), "{unknown}");
    }
}
