//! A dataset of any kind, read as rows of values.

use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use burn_dataset::Dataset;
use ebm_ops::{Noise, OutOfRange};

use crate::DataError;
use crate::images::augmentation::Augmentation;
use crate::images::pixels::dequantize;
use crate::item::{Image, ImageShape, ItemShape, Point};
use crate::summary::Summary;
use crate::tables::layout::RowLayout;
use crate::tables::selection::Numbers;
use crate::tables::transform::Transform;

/// The length of an endless dataset: the largest `usize`.
pub const ENDLESS: usize = usize::MAX;

/// A dataset, ready to be read as values for training.
pub enum Data {
    /// Images, whose bytes become values in [−1, 1).
    Images(Images),
    /// Points, whose coordinates are the values.
    Points(Points),
}

/// Images of one shape.
pub struct Images {
    shape: ImageShape,
    classes: Vec<String>,
    counts: Vec<usize>,
    notes: Vec<String>,
    files: Arc<[PathBuf]>,
    source: Option<String>,
    items: Box<dyn Dataset<Image, DataError>>,
}

/// Points of one dimension.
pub struct Points {
    transform: Transform,
    /// Whether the transform is still to be applied to the items.
    is_raw: bool,
    columns: Vec<String>,
    classes: Vec<String>,
    counts: Vec<usize>,
    /// The number of each item in its file, if some were left out.
    numbers: Option<Numbers>,
    notes: Vec<String>,
    source: Option<String>,
    items: Box<dyn Dataset<Point, DataError>>,
}

/// Rows of values, one for each item.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    dim: usize,
    /// Row after row: pixels channel by channel in [−1, 1), or standardised coordinates.
    pub values: Vec<f32>,
    /// The class of each row, if all of them are known.
    pub labels: Option<Vec<u32>>,
    /// What was done to each row that a network is to be told, row after row, if images are augmented so:
    /// [`Augmentation::PARAMETERS`] numbers for each.
    pub augmentations: Option<Vec<f32>>,
}

impl Data {
    /// Images of one shape from any dataset of Burn's; its length is [`ENDLESS`] if it has no end.
    ///
    /// `classes` are the names of the classes in the order of their labels, empty if images have no labels.
    pub fn images(
        shape: ImageShape,
        classes: Vec<String>,
        items: impl Dataset<Image, DataError> + 'static,
    ) -> Self {
        let (counts, notes, source) = Default::default();
        let files = Arc::from([]);
        Self::Images(Images { shape, classes, counts, notes, files, source, items: Box::new(items) })
    }

    /// Points from any dataset of Burn's; its length is [`ENDLESS`] if it has no end.
    ///
    /// `transform` is the map that was applied to the coordinates, [`Transform::identity`] if none was.
    pub fn points(transform: impl Into<Transform>, items: impl Dataset<Point, DataError> + 'static) -> Self {
        Self::Points(Points {
            transform: transform.into(),
            is_raw: false,
            columns: Vec::new(),
            classes: Vec::new(),
            counts: Vec::new(),
            numbers: None,
            notes: Vec::new(),
            source: None,
            items: Box::new(items),
        })
    }

    /// Values in a row.
    pub fn dim(&self) -> usize {
        match self {
            Self::Images(images) => images.shape.dim(),
            Self::Points(points) => points.transform.dim(),
        }
    }

    /// The number of items, or `None` if the dataset is endless.
    pub fn len(&self) -> Option<usize> {
        let len = match self {
            Self::Images(images) => images.items.len(),
            Self::Points(points) => points.items.len(),
        };
        (len != ENDLESS).then_some(len)
    }

    /// Whether there are no items; never so for data of this crate, which refuses to open an empty dataset.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The shape of the images, or `None` if the data are points.
    pub fn image_shape(&self) -> Option<ImageShape> {
        match self {
            Self::Images(images) => Some(images.shape),
            Self::Points(_) => None,
        }
    }

    /// What an item is, with its size.
    pub fn item_shape(&self) -> ItemShape {
        match self {
            Self::Images(images) => ItemShape::Image(images.shape),
            Self::Points(_) => ItemShape::Point { dim: self.dim() },
        }
    }

