//! What each dataset's name stands for.

use std::path::Path;

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
    use super::*;

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
