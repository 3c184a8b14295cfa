//! Endless data from a function.

use burn_dataset::Dataset;
use ebm_ops::{Noise, OutOfRange};

use crate::DataError;
use crate::data::{Data, ENDLESS};
use crate::item::Point;
use crate::tables::standardize::Standardize;

impl Data {
    /// Endless points of `dim` coordinates from a function of a stream of noise.
    ///
    /// Point `i` is `draw(noise.child(i))`: a pure function of the seed and `i`, so that a resumed run sees the same
    /// points.
    ///
    /// ```
    /// use ebm_data::{Data, Point};
    /// use ebm_ops::Noise;
    ///
    /// let ring = Data::generated(2, &Noise::seeded(0), |mut noise| {
    ///     let (y, x) = (6.28 * noise.uniforms(1)[0]).sin_cos();
    ///     Point { coordinates: vec![x, y], label: None }
    /// })?;
    /// assert_eq!((ring.len(), ring.dim()), (None, 2));
    /// # Ok::<(), ebm_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] if `dim` is 0. Reading fails if `draw` returns another number of coordinates.
    pub fn generated(
        dim: usize,
        noise: &Noise,
        draw: impl Fn(Noise) -> Point + Send + Sync + 'static,
    ) -> Result<Self, DataError> {
        OutOfRange::at_least("dim", 1, dim)?;
        Ok(Self::points(Standardize::identity(dim), Generated { draw, noise: noise.clone() }))
    }
}

/// A function as a dataset.
struct Generated<F> {
    draw: F,
    noise: Noise,
}

impl<F: Fn(Noise) -> Point + Send + Sync> Dataset<Point, DataError> for Generated<F> {
    fn get(&self, index: usize) -> Result<Point, DataError> {
        Ok((self.draw)(self.noise.child(index as u64)))
    }

    fn len(&self) -> usize {
        ENDLESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_point_depends_on_the_seed_and_its_index_only() {
        let draw = |mut noise: Noise| Point { coordinates: noise.normals(3), label: Some(1) };
        let data = |seed| Data::generated(3, &Noise::seeded(seed), draw).unwrap();
        let batch = data(1).read(&[7, 0], None).unwrap();
        assert_eq!(batch.labels, Some(vec![1, 1]));
        assert_eq!(batch.values[..3], data(1).read(&[7], None).unwrap().values);
        assert_ne!(batch.values, data(2).read(&[7, 0], None).unwrap().values);
    }

    #[test]
    fn a_point_with_the_wrong_number_of_coordinates_is_refused() {
        let draw = |_| Point { coordinates: vec![0.0; 2], label: None };
        let error = Data::generated(3, &Noise::seeded(1), draw).unwrap().read(&[0], None).unwrap_err();
        assert_eq!(error.to_string(), "coordinates of a point: expected 3, found 2");
        assert!(matches!(Data::generated(0, &Noise::seeded(1), draw), Err(DataError::OutOfRange(_))));
    }
}
