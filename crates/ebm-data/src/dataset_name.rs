//! The names of the datasets.

use serde::{Deserialize, Serialize};

use crate::Toy;
use crate::conversions::by_name;

macro_rules! datasets {
    ($($variant:ident => $name:literal,)*) => {
        /// The name of a dataset; as text, `mnist`, `folder`, `two-moons` and so on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum DatasetName {
            $(
                #[doc = concat!("`", $name, "`, described by [`about`](Self::about).")]
                $variant,
            )*
            /// A density in the plane.
            Toy(Toy),
        }

        impl DatasetName {
            /// Every name but the toys', in the order in which a path is examined.
            const LISTED: &'static [Self] = &[$(Self::$variant),*];

            /// The name as text.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Toy(toy) => toy.name(),
                }
            }
        }
    };
}

// A path is examined in this order: a folder of images is recognised last, because any folder may be one.
datasets! {
    Glyphs => "glyphs",
    Mnist => "mnist",
    FashionMnist => "fashion-mnist",
    Cifar10 => "cifar10",
    Stack => "stack",
    Table => "table",
    Folder => "folder",
}

impl DatasetName {
    /// Every name.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::LISTED.iter().copied().chain(Toy::all().map(Self::Toy))
    }
}

by_name!(DatasetName, "dataset");
