//! Points of a density in the plane, without end.

use burn_dataset::Dataset;
use ebm_ops::Noise;

use super::Toy;
use crate::DataError;
use crate::data::{Data, ENDLESS};
use crate::item::Point;
use crate::tables::standardize::Standardize;

impl Data {
    /// Points of a toy's density, endless.
    pub fn toy(toy: Toy, noise: &Noise) -> Self {
        Self::points(Standardize::identity(2), ToyPoints::new(toy, noise))
    }
}

/// An endless set of points of a [`Toy`]; point `i` is a pure function of the seed and `i`.
#[derive(Clone, Debug)]
pub struct ToyPoints {
    toy: Toy,
    noise: Noise,
}

impl ToyPoints {
    /// The points of one stream of noise, whatever has been drawn from it.
    pub fn new(toy: Toy, noise: &Noise) -> Self {
        Self { toy, noise: noise.derive(toy.name()) }
    }
}

impl Dataset<Point, DataError> for ToyPoints {
    fn get(&self, index: usize) -> Result<Point, DataError> {
        Ok(self.toy.draw(self.noise.child(index as u64)))
    }

    /// [`ENDLESS`].
    fn len(&self) -> usize {
        ENDLESS
    }
}
