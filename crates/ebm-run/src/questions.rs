//! What a trained network is asked besides samples: codes, paths, maps, nearest rows, restored pictures.

pub mod encoding;
pub mod interpolation;

pub mod maps;
pub mod neighbours;

pub mod recognition;
pub mod restoring;
