//! The densities in the plane as datasets.

use super::Toy;
use crate::DataError;
use crate::data::Data;
use crate::item::ItemShape;
use crate::named::{NamedDataset, OpenOptions};

impl NamedDataset for Toy {
    fn about(&self) -> &'static str {
        Toy::about(*self)
    }

    fn item_shape(&self) -> Option<ItemShape> {
        Some(ItemShape::Point { dim: 2 })
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        Ok(Data::toy(*self, &options.stream()))
    }
}
