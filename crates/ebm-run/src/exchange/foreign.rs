//! Weights of other programs: PyTorch's checkpoints, read without Python.

mod archive;
mod checkpoint;
mod found;
mod import;
mod pickle;
mod refinenets;
mod score_sde;

pub use checkpoint::{Checkpoint, Weights};
pub use import::{Foreign, ForeignKind};
pub use refinenets::Sizes;
