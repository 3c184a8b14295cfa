//! The `[sample]` table of a configuration, and the samplers by name that it describes.

use std::collections::BTreeMap;

use ebm_ops::OutOfRange;
use ebm_sample::{LevelNoise, ProbabilityFlow, SampleError, Sampler, SigmaRule};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::error::{Context, Error, Result, anyhow, bail, ensure};
use crate::hint::near;
use crate::limits::{DESCENT, EVALUATIONS, TEMPERATURES, count, counts, not_negative, scale};
use crate::sampling::distances::Distances;

/// How samples are drawn: which sampler, and the numbers of each.
///
/// A sampler takes its numbers from the table of its section, then from the table of its own name; what neither says
/// has the sampler's default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleConfig {
    /// The sampler that is used if none is named.
    pub sampler: String,
    /// The temperature: scores and energies are divided by it; 1 is the model as it is.
    pub temperature: f64,
    /// Distances between points of the data, from which noise levels are found by rule; known where they were wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distances: Option<Distances>,
    /// The highest noise level that the network has learned, above which no level by rule is; known where it was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<f64>,
    /// Numbers of annealed Langevin dynamics.
    pub langevin: LangevinConfig,
    /// Numbers of the probability flow.
    pub heun: HeunConfig,
    /// Numbers of Markov chains.
    #[serde(default)]
    pub chain: ChainConfig,
    /// Numbers of other samplers, by section or by name.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// The numbers of annealed Langevin dynamics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LangevinConfig {
    /// The rule by which `top`, `levels`, `step_ratio` and `noise` are still to be found, from `bottom` and
    /// `steps_per_level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<SigmaRule>,
    /// The highest noise level.
    pub top: f64,
    /// The lowest noise level.
    pub bottom: f64,
    /// Levels, geometric.
    pub levels: usize,
    /// Steps at each level.
    pub steps_per_level: usize,
    /// η/σ² of a step.
    pub step_ratio: f64,
    /// How much noise a step adds; [`LevelNoise::Full`] if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<LevelNoise>,
}

/// The numbers of the probability flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeunConfig {
    /// The highest noise level.
    pub top: f64,
    /// The lowest noise level but 0.
    pub bottom: f64,
    /// Levels, even in σ^(1/7).
    pub levels: usize,
    /// How much fresh noise the stochastic sampler adds.
    pub churn: f64,
}

/// The numbers of Markov chains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChainConfig {
    /// The standard deviation of the normal distribution that chains start from.
    pub start: f64,
    /// η of a Langevin step; a leapfrog step has ε = √(2η).
    pub step_size: f64,
    /// Steps of a chain.
    pub steps: usize,
    /// Leapfrog steps of a step of Hamiltonian Monte Carlo.
    pub leapfrog: usize,
    /// Temperatures of parallel tempering, from 1 upwards.
    pub temperatures: Vec<f64>,
}

/// The numbers of samplers in the table of Markov chains.
pub(super) const SHARED_BY_CHAINS: [&str; 3] = ["step_size", "leapfrog", "temperatures"];

impl Default for ChainConfig {
    fn default() -> Self {
        Self { start: 1.0, step_size: 0.01, steps: 500, leapfrog: 10, temperatures: vec![1.0, 2.0, 4.0, 8.0] }
    }
}

impl Default for SampleConfig {
    /// The numbers for closed-form energies, whose samplers have no model to take them from.
    fn default() -> Self {
        Self {
            sampler: "langevin".into(),
            temperature: 1.0,
            distances: None,
            reach: None,
            langevin: LangevinConfig {
                sigma: None,
                top: 10.0,
                bottom: 0.02,
                levels: 50,
                steps_per_level: 20,
                step_ratio: 0.1,
                noise: None,
            },
            heun: HeunConfig { top: 20.0, bottom: 0.01, levels: 40, churn: 20.0 },
            chain: ChainConfig::default(),
            others: BTreeMap::new(),
        }
    }
}

/// Another name of a sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortName {
    /// The name.
    pub name: &'static str,
    /// The sampler that it stands for.
    pub sampler: &'static str,
    /// Whether it does so only on networks that are conditioned on the noise level.
    pub needs_levels: bool,
}

/// All other names of samplers.
pub const SHORT_NAMES: [ShortName; 2] = [
    ShortName { name: "langevin", sampler: "annealed-langevin", needs_levels: true },
    ShortName { name: "heun", sampler: "probability-flow", needs_levels: false },
];

/// The full name of a sampler, on a network that is `conditioned` on the noise level or on another.
fn full_name(name: &str, conditioned: bool) -> &str {
    let is_meant = |short: &&ShortName| short.name == name && (conditioned || !short.needs_levels);
    SHORT_NAMES.iter().find(is_meant).map_or(name, |short| short.sampler)
}

/// Every name of a sampler: those of the list, and others after them.
fn all_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = Sampler::list().map(|(name, _)| name).collect();
    let others = SHORT_NAMES.map(|short| short.name);
    names.extend(others.into_iter().filter(|other| Sampler::list().all(|(name, _)| name != *other)));
    names
}

