//! What a run is asked to be: a configuration of keys and presets, and what none may ask for.

pub mod config;

pub mod keys;
pub mod presets;

pub mod bounds;
pub mod fields;
pub mod limits;

pub mod hint;
pub mod objective;
