//! What each dataset's name stands for.

use std::path::Path;

use crate::item::ItemShape;
use crate::named::{NamedDataset, OpenOptions};
use crate::{Data, DataError, DatasetName, glyphs, images, tables};

impl DatasetName {
    fn dataset(&self) -> &dyn NamedDataset {
        match self {
            Self::Glyphs => &glyphs::ByName,
            Self::Mnist => &images::mnist::Mnist::DIGITS,
            Self::FashionMnist => &images::mnist::Mnist::FASHION,
            Self::Cifar10 => &images::cifar10::Cifar10,
            Self::Stack => &images::stack::ByName,
            Self::Table => &tables::dataset::ByName,
            Self::Folder => &images::image_folder::ByName,
            Self::Toy(toy) => toy,
        }
    }

    /// One line about what the dataset holds.
    pub fn about(self) -> &'static str {
        self.dataset().about()
    }

    /// What an item of the published dataset is; `None` if only the files can say it.
    ///
    /// [`DataSpec::item_shape`](crate::DataSpec::item_shape) is that of items as a configuration reads them.
    pub fn item_shape(self) -> Option<ItemShape> {
        self.dataset().item_shape()
    }

    /// The first dataset whose files are at `path`, which exists.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        Self::all().find(|name| name.dataset().is_at(path))
    }

    pub(crate) fn open(self, options: &OpenOptions) -> Result<Data, DataError> {
        self.dataset().open(options)
    }
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;
    use crate::{DataSpec, ImageShape, ImageSize};

    #[test]
    fn a_name_knows_the_size_of_an_item_where_it_does_not_depend_on_files() {
        for dataset in DatasetName::all() {
            let is_of_the_users_files =
                matches!(dataset, DatasetName::Stack | DatasetName::Table | DatasetName::Folder);
            assert_eq!(dataset.item_shape().is_none(), is_of_the_users_files, "{dataset}");
            // The line about it says the size as well.
            if let Some(ItemShape::Image(shape)) = dataset.item_shape() {
                assert!(dataset.about().contains(&shape.to_string()), "{dataset}: {shape}");
            }
            if matches!(dataset, DatasetName::Glyphs | DatasetName::Toy(_)) {
                let data = Data::open(&DataSpec::new(dataset, None), &Noise::seeded(1)).unwrap();
                assert_eq!(Some(data.item_shape()), dataset.item_shape(), "{dataset}");
            }
        }
    }

    #[test]
    fn an_item_has_the_size_and_the_channels_to_which_images_are_brought() {
        let mnist = DataSpec::new(DatasetName::Mnist, None);
        let spec =
            DataSpec { size: Some(ImageSize::Rectangle([16, 20])), channels: Some(3), ..mnist.clone() };
        let [as_published, as_read] = [mnist, spec].map(|spec| spec.item_shape());
        let image = |channels, height, width| ItemShape::Image(ImageShape { channels, height, width });
        assert_eq!(as_published, Some(image(1, 28, 28)));
        assert_eq!(as_read, Some(image(3, 16, 20)));
    }

    #[test]
    fn names_are_distinct_and_round_trip_and_an_unknown_one_lists_the_known() {
        for dataset in DatasetName::all() {
            assert_eq!(dataset.to_string().parse::<DatasetName>().unwrap(), dataset);
            assert!(!dataset.about().is_empty() && !dataset.about().contains('\n'), "{dataset}");
        }
        let error = "minst".parse::<DatasetName>().unwrap_err().to_string();
        assert!(
            error.contains("minst") && error.contains("fashion-mnist") && error.contains("swiss-roll"),
            "{error}"
        );
    }
}
