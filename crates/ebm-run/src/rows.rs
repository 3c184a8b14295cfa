//! Rows of a file or folder as a trained network wants them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use ebm_data::{Batches, Data, DataError, DataSpec, Split, Summary};
use ebm_ops::Noise;

use crate::card::Content;
use crate::config::Config;
use crate::usage::{Usage, usage};

/// Rows that are on the device at once.
const TOGETHER: usize = 500;

/// Rows in the units of a network, whole in memory.
pub struct Rows {
    dim: usize,
    values: Vec<f32>,
    /// The number of each row in its file.
    numbers: Vec<usize>,
    files: Vec<PathBuf>,
    about: String,
}

impl Rows {
    /// The rows of the table, the pictures of the folder or IDX files at `path`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(path: &Path, split: Split, content: &Content, dim: usize) -> Result<Self> {
        Self::open(
            &DataSpec { split, ..DataSpec::detect(path)? },
            &Noise::seeded(0),
            content,
            dim,
            usize::MAX,
        )
    }

    /// The first `most` rows of the data that `spec` names, or all of them; `noise` is what the program draws data
    /// from.
    ///
    /// A table is brought to the units in which the network was trained, a picture's bytes to the middle of their
    /// bins.
    ///
    /// # Errors
    /// Data that cannot be read, or are not of the kind and size that `content` and `dim` say.
    pub fn open(spec: &DataSpec, noise: &Noise, content: &Content, dim: usize, most: usize) -> Result<Self> {
        let data = open(spec, noise, content, dim)?;
        let n = data.len().unwrap_or(most).min(most);
        Self::at(&(0..n).collect::<Vec<_>>(), &data, spec, dim)
    }

    /// `most` rows of the data that `spec` names, or all of them, in an order that `draw` shuffles: classes that stand one
    /// after the other are mixed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn drawn(
        spec: &DataSpec,
        noise: &Noise,
        content: &Content,
        dim: usize,
        most: usize,
        draw: &Noise,
    ) -> Result<Self> {
        let data = Arc::new(open(spec, noise, content, dim)?);
        Self::at(&shuffled(&data, most, draw), &data, spec, dim)
    }

    /// The rows at these places.
    fn at(places: &[usize], data: &Data, spec: &DataSpec, dim: usize) -> Result<Self> {
        let values = data.read(places, None)?.values;
        let numbers = places.iter().map(|&place| data.number(place)).collect();
        let files = places.iter().filter_map(|&place| data.files().get(place).cloned()).collect();
        Ok(Self { dim, values, numbers, files, about: about(spec, &data.summary()) })
    }

    /// How many there are.
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.dim
    }

    /// What was read, in a line.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// A row in the units of the network.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..][..self.dim]
    }

    /// The number of a row in its file, from 0; rows with missing values may have been left out.
    pub fn number(&self, row: usize) -> usize {
        self.numbers[row]
    }

    /// The file of a row, if each has its own.
    pub fn file(&self, row: usize) -> Option<&Path> {
        self.files.get(row).map(PathBuf::as_path)
    }

    /// The rows in batches of at most `together`, `[batch, dim]`.
    pub fn batches<'a>(
        &'a self,
        together: usize,
        device: &'a Device,
    ) -> impl Iterator<Item = Tensor<2>> + 'a {
        self.values.chunks(together * self.dim).map(move |values| {
            let shape = [values.len() / self.dim, self.dim];
            Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
        })
    }

    /// All of them, `[n, dim]`.
    pub fn tensor(&self, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.values.clone(), [self.n_rows(), self.dim]), device)
    }

    /// A number for each row: `number` of a batch, `[batch, dim]` → `[batch]`.
    ///
    /// # Errors
    /// If the numbers cannot be read back.
    pub fn each(&self, device: &Device, number: impl Fn(Tensor<2>) -> Tensor<1>) -> Result<Vec<f64>> {
        let mut numbers = Vec::with_capacity(self.n_rows());
        for batch in self.batches(TOGETHER, device) {
            numbers.extend(number(batch).into_data().iter::<f64>());
        }
        Ok(numbers)
    }
}

