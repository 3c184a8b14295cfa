//! The layers that networks are made of.

mod activation;
mod block;
mod compose;
mod conv_network;
mod convolution;
mod dense;
mod group_norm;
mod mean_pool;
mod modulate;
mod noise_embedding;
mod normalize;
mod offset;
mod perceptron;
mod pixel_shuffle;

pub use activation::Activation;
pub use block::{Block, BlockRules};
pub use compose::{Residual, Sum};
pub use conv_network::{ConvNetwork, ConvNetworkConfig, Downsampling};
pub use convolution::{Convolution, TransposedConvolution};
pub use dense::Dense;
pub use group_norm::GroupNorm;
pub use mean_pool::{GlobalMeanPool, MeanPool};
pub use modulate::Modulate;
pub use noise_embedding::NoiseEmbedding;
pub use normalize::{NormRules, Normalize};
pub use offset::Offset;
pub use perceptron::{Hidden, Perceptron};
pub use pixel_shuffle::{pixel_shuffle, pixel_unshuffle};
