//! What a run is: everything that, with the data, determines it.

mod origin;

use std::path::Path;

use ebm_data::{DataSpec, DatasetName};
use ebm_model::{Architecture, NetworkConfig, weights};
use ebm_train::{ObjectiveConfig, TrainSettings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::error::{Context, Error, Result, anyhow, bail, ensure, usage};
use crate::fields::mismatch;
use crate::folder::RunFolder;
use crate::hint::near;
use crate::history;
use crate::objective;
use crate::presets;
use crate::sampling::SampleConfig;

pub use origin::Origin;

/// Most bytes of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

/// Keys that are not written where they are 0, so that configurations are as they were before there were such keys.
const NOT_WRITTEN: [&str; 2] = ["model.classes", "model.fourier_features"];

/// Most parts of a key.
const MAX_DEPTH: usize = 16;

/// The whole configuration of a run, as its `config.toml` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// What the run's folder is called.
    pub name: String,
    /// Seed of the random number generator.
    pub seed: u64,
    /// Rows of a batch.
    pub batch_size: usize,
    /// The names of the classes of a network that is conditioned on them, those of the data unless said otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The weights that it begins from, if not from new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
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

impl Default for RecordConfig {
    /// A checkpoint every 1,000 steps, a line of the journal every 50, no pictures.
    fn default() -> Self {
        Self {
            checkpoint_every: 1000,
            keep_checkpoints: 3,
            keep_best: keep_best(),
            journal_every: 50,
            picture_every: 0,
            picture_samples: 0,
            retreats: retreats(),
        }
    }
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

    /// The configuration of the run in a folder, with what was changed in it since it began.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), or if the history of the changes cannot be read.
    pub fn of(folder: &RunFolder) -> Result<Self> {
        let path = folder.config();
        whole(&path).with_context(|| format!("{} cannot be used", path.display())).map_err(usage)?;
        let changes = history::read(folder).map_err(usage)?.into_iter().flat_map(|entry| entry.changes);
        let set = changes.map(|change| change.assignment()).collect();
        Self::resolve(&path.to_string_lossy(), &Overrides { set })
    }

    /// This configuration with `overrides` applied.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn with(&self, overrides: &Overrides) -> Result<Self> {
        Self::parse(&self.to_toml()?, overrides).map_err(usage)
    }

    /// The configuration that `text` is, with `overrides` applied.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn parse(text: &str, overrides: &Overrides) -> Result<Self> {
        let given = table(text)?;
        // A whole configuration is taken as it is: what it does not say means what it meant when it was written.
        let is_whole = Value::Table(given.clone()).try_into::<Self>().is_ok();
        let mut whole = if is_whole { given } else { over(table(presets::DEFAULTS)?, given, "")? };
        for assignment in &overrides.set {
            assign(&mut whole, assignment)?;
        }
        read(whole)
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("the configuration cannot be written")
    }
}

/// Whether the configuration of a run says all that a run is. One that is cut short is not completed: what a run
/// began with is not what the defaults are.
fn whole(path: &Path) -> Result<()> {
    let table = table(&read_text(path)?)?;
    let read = Value::Table(table.clone()).try_into::<Config>();
    read.map(|_| ()).map_err(|error| explained(&table, &error))
}

/// Why the table is no configuration, with the key, which the reader of a table that has kinds does not say.
fn explained(found: &Table, error: &toml::de::Error) -> Error {
    let wrong = || {
        let found = serde_json::to_value(found).ok()?;
        let mut like = serde_json::to_value(Config::parse("", &Overrides::default()).ok()?).ok()?;
        if let Some(kind) = found["model"]["kind"].as_str() {
            like["model"] = serde_json::to_value(Architecture::named(kind)?).ok()?;
        }
        if let Some(kind) = found["objective"]["kind"].as_str() {
            like["objective"] = serde_json::to_value(objective::table(kind).ok()?).ok()?;
        }
        mismatch("", &found, &like)
    };
    let text = || error.to_string().trim_end().replace('\n', " ");
    anyhow!("{}", wrong().unwrap_or_else(text))
}

/// The table that `text` is.
fn table(text: &str) -> Result<Table> {
    text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        anyhow!("line {line}: {}", error.message().trim_end().replace('\n', " "))
    })
}

/// The keys of `given` in place of those of `base`.
///
/// A table of another kind than the one in `base` starts from the defaults of its kind, and a distribution of another
/// form from nothing.
fn over(mut base: Table, given: Table, path: &str) -> Result<Table> {
    if path == "objective" && differs("weighting", &base, &given).is_some() {
        // Numbers of the other weighting.
        ["sigma_data", "power"].into_iter().for_each(|key| drop(base.remove(key)));
    }
    for (key, value) in given {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let value = match (base.remove(&key), value) {
            (Some(Value::Table(base)), Value::Table(given)) => {
                let base = match tags(&base, &given) {
                    None => base,
                    Some(("kind", kind)) => kind_of(&full, kind)?.unwrap_or_default(),
                    Some(_) => Table::new(),
                };
                Value::Table(over(base, given, &full)?)
            }
            (_, Value::String(kind)) => match kind_of(&full, &kind)? {
                Some(table) => Value::Table(table),
                None => Value::String(kind),
            },
            (_, value) => value,
        };
        base.insert(key, value);
    }
    Ok(base)
}

/// The key that names what a table is and its value in `given`, if that differs from `base`.
fn tags<'a>(base: &Table, given: &'a Table) -> Option<(&'static str, &'a str)> {
    ["kind", "law", "from"].into_iter().find_map(|key| Some((key, differs(key, base, given)?)))
}

