//! The trait of a distance between samples, and the samples it compares.

use burn::tensor::Tensor;
use ebm_ops::{Noise, OutOfRange};

use super::features::FeatureMap;
use crate::host::Rows;
use crate::report::variance;
use crate::{Estimate, EvalError, Figure, Protocol, WithFloor, with_floor};

/// Random splits of the data, beside the given one, over which a floor is averaged.
pub(crate) const SPLITS: usize = 9;

/// A distance between two samples that can be listed in a [`Report`](crate::Report).
///
/// ```
/// use ebm_eval::{Comparison, EvalError, Figure, Protocol, SampleDistance};
/// use ebm_ops::Noise;
///
/// /// The squared distance between the two means.
/// struct MeanGap;
///
/// impl SampleDistance for MeanGap {
///     fn name(&self) -> &'static str {
///         "mean_gap"
///     }
///
///     fn figure(&self, comparison: &Comparison, protocol: Protocol, _: &Noise) -> Result<Option<Figure>, EvalError> {
///         let gap = |x: burn::tensor::Tensor<2>, y: burn::tensor::Tensor<2>| {
///             let gap = x.mean_dim(0) - y.mean_dim(0);
///             Ok(f64::from(gap.square().sum().into_scalar::<f32>()))
///         };
///         Ok(Some(Figure::exact_with_floor(self.name(), comparison.with_floor(gap)?, protocol)))
///     }
/// }
/// ```
pub trait SampleDistance {
    /// Name of the figure, with its unit if it has one: `mmd2_unbiased`.
    fn name(&self) -> &'static str;

    /// The distance from the sample to the reference, with that of the fresh draw as its floor.
    ///
    /// `protocol` describes the samples; the figure carries it with the distance's own settings added.
    /// Returns `None` if the distance is not defined for samples of this size.
    /// Random numbers come from a stream derived from `noise` by name, the same one for value and floor.
    ///
    /// # Errors
    /// [`EvalError`] for samples or settings that the distance does not accept.
    fn figure(
        &self,
        comparison: &Comparison<'_>,
        protocol: Protocol,
        noise: &Noise,
    ) -> Result<Option<Figure>, EvalError>;
}

/// A sample to be judged, and data to judge it by.
#[derive(Clone)]
pub struct Comparison<'a> {
    /// Draws from the model, `[n, dim]`.
    pub sample: Tensor<2>,
    /// A fresh draw from the true distribution, `[n, dim]`.
    pub fresh: Tensor<2>,
    /// The data that both are compared with, `[m, dim]`.
    pub reference: Tensor<2>,
    /// Features of a point, for distances between features.
    pub features: &'a dyn FeatureMap,
}

impl Comparison<'_> {
    /// The same comparison of the features of the points, in place of the points.
    pub fn of_features(&self) -> Self {
        let features = self.features;
        let map = |x: &Tensor<2>| features.map(x.clone());
        Self { sample: map(&self.sample), fresh: map(&self.fresh), reference: map(&self.reference), features }
    }

    /// `metric(sample, reference)` with its floor `metric(fresh, reference)`; see [`with_floor`].
    ///
    /// # Errors
    /// Returns the errors of `metric`.
    ///
    /// # Panics
    /// If the shapes of sample and fresh draw differ.
    pub fn with_floor<T>(
        &self,
        metric: impl FnMut(Tensor<2>, Tensor<2>) -> Result<T, EvalError>,
    ) -> Result<WithFloor<T>, EvalError> {
        with_floor(self.sample.clone(), self.fresh.clone(), self.reference.clone(), metric)
    }

    /// `metric(sample, reference)`, and the mean and standard deviation of the same of data against data: of the fresh
    /// draw and the reference, and of `splits` random splits of both together into parts of the same sizes.
    ///
    /// There must be at least one split; nine are usual. Splits come from the noise stream `splits`.
    ///
    /// # Errors
    /// Returns the errors of `metric`.
    ///
    /// # Panics
    /// If the shapes of sample and fresh draw differ.
    pub fn with_spread(
        &self,
        splits: usize,
        noise: &Noise,
        mut metric: impl FnMut(Tensor<2>, Tensor<2>) -> Result<f64, EvalError>,
    ) -> Result<WithFloor<Estimate>, EvalError> {
        OutOfRange::at_least("splits", 1, splits)?;
        assert_eq!(self.sample.dims(), self.fresh.dims(), "the fresh draw must have the shape of the sample");
        let data = Tensor::cat(vec![self.fresh.clone(), self.reference.clone()], 0);
        let mut floors = vec![metric(self.fresh.clone(), self.reference.clone())?];
        for split in 0..splits {
            let order = noise.derive("splits").child(split as u64).permutation(data.dims()[0]);
            let order: Vec<i64> = order.into_iter().map(|i| i as i64).collect();
            let rows = |indices: &[i64]| data.clone().select(0, Tensor::from_data(indices, &data.device()));
            let (fresh, reference) = order.split_at(self.fresh.dims()[0]);
            floors.push(metric(rows(fresh), rows(reference))?);
        }
        let value = metric(self.sample.clone(), self.reference.clone())?;
        let spread = variance(&floors).sqrt();
        let floor = floors.iter().sum::<f64>() / floors.len() as f64;
        Ok(WithFloor {
            value: Estimate { value, standard_error: spread },
            floor: Estimate { value: floor, standard_error: spread },
        })
    }

    /// Whether both samples have `least` rows or more, and the data more than one point: without that a distance is
    /// not defined or has no scale.
    pub(crate) fn has_scale(&self, least: usize) -> Result<bool, EvalError> {
        let rows = self.sample.dims()[0].min(self.reference.dims()[0]);
        Ok(least <= rows && !self.is_constant()?)
    }

    /// Whether all points of the data are one.
    fn is_constant(&self) -> Result<bool, EvalError> {
        let rows = Rows::read(self.reference.clone(), "reference", 1)?;
        let fresh = Rows::read(self.fresh.clone(), "fresh draw", 1)?;
        let first = rows.row(0).to_vec();
        Ok(rows.iter().chain(fresh.iter()).all(|row| row == first))
    }
}
