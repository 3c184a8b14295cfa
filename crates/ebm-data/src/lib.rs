//! Datasets and batches: rows of `Tensor<2>`, `[batch, dim]`, from files, from generators and from memory.
//!
//! [`Data`] is a dataset: opened by name ([`Data::open`]), from rows in memory ([`Data::from_rows`]), or from a function
//! ([`Data::generated`]). [`Batches`] is the order in which training sees it, a pure function of seed and step.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use burn::tensor::Device;
//! use ebm_data::{Batches, Data};
//! use ebm_ops::Noise;
//!
//! let rows = Data::from_rows(vec![0.1, 0.2, 1.1, 1.2, 2.1, 2.2], 2)?; // three points in the plane
//! let mut batches = Batches::new(rows, NonZeroUsize::new(2).unwrap(), &Noise::seeded(0));
//! for step in 0..3 {
//!     assert_eq!(batches.batch(step, &Device::flex())?.dims(), [2, 2]);
//! }
//! # Ok::<(), ebm_data::DataError>(())
//! ```
//!
//! Datasets by name are listed by [`DatasetName::all`]:
//!
//! ```
//! use ebm_data::{Data, DataSpec};
//! use ebm_ops::Noise;
//!
//! let moons = Data::open(&DataSpec::new("two-moons".parse()?, None), &Noise::seeded(0))?;
//! assert_eq!((moons.dim(), moons.len()), (2, None)); // endless
//! # Ok::<(), ebm_data::DataError>(())
//! ```
//!
//! Images are bytes in memory and values y = 2·pixel − 1 in [−1, 1) in a batch; [`dequantize`] and [`to_pixels`] convert
//! between them. The columns of tables are standardised by [`Standardize`].
//! Every dataset is a [`Dataset`](burn_dataset::Dataset) of Burn's, of [`Image`]s or [`Point`]s.
//!
//! Files are untrusted: memory grows with what is read, never with what a header claims, and a [`DataError`] names the
//! file, what was expected and what was found.
//! This crate downloads nothing. A dataset of up to [`memory`](DataSpec::memory) megabytes is read completely; the images
//! of a larger folder and the rows of a larger table are read as they are wanted.
//! [`Ahead`] reads the batches of the next steps beside training.

#![forbid(unsafe_code)]

mod conversions;
mod error;
mod item;
mod split;
mod summary;

mod ahead;
mod batches;
mod data;
mod generated;
mod permutation;
mod spread;

mod dataset_name;
mod file_to_name;
mod named;
mod opening;
mod registry;
mod spec;

mod glyphs;
mod images;
mod tables;
pub mod toys;

#[doc(hidden)]
pub mod files;

pub use ahead::Ahead;
pub use batches::Batches;
pub use data::{Batch, Data, ENDLESS, Images, Points};
pub use dataset_name::DatasetName;
pub use error::DataError;
pub use files::idx::Idx;
pub use glyphs::Glyphs;
pub use images::augmentation::Augmentation;
pub use images::background::Background;
pub use images::cifar10::Cifar10;
pub use images::image_folder::ImageFolder;
pub use images::image_set::ImageSet;
pub use images::mnist::Mnist;
pub use images::pixels::{dequantize, to_pixel, to_pixels};
pub use images::preparation::Preparation;
pub use item::{Image, ImageShape, ItemShape, Point};
pub use spec::{DataSpec, Fit, ImageSize, Missing, TransformKind, delimiter_named};
pub use split::Split;
pub use summary::Summary;
pub use tables::layout::RowLayout;
pub use tables::point_set::PointSet;
pub use tables::quantile::Quantile;
pub use tables::standardize::Standardize;
pub use tables::table::Table;
pub use tables::transform::Transform;
pub use toys::{Toy, ToyPoints};
