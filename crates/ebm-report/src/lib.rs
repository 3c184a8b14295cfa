//! What people look at: grids of pictures, films, charts, and files of samples.
//!
//! [`Samples`] are plain numbers with a [`Shape`]: images, rows of a table, or draws of chains. [`write()`] puts them
//! into the [`Format`] that the file's extension names: a picture (`.png`, `.svg`), a film (`.gif`), or an array
//! (`.npy`, `.safetensors`, `.csv`, `.zarr`). [`Traces`] shows whether chains have mixed, a [`Landscape`] the energy
//! under points in the plane, and a [`Sheet`] pictures side by side with words. A file is complete or absent, and the
//! same samples give the same bytes. [`Pieces`] are such a file of more rows than fit into memory.
//!
//! ```
//! use ebm_report::{Landscape, Samples, window, write};
//!
//! let points = (0..200).flat_map(|i| [(i as f32).sin(), (0.7 * i as f32).cos()]).collect();
//! let samples = Samples::table(points, [200, 2])?.titled("A figure of Lissajous");
//! let bowl = |points: &[f32]| points.chunks(2).map(|p| p[0] * p[0] + p[1] * p[1]).collect();
//! let landscape = Landscape::of(&window(&samples), bowl)?;
//! # let dir = tempfile::tempdir()?;
//! # std::env::set_current_dir(&dir)?;
//! write("points.png".as_ref(), &samples.on(landscape))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod charts;
mod error;
mod files;
mod film;
mod format;
mod grid;
pub mod page;
mod picture;
mod pieces;
mod read;
mod samples;
mod write;

pub use self::charts::{ColourScale, Landscape, Scatter, Sheet, Traces, Window};
pub use self::error::ReportError;
pub use self::film::Film;
pub use self::format::Format;
pub use self::grid::Grid;
pub use self::picture::{Colour, Picture};
pub use self::pieces::Pieces;
pub use self::read::read_chains;
pub use self::samples::{Labels, Samples, Shape, Statistic, StatisticValues, parameter};
pub use self::write::{picture, window, write};
