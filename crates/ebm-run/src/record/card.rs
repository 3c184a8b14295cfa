//! A trained network in one file that is enough to sample from.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use ebm_data::{RowLayout, Transform, to_pixel};
use ebm_model::{Architecture, Init, Input, ModelError, Network, NetworkConfig, weights};
use ebm_ops::Noise;
use ebm_report::Samples;
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result, anyhow, bail, ensure};
use crate::normalization::Normalization;
use crate::sampling::SampleConfig;
use crate::{digest, fields, limits};

/// The version of what is stored beside the weights.
const FORMAT: u32 = 1;

/// Most bytes of a model file.
const MAX_BYTES: u64 = 1 << 33;

/// What a model file says about its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    format: u32,
    /// The run's name.
    pub name: String,
    /// Steps of training.
    pub step: u64,
    /// The network.
    pub architecture: Architecture,
    /// What a sample is.
    pub content: Content,
    /// How samples are drawn if nothing else is said.
    pub sample: SampleConfig,
    /// What makes a density of its energies, if it was trained so that noise levels compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    /// The classes of a network that is conditioned on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassCard>,
}

/// What a model file says about the classes of its network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassCard {
    /// Their names, in the order of their numbers.
    pub names: Vec<String>,
    /// The share of labels that was left out in training; without any, the network has not learned what no class is.
    pub label_dropout: f64,
}

/// What the numbers of a sample mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// An image, channel by channel, in [−1, 1].
    Image {
        /// Colours.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A row of a table.
    Row {
        /// The map from the table's units to the model's.
        #[serde(rename = "standardize")]
        transform: Option<Transform>,
        /// The names of the columns; empty without names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        columns: Vec<String>,
    },
}

impl Content {
    /// What a sample is called, and an item of the data.
    pub fn item(&self) -> &'static str {
        match self {
            Self::Image { .. } => "picture",
            Self::Row { .. } => "row",
        }
    }

    /// `n` samples in the model's units as a person wants them: pixels in [0, 1], or the table's units.
    ///
    /// # Errors
    /// If the numbers are not `n` samples.
    pub fn samples(&self, values: Vec<f32>, n: usize) -> Result<Samples> {
        match self {
            &Self::Image { channels, height, width } => {
                let pixels = values.iter().map(|&y| to_pixel(y)).collect();
                Ok(Samples::images(pixels, [n, channels, height, width])?)
            }
            Self::Row { transform, columns } => {
                let dim = values.len() / n.max(1);
                let samples = match transform {
                    Some(units) if !units.is_identity() => {
                        Samples::rows(units.inverse(&values), [n, dim], units.origin())?
                    }
                    // In single precision as the model has them.
                    _ => Samples::table(values, [n, dim])?,
                };
                Ok(samples.with_columns(columns.clone())?)
            }
        }
    }

    /// The columns and units of rows of `dim` numbers; those of an image are its values as they are.
    pub fn layout(&self, dim: usize) -> RowLayout {
        match self {
            Self::Row { transform, columns } => RowLayout {
                columns: columns.clone(),
                transform: transform.clone().unwrap_or_else(|| Transform::identity(dim)),
            },
            Self::Image { .. } => RowLayout { columns: Vec::new(), transform: Transform::identity(dim) },
        }
    }

    /// Points of a picture of [`samples`](Self::samples) as the model wants them.
    pub fn points(&self, values: &[f32]) -> Vec<f32> {
        match self {
            Self::Row { transform: Some(units), .. } => {
                let origin = units.origin();
                let rows = values.iter().zip(origin.iter().cycle());
                units.forward(&rows.map(|(&value, origin)| f64::from(value) + origin).collect::<Vec<_>>())
            }
            _ => values.to_vec(),
        }
    }

    /// log |∂(model's units)/∂(data's units)| at a sample in the model's units.
    ///
    /// The log density of a sample in the data's units is that in the model's units plus this. It is 0 for images,
    /// whose values are taken as they are.
    pub fn log_jacobian(&self, sample: &[f32]) -> f64 {
        match self {
            Self::Row { transform: Some(units), .. } => units.log_jacobian(&units.inverse(sample)),
            _ => 0.0,
        }
    }

    /// Frames of a film likewise.
    pub fn frames(&self, film: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
        let frame = |values: Vec<f32>| match self {
            Self::Image { .. } => values.iter().map(|&y| to_pixel(y)).collect(),
            Self::Row { transform, .. } => to_units(values, transform.as_ref()),
        };
        film.into_iter().map(frame).collect()
    }
}

/// Rows in the table's units, each column from its origin on.
fn to_units(values: Vec<f32>, transform: Option<&Transform>) -> Vec<f32> {
    let Some(units) = transform else { return values };
    let origin = units.origin();
    let rows = units.inverse(&values).into_iter().zip(origin.iter().cycle());
    rows.map(|(value, origin)| (value - origin) as f32).collect()
}

/// Writes the weights of any network with a text about them as safetensors, whole or not at all.
///
/// # Errors
/// If the disk refuses.
pub fn save_weights<M: Module>(network: &M, about: &str, path: &Path) -> Result<()> {
    let bytes = weights::to_bytes(&weights::collect(network), about)?;
    Ok(ebm_files::write_bytes(path, &bytes)?)
}

impl ModelCard {
    /// What is stored beside the weights of a network.
    pub fn new(
        name: String,
        step: u64,
        architecture: Architecture,
        content: Content,
        sample: SampleConfig,
    ) -> Self {
        Self { format: FORMAT, name, step, architecture, content, sample, normalization: None, classes: None }
    }