impl SampleConfig {
    /// The sampler of that name with this configuration's numbers.
    ///
    /// On a network that is `conditioned` on the noise level, `langevin` means annealed Langevin dynamics; `heun` is
    /// the probability flow.
    ///
    /// # Errors
    /// A name that is not known, or a number of the wrong kind or out of range, with its key.
    pub fn sampler(&self, name: &str, conditioned: bool) -> Result<Sampler> {
        let name = full_name(name, conditioned);
        let sampler = named(name)?.with_langevin_step(self.chain.step_size);
        let section = sampler.section();
        ensure!(
            self.langevin.sigma.is_none() || !["langevin", "reverse"].contains(&section),
            "sample.langevin.sigma = \"auto\", expected levels, which are found from data"
        );
        let mut defaults = Table::try_from(&sampler).context("the sampler cannot be written")?;
        let mut given = self.section(section)?;
        // Its step size is already that of the kernel.
        if section == "chain" {
            given.remove("step_size");
        }
        if section == "reverse" {
            // A ladder goes from top to bottom of the noise that the model knows.
            let ends = [("top", self.langevin.top), ("bottom", self.langevin.bottom)];
            defaults.extend(ends.map(|(key, value)| (key.to_owned(), Value::Float(value))));
        }
        if name != section {
            given.extend(self.other(name));
        }
        given.retain(|key, _| defaults.contains_key(key));
        let mut table = defaults.clone();
        table.extend(given.clone());
        let sampler: Sampler = Value::Table(table.clone()).try_into().map_err(|error: toml::de::Error| {
            let key = wrong_kind(&defaults, &given);
            let path = key.map_or_else(|| section.to_owned(), |key| self.key_of(name, section, key));
            anyhow!("sample.{path}: {}", error.message())
        })?;
        sampler.build().map_err(|error| match error {
            SampleError::OutOfRange(found) => match number_of(&found.what, &table) {
                Some(number) if found.what == number => {
                    let what = format!("sample.{}", self.key_of(name, section, number));
                    Error::from(OutOfRange { what, ..found })
                }
                Some(number) => anyhow!("sample.{}: {found}", self.key_of(name, section, number)),
                None => anyhow!("sample.{section}: {found}"),
            },
            error => Error::from(error),
        })?;
        Ok(sampler)
    }

    /// The probability flow down the levels of the table `heun`.
    ///
    /// # Errors
    /// A number out of range, with its key.
    pub fn flow(&self) -> Result<ProbabilityFlow> {
        let HeunConfig { top, bottom, levels, .. } = self.heun;
        ProbabilityFlow::edm(top, bottom, levels).map_err(|error| within("sample.heun", error))
    }

    /// The key of the table that has the last word on a sampler's number.
    fn key_of(&self, name: &str, section: &str, number: &str) -> String {
        let is_in = |table: &str| self.other(table).contains_key(number);
        let is_end_of_ladder = section == "reverse" && ["top", "bottom"].contains(&number) && !is_in(section);
        let table = match section {
            _ if name != section && is_in(name) => name,
            "chain" if !SHARED_BY_CHAINS.contains(&number) => name,
            _ if is_end_of_ladder => "langevin",
            _ => section,
        };
        format!("{table}.{number}")
    }

    /// The numbers of a section.
    fn section(&self, name: &str) -> Result<Table> {
        Ok(match name {
            "langevin" => Table::try_from(&self.langevin)?,
            "heun" => Table::try_from(&self.heun)?,
            "chain" => Table::try_from(&self.chain)?,
            other => self.other(other),
        })
    }

    /// The table of another sampler's numbers.
    pub(super) fn other(&self, name: &str) -> Table {
        self.others.get(name).and_then(Value::as_table).cloned().unwrap_or_default()
    }

    /// # Errors
    /// A table that is of no sampler, a key that its samplers do not have, or a number out of range.
    pub fn check(&self) -> Result<()> {
        for (section, value) in &self.others {
            let table = value.as_table();
            let named = Sampler::list().filter_map(|(name, _)| Sampler::named(name).ok());
            let users: Vec<Sampler> =
                named.filter(|s| s.section() == section.as_str() || s.name() == section.as_str()).collect();
            let Some(table) = table.filter(|_| !users.is_empty()) else {
                let known = sections();
                bail!("there is no key {section}; known here: {known}{}", near(section, known.split(", ")));
            };
            let mut known = std::collections::BTreeSet::new();
            for sampler in users {
                known.extend(Table::try_from(&sampler)?.into_iter().map(|(key, _)| key));
            }
            known.remove("kind");
            if let Some(key) = table.keys().find(|key| !known.contains(*key)) {
                let near = near(key, known.iter().map(String::as_str));
                let known = known.into_iter().collect::<Vec<_>>().join(", ");
                bail!("there is no key {section}.{key}; known here: {known}{near}");
            }
        }
        self.check_numbers()
    }