    /// The map from the units of the points to those of training, or `None` if the data are images.
    pub fn transform(&self) -> Option<&Transform> {
        match self {
            Self::Images(_) => None,
            Self::Points(points) => Some(&points.transform),
        }
    }

    /// The names of the classes in the order of their labels; empty if they have none.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Images(images) => &images.classes,
            Self::Points(points) => &points.classes,
        }
    }

    /// Whether every item is in memory, or made from nothing; otherwise items are read from files as they are wanted, and
    /// may be found to be damaged then.
    pub fn is_in_memory(&self) -> bool {
        self.source().is_none()
    }

    /// What tells data that are read as they are wanted from others, as far as that is known without reading them all: the
    /// names of their files and how long they are. `None` of data that are in memory.
    pub fn source(&self) -> Option<&str> {
        let (Self::Images(Images { source, .. }) | Self::Points(Points { source, .. })) = self;
        source.as_deref()
    }

    /// The data as ones that are read as they are wanted, from what `source` says.
    pub(crate) fn read_from(mut self, of_files: String) -> Self {
        let (Self::Images(Images { source, .. }) | Self::Points(Points { source, .. })) = &mut self;
        *source = Some(of_files);
        self
    }

    /// The file of each image, in their order; empty if they have no files of their own.
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Images(images) => &images.files,
            Self::Points(_) => &[],
        }
    }

    /// The names of the columns of a table; empty without names.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Images(_) => &[],
            Self::Points(points) => &points.columns,
        }
    }

    /// The points with names for their columns, one for each, or none.
    #[allow(dead_code)]
    pub(crate) fn with_columns(mut self, columns: Vec<String>) -> Self {
        if let Self::Points(points) = &mut self {
            points.columns = columns;
        }
        self
    }

    /// The points with the number of each in its file, from 0.
    pub(crate) fn with_numbers(mut self, numbers: Option<Numbers>) -> Self {
        if let Self::Points(points) = &mut self {
            points.numbers = numbers;
        }
        self
    }

    /// The points in the units of a model, if they are as they were drawn.
    ///
    /// # Errors
    /// [`DataError::Spec`] if they have another number of columns.
    pub(crate) fn with_layout(mut self, layout: &RowLayout) -> Result<Self, DataError> {
        let dim = self.dim();
        if let Self::Points(points) = &mut self {
            if layout.transform.dim() != dim {
                let expected = layout.transform.dim();
                return Err(DataError::Spec(format!("{dim} columns, the model has {expected}")));
            }
            points.is_raw = !layout.transform.is_identity();
            points.transform = layout.transform.clone();
        }
        Ok(self)
    }

    /// The data with the number of items of each class.
    pub(crate) fn with_counts(mut self, of_classes: Vec<usize>) -> Self {
        let (Self::Images(Images { counts, .. }) | Self::Points(Points { counts, .. })) = &mut self;
        *counts = of_classes;
        self
    }

    /// The points with the names of their classes, in the order of their labels; none if they have no labels.
    pub(crate) fn with_classes(mut self, classes: Vec<String>) -> Self {
        if let Self::Points(points) = &mut self {
            points.classes = classes;
        }
        self
    }

    /// The images with the file of each, or none.
    pub(crate) fn with_files(mut self, files: impl Into<Arc<[PathBuf]>>) -> Self {
        if let Self::Images(images) = &mut self {
            images.files = files.into();
        }
        self
    }

    /// The data with notes of what was left out or changed, a sentence each.
    pub(crate) fn with_notes(mut self, added: Vec<String>) -> Self {
        let (Self::Images(Images { notes, .. }) | Self::Points(Points { notes, .. })) = &mut self;
        notes.extend(added);
        self
    }

    /// The number of item `index` in its file, from 0, where rows may have been left out.
    pub fn number(&self, index: usize) -> usize {
        match self {
            Self::Points(Points { numbers: Some(numbers), .. }) => numbers.at(index),
            _ => index,
        }
    }

    /// What was read.
    pub fn summary(&self) -> Summary {
        let rows = self.len();
        match self {
            Self::Images(Images { shape, classes, counts, notes, .. }) => Summary {
                rows,
                image: Some(*shape),
                classes: classes.iter().cloned().zip(counts.iter().copied()).collect(),
                notes: notes.clone(),
                ..Summary::default()
            },
            Self::Points(Points { columns, classes, counts, notes, .. }) => Summary {
                rows,
                columns: columns.clone(),
                dim: Some(self.dim()),
                classes: classes.iter().cloned().zip(counts.iter().copied()).collect(),
                notes: notes.clone(),
                ..Summary::default()
            },
        }
    }

    /// The items at `indices`, in this order.
    ///
    /// With `noise`, each byte of an image is spread uniformly over its bin, which takes one draw of `noise`.
    /// Without, each byte becomes the middle of its bin, as evaluation needs it. Points have no bins.
    ///
    /// # Errors
    /// If an item cannot be read, or is not as long as the dataset's rows.
    ///
    /// # Panics
    /// Unless every index is below the number of items.
    pub fn read(&self, indices: &[usize], noise: Option<&mut Noise>) -> Result<Batch, DataError> {
        match self {
            Self::Images(images) => images.read(indices, noise, |_| None),
            Self::Points(points) => points.read(indices),
        }
    }

    /// As [`read`](Self::read), with images changed by `augmentation`, whose draws are of `moves`.
    pub(crate) fn read_augmented(
        &self,
        indices: &[usize],
        noise: Option<&mut Noise>,
        augmentation: Augmentation,
        moves: &mut Noise,
    ) -> Result<Batch, DataError> {
        match self {
            Self::Images(images) => images.read(indices, noise, |items| {
                augmentation.apply(items.iter_mut().map(|image| &mut image.pixels), images.shape, moves);
                let pixels = items.iter_mut().map(|image| &mut image.pixels);
                augmentation.apply_non_leaking(pixels, images.shape, moves)
            }),
            Self::Points(points) => points.read(indices),
        }
    }
}

