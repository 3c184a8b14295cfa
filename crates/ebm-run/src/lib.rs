//! A training run as a library: what it is, where its files are, and how it begins, goes on and ends.
#![forbid(unsafe_code)]
#![recursion_limit = "256"]

pub mod config;
pub mod presets;

pub mod objective;
pub mod sampling;

pub mod card;
pub mod folder;
pub mod lock;
pub mod model;
mod own_file;

pub mod agreement;
pub mod bounds;
pub mod landscape;
pub mod rows;
pub mod usage;

pub mod journal;
pub mod parts;
pub mod pictures;
pub mod training;

pub mod fetch;

#[cfg(test)]
mod mutations;
