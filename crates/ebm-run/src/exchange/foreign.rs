//! Weights of other programs: PyTorch's checkpoints, read without Python.

mod archive;
mod checkpoint;
mod import;
mod pickle;

pub use checkpoint::{Checkpoint, Weights};
pub use import::{Foreign, ForeignKind, Sizes};
