//! What a run is made of, put together and checked before anything is written.

use std::num::NonZeroUsize;
use std::sync::Arc;

use burn::tensor::Device;
use ebm_data::{Ahead, Augmentation, Batches, Data, ImageShape, ItemShape};
use ebm_model::{Init, Input, ModelError, Network, NetworkConfig};
use ebm_ops::Noise;
use ebm_report::Format;
use ebm_train::{Alone, BuildContext, Every, Retreats};
use serde_json::{Value, json};

use crate::atoms;
use crate::augmentations;
use crate::bounds;
use crate::card::{Content, ModelCard};
use crate::classes;
use crate::config::Config;
use crate::error::{Result, anyhow, bail, ensure, usage};
use crate::film::Film;
use crate::folder::RunFolder;
use crate::journal::Remarks;
use crate::landscape::level_shown;
use crate::level_losses::LevelLosses;
use crate::noise_levels;
use crate::objective::{Loss, drops_if_asked, explained};
use crate::page::LivePage;
use crate::pictures::{Allowance, Pictures};
use crate::rows::{about, data_of, refused};
use crate::sampling::{Asked, Drawing};
use crate::training::Training;

/// The parts of a run, each of which fits the others.
pub struct Parts {
    /// The configuration, complete.
    pub config: Config,
    /// What of the configuration was found from the data, a line each.
    pub found: Vec<String>,
    /// What the objective cannot learn from these data, a line each.
    pub warnings: Vec<String>,
    /// The root of all randomness.
    pub noise: Noise,
    /// What is learned from.
    pub batches: Batches,
    /// What is done to its images as they are learned from.
    pub augmentation: Augmentation,
    /// What a sample will be.
    pub content: Content,
    /// Points of the data to be seen under samples, if they are in the plane.
    pub background: Vec<f32>,
    /// What draws pictures.
    pub drawing: Drawing,
    /// Where tensors live.
    pub device: Device,
    /// The network before its first step.
    pub network: Network,
}

impl Parts {
    /// The parts that `config` names.
    ///
    /// # Errors
    /// Data that cannot be read, settings out of range, a network that does not fit the data, a backend that
    /// is not there.
    pub fn of(config: &Config, device: impl FnOnce() -> Result<Device>) -> Result<Self> {
        Self::with_units(config, None, device)
    }

