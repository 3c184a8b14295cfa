//! What there is to tell of a run, read from its folder.

use std::path::PathBuf;

use ebm_model::{Input, NetworkConfig, weights};
use ebm_train::ObjectiveConfig;

use super::record::{Ended, Record};
use crate::config::{Config, Overrides};
use crate::error::Result;
use crate::evaluations::{self, Evaluation};
use crate::film::Film;
use crate::folder::RunFolder;
use crate::history::{self, Change, Entry, leaves};
use crate::lock;
use crate::presets;

/// Most bytes of a journal.
const MAX_JOURNAL: u64 = 1 << 28;

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Training,
    Complete,
    Stopped,
    /// It ended without saying so.
    Interrupted,
    Failed(String),
    NotBegun,
}

/// What there is to tell of a run.
pub struct Story {
    pub folder: RunFolder,
    /// The name of the folder.
    pub name: String,
    pub config: Config,
    /// The preset of the run's name, and what is not as in it.
    pub preset: Option<(String, Vec<Change>)>,
    pub history: Vec<Entry>,
    pub record: Record,
    /// Steps and files of pictures, in order.
    pub pictures: Vec<(u64, PathBuf)>,
    pub film: Option<Film>,
    pub evaluations: Vec<Evaluation>,
    pub state: State,
    pub hash: String,
    /// What could not be read, a sentence each.
    pub faults: Vec<String>,
}

impl Story {
    /// Of the run in a folder.
    ///
    /// # Errors
    /// If its configuration cannot be read; of all else it is said on the page.
    pub fn of(folder: &RunFolder) -> Result<Self> {
        let mut faults = Vec::new();
        let config = match Config::of(folder) {
            Ok(config) => config,
            // The configuration that it began with is more than nothing.
            Err(error) => {
                let began = Config::resolve(&folder.config().to_string_lossy(), &Overrides::default());
                let began = began.map_err(|_| error)?;
                faults.push("what was changed since the run began cannot be read".to_owned());
                began
            }
        };
        let history = known(history::read(folder), &mut faults).unwrap_or_default();
        let record = Record::of(&journal(folder, &mut faults));
        let pictures = pictures(folder);
        let film = known(Film::read(folder), &mut faults).flatten();
        let evaluations = known(evaluations::read(folder), &mut faults).unwrap_or_default();
        let state = state(folder, &config, &record);
        if 0 < record.n_unreadable {
            faults.push(format!("journal.jsonl: {} lines cannot be read", record.n_unreadable));
        }
        let path = folder.path().canonicalize().unwrap_or_else(|_| folder.path().to_owned());
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self {
            name,
            preset: from_preset(&config),
            hash: known(folder.hash(), &mut faults).unwrap_or_default(),
            folder: folder.clone(),
            config,
            history,
            record,
            pictures,
            film,
            evaluations,
            state,
            faults,
        })
    }

    /// A value of the configuration as it is typed, without quotes.
    pub fn leaf(&self, key: &str) -> String {
        let leaves = leaves("", &self.config).unwrap_or_default();
        leaves.get(key).map(|value| value.trim_matches('"').to_owned()).unwrap_or_default()
    }

    /// The run's objective in words.
    pub fn objective(&self) -> &'static str {
        let name = self.config.objective.name();
        let found = ObjectiveConfig::ALL.iter().find(|(known, _)| *known == name);
        found.map_or(name, |(_, about)| about)
    }

    /// The number of parameters, if the journal tells it.
    pub fn parameters(&self) -> Option<u64> {
        self.record.told("parameters")?.as_u64()
    }

    /// Whether it learns rows and not images, so that its pictures are drawings of points.
    pub fn is_of_rows(&self) -> bool {
        matches!(self.config.model.input(), Input::Row { .. })
    }

    /// The last loss, if it is known.
    pub fn loss(&self) -> Option<f64> {
        self.record.progress.last().map(|line| line.loss)
    }

    /// Steps that are done, as far as is told.
    pub fn step(&self) -> u64 {
        self.record.last_step.min(self.config.train.steps)
    }
}

/// The value, or a sentence on why there is none.
fn known<T>(found: Result<T>, faults: &mut Vec<String>) -> Option<T> {
    found.map_err(|error| faults.push(format!("{error:#}"))).ok()
}

fn journal(folder: &RunFolder, faults: &mut Vec<String>) -> String {
    let path = folder.journal();
    match weights::read_file(&path, MAX_JOURNAL) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            let file = path.file_name().unwrap_or_default().display();
            faults.push(format!("{file} cannot be read, so that no curves are shown: {error}"));
            String::new()
        }
    }
}

fn pictures(folder: &RunFolder) -> Vec<(u64, PathBuf)> {
    let entries = std::fs::read_dir(folder.samples()).into_iter().flatten().flatten();
    let picture = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let step = name.strip_prefix("step-")?.strip_suffix(".png")?.parse().ok()?;
        Some((step, entry.path()))
    };
    let mut pictures: Vec<(u64, PathBuf)> = entries.filter_map(picture).collect();
    pictures.sort();
    pictures
}

fn state(folder: &RunFolder, config: &Config, record: &Record) -> State {
    let is_done = config.train.steps <= record.last_step && folder.model().is_file();
    match &record.ended {
        _ if lock::is_taken(folder.path()) => State::Training,
        Some(Ended::Failed(reason)) => State::Failed(reason.clone()),
        Some(Ended::Complete) if is_done => State::Complete,
        // Journals of earlier versions do not say it.
        None if is_done => State::Complete,
        Some(Ended::Stopped) => State::Stopped,
        _ if record.sessions.is_empty() => State::NotBegun,
        _ => State::Interrupted,
    }
}

/// The preset that has the configuration's name, and what differs from it, but for sizes that are taken from the data.
fn from_preset(config: &Config) -> Option<(String, Vec<Change>)> {
    let name = presets::names().find(|name| *name == config.name)?;
    let preset = Config::resolve(name, &Overrides::default()).ok()?;
    let fitted = preset.model.clone().fitted(config.model.input());
    let preset = Config { model: fitted, ..preset };
    let changes = history::changes(&preset, config).ok()?;
    Some((name.to_owned(), changes))
}
