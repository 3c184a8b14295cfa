//! The list of datasets by name.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::named::{NamedDataset, OpenOptions, by_name};
use crate::{Data, DataError, Toy, glyphs, images, tables};

macro_rules! datasets {
    ($($variant:ident => $dataset:expr,)*) => {
        /// The name of a dataset; as text, `mnist`, `folder`, `two-moons` and so on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum DatasetName {
            $(
                #[doc = concat!("`", stringify!($dataset), "`, described by [`about`](Self::about).")]
                $variant,
            )*
            /// A density in the plane.
            Toy(Toy),
        }

        impl DatasetName {
            /// Every name but the toys', in the order in which a path is examined.
            const LISTED: &'static [Self] = &[$(Self::$variant),*];

            fn dataset(&self) -> &dyn NamedDataset {
                match self {
                    $(Self::$variant => &$dataset,)*
                    Self::Toy(toy) => toy,
                }
            }
        }
    };
}

// A path is examined in this order: a folder of images is recognised last, because any folder may be one.
datasets! {
    Glyphs => glyphs::ByName,
    Mnist => images::mnist::Mnist::DIGITS,
    FashionMnist => images::mnist::Mnist::FASHION,
    Cifar10 => images::cifar10::Cifar10,
    Stack => images::stack::ByName,
    Table => tables::table::ByName,
    Folder => images::image_folder::ByName,
}

impl DatasetName {
    /// Every name.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::LISTED.iter().copied().chain(Toy::all().map(Self::Toy))
    }

    /// The name as text.
    pub fn name(self) -> &'static str {
        self.dataset().name()
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

by_name!(DatasetName, "dataset");

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
