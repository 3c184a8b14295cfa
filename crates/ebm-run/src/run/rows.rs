//! Rows of a file or folder as a trained network wants them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use ebm_data::{Batches, Data, DataError, DataSpec, Split, Summary};
use ebm_model::NetworkConfig;
use ebm_ops::Noise;

use crate::card::{Content, ModelCard};
use crate::config::Config;
use crate::error::{Error, Result, anyhow, bail, ensure, find, usage};

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
    /// Rows of the data that they are of.
    n_all: Option<usize>,
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
        RowsByBlock::open(spec, noise, content, dim, most)?.whole()
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
        Self::at(&shuffled(&data, most, draw), &data, about(spec, &data.summary()))
    }

    /// The rows at these places.
    fn at(places: &[usize], data: &Data, about: String) -> Result<Self> {
        let values = data.read(places, None)?.values;
        let numbers = places.iter().map(|&place| data.number(place)).collect();
        let files = places.iter().filter_map(|&place| data.files().get(place).cloned()).collect();
        Ok(Self { dim: data.dim(), values, numbers, files, about, n_all: data.len() })
    }

    /// How many there are.
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.dim
    }

    /// How many rows the data have that these are of; `None` of endless data.
    pub fn n_all(&self) -> Option<usize> {
        self.n_all
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

/// Numbers in a block of rows, and most batches in it.
const IN_BLOCK: usize = 1 << 22;
const MOST_BATCHES: usize = 100;

/// Rows in the units of a network that are read block by block, so that memory does not grow with their number.
pub struct RowsByBlock {
    data: Data,
    n: usize,
    about: String,
}

impl RowsByBlock {
    /// The first `most` rows of the data that `spec` names, or all of them, as [`Rows::open`] has them.
    ///
    /// # Errors
    /// As [`Rows::open`].
    pub fn open(spec: &DataSpec, noise: &Noise, content: &Content, dim: usize, most: usize) -> Result<Self> {
        let data = open(spec, noise, content, dim)?;
        let n = data.len().unwrap_or(most).min(most);
        Ok(Self { about: about(spec, &data.summary()), data, n })
    }

    /// How many there are.
    pub fn n_rows(&self) -> usize {
        self.n
    }

    /// What was read, in a line.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// The number of a row in its file, from 0.
    pub fn number(&self, row: usize) -> usize {
        self.data.number(row)
    }

    /// The file of a row, if each has its own.
    pub fn file(&self, row: usize) -> Option<&Path> {
        self.data.files().get(row).map(PathBuf::as_path)
    }

    /// All of them, in memory.
    ///
    /// # Errors
    /// If a row cannot be read.
    pub fn whole(&self) -> Result<Rows> {
        Rows::at(&(0..self.n).collect::<Vec<_>>(), &self.data, self.about.clone())
    }

    /// Block after block, each with the place of its first row; the batches of [`Rows::each`] are those of all rows at
    /// once.
    ///
    /// # Errors
    /// Those of blocks with a row that cannot be read.
    pub fn blocks(&self) -> impl Iterator<Item = Result<(usize, Rows)>> + '_ {
        let batches = (IN_BLOCK / (TOGETHER * self.data.dim().max(1))).clamp(1, MOST_BATCHES);
        self.blocks_of(batches * TOGETHER)
    }

    fn blocks_of(&self, rows: usize) -> impl Iterator<Item = Result<(usize, Rows)>> + '_ {
        (0..self.n).step_by(rows).map(move |first| {
            let places: Vec<usize> = (first..self.n.min(first + rows)).collect();
            Ok((first, Rows::at(&places, &self.data, self.about.clone())?))
        })
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
/// classes that stand one after the other are mixed; `None` without labels. A label is the place of its
/// name among the classes of `card`, where all have one.
///
/// # Errors
/// As [`Rows::open`].
pub fn labelled(
    spec: &DataSpec,
    noise: &Noise,
    card: &ModelCard,
    n: usize,
    draw: &Noise,
    device: &Device,
) -> Result<Option<(Tensor<2>, Vec<usize>)>> {
    let data = Arc::new(open(spec, noise, &card.content, card.architecture.dim())?);
    let classes = card.classes.as_ref().map_or(&[][..], |classes| &classes.names);
    let places = shuffled(&data, n, draw);
    ensure!(!places.is_empty(), usage(anyhow!("{}: no rows", place(spec))));
    let rows = data.read(&places, None)?;
    let place = |name: &String| classes.iter().position(|class| class == name);
    let by_name: Option<Vec<usize>> = data.classes().iter().map(place).collect();
    // Other data may have fewer classes, or in another order.
    let class = |label: &u32| {
        let label = *label as usize;
        by_name.as_ref().and_then(|places| places.get(label).copied()).unwrap_or(label)
    };
    let labels = rows.labels.as_ref().map(|labels| labels.iter().map(class).collect());
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
pub fn none_held_out(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(find(error), Some(DataError::NoHeldOut { .. }))
}

/// Where the data are, or their name.
fn place(spec: &DataSpec) -> String {
    spec.path.as_ref().map_or_else(|| spec.dataset.to_string(), |path| path.display().to_string())
}

/// The error as the caller's if it is of what was asked for, and not of the files.
pub(crate) fn refused(error: DataError) -> Error {
    match error {
        DataError::Spec(_) | DataError::OutOfRange(_) | DataError::NoHeldOut { .. } => usage(error),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_rows_of_the_whole_and_its_batches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let text: String =
            (0..2300).map(|i| if i == 7 { "NA,1\n".into() } else { format!("{i},{}\n", i % 5) }).collect();
        std::fs::write(&path, text).unwrap();
        let spec = DataSpec {
            missing: Some(ebm_data::Missing::Drop),
            ..DataSpec::new(ebm_data::DatasetName::Table, Some(path))
        };
        let content = Content::Row { transform: Some(ebm_data::Transform::identity(2)), columns: Vec::new() };
        let rows = RowsByBlock::open(&spec, &Noise::seeded(0), &content, 2, 2100).unwrap();
        let (whole, device) = (rows.whole().unwrap(), Device::flex());
        let sizes = std::cell::RefCell::new(Vec::new());
        let number = |x: Tensor<2>| {
            sizes.borrow_mut().push(x.dims()[0]);
            let n = x.dims()[0];
            x.slice([0..n, 0..1]).squeeze_dim(1)
        };
        let expected = whole.each(&device, number).unwrap();
        let of_whole = sizes.take();
        let (mut found, mut next) = (Vec::new(), 0);
        for block in rows.blocks_of(1000) {
            let (first, block) = block.unwrap();
            assert_eq!(first, next);
            assert!((0..block.n_rows()).all(|row| block.number(row) == rows.number(first + row)));
            next += block.n_rows();
            found.extend(block.each(&device, number).unwrap());
        }
        assert_eq!((found, sizes.take()), (expected, of_whole));
        assert_eq!((rows.n_rows(), rows.number(7), whole.number(2099)), (2100, 8, 2100));
    }

    #[test]
    fn data_without_a_held_out_part_are_recognised_behind_the_mark_of_the_callers_errors() {
        let none = || DataError::NoHeldOut { path: "x.csv".into(), expected: "files named train and test" };
        assert!(none_held_out(&refused(none())) && none_held_out(&none()));
        assert!(none_held_out(&refused(none()).context("no held-out data")));
        assert!(!none_held_out(&refused(DataError::Spec("3 columns".into()))));
    }
}