    /// The same with rows of a table in the units of `held`, those that given weights were trained in, in place of the
    /// data's own.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn with_units(
        config: &Config,
        held: Option<&Content>,
        device: impl FnOnce() -> Result<Device>,
    ) -> Result<Self> {
        let noise = Noise::seeded(config.seed);
        let batch_size = NonZeroUsize::new(config.batch_size);
        let batch_size = batch_size.ok_or_else(|| usage(anyhow!("batch_size = 0, expected at least 1")))?;
        config.train.validate().map_err(|error| usage(error.within("train")))?;
        ensure!(
            config.train.shards <= batch_size.get(),
            usage(anyhow!(
                "train.shards: expected at most the {batch_size} rows of a batch, found {}",
                config.train.shards
            ))
        );

        let data = Arc::new(data_of(config, held)?);
        let config =
            Config { model: config.model.clone().fitted(input(data.item_shape())), ..config.clone() };
        let content = content(&config, &data).map_err(usage)?;
        let config = classes::found(classes::of_label(config, &data)?, &data)?;
        let config = augmentations::found(config)?;
        bounds::run(&config)?;
        drops_if_asked(&config.objective, &config.model).map_err(usage)?;
        let background = background(&data, &content, &noise)?;
        let device = device()?;
        let (config, found) = noise_levels::found(&config, &data, &device)?;
        let network = config.model.build(&Init::new(noise.derive("init"), &device));
        let network = network.map_err(|error| match error {
            ModelError::OutOfRange(error) => usage(error.within("model")),
            error => usage(error),
        })?;
        let drawing = config.sample.drawing(None, &network, config.model.dim()).map_err(usage)?;
        let drawing = match config.model.classes() {
            0 => drawing,
            n => drawing.of_classes(Asked { classes: (0..n).collect(), guidance: 0.0 }),
        };
        let batches = Batches::new(data, batch_size, &noise);
        let warnings = atoms::warning(&config.objective, &network, &batches).map_err(refused)?;
        let augmentation = Augmentation::of(&config.data, batches.data().image_shape()).map_err(refused)?;
        let parts = Self {
            config,
            found,
            warnings: warnings.into_iter().collect(),
            noise,
            batches,
            augmentation,
            content,
            background,
            drawing,
            device,
            network,
        };
        parts.loss(Retreats::default())?;
        Ok(parts)
    }

    /// What was read of the data, in a line.
    pub fn about_data(&self) -> String {
        about(&self.config.data, &self.batches.data().summary())
    }

    /// The run of these parts; `config` is the text of its `config.toml`.
    pub fn training(&self, config: String) -> Training<'_, Network, Loss> {
        // Only what is learned from: no statistic of the data and no evaluation sees images that are moved.
        let mut batches = Ahead::new(self.batches.clone().augmented(self.augmentation));
        let n_classes = self.config.model.classes();
        Training {
            config,
            seed: self.config.seed,
            data: self.journalled_data(),
            network: self.network.clone(),
            objective: Box::new(|retreats| self.loss(retreats)),
            sampler_step_size: self.config.objective.sampler_step_size(),
            batches: Box::new(move |step| augmentations::batch(batches.read(step)?, n_classes, &self.device)),
            settings: self.config.train.clone(),
            record: self.config.record.clone(),
            noise: self.noise.derive("objective"),
            memory_numbers: self.config.objective.memory_numbers(self.config.model.dim()),
            changes: Vec::new(),
            has_origin: self.config.origin.is_some(),
            ranks: Arc::new(Alone),
        }
    }

    /// The extension of a file that samples can be written to: a picture if they have one.
    ///
    /// # Errors
    /// If a sample has no numbers.
    pub fn extension(&self) -> Result<&'static str> {
        let sample = self.content.samples(vec![0.0; self.config.model.dim()], 1)?;
        Ok(if Format::Png.check(sample.shape()).is_ok() { "png" } else { "csv" })
    }

    /// What was read of the data, for the journal.
    fn journalled_data(&self) -> Option<Value> {
        let mut line = serde_json::to_value(self.batches.data().summary()).ok()?;
        let spec = &self.config.data;
        line["dataset"] = json!(spec.dataset);
        line["path"] = json!(spec.path);
        line["split"] = json!(spec.split);
        if !self.warnings.is_empty() {
            line["warnings"] = json!(self.warnings);
        }
        Some(line)
    }

    /// What draws pictures as training goes on from `step`; `given_up` says whether one that is not done is given up.
    pub fn pictures(
        &self,
        folder: &RunFolder,
        step: u64,
        remarks: Remarks,
        tell: impl Fn(&str) + 'static,
        given_up: impl Fn() -> bool + 'static,
    ) -> Every<Pictures> {
        let record = &self.config.record;
        let pictures = Pictures {
            run: folder.clone(),
            drawing: self.drawing.clone(),
            content: self.content.clone(),
            shape: [self.picture_samples(), self.config.model.dim()],
            classes: self.config.classes.clone(),
            noise: self.noise.derive("pictures"),
            sigma: level_shown(self.config.sample.heun.bottom),
            device: self.device.clone(),
            background: self.background.clone(),
            // Nothing is said of them where they cannot be read again.
            rows: self.rows_of_data().unwrap_or_default(),
            allowance: Allowance::new(step),
            remarks,
            tell: Box::new(tell),
            given_up: Box::new(given_up),
        };
        Every { steps: record.picture_every, observer: pictures }
    }

    /// Samples in a picture: as many of each class, if there are any.
    fn picture_samples(&self) -> usize {
        let n = self.config.record.picture_samples;
        self.drawing.asked().map_or(n, |asked| asked.even(n))
    }

    /// Rows of a table that is not of points in the plane, in the model's units.
    fn rows_of_data(&self) -> Result<Vec<f32>> {
        const ROWS: usize = 2000;
        if self.batches.data().image_shape().is_some() || self.batches.dim() == 2 {
            return Ok(Vec::new());
        }
        let rows = NonZeroUsize::new(Film::counted(ROWS, self.batches.dim())).unwrap_or(NonZeroUsize::MIN);
        Ok(self.batches.clone().with_size(rows).read(0)?.values)
    }

    /// What writes the run's page as training goes on from `step`.
    pub fn page(
        &self,
        folder: &RunFolder,
        step: u64,
        remarks: Remarks,
        tell: impl Fn(&str) + 'static,
    ) -> Every<LivePage> {
        let rows = |n: NonZeroUsize| Ok(self.batches.clone().with_size(n).batch(0, &self.device)?);
        let (objective, dim) = (&self.config.objective, self.config.model.dim());
        // Without them the page has a chart less.
        let losses = LevelLosses::of(objective, dim, rows, self.noise.derive("levels")).ok().flatten();
        let observer = LivePage::new(folder.clone(), step, losses, remarks, tell);
        Every { steps: self.config.record.picture_every, observer }
    }

    /// The model file's card of a run that came to `step`.
    pub fn card(&self, step: u64) -> ModelCard {
        let Config { name, model, sample, .. } = self.config.clone();
        ModelCard::new(name, step, model, self.content.clone(), sample)
            .with_classes(classes::of_run(&self.config))
    }

    /// The loss, whose sampler takes what `retreats` have left of its step.
    fn loss(&self, retreats: Retreats) -> Result<Loss> {
        let rows = |n: usize| {
            let size = NonZeroUsize::new(n).ok_or("no rows were asked for")?;
            Ok(self.batches.clone().with_size(size).batch(0, &self.device)?)
        };
        let context = BuildContext { sampler_scale: retreats.sampler_scale(), rows: &rows };
        let loss = self.config.objective.build(&self.network, &context);
        loss.map_err(|error| {
            usage(match &self.config.origin {
                // Another network would be of no use to these weights.
                Some(origin) => anyhow!("{error}, which the weights of {} are not", origin.path.display()),
                None => explained(error, &self.config.model, &self.network),
            })
        })
    }
}

