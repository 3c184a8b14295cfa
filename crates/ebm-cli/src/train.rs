//! `ebm train`: data, network, objective, trainer, observers, model.

mod interrupt;
mod journal;
mod pictures;
mod progress;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use burn::module::Module;
use burn::tensor::Device;
use ebm_data::{Batches, Data};
use ebm_model::{Architecture, Init, Network};
use ebm_ops::Noise;
use ebm_train::{
    BoxError, Checkpoints, DenoisingScoreMatching, Event, Every, Finish, Observer, Observers, Restored, TrainState,
    Trainer,
};
use serde_json::json;

use crate::config::{Config, ObjectiveConfig};
use crate::model_file::{Content, ModelCard};
use crate::output;
use crate::run_folder::RunFolder;
use crate::say;
use crate::usage::usage;
use interrupt::Interrupt;
use journal::Journal;
use pictures::Pictures;
use progress::Progress;

/// What the command line asks for.
pub struct Request {
    /// The run.
    pub config: Config,
    /// Where its files go.
    pub folder: RunFolder,
    /// Whether it goes on from its last checkpoint.
    pub resume: bool,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// Trains; the program's exit code.
///
/// # Errors
/// Whatever keeps the run from being done; its last checkpoint is then whole.
pub fn train(request: &Request, device: &Device) -> Result<u8> {
    let Request { config, folder, resume, json } = request;
    let noise = Noise::seeded(config.seed);
    let data = Arc::new(Data::open(&config.data, &noise.derive("data"))?);
    let config = &Config { model: fitted(&config.model, &data), ..config.clone() };
    let content = content(&config.model, &data).map_err(usage)?;
    let network = config.model.build(&Init::new(noise.derive("init"), device)).map_err(usage)?;
    let sampler = config.sample.build(config.sample.sampler).map_err(usage)?;
    let objective = objective(config).map_err(usage)?;
    config.train.validate().map_err(usage)?;
    let batch_size = NonZeroUsize::new(config.batch_size).ok_or_else(|| usage(anyhow!("batch_size = 0, expected at least 1")))?;

    let checkpoints = Checkpoints::new(folder.checkpoints(), config.hash()?, config.record.keep_checkpoints);
    let state = if *resume {
        restore(&checkpoints, &network, *json)?
    } else {
        let text = config.to_toml()?;
        output::atomic::write(&folder.config(), |out| Ok(out.write_all(text.as_bytes())?))?;
        TrainState::new(network, noise.derive("objective"))
    };

    let began = Instant::now();
    let done_before = state.step();
    let interrupt = Interrupt::listen()?;
    let mut journal = Journal::open(&folder.journal(), done_before, *json)?;
    journal.write(&json!({
        "event": if *resume { "resumed" } else { "began" },
        "step": done_before,
        "run": folder.path(),
        "seed": config.seed,
        "parameters": state.model().num_params(),
    }))?;
    if !json {
        say(&format!("run {}: {} parameters, {} steps", folder.path().display(), state.model().num_params(), config.train.steps));
    }

    let background = background(&data, &content, &noise)?;
    let mut batches = Batches::new(data, batch_size, &noise);
    let progress = Progress::new(config.train.steps, done_before);
    let pictures = Pictures {
        run: folder.clone(),
        sampler,
        content: content.clone(),
        shape: [config.record.picture_samples, config.model.dim()],
        noise: noise.derive("pictures"),
        device: device.clone(),
        background,
        bar: progress.bar(),
    };
    let save = checkpoints.clone();
    let checkpoint = move |event: &Event<'_, Network>| -> Result<std::ops::ControlFlow<()>, BoxError> {
        save.save(event.state)?;
        Ok(std::ops::ControlFlow::Continue(()))
    };
    let mut watching: Vec<Box<dyn Observer<Network>>> = vec![
        Box::new(progress),
        Box::new(Every { steps: config.record.journal_every, observer: journal }),
        Box::new(Every { steps: config.record.checkpoint_every, observer: checkpoint }),
        Box::new(interrupt.clone()),
    ];
    if 0 < config.record.picture_samples {
        watching.push(Box::new(Every { steps: config.record.picture_every, observer: pictures }));
    }
    let mut trainer = Trainer::new(state, objective, config.train.clone()).map_err(usage)?;
    let finish = trainer.run(|step| Ok(batches.batch(step, device)?), &mut Observers(watching))?;

