//! The one door to every dataset.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use burn_dataset::Dataset;
use ebm_ops::Noise;

use crate::{
    Cifar10, DataError, DataSpec, DatasetName, Glyphs, Image, ImageFolder, ImageSet, ImageShape, Mnist,
    Point, Standardize, Table, Toy, ToyPoints, dequantize,
};

/// The length of a dataset that has no end: as many items as can be counted.
pub const ENDLESS: usize = usize::MAX;

/// A dataset that is ready to give values for training.
pub enum Data {
    /// Images, whose bytes become values in [−1, 1).
    Images(Images),
    /// Points, whose coordinates are values.
    Points(Points),
}

/// Images of one shape.
pub struct Images {
    shape: ImageShape,
    classes: Vec<String>,
    items: Box<dyn Dataset<Image, DataError>>,
}

/// Points of one dimension.
pub struct Points {
    standardize: Standardize,
    items: Box<dyn Dataset<Point, DataError>>,
}

/// Rows of values, one an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    dim: usize,
    /// Row after row: pixels channel by channel in [−1, 1), or standardised coordinates.
    pub values: Vec<f32>,
    /// The class of each row, if every one is known.
    pub labels: Option<Vec<u32>>,
}

impl Data {
    /// Opens what `spec` says; `noise` seeds what the program draws itself, a stream a split.
    ///
    /// Files are read and checked whole, here.
    ///
    /// # Errors
    /// If files are absent or damaged, or if `spec` needs a path and has none.
    pub fn open(spec: &DataSpec, noise: &Noise) -> Result<Self, DataError> {
        let name = spec.dataset;
        let folder = || spec.path.clone().unwrap_or_else(|| Path::new("data").join(name.name()));
        let path = || {
            let absent = || DataError::Spec(format!("dataset = \"{name}\" needs a path"));
            spec.path.clone().ok_or_else(absent)
        };
        Ok(match name {
            DatasetName::Glyphs => Self::glyphs(&noise.derive(spec.split.name())),
            DatasetName::Toy(toy) => Self::toy(toy, &noise.derive(spec.split.name())),
            DatasetName::Mnist => Mnist::DIGITS.read(&folder(), spec.split)?.into(),
            DatasetName::FashionMnist => Mnist::FASHION.read(&folder(), spec.split)?.into(),
            DatasetName::Cifar10 => Cifar10.read(&folder(), spec.split)?.into(),
            DatasetName::Folder => ImageFolder::new(path()?).read(spec.split)?.into(),
            DatasetName::Table => Table::read(&path()?, spec.split, spec.standardize)?.into(),
        })
    }

    /// Drawn digits, endless.
    pub fn glyphs(noise: &Noise) -> Self {
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        Self::Images(Images { shape: Glyphs::shape(), classes, items: Box::new(Glyphs::new(noise)) })
    }

    /// Points of a toy's law, endless.
    pub fn toy(toy: Toy, noise: &Noise) -> Self {
        Self::Points(Points {
            standardize: Standardize::identity(2),
            items: Box::new(ToyPoints::new(toy, noise)),
        })
    }

    /// Values of a row.
    pub fn dim(&self) -> usize {
        match self {
            Self::Images(images) => images.shape.dim(),
            Self::Points(points) => points.standardize.dim(),
        }
    }

    /// The number of items, or none if there is no end.
    pub fn len(&self) -> Option<usize> {
        let len = match self {
            Self::Images(images) => images.items.len(),
            Self::Points(points) => points.items.len(),
        };
        (len != ENDLESS).then_some(len)
    }

    /// Never: a dataset without items cannot be opened.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The shape of images.
    pub fn image_shape(&self) -> Option<ImageShape> {
        match self {
            Self::Images(images) => Some(images.shape),
            Self::Points(_) => None,
        }
    }

    /// The map from the units of points to those of training.
    pub fn standardize(&self) -> Option<&Standardize> {
        match self {
            Self::Images(_) => None,
            Self::Points(points) => Some(&points.standardize),
        }
    }

    /// The names of the classes, in the order of their labels; empty if they have none.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Images(images) => &images.classes,
            Self::Points(_) => &[],
        }
    }

    /// The items at `indices`, in this order.
    ///
    /// With `noise`, bytes are spread over their bins by one draw of it; without, each is the middle of its bin, as
    /// evaluation wants it. Points have no bins.
    ///
    /// # Errors
    /// If an item cannot be read.
    ///
    /// # Panics
    /// Unless every index is below the number of items.
    pub fn read(&self, indices: &[usize], noise: Option<&mut Noise>) -> Result<Batch, DataError> {
        let dim = self.dim();
        match self {
            Self::Images(images) => {
                let items = images.items.get_many(indices.to_vec())?;
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
                Ok(Batch { dim, values, labels })
            }
            Self::Points(points) => {
                let items = points.items.get_many(indices.to_vec())?;
                let labels = items.iter().map(|point| point.label).collect();
                let values = items.into_iter().flat_map(|point| point.coordinates).collect();
                Ok(Batch { dim, values, labels })
            }
        }
    }
}

impl Batch {
    /// `[batch, dim]` on `device`.
    pub fn tensor(self, device: &Device) -> Tensor<2> {
        let shape = [self.values.len() / self.dim, self.dim];
        Tensor::from_data(TensorData::new(self.values, shape), device)
    }
}

impl From<ImageSet> for Data {
    fn from(set: ImageSet) -> Self {
        Self::Images(Images { shape: set.shape(), classes: set.classes().to_vec(), items: Box::new(set) })
    }
}

impl From<Table> for Data {
    fn from(table: Table) -> Self {
        Self::Points(Points { standardize: table.standardize().clone(), items: Box::new(table) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Split;

    #[test]
    fn what_the_program_draws_is_open_without_files_and_its_splits_differ() {
        let noise = Noise::seeded(9);
        let drawn = [DatasetName::Glyphs].into_iter().chain(Toy::ALL.map(DatasetName::Toy));
        for name in drawn {
            let mut spec = DataSpec::new(name, None);
            let train = Data::open(&spec, &noise).unwrap();
            spec.split = Split::Test;
            let test = Data::open(&spec, &noise).unwrap();
            let row = |data: &Data| data.read(&[0], None).unwrap().values;
            assert_eq!((train.len(), row(&train).len()), (None, train.dim()), "{name}");
            assert_ne!(row(&train), row(&test), "{name}");
            assert!(row(&train).iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn data_without_its_files_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name, path| match Data::open(&DataSpec::new(name, path), &Noise::seeded(0)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{name} is open"),
        };
        let path = Some(folder.path().to_path_buf());
        assert!(open(DatasetName::Mnist, path.clone()).contains("cargo xtask fetch mnist"));
        assert!(open(DatasetName::Cifar10, path).contains("cargo xtask fetch cifar10"));
        assert!(open(DatasetName::Table, None).contains("needs a path"));
        assert!(open(DatasetName::Folder, None).contains("needs a path"));
    }

    #[test]
    fn a_table_comes_back_in_its_own_units() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "1,100\n2,300\n6,200\n").unwrap();
        let data = Data::open(&DataSpec::detect(&file).unwrap(), &Noise::seeded(0)).unwrap();
        assert_eq!((data.len(), data.dim()), (Some(3), 2));
        let values = data.read(&[2, 0], None).unwrap().values;
        let back = data.standardize().unwrap().inverse(&values);
        for (found, expected) in back.iter().zip([6.0, 200.0, 1.0, 100.0]) {
            assert!((found - expected).abs() < 1e-6 * expected, "{found} against {expected}");
        }
    }
}
