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

pub mod config;
mod digest;
pub mod error;
mod fields;
pub mod keys;
mod limits;
pub mod presets;

pub mod objective;
pub mod sampling;

pub mod card;
pub mod classes;
pub mod folder;
pub mod lock;
pub mod model;
mod own_file;

pub mod evaluations;
pub mod fingerprint;
pub mod history;
pub mod origin;

pub mod agreement;
mod atoms;
pub mod bounds;
pub mod encoding;
pub mod film;
pub mod hint;
pub mod interpolation;
pub mod landscape;
pub mod level_losses;
pub mod levels_of_run;
pub mod maps;
pub mod neighbours;
pub mod noise_levels;
pub mod normalization;
pub mod normalization_of_run;
pub mod recognition;
pub mod restoring;
pub mod rows;

pub mod journal;
pub mod page;
pub mod parts;
pub mod pictures;
pub mod ranks;
pub mod training;

pub mod fetch;

pub mod export;
pub mod foreign;

#[cfg(doctest)]
mod pages;

#[cfg(test)]
mod mutations;

pub use error::{Cause, Error};