/// What a sample of a run on these data will be.
///
/// # Errors
/// If the data cannot be read, or do not fit the network.
pub fn content_of(config: &Config) -> Result<Content> {
    content(config, &data_of(config, None)?).map_err(usage)
}

/// The configuration with the network that its run has, as far as that is known without the data.
///
/// # Errors
/// A wrong use of the program, as of [`Parts::of`].
pub fn without_data(config: Config) -> Result<Config> {
    let model = match config.data.item_shape() {
        Some(item) => config.model.fitted(input(item)),
        None => config.model,
    };
    augmentations::found(Config { model, ..config })
}

/// What a network gets of an item of the data.
pub fn input(item: ItemShape) -> Input {
    match item {
        ItemShape::Image(ImageShape { channels, height, width }) => Input::Image { channels, height, width },
        ItemShape::Point { dim } => Input::Row { dim },
    }
}

/// What a sample will be, if the network and the data agree on it.
fn content(Config { model, origin, .. }: &Config, data: &Data) -> Result<Content> {
    let change = |set: String| match origin {
        None => format!("; `{set}` changes it"),
        Some(origin) => format!(", as the weights of {} are", origin.path.display()),
    };
    match (model.input(), input(data.item_shape())) {
        (
            Input::Image { channels, height, width },
            found @ Input::Image { channels: c, height: h, width: w },
        ) => {
            ensure!(
                found == model.input(),
                "the data are images of {c}x{h}x{w} (channels, height, width), the network is for \
                 {channels}x{height}x{width}{}",
                change(format!("--set model.channels={c} --set model.height={h} --set model.width={w}"))
            );
            Ok(Content::Image { channels, height, width })
        }
        (Input::Row { dim: expected }, Input::Row { dim }) => {
            ensure!(
                expected == dim,
                "the data have {dim} columns, the network is for {expected}{}",
                change(format!("--set model.dim={dim}"))
            );
            Ok(Content::Row { transform: data.transform().cloned(), columns: data.columns().to_vec() })
        }
        (Input::Image { .. }, Input::Row { .. }) => bail!("the network is for images, the data are points"),
        (Input::Row { .. }, Input::Image { .. }) => bail!("the network is for points, the data are images"),
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