    let state = trainer.state();
    if finish == Finish::Stopped {
        let path = checkpoints.save(state)?;
        let code = interrupt.exit_code().unwrap_or(1);
        let (step, run) = (state.step(), folder.path().display());
        summary(*json, &json!({"event": "stopped", "step": step, "checkpoint": path, "run": folder.path()}), &format!(
            "stopped after {step} steps, all of them kept in {}; `cargo xtask train --resume {run}` goes on",
            path.display(),
        ));
        return Ok(code);
    }
    let card = ModelCard::new(config.name.clone(), state.step(), config.model.clone(), content, config.sample.clone());
    card.save(&state.average(), &folder.model())?;
    let (seconds, steps) = (began.elapsed().as_secs_f64(), state.step() - done_before);
    let picture = Some(folder.picture(state.step())).filter(|path| path.exists());
    report(request, state, seconds, steps * batch_size.get() as u64, picture);
    Ok(0)
}

fn report(request: &Request, state: &TrainState<Network>, seconds: f64, rows: u64, picture: Option<PathBuf>) {
    let Request { folder, json, .. } = request;
    let (run, loss) = (folder.path().display(), state.loss());
    let line = json!({
        "event": "done",
        "step": state.step(),
        "loss": loss,
        "seconds": seconds,
        "rows_per_second": rows as f64 / seconds,
        "run": folder.path(),
        "model": folder.model(),
        "samples": picture,
    });
    let mut text = format!(
        "done: {} steps in {seconds:.0} s, running loss {loss:.4}\nmodel: {}\n",
        state.step(),
        folder.model().display(),
    );
    if let Some(picture) = picture {
        text += &format!("samples: {}\n", picture.display());
    }
    text += &format!("more of them: cargo xtask sample {run} --n 100 --out more.png");
    summary(*json, &line, &text);
}

fn summary(json: bool, line: &serde_json::Value, text: &str) {
    if json {
        println!("{line}");
    } else {
        println!("{text}");
    }
}

/// The state of the last checkpoint that is whole; later ones that are not are told of.
fn restore(checkpoints: &Checkpoints, network: &Network, json: bool) -> Result<TrainState<Network>> {
    let Restored { state, path, refused } = checkpoints.latest(network)?;
    for reason in refused {
        eprintln!("not used: {reason}");
    }
    if !json {
        say(&format!("going on from {}", path.display()));
    }
    Ok(state)
}

fn objective(config: &Config) -> Result<DenoisingScoreMatching> {
    let ObjectiveConfig::Denoising { noise, weighting } = &config.objective;
    Ok(DenoisingScoreMatching::new(noise.clone(), *weighting)?)
}

/// The network with the sizes of the data where it leaves them open by a zero.
fn fitted(model: &Architecture, data: &Data) -> Architecture {
    let mut model = model.clone();
    let fill = |size: &mut usize, found: usize| {
        if *size == 0 {
            *size = found;
        }
    };
    match (&mut model, data.image_shape()) {
        (Architecture::Unet { network, .. }, Some(shape)) => {
            fill(&mut network.channels, shape.channels);
            fill(&mut network.height, shape.height);
            fill(&mut network.width, shape.width);
        }
        (Architecture::Mlp { network, .. }, None) => fill(&mut network.dim, data.dim()),
        _ => {}
    }
    model
}

/// What a sample will be, if the network and the data agree on it.
fn content(model: &Architecture, data: &Data) -> Result<Content> {
    match (model, data.image_shape()) {
        (Architecture::Unet { network, .. }, Some(shape)) => {
            let (channels, height, width) = (shape.channels, shape.height, shape.width);
            let expected = (network.channels, network.height, network.width);
            if (channels, height, width) != expected {
                bail!(
                    "the data are images of {channels}x{height}x{width} (channels, height, width), the network is \
                     for {}x{}x{}; `--set model.channels={channels} --set model.height={height} --set \
                     model.width={width}` changes it",
                    expected.0,
                    expected.1,
                    expected.2,
                );
            }
            Ok(Content::Image { channels, height, width })
        }
        (Architecture::Mlp { network, .. }, None) => {
            let dim = data.dim();
            ensure!(
                network.dim == dim,
                "the data have {dim} columns, the network is for {}; `--set model.dim={dim}` changes it",
                network.dim,
            );
            Ok(Content::Row { standardize: data.standardize().cloned() })
        }
        (Architecture::Unet { .. }, None) => bail!("the network is for images, the data are points"),
        (Architecture::Mlp { .. }, Some(_)) => bail!("the network is for points, the data are images"),
    }
}

/// Points of the data in their own units, if they are in the plane.
fn background(data: &Arc<Data>, content: &Content, noise: &Noise) -> Result<Vec<f32>> {
    const POINTS: NonZeroUsize = NonZeroUsize::new(2000).expect("2000 is not 0");
    if data.image_shape().is_some() || data.dim() != 2 {
        return Ok(Vec::new());
    }
    let rows = Batches::new(data.clone(), POINTS, &noise.derive("background")).read(0)?;
    Ok(content.samples(rows.values, POINTS.get())?.values().to_vec())
}
