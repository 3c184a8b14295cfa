//! A training run as a library: what it is, where its files are, and how it begins, goes on and ends.
//!
//! [`training::Training`] is all that determines a run of any network by any objective; opened in a folder, it
//! begins there or goes on from its last checkpoint, and keeps a journal and checkpoints as it trains. A program's
//! own network and objective need no more: `examples/own_network.rs` is such a program, which may be killed at any
//! moment.
//!
//! The rest is runs by name, as the program `ebm` has them: a [`config::Config`] (defaults, then a preset or file,
//! then `key=value`), made into its [`parts::Parts`]; the [`card`] of a model file; [`sampling`] by name.
//!
//! ```
//! use ebm_run::config::{Config, Overrides};
//!
//! let config = Config::resolve("two-moons", &Overrides { set: vec!["train.steps=10".into()] })?;
//! assert_eq!((config.train.steps, config.batch_size), (10, 256));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An [`Error`] says by its kind what can be done about it: another process trains in the folder, a file is not there,
//! what was asked for cannot be.
#![forbid(unsafe_code)]
#![recursion_limit = "256"]

pub mod error;
mod settings;

pub mod sampling;

mod record;
mod run;

mod questions;
mod shown;

mod exchange;

#[cfg(doctest)]
mod pages;

#[cfg(test)]
mod mutations;

pub use error::{Cause, Error};
pub use exchange::{export, fetch, foreign};
pub use questions::{encoding, interpolation, maps, neighbours, recognition, restoring};
pub use record::{agreement, card, evaluations, fingerprint, folder, history, journal, lock, model, origin};
pub use run::{
    classes, levels_of_run, noise_levels, normalization, normalization_of_run, parts, ranks, rows, training,
};
pub use settings::{bounds, config, hint, keys, objective, presets};
pub use shown::{film, landscape, level_losses, page, pictures};

use record::{digest, own_file};
use run::{atoms, augmentations};
use settings::{fields, limits};
