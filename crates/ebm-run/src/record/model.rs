//! The trained network of a run's folder, of one of its checkpoints, or of a model file.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use ebm_model::{Architecture, Init, Network, NetworkConfig, weights};
use ebm_ops::Noise;
use ebm_train::{Checkpoints, Restored, TrainError};

use crate::agreement;
use crate::card::{Content, ModelCard};
use crate::classes;
use crate::config::Config;
use crate::error::{Context, Error, Result, anyhow, bail, ensure, not_found, usage};
use crate::folder::RunFolder;
use crate::parts;
use crate::sampling::SampleConfig;

/// Most bytes of the description of a sample.
const MAX_CONTENT: u64 = 1 << 28;

/// How often checkpoints are looked for while the run that writes them removes old ones.
const ATTEMPTS: usize = 5;

/// The card and the network of a run's folder, of one of its checkpoints (`step`, or the folder `step-N`), or of a model
/// file.
///
/// Without a step it is the model file's network, or, as long as there is none, the one of the last checkpoint: the
/// averaged weights, like those of a model file. `notice` is told what a person should know about the choice.
///
/// # Errors
/// A wrong use of the program if there is no such step, with the steps that there are; a file that cannot be read, or
/// whose weights are not of the run's network.
pub fn model(
    path: &Path,
    step: Option<u64>,
    device: &Device,
    notice: &dyn Fn(&str),
) -> Result<(ModelCard, Network)> {
    match chosen(path, step, notice)? {
        Chosen::Model(file) => ModelCard::load(&file, device),
        Chosen::Checkpoint { folder, checkpoints, step } => {
            let (card, network) = of_checkpoint(&folder, &checkpoints, step, device, notice)?;
            if step.is_none() {
                let (run, step) = (folder.path().display(), card.step);
                notice(&format!("{run} has no model yet: its checkpoint of step {step} is used"));
            }
            Ok((card, network))
        }
    }
}

/// What [`model`] finds as it is described, and how samples of it are drawn if nothing else is said. No weights are read,
/// so that no device is needed.
///
/// # Errors
/// As [`model`], but for the weights.
pub fn description(
    path: &Path,
    step: Option<u64>,
    notice: &dyn Fn(&str),
) -> Result<(Architecture, SampleConfig)> {
    match chosen(path, step, notice)? {
        Chosen::Model(file) => {
            let card = ModelCard::alone(&file)?;
            Ok((card.architecture, card.sample))
        }
        Chosen::Checkpoint { folder, .. } => {
            let config = Config::of(&folder)?;
            Ok((config.model, config.sample))
        }
    }
}

/// Weights that are meant.
enum Chosen {
    /// Those of a model file.
    Model(PathBuf),
    /// Those of a step of a run that has a checkpoint of it, or of the last checkpoint of a run that has no model yet.
    Checkpoint { folder: RunFolder, checkpoints: Checkpoints, step: Option<u64> },
}

/// Which weights a path and a step mean.
fn chosen(path: &Path, step: Option<u64>, notice: &dyn Fn(&str)) -> Result<Chosen> {
    let (path, step) = run_and_step(path, step)?;
    if path.is_file() {
        if let Some(step) = step {
            let found = ModelCard::alone(&path)?.step;
            ensure!(
                step == found,
                usage(anyhow!("{} is of step {found}; --step is for a run's folder", path.display()))
            );
        }
        return Ok(Chosen::Model(path));
    }
    let folder = RunFolder::open(&path)?;
    let checkpoints = checkpoints(&folder)?;
    let steps: Vec<u64> = checkpoints.list()?.iter().map(|listed| listed.step).collect();
    if step.is_some_and(|step| steps.contains(&step)) {
        return Ok(Chosen::Checkpoint { folder, checkpoints, step });
    }
    let run = folder.path().display();
    if !folder.model().is_file() {
        return match (step, steps.is_empty()) {
            (Some(step), _) => Err(no_step(run, step, &steps)),
            (None, true) => bail!(not_found(anyhow!("{run} has no model and no checkpoint yet"))),
            (None, false) => Ok(Chosen::Checkpoint { folder, checkpoints, step: None }),
        };
    }
    let card = ModelCard::alone(&folder.model())?;
    agreement::with_model(&folder, &card)?;
    match (step, steps.last()) {
        (Some(step), _) if step != card.step => {
            let of_model = (!steps.contains(&card.step)).then_some(card.step);
            let mut steps: Vec<u64> = steps.into_iter().chain(of_model).collect();
            steps.sort_unstable();
            return Err(no_step(run, step, &steps));
        }
        (None, Some(&last)) if card.step < last => notice(&format!(
            "{run} has gone on since its model of step {} was written: --step {last} is its last checkpoint",
            card.step
        )),
        _ => {}
    }
    Ok(Chosen::Model(folder.model()))
}

