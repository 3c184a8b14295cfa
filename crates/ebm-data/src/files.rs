//! The parsers of file formats, as functions of bytes. Public for fuzzing, and no part of the stable interface.
//!
//! Files are untrusted: memory grows with the bytes that are read, never with what a header claims, and every size is
//! checked against the length of the content. `file` is the name that errors give.

pub mod archive;
pub mod bytes;
pub mod cifar10;
pub mod comma_separated;
mod contained;
mod gzip;
pub(crate) mod hex;
pub mod idx;
pub mod npy;
pub mod npz;
pub mod pickle;
pub mod picture;
pub(crate) mod pixels;
pub mod rows;
pub(crate) mod state;
