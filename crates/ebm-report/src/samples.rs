//! Samples as plain numbers with their shape.

mod labels;
mod shape;
mod statistic;

use crate::files::little_endian::Numbers;
use crate::{Landscape, ReportError};

pub use self::labels::Labels;
pub use self::shape::Shape;
pub use self::statistic::{Statistic, StatisticValues};

/// Samples in memory, with what else a picture of them may show.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    shape: Shape,
    values: Vec<f32>,
    /// The same in double precision, where that is more.
    doubles: Vec<f64>,
    columns: Vec<String>,
    /// What the numbers of single precision are counted from in each column; empty for 0.
    origin: Vec<f64>,
    film: Vec<Vec<f32>>,
    background: Vec<f32>,
    landscape: Option<Landscape>,
    statistics: Vec<Statistic>,
    labels: Option<Labels>,
    warnings: Option<Vec<String>>,
    title: Option<String>,
}

impl Samples {
    /// Images `[n, channels, height, width]`, pixels in [0, 1].
    ///
    /// # Errors
    /// If `values` is empty or does not have the length that the shape says.
    pub fn images(values: Vec<f32>, [n, channels, height, width]: [usize; 4]) -> Result<Self, ReportError> {
        Self::new(values, Shape::Images { n, channels, height, width })
    }

    /// A table `[n, dim]`.
    ///
    /// # Errors
    /// As [`Samples::images`].
    pub fn table(values: Vec<f32>, [n, dim]: [usize; 2]) -> Result<Self, ReportError> {
        Self::new(values, Shape::Table { n, dim })
    }

    /// A table `[n, dim]` in double precision, in which it is also written.
    ///
    /// Pictures have single precision and show each column from its `origin` on.
    ///
    /// # Errors
    /// As [`Samples::images`], and unless there is an origin for each column.
    pub fn rows(values: Vec<f64>, [n, dim]: [usize; 2], origin: Vec<f64>) -> Result<Self, ReportError> {
        if origin.len() != dim {
            return Err(ReportError::length("origin of a table", dim, origin.len()));
        }
        let from_origin =
            values.iter().zip(origin.iter().cycle()).map(|(value, origin)| (value - origin) as f32);
        let single = Self::table(from_origin.collect(), [n, dim])?;
        Ok(Self { doubles: values, origin, ..single })
    }

    /// The samples with a name for each column or coordinate, or without names.
    ///
    /// # Errors
    /// If there are names, but not as many as columns, or the samples are images.
    pub fn with_columns(mut self, names: Vec<String>) -> Result<Self, ReportError> {
        let dim = match self.shape {
            Shape::Table { dim, .. } | Shape::Chains { dim, .. } => dim,
            Shape::Images { .. } => 0,
        };
        if !names.is_empty() && names.len() != dim {
            return Err(ReportError::Format(format!("{} names for {dim} columns", names.len())));
        }
        self.columns = names;
        Ok(self)
    }

    /// The name of column or coordinate `i`: its own, or [`parameter`].
    pub fn column(&self, i: usize) -> String {
        self.columns.get(i).cloned().unwrap_or_else(|| parameter(i))
    }

    /// What an axis of column `i` is called: the column, without its origin if that is not 0.
    pub fn axis(&self, i: usize) -> String {
        match self.origin.get(i) {
            Some(&origin) if origin != 0.0 => format!("{} − {origin}", self.column(i)),
            _ => self.column(i),
        }
    }

    /// The names of the columns; empty without names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The numbers in double precision, row after row, if they have it.
    pub fn doubles(&self) -> Option<&[f64]> {
        Some(self.doubles.as_slice()).filter(|doubles| !doubles.is_empty())
    }

