//! The layers that networks are made of.

mod block;
mod convolution;
mod dense;
mod group_norm;
mod noise_embedding;
mod pixel_shuffle;

pub use block::Block;
pub use convolution::{Convolution, TransposedConvolution};
pub use dense::Dense;
pub use group_norm::GroupNorm;
pub use noise_embedding::NoiseEmbedding;
pub use pixel_shuffle::{pixel_shuffle, pixel_unshuffle};
