//! Points in memory.

use burn::tensor::Tensor;
use burn_dataset::Dataset;
use ebm_ops::OutOfRange;

use crate::DataError;
use crate::data::Data;
use crate::item::Point;
use crate::tables::standardize::Standardize;

/// Points of one dimension in memory, taken as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct PointSet {
    dim: usize,
    values: Vec<f32>,
    labels: Option<Vec<u32>>,
}

impl PointSet {
    /// `values` holds the points one after the other, `dim` coordinates each; there are as many `labels`, or none.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless there is at least one point, every point is complete, every value is finite,
    /// and labels and points are equally many.
    pub fn new(values: Vec<f32>, dim: usize, labels: Option<Vec<u32>>) -> Result<Self, DataError> {
        OutOfRange::at_least("dim", 1, dim)?;
        if values.is_empty() || !values.len().is_multiple_of(dim) {
            let expected = format!("complete rows of {dim}, at least one");
            return Err(OutOfRange::new("values", format!("{} numbers", values.len()), expected).into());
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let what = format!("row {}, column {}", at / dim, at % dim);
            return Err(OutOfRange::new(what, values[at], "a finite number").into());
        }
        if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != values.len() / dim) {
            let expected = format!("{}, one for each row", values.len() / dim);
            return Err(OutOfRange::new("number of labels", labels.len(), expected).into());
        }
        Ok(Self { dim, values, labels })
    }
}

impl Data {
    /// Rows in memory: `values` holds them one after the other, `dim` numbers each.
    ///
    /// They are not standardised; [`PointSet`] also takes labels.
    ///
    /// # Errors
    /// As [`PointSet::new`].
    pub fn from_rows(values: Vec<f32>, dim: usize) -> Result<Self, DataError> {
        Ok(PointSet::new(values, dim, None)?.into())
    }

    /// The rows of a tensor `[n, dim]`, copied to the host.
    ///
    /// # Errors
    /// As [`PointSet::new`], and if the tensor cannot be read.
    pub fn from_tensor(rows: Tensor<2>) -> Result<Self, DataError> {
        let [_, dim] = rows.dims();
        let values = rows.into_data().convert::<f32>().try_to_vec::<f32>();
        Self::from_rows(values.map_err(|error| DataError::Spec(format!("rows: {error:?}")))?, dim)
    }
}

impl From<PointSet> for Data {
    fn from(points: PointSet) -> Self {
        Self::points(Standardize::identity(points.dim), points)
    }
}

impl Dataset<Point, DataError> for PointSet {
    fn get(&self, index: usize) -> Result<Point, DataError> {
        let coordinates = self.values[index * self.dim..(index + 1) * self.dim].to_vec();
        Ok(Point { coordinates, label: self.labels.as_ref().map(|labels| labels[index]) })
    }

    fn len(&self) -> usize {
        self.values.len() / self.dim
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn rows_and_tensors_are_read_back_as_they_were() {
        let values = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let rows = Data::from_rows(values.clone(), 3).unwrap();
        assert_eq!((rows.len(), rows.dim()), (Some(2), 3));
        let tensor = rows.read(&[0, 1], None).unwrap().tensor(&Device::flex());
        let again = Data::from_tensor(tensor).unwrap();
        assert_eq!(again.read(&[1, 0], None).unwrap().values, [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
        let labelled = Data::from(PointSet::new(values, 2, Some(vec![7, 8, 9])).unwrap());
        assert_eq!(labelled.read(&[2, 0], None).unwrap().labels, Some(vec![9, 7]));
    }

    #[test]
    fn incomplete_rows_and_numbers_that_are_not_finite_are_refused() {
        let error = |values: &[f32], dim, labels| {
            let error = PointSet::new(values.to_vec(), dim, labels).unwrap_err();
            assert!(matches!(error, DataError::OutOfRange(_)), "{error}");
            error.to_string()
        };
        assert!(error(&[1.0], 0, None).contains("dim"));
        assert!(error(&[], 2, None).contains("0 numbers"));
        assert!(error(&[1.0, 2.0, 3.0], 2, None).contains("3 numbers"));
        assert!(error(&[1.0, 2.0, 3.0, f32::NAN], 2, None).contains("row 1, column 1"));
        assert!(error(&[1.0, 2.0], 1, Some(vec![0])).contains("number of labels"));
    }
}