    /// The same with the normaliser of its energies.
    pub fn normalized(self, normalization: Option<Normalization>) -> Self {
        Self { normalization, ..self }
    }

    /// The same of a network with these classes.
    #[must_use]
    pub fn with_classes(self, classes: Option<ClassCard>) -> Self {
        Self { classes, ..self }
    }

    /// Whether what a sample is, and which classes there are, agree with what the network gives.
    fn check(&self) -> Result<()> {
        if let Some(ClassCard { names, .. }) = &self.classes {
            let (found, n) = (names.len(), self.architecture.classes());
            ensure!(found == n, "it has names for {found} classes, its network has {n}");
        }
        let found = match (&self.content, self.architecture.input()) {
            (&Content::Image { channels, height, width }, input) => {
                ensure!(
                    input == Input::Image { channels, height, width },
                    "its samples are images of {channels}×{height}×{width}, its network is for {input:?}"
                );
                return Ok(());
            }
            (_, Input::Image { .. }) => bail!("its samples are rows of a table, its network is for images"),
            (Content::Row { transform, columns }, Input::Row { dim }) => {
                let dims = [transform.as_ref().map(Transform::dim), Some(columns.len()).filter(|&n| 0 < n)];
                (dims.into_iter().flatten().find(|&found| found != dim).unwrap_or(dim), dim)
            }
        };
        ensure!(found.0 == found.1, "its samples have {} columns, its network {}", found.0, found.1);
        Ok(())
    }

    /// Whether a network can be built from its numbers, and a sampler made.
    fn check_numbers(&self) -> Result<()> {
        let fields = serde_json::to_value(&self.architecture)?;
        for field in ["sigma_data", "top", "bottom"] {
            if let Some(found) = fields[field].as_f64() {
                limits::scale(&format!("architecture.{field}"), found)?;
            }
        }
        self.normalization.iter().try_for_each(Normalization::check)?;
        self.sample.check_sampler()?;
        self.sample.check()
    }

    /// The shapes of its network's weights.
    fn shapes(&self, device: &Device) -> Result<BTreeMap<String, Vec<usize>>> {
        let shapes = self.architecture.shapes(device);
        Ok(shapes.map_err(|error| match error {
            ModelError::OutOfRange(error) => ModelError::from(error.within("architecture")),
            error => error,
        })?)
    }

    /// Writes the network and this card, whole or not at all.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn save(&self, network: &Network, path: &Path) -> Result<()> {
        save_weights(network, &serde_json::to_string(self)?, path)
    }

    /// SHA-256 of this card and the weights of its network.
    ///
    /// # Errors
    /// If the weights are not of single precision.
    pub fn sha256(&self, network: &Network) -> Result<String> {
        Ok(digest::of(weights::to_bytes(&weights::collect(network), &serde_json::to_string(self)?)?))
    }

    /// The card of a model file, whose weights are not read.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn alone(path: &Path) -> Result<Self> {
        Ok(Self::open(path)?.0)
    }

    /// The card of a model file, and its weights by name.
    ///
    /// # Errors
    /// If the file cannot be read or is no model file of this program, or its card asks for what no sampler or network
    /// can be.
    pub fn read(path: &Path) -> Result<(Self, weights::NamedTensors)> {
        let (card, file) = Self::open(path)?;
        let tensors = file.tensors().with_context(|| unusable(path))?;
        Ok((card, tensors))
    }

    /// The card and the network of a model file.
    ///
    /// # Errors
    /// As [`read`](Self::read), or if its weights are of another network.
    pub fn load(path: &Path, device: &Device) -> Result<(Self, Network)> {
        let (card, file) = Self::open(path)?;
        let failed = || unusable(path);
        // Nothing is read or built before the weights are known to fit: the card is as little to be trusted as the file.
        let shapes = card.shapes(device).with_context(failed)?;
        weights::check_shapes(&shapes, &file.shapes()).with_context(failed)?;
        let tensors = file.tensors().with_context(failed)?;
        let network = card.architecture.build(&Init::new(Noise::seeded(0), device)).with_context(failed)?;
        let network = weights::apply(network, tensors).with_context(failed)?;
        Ok((card, network))
    }

    /// The card of a model file, and the file before its numbers are read.
    fn open(path: &Path) -> Result<(Self, weights::WeightsFile)> {
        let failed = || unusable(path);
        let file = weights::WeightsFile::open(path, MAX_BYTES).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => Error::from(error).context(failed()),
            _ => Error::from(error).context(format!("could not read {}", path.display())),
        })?;
        if file.text().is_empty() {
            return Err(anyhow!("it says nothing about its network: it is no model file of this program"))
                .with_context(failed);
        }
        let card: Self = serde_json::from_str(file.text())
            .map_err(|error| fields::of_card(file.text(), &error))
            .with_context(failed)?;
        if card.format != FORMAT {
            bail!("{} has format {}, this program reads {FORMAT}", path.display(), card.format);
        }
        card.check().with_context(failed)?;
        card.check_numbers().with_context(failed)?;
        // A plan has no memory, so that it may be made anywhere.
        #[cfg(feature = "flex")]
        card.shapes(&Device::flex())
            .and_then(|shapes| Ok(weights::check_shapes(&shapes, &file.shapes())?))
            .with_context(failed)?;
        Ok((card, file))
    }
}

fn unusable(path: &Path) -> String {
    format!("{} cannot be used", path.display())
}