/// The data that `spec` names as a network of `dim` numbers wants them, not yet read into memory as numbers; `noise` is
/// what the program draws data from.
///
/// # Errors
/// Data that cannot be read, or are not of the kind and size that `content` and `dim` say.
pub fn open(spec: &DataSpec, noise: &Noise, content: &Content, dim: usize) -> Result<Data> {
    let at = place(spec);
    let data = match content {
        Content::Row { .. } => Data::open_as(spec, noise, &content.layout(dim)),
        // Grey images are what a network for colour sees in colour.
        Content::Image { channels: 3, .. } => Data::open(&spec.clone().in_colour(), noise),
        Content::Image { .. } => Data::open(spec, noise),
    };
    let data = data.map_err(refused)?;
    match (content, data.image_shape()) {
        (&Content::Image { channels, height, width }, Some(shape)) => {
            let fits = (channels, height, width) == (shape.channels, shape.height, shape.width);
            let wanted = format!("{channels}×{height}×{width}");
            ensure!(fits, usage(anyhow!("{at}: images of {shape}, the network is for {wanted}")));
        }
        (Content::Row { .. }, None) => {}
        (Content::Image { .. }, None) => {
            bail!(usage(anyhow!("{at}: a table, the network is for images")))
        }
        (Content::Row { .. }, Some(_)) => {
            bail!(usage(anyhow!("{at}: images, the network is for a table")))
        }
    }
    Ok(data)
}

/// `n` rows of the data that `spec` names with their labels, or all there are, in an order that `draw` shuffles, so that
/// classes that stand one after the other are mixed; `None` without labels.
///
/// # Errors
/// As [`Rows::open`].
pub fn labelled(
    spec: &DataSpec,
    noise: &Noise,
    content: &Content,
    dim: usize,
    n: usize,
    draw: &Noise,
    device: &Device,
) -> Result<Option<(Tensor<2>, Vec<usize>)>> {
    let data = Arc::new(open(spec, noise, content, dim)?);
    let places = shuffled(&data, n, draw);
    ensure!(!places.is_empty(), usage(anyhow!("{}: no rows", place(spec))));
    let rows = data.read(&places, None)?;
    let labels = rows.labels.as_ref().map(|labels| labels.iter().map(|label| *label as usize).collect());
    Ok(labels.map(|labels| (rows.tensor(device), labels)))
}

/// The places of `most` rows, or of all of them, in an order that `draw` shuffles.
fn shuffled(data: &Arc<Data>, most: usize, draw: &Noise) -> Vec<usize> {
    let size = NonZeroUsize::new(data.len().unwrap_or(most).min(most));
    size.map_or_else(Vec::new, |size| Batches::new(data.clone(), size, draw).indices(0))
}

/// The data of a configuration, in the units of `held` if they are points.
///
/// # Errors
/// If they cannot be read.
pub fn data_of(config: &Config, held: Option<&Content>) -> Result<Data> {
    let noise = Noise::seeded(config.seed).derive("data");
    let data = match held {
        Some(held @ Content::Row { transform: Some(units), .. }) => {
            Data::open_as(&config.data, &noise, &held.layout(units.dim()))
        }
        _ => Data::open(&config.data, &noise),
    };
    data.map_err(refused)
}

/// What was read of the data that `spec` names, in a line.
pub fn about(spec: &DataSpec, summary: &Summary) -> String {
    format!("data: {}, {}: {summary}", place(spec), spec.split.name())
}

/// Whether an error is that no data are held out.
pub fn none_held_out(error: &anyhow::Error) -> bool {
    let is_that = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(DataError::NoHeldOut { .. }))
    };
    // What is the caller's is no further link of the chain, so that it is not printed twice.
    let of_caller = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<Usage>().is_some_and(|usage| usage.cause().chain().any(is_that))
    };
    error.chain().any(|cause| is_that(cause) || of_caller(cause))
}

/// Where the data are, or their name.
fn place(spec: &DataSpec) -> String {
    spec.path.as_ref().map_or_else(|| spec.dataset.to_string(), |path| path.display().to_string())
}

/// The error as the caller's if it is of what was asked for, and not of the files.
pub(crate) fn refused(error: DataError) -> anyhow::Error {
    match error {
        DataError::Spec(_) | DataError::OutOfRange(_) | DataError::NoHeldOut { .. } => usage(error),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_without_a_held_out_part_are_recognised_behind_the_mark_of_the_callers_errors() {
        let none = || DataError::NoHeldOut { path: "x.csv".into(), expected: "files named train and test" };
        assert!(none_held_out(&refused(none())) && none_held_out(&none().into()));
        assert!(none_held_out(&refused(none()).context("no held-out data")));
        assert!(!none_held_out(&refused(DataError::Spec("3 columns".into()))));
    }
}