/// The checkpoints of a run, to be read.
///
/// # Errors
/// If its configuration cannot be read.
pub fn checkpoints(folder: &RunFolder) -> Result<Checkpoints> {
    Ok(Checkpoints::new(folder.checkpoints(), folder.hash()?, 1))
}

/// What a sample of the run is: as its folder says, or, in a folder that is older than this file, as its data say.
///
/// # Errors
/// If neither can be read.
pub fn content(folder: &RunFolder, config: &Config) -> Result<Content> {
    let path = folder.content();
    if !path.exists() {
        return parts::content_of(config)
            .with_context(|| format!("{} is not here, and the data cannot say it", path.display()));
    }
    let failed = || format!("{} cannot be used", path.display());
    let bytes = weights::read_file(&path, MAX_CONTENT).with_context(failed)?;
    let text = String::from_utf8(bytes).with_context(failed)?;
    toml::from_str(&text).map_err(|error| anyhow!("{}", error.message())).with_context(failed)
}

/// Writes what a sample of the run is, unless its folder says so already.
///
/// # Errors
/// If the disk refuses.
pub fn write_content(folder: &RunFolder, content: &Content) -> Result<()> {
    let path = folder.content();
    if path.exists() {
        return Ok(());
    }
    // Read back, JSON may differ in the last digit of a number; TOML does not.
    Ok(ebm_files::write_bytes(&path, toml::to_string(content)?.as_bytes())?)
}

/// A run's folder and a step, where the path may be that of a checkpoint.
///
/// # Errors
/// If both name a step, and not the same one.
pub fn run_and_step(path: &Path, step: Option<u64>) -> Result<(PathBuf, Option<u64>)> {
    let of_path = || {
        let found = path.file_name()?.to_str()?.strip_prefix("step-")?.parse::<u64>().ok()?;
        let run = path.parent().filter(|parent| parent.ends_with("checkpoints"))?.parent()?;
        let run = if run.as_os_str().is_empty() { Path::new(".") } else { run };
        run.join("config.toml").is_file().then(|| (run.to_owned(), found))
    };
    let Some((run, found)) = of_path() else { return Ok((path.to_owned(), step)) };
    ensure!(
        step.is_none_or(|step| step == found),
        usage(anyhow!("{} is of step {found}; --step is for a run's folder", path.display()))
    );
    Ok((run, Some(found)))
}

/// The network of the checkpoint of a step, or of the last one that is whole.
fn of_checkpoint(
    folder: &RunFolder,
    checkpoints: &Checkpoints,
    step: Option<u64>,
    device: &Device,
    notice: &dyn Fn(&str),
) -> Result<(ModelCard, Network)> {
    let config = Config::of(folder)?;
    agreement::with_checkpoint(folder, &config.model, device)?;
    let content = content(folder, &config)?;
    let blank = config.model.build(&Init::new(Noise::seeded(0), device)).map_err(usage)?;
    let Restored { state, refused, .. } = match step {
        Some(step) => checkpoints.at(step, &blank)?,
        None => latest(checkpoints, &blank)?,
    };
    refused.iter().for_each(|reason| notice(&format!("not used: {reason}")));
    let classes = classes::of_run(&config);
    let Config { name, model, sample, .. } = config;
    let card = ModelCard::new(name, state.step(), model, content, sample).with_classes(classes);
    Ok((card, state.average()))
}

/// The last checkpoint; the run may write a newer one and remove it while it is read.
fn latest(checkpoints: &Checkpoints, blank: &Network) -> Result<Restored<Network>, TrainError> {
    let mut found = checkpoints.latest(blank);
    for _ in 1..ATTEMPTS {
        match &found {
            Err(TrainError::NoCheckpoint { .. }) => found = checkpoints.latest(blank),
            _ => break,
        }
    }
    found
}

fn no_step(run: impl Display, step: u64, steps: &[u64]) -> Error {
    let known = match steps {
        [] => "it has none yet".to_owned(),
        steps => format!("there are {}", steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    };
    not_found(anyhow!("{run} has no checkpoint of step {step}; {known}"))
}
