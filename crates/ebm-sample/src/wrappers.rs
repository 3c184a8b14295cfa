//! Kernels made of another kernel.

pub(crate) mod clamped;
pub(crate) mod repeated;