    /// # Errors
    /// A number from which no sampler can be made, or with which one would not end; with its key.
    fn check_numbers(&self) -> Result<()> {
        if let Some(distances) = &self.distances {
            distances.check()?;
        }
        if let Some(reach) = self.reach {
            scale("sample.reach", reach)?;
        }
        let LangevinConfig { top, bottom, levels, steps_per_level, step_ratio, .. } = self.langevin;
        ladder("sample.langevin", [top, bottom], levels)?;
        scale("sample.langevin.step_ratio", step_ratio)?;
        count("sample.langevin.steps_per_level", steps_per_level, DESCENT)?;
        counts("sample.langevin.levels × steps_per_level", &[levels, steps_per_level], DESCENT)?;
        let HeunConfig { top, bottom, levels, churn } = self.heun;
        ladder("sample.heun", [top, bottom], levels)?;
        not_negative("sample.heun.churn", churn)?;
        let ChainConfig { start, step_size, steps, leapfrog, temperatures } = &self.chain;
        scale("sample.chain.start", *start)?;
        scale("sample.chain.step_size", *step_size)?;
        count("sample.chain.steps", *steps, EVALUATIONS)?;
        count("sample.chain.leapfrog", *leapfrog, EVALUATIONS)?;
        counts("sample.chain.steps × leapfrog", &[*steps, *leapfrog], EVALUATIONS)?;
        let n = temperatures.len();
        ensure!(n <= TEMPERATURES, "sample.chain.temperatures: {n} of them, expected at most {TEMPERATURES}");
        temperatures.iter().try_for_each(|&found| scale("sample.chain.temperatures", found))?;
        for (section, table) in &self.others {
            for (key, value) in table.as_table().into_iter().flatten() {
                let path = format!("sample.{section}.{key}");
                let is_count = value.as_integer().is_none_or(|n| (0..=EVALUATIONS as i64).contains(&n));
                ensure!(is_count, "{path} = {value}, expected a whole number from 0 to {EVALUATIONS}");
                let is_finite = value.as_float().is_none_or(f64::is_finite);
                ensure!(is_finite, "{path} = {value}, expected a finite number");
            }
        }
        scale("sample.temperature", self.temperature)
    }
}

impl SampleConfig {
    /// # Errors
    /// If its sampler is none that there is, in this build of the program or another.
    pub(crate) fn check_sampler(&self) -> Result<()> {
        let name = full_name(&self.sampler, true);
        let optional = ["nuts"];
        let is_known = optional.contains(&name) || Sampler::list().any(|(known, _)| known == name);
        ensure!(is_known, "sample.sampler = {name}, expected one of {}", all_names().join(", "));
        Ok(())
    }
}

/// The error with the path of a table in front of the number.
pub(super) fn within(path: &str, error: SampleError) -> Error {
    match error {
        SampleError::OutOfRange(error) => error.within(path).into(),
        error => error.into(),
    }
}

/// The first of the numbers that is of another kind than the sampler of these defaults takes.
fn wrong_kind<'a>(defaults: &Table, given: &'a Table) -> Option<&'a str> {
    let is_wrong = |(key, value): &(&'a String, &'a Value)| {
        let mut alone = defaults.clone();
        alone.insert((*key).clone(), (*value).clone());
        Value::Table(alone).try_into::<Sampler>().is_err()
    };
    given.iter().find(is_wrong).map(|(key, _)| key.as_str())
}

/// The number of a sampler that an error is about: by its name, or, as `temperature 0`, one of several.
fn number_of<'a>(what: &str, numbers: &'a Table) -> Option<&'a str> {
    let is_meant = |number: &&'a str| {
        *number == what || number.strip_suffix('s').is_some_and(|one| what.starts_with(&format!("{one} ")))
    };
    numbers.keys().map(String::as_str).find(is_meant)
}

/// The ends of a noise ladder and its levels.
fn ladder(path: &str, [top, bottom]: [f64; 2], levels: usize) -> Result<()> {
    scale(&format!("{path}.top"), top)?;
    scale(&format!("{path}.bottom"), bottom)?;
    ensure!(bottom < top, "{path}.bottom = {bottom:?}, expected less than {path}.top = {top:?}");
    count(&format!("{path}.levels"), levels, DESCENT)
}

/// The sampler of this name, or which name is near.
fn named(name: &str) -> Result<Sampler> {
    Sampler::named(name).map_err(|error| {
        let others = SHORT_NAMES.iter().filter(|short| !short.needs_levels);
        let others = others.map(|short| format!("; {} is short for {}", short.name, short.sampler));
        anyhow!("{error}{}{}", others.collect::<String>(), near(name, all_names()))
    })
}

/// The tables that a configuration can have, as a list.
fn sections() -> String {
    let own = ["sampler", "temperature", "langevin", "heun", "chain"].map(str::to_owned);
    let named = Sampler::list().filter_map(|(name, _)| Some(Sampler::named(name).ok()?.section().to_owned()));
    let all: std::collections::BTreeSet<String> = own.into_iter().chain(named).collect();
    all.into_iter().collect::<Vec<_>>().join(", ")
}