impl Images {
    fn read(
        &self,
        indices: &[usize],
        noise: Option<&mut Noise>,
        change: impl FnOnce(&mut [Image]) -> Option<Vec<f32>>,
    ) -> Result<Batch, DataError> {
        let dim = self.shape.dim();
        let mut items = self.items.get_many(indices.to_vec())?;
        for image in &items {
            check("bytes of an image", image.pixels.len(), dim)?;
        }
        let augmentations = change(&mut items);
        let labels = items.iter().map(|image| image.label).collect();
        let mut values = Vec::with_capacity(items.len() * dim);
        match noise.map(|noise| noise.uniforms(items.len() * dim)) {
            None => {
                for image in &items {
                    values.extend(image.pixels.iter().map(|&byte| dequantize(byte, 0.5)));
                }
            }
            Some(u) => {
                for (image, u) in items.iter().zip(u.chunks_exact(dim)) {
                    values.extend(image.pixels.iter().zip(u).map(|(&byte, &u)| dequantize(byte, u)));
                }
            }
        }
        Ok(Batch { dim, values, labels, augmentations })
    }
}

impl Points {
    fn read(&self, indices: &[usize]) -> Result<Batch, DataError> {
        let dim = self.transform.dim();
        let items = self.items.get_many(indices.to_vec())?;
        for point in &items {
            check("coordinates of a point", point.coordinates.len(), dim)?;
        }
        let labels = items.iter().map(|point| point.label).collect();
        let values: Vec<f32> = items.into_iter().flat_map(|point| point.coordinates).collect();
        let values = match self.is_raw {
            true => self.transform.forward(&values.into_iter().map(f64::from).collect::<Vec<_>>()),
            false => values,
        };
        Ok(Batch { dim, values, labels, augmentations: None })
    }
}

fn check(what: &str, found: usize, expected: usize) -> Result<(), OutOfRange> {
    if found == expected { Ok(()) } else { Err(OutOfRange::new(what, found, expected.to_string())) }
}

impl Batch {
    /// `[batch, dim]` on `device`.
    pub fn tensor(self, device: &Device) -> Tensor<2> {
        let shape = [self.values.len() / self.dim, self.dim];
        Tensor::from_data(TensorData::new(self.values, shape), device)
    }
}
