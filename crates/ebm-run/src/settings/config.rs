//! What a run is: everything that, with the data, determines it.

mod origin;
mod tables;

use std::path::Path;

use ebm_data::DataSpec;
use ebm_model::{Architecture, NetworkConfig, weights};
use ebm_train::{ObjectiveConfig, TrainSettings};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::error::{Context, Error, Result, anyhow, usage};
use crate::fields::mismatch;
use crate::folder::RunFolder;
use crate::history;
use crate::objective;
use crate::presets;
use crate::sampling::SampleConfig;

pub use origin::Origin;
pub use tables::assign_to;
use tables::{assign, outer_first, over, read, table};

/// Most bytes of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

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
    /// `key=value`, dotted keys, values in TOML or plain text.
    ///
    /// A key counts before those inside it, whichever is given first: `model=mlp` sets the whole table, and
    /// `model.hidden=8` a key of it, unless it does not fit a table that is set after it, which then takes its place. Of
    /// the same key the last one counts.
    pub set: Vec<String>,
}

impl Config {
    /// The configuration of a preset's name or of a file that ends in `.toml`, with `overrides` applied.
    ///
    /// # Errors
    /// A wrong use of the command line: an unknown preset, an unreadable file, a key that does not exist, a
    /// value of the wrong kind.
    pub fn resolve(preset: &str, overrides: &Overrides) -> Result<Self> {
        let (text, changes) = if Path::new(preset).extension().is_some_and(|extension| extension == "toml") {
            (read_text(Path::new(preset)).map_err(usage)?, Vec::new())
        } else {
            let (text, changes) = presets::find(preset)?;
            (text.to_owned(), changes)
        };
        // After those of the preset, whose kind of network may be another.
        let read = |set: &[String]| Self::assigned(&text, &[&changes[..], set].concat());
        outer_first(&overrides.set, read).with_context(|| format!("in {preset}")).map_err(usage)
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
        outer_first(&overrides.set, |set| Self::assigned(text, set))
    }

    /// The configuration that `text` is, with assignments applied one after the other.
    fn assigned(text: &str, assignments: &[String]) -> Result<Self> {
        let given = table(text)?;
        // A whole configuration is taken as it is: what it does not say means what it meant when it was written.
        let is_whole = Value::Table(given.clone()).try_into::<Self>().is_ok();
        let mut whole = if is_whole { given } else { over(table(presets::DEFAULTS)?, given, "")? };
        for assignment in assignments {
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

/// The text of a configuration file.
///
/// # Errors
/// If it is no file, longer than a configuration can be, or no text.
fn read_text(path: &Path) -> Result<String> {
    let failed = || format!("could not read {}", path.display());
    let bytes = weights::read_file(path, MAX_BYTES).with_context(failed)?;
    String::from_utf8(bytes).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::tables::{model, tags};
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
    fn a_key_within_a_table_counts_whether_it_is_set_before_or_after_the_whole_table() {
        let assignments = ["model=mlp", "model.hidden=8", "model.dim=3", "seed=1", "seed=2"];
        let ordered = with(&assignments).unwrap();
        let within_first = ["model.hidden=8", "seed=1", "model.dim=3", "model=mlp", "seed=2"];
        assert_eq!(with(&within_first).unwrap(), ordered);
        assert_eq!(ordered.seed, 2, "of the same key the last one counts");
        assert!(ordered.to_toml().unwrap().contains("hidden = 8"));
        let replaced = with(&["model.hidden=8", "model=mlp-energy"]).unwrap();
        assert_eq!(replaced, with(&["model=mlp-energy"]).unwrap(), "what does not fit is replaced");
        // What a preset says of its own kind of network is no part of another kind.
        let other = Overrides { set: vec!["model=mlp".into()] };
        assert!(presets::names().all(|name| Config::resolve(name, &other).is_ok()));
        let sample = assign_to(&ordered.sample, &["heun.levels=3".into(), "sampler=heun".into()]).unwrap();
        assert_eq!((sample.heun.levels, sample.sampler.as_str()), (3, "heun"));
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
