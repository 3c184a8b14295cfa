//! What comes from elsewhere and goes there: datasets, checkpoints of other programs, modules for PyTorch.

pub mod fetch;

pub mod export;
pub mod foreign;
