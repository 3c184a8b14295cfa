//! Files of numbers.

pub(crate) mod csv;
pub(crate) mod little_endian;
pub(crate) mod npy;
pub(crate) mod safetensors;
pub(crate) mod zarr;