/// The value of a key in `given`, if both have texts there, which differ.
fn differs<'a>(key: &str, base: &Table, given: &'a Table) -> Option<&'a str> {
    let found = given.get(key)?.as_str()?;
    (base.get(key)?.as_str()? != found).then_some(found)
}

/// The whole table that the name of a kind stands for, under the keys that have kinds.
fn kind_of(key: &str, kind: &str) -> Result<Option<Table>> {
    Ok(match key {
        "objective" => Some(objective::table(kind)?),
        "model" => Some(model(kind)?),
        _ => None,
    })
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
    let value: T = Value::Table(table.clone()).try_into().map_err(|error: toml::de::Error| {
        anyhow!("{}{}", error.to_string().trim_end().replace('\n', " "), near_dataset(&table))
    })?;
    let complete = Table::try_from(&value).context("the configuration cannot be written")?;
    match unknown(&table, &complete, "") {
        Some((key, known)) => {
            let last = key.rsplit('.').next().unwrap_or(&key);
            let near = near(last, known.split(", "));
            bail!("there is no key {key}; known here: {known}{near}")
        }
        None => Ok(value),
    }
}

/// The dataset that was meant, if there is none of the name that is given.
fn near_dataset(table: &Table) -> String {
    let found = table.get("data").and_then(|data| data.get("dataset")?.as_str());
    match found.map(|found| (found, found.parse::<DatasetName>())) {
        Some((found, Err(_))) => near(found, DatasetName::all().map(|known| known.name())),
        _ => String::new(),
    }
}

/// Puts one `key=value` into the table.
fn assign(table: &mut Table, assignment: &str) -> Result<()> {
    let (key, text) = assignment.split_once('=').ok_or_else(|| {
        anyhow!("--set {assignment}: expected key=value, as in --set train.learning_rate=1e-3")
    })?;
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(text.to_owned()));
    let value = match value {
        Value::String(text) => match kind_of(key.trim(), &text)? {
            Some(table) => Value::Table(table),
            None => Value::String(text),
        },
        value => value,
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
    let unknown = || {
        let kinds = Architecture::kinds();
        anyhow!("there is no model {kind}; known: {}{}", kinds.join(", "), near(kind, kinds.iter().copied()))
    };
    Ok(Table::try_from(Architecture::named(kind).ok_or_else(unknown)?)?)
}

/// The first key of `given` that `complete` does not have, with the keys that it has there.
fn unknown(given: &Table, complete: &Table, path: &str) -> Option<(String, String)> {
    for (key, value) in given {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (value, complete.get(key)) {
            (Value::Integer(0), None) if NOT_WRITTEN.contains(&full.as_str()) => {}
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
    fn a_file_says_only_what_differs_and_a_kind_brings_its_own_defaults() {
        let parse = |text: &str| Config::parse(text, &Overrides::default());
        let config = parse("name = \"mine\"\n[model]\nkind = \"mlp-energy\"\n[train]\nsteps = 7").unwrap();
        let default = Config::parse("", &Overrides::default()).unwrap();
        assert_eq!((config.name.as_str(), config.train.steps), ("mine", 7));
        assert_eq!(config.train.learning_rate, default.train.learning_rate);
        assert_eq!(config.model, Value::Table(model("mlp-energy").unwrap()).try_into().unwrap());
        let noise = parse("[objective.noise]\nlaw = \"log-normal\"\nmean = 0.0\ndeviation = 1.0").unwrap();
        assert!(noise.to_toml().unwrap().contains("mean = 0.0"));
        let error =
            format!("{:#}", parse("[objective.noise]\nlaw = \"log-normal\"\nmean = 0.0").unwrap_err());
        assert!(error.contains("deviation"), "{error}");
        let weights = parse("[objective]\nweighting = \"power\"\npower = 2.0").unwrap();
        assert!(
            weights.to_toml().unwrap().contains("power = 2.0"),
            "the numbers of the other weighting are gone"
        );
        assert!(parse("[model]\nkind = \"transformer\"").unwrap_err().to_string().contains("mlp-energy"));
    }

    #[test]
    fn a_preset_says_nothing_that_is_a_default_anyway() {
        let defaults: Table = presets::DEFAULTS.parse().unwrap();
        for name in presets::names() {
            let (text, _) = presets::find(name).unwrap();
            let repeated = repeated(&text.parse().unwrap(), &defaults);
            assert!(repeated.is_empty(), "{name} repeats {repeated:?}");
        }
    }

    /// The keys of a preset whose values are those of the defaults, where the kind is too.
    fn repeated(preset: &Table, defaults: &Table) -> Vec<String> {
        if tags(defaults, preset).is_some() {
            return vec![];
        }
        let each = preset.iter().flat_map(|(key, value)| match (value, defaults.get(key)) {
            (Value::Table(preset), Some(Value::Table(defaults))) => repeated(preset, defaults),
            (value, Some(default)) if value == default => vec![key.clone()],
            _ => vec![],
        });
        each.collect()
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

    #[test]
    fn the_key_of_a_configuration_is_named_within_a_table_that_has_kinds() {
        let whole = Config::resolve("two-moons", &Overrides::default()).unwrap().to_toml().unwrap();
        for (from, to, expected) in [
            ("dim = 2", "dim = \"two\"", "model.dim is \"two\", expected a whole number, not negative"),
            ("[train]", "[train]\nextra = 1", ""),
            ("seed = ", "seed = -", "seed is -"),
        ] {
            let text = whole.replacen(from, to, 1);
            assert_ne!(text, whole, "{from}");
            let table: Table = text.parse().unwrap();
            let Err(error) = Value::Table(table.clone()).try_into::<Config>() else { continue };
            let found = explained(&table, &error).to_string();
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
