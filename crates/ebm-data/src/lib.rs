//! Datasets and batches: files and generators become rows of `Tensor<2>`, `[batch, dim]`.
//!
//! [`Data::open`] is the one door; [`Batches`] is the order in which data is seen, a pure function of seed and step.
//! Images are bytes in memory and values y = 2·pixel − 1 in [−1, 1) in a batch: [`dequantize`] and [`to_pixels`] are
//! the way there and back. Tables are standardised: [`Standardize`].
//!
//! Every dataset is a [`Dataset`](burn_dataset::Dataset) of Burn's, of [`Image`]s or [`Point`]s.
//! Files are not trusted: no memory is taken on the word of a header, and what is wrong is a [`DataError`] that names
//! the file, what was expected and what was found.
//!
//! Nothing here downloads, and nothing is held on disk: a dataset must fit into memory.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use burn::tensor::Device;
//! use ebm_data::{Batches, Data, DataSpec, DatasetName};
//! use ebm_ops::Noise;
//!
//! let noise = Noise::seeded(0);
//! let data = Data::open(&DataSpec::new(DatasetName::Glyphs, None), &noise.derive("data"))?;
//! let mut batches = Batches::new(data, NonZeroUsize::new(16).unwrap(), &noise);
//! assert_eq!(batches.batch(0, &Device::flex())?.dims(), [16, 28 * 28]);
//! # Ok::<(), ebm_data::DataError>(())
//! ```

#![forbid(unsafe_code)]

mod error;
mod item;

mod data;
mod spec;

mod batches;
mod pixels;
mod standardize;

mod glyphs;
mod toy;

mod cifar10;
mod idx;
mod image_folder;
mod image_set;
mod mnist;

mod comma_separated;
mod npy;
mod rows;
mod table;

mod bytes;
mod contained;

pub use batches::Batches;
pub use cifar10::Cifar10;
pub use data::{Batch, Data, ENDLESS, Images, Points};
pub use error::DataError;
pub use glyphs::Glyphs;
pub use idx::Idx;
pub use image_folder::ImageFolder;
pub use image_set::ImageSet;
pub use item::{Image, ImageShape, Point};
pub use mnist::Mnist;
pub use pixels::{dequantize, to_pixel, to_pixels};
pub use spec::{DataSpec, DatasetName, Split};
pub use standardize::Standardize;
pub use table::Table;
pub use toy::{Toy, ToyPoints};