    /// The numbers as they are written.
    pub(crate) fn numbers(&self) -> Numbers<'_> {
        self.doubles().map_or(Numbers::Single(&self.values), Numbers::Double)
    }

    /// Draws of several chains, `[chain, draw, dim]`.
    ///
    /// # Errors
    /// As [`Samples::images`].
    pub fn chains(values: Vec<f32>, [chains, draws, dim]: [usize; 3]) -> Result<Self, ReportError> {
        Self::new(values, Shape::Chains { chains, draws, dim })
    }

    fn new(values: Vec<f32>, shape: Shape) -> Result<Self, ReportError> {
        let dims = shape.dims();
        let expected = dims.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
        if values.is_empty() || expected != Some(values.len()) {
            let expected = expected.filter(|&n| 0 < n).map_or("at least 1".into(), |n| n.to_string());
            return Err(ReportError::length(format!("samples of shape {dims:?}"), expected, values.len()));
        }
        Ok(Self {
            shape,
            values,
            doubles: Vec::new(),
            columns: Vec::new(),
            origin: Vec::new(),
            film: Vec::new(),
            background: Vec::new(),
            landscape: None,
            statistics: Vec::new(),
            labels: None,
            warnings: None,
            title: None,
        })
    }

    /// The samples with a title for their charts, instead of one that counts them.
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The path of the samples, frame by frame, each of the samples' own shape: what a `.gif` shows before them.
    ///
    /// # Errors
    /// If a frame has another length than the samples.
    pub fn with_film(mut self, frames: Vec<Vec<f32>>) -> Result<Self, ReportError> {
        if let Some(frame) = frames.iter().find(|frame| frame.len() != self.values.len()) {
            return Err(ReportError::length("frame of a film", self.values.len(), frame.len()));
        }
        self.film = frames;
        Ok(self)
    }

    /// Points `[m, 2]` that a picture of points in the plane shows underneath, the data for instance.
    ///
    /// # Errors
    /// If the number of numbers is odd.
    pub fn over(mut self, background: Vec<f32>) -> Result<Self, ReportError> {
        if !background.len().is_multiple_of(2) {
            let n = background.len();
            return Err(ReportError::length("points in the plane", "an even number of", n));
        }
        self.background = background;
        Ok(self)
    }

    /// The energy that a picture of points in the plane shows beneath, over [`window`](crate::window).
    pub fn on(mut self, landscape: Landscape) -> Self {
        self.landscape = Some(landscape);
        self
    }

    /// Draws of chains with statistics of each draw.
    ///
    /// # Errors
    /// If the samples are not chains, or a statistic does not have one value for each draw.
    pub fn with_statistics(mut self, statistics: Vec<Statistic>) -> Result<Self, ReportError> {
        let Shape::Chains { chains, draws, .. } = self.shape else {
            return Err(ReportError::Format(
                "statistics are of draws of chains, these are not chains".into(),
            ));
        };
        for Statistic { name, values } in &statistics {
            let n = match values {
                StatisticValues::Numbers(values) => values.len(),
                StatisticValues::Flags(values) => values.len(),
            };
            if n != chains * draws {
                return Err(ReportError::length(*name, chains * draws, n));
            }
        }
        self.statistics = statistics;
        Ok(self)
    }

    /// The statistics of each draw; empty if there are none.
    pub fn statistics(&self) -> &[Statistic] {
        &self.statistics
    }

    /// Samples of classes: a `.csv` has a column of their names, a `.safetensors` a tensor of their numbers, and a grid of
    /// images a row for each class.
    ///
    /// # Errors
    /// Unless there is a label for each image or row, or if these are chains.
    pub fn with_labels(mut self, labels: Labels) -> Result<Self, ReportError> {
        let n = match self.shape {
            Shape::Images { n, .. } | Shape::Table { n, .. } => n,
            Shape::Chains { .. } => {
                return Err(ReportError::Format("labels are of images or rows, these are chains".into()));
            }
        };
        if labels.classes.len() != n {
            return Err(ReportError::length("labels of samples", n, labels.classes.len()));
        }
        self.labels = Some(labels);
        Ok(self)
    }

    /// The labels, if the samples are of classes.
    pub fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// Draws with what is to be said against them, which a `.zarr` keeps.
    pub fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = Some(warnings);
        self
    }

    /// What is to be said against them; `None` if nobody has judged them.
    pub fn warnings(&self) -> Option<&[String]> {
        self.warnings.as_deref()
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The numbers, row after row; those of a table from the origin of their column on.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The title of charts.
    pub fn title(&self) -> String {
        let n = match self.shape {
            Shape::Images { n, .. } | Shape::Table { n, .. } => n,
            Shape::Chains { chains, draws, .. } => chains * draws,
        };
        self.title.clone().unwrap_or_else(|| format!("{n} samples"))
    }

    /// The frames before the samples; empty if none were kept.
    pub fn film(&self) -> &[Vec<f32>] {
        &self.film
    }

    /// The points underneath; empty if there are none.
    pub fn background(&self) -> &[f32] {
        &self.background
    }

    /// The energy beneath, if there is one to show.
    pub fn landscape(&self) -> Option<&Landscape> {
        self.landscape.as_ref()
    }
}

/// The name of coordinate `i` in tables and charts.
pub fn parameter(i: usize) -> String {
    format!("x{i}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_must_fit_its_numbers() {
        assert!(Samples::images(vec![0.0; 11], [1, 3, 2, 2]).is_err());
        assert!(Samples::images(vec![0.0; 12], [1, 3, 2, 2]).is_ok());
        assert!(Samples::table(Vec::new(), [0, 2]).is_err());
        assert!(Samples::table(vec![0.0], [usize::MAX, 3]).is_err(), "the product overflows");
    }

    #[test]
    fn statistics_need_chains_and_one_value_per_draw() {
        let flags = |n| vec![Statistic { name: "diverging", values: StatisticValues::Flags(vec![true; n]) }];
        let chains = Samples::chains(vec![0.0; 12], [2, 3, 2]).unwrap();
        assert_eq!(chains.clone().with_statistics(flags(6)).unwrap().statistics(), flags(6));
        assert!(chains.with_statistics(flags(5)).is_err());
        assert!(Samples::table(vec![0.0; 12], [6, 2]).unwrap().with_statistics(flags(6)).is_err());
    }

    #[test]
    fn a_table_far_from_0_is_shown_from_its_origin_on() {
        let rows = Samples::rows(vec![5_530_000.01, 1.0, 5_530_000.02, 2.0], [2, 2], vec![5_530_000.0, 0.0])
            .unwrap();
        let rows = rows.with_columns(vec!["northing".into(), "x".into()]).unwrap();
        assert_eq!(
            rows.values(),
            [5_530_000.01 - 5_530_000.0, 1.0, 5_530_000.02 - 5_530_000.0, 2.0].map(|x| x as f32)
        );
        assert_eq!([rows.axis(0), rows.axis(1)], ["northing − 5530000", "x"]);
        assert_eq!(rows.doubles().unwrap()[2], 5_530_000.02);
        assert!(Samples::rows(vec![1.0], [1, 1], vec![]).is_err());
        assert!(rows.with_columns(vec!["x".into()]).is_err());
    }

    #[test]
    fn a_frame_of_another_size_is_refused() {
        let samples = Samples::table(vec![0.0; 4], [2, 2]).unwrap();
        assert!(samples.clone().with_film(vec![vec![0.0; 4], vec![0.0; 2]]).is_err());
        assert!(samples.over(vec![0.0; 3]).is_err());
    }
}
