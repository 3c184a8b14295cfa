//! Layers that carry their own rules of differentiation, and what they are composed of.

mod init;
mod jet;
mod layer;

mod activation;
mod compose;
mod convolution;
mod dense;
mod dropout;
mod mean_pool;
mod modulate;
mod normalize;
mod offset;
mod padding;
mod pixel_shuffle;
mod resample;
mod scale;
mod sizes;

mod attention;
mod block;
mod conv_network;
mod group_norm;
mod noise_embedding;
mod norm_silu;
mod perceptron;

pub use activation::Activation;
pub use attention::{Attention, AttentionRules, SelfAttention};
pub use block::{Block, BlockRules};
pub use compose::{Residual, Sum};
pub use conv_network::{ConvNetwork, ConvNetworkConfig, Downsampling};
pub use convolution::{Convolution, TransposedConvolution};
pub use dense::Dense;
pub use dropout::Dropout;
pub use group_norm::GroupNorm;
pub use init::Init;
pub use jet::Jet;
pub use layer::Layer;
pub use mean_pool::{GlobalMeanPool, MeanPool};
pub use modulate::Modulate;
pub use noise_embedding::NoiseEmbedding;
pub use norm_silu::NormSilu;
pub use normalize::{NormRules, Normalize};
pub use offset::Offset;
pub use padding::{Cropping, Padding};
pub use perceptron::{Hidden, Perceptron};
pub use pixel_shuffle::{pixel_shuffle, pixel_unshuffle};
pub use resample::{Filter, Resample};
pub use scale::Scale;
pub(crate) use sizes::check_size;
