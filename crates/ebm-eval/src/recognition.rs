//! Classifiers of pictures: their features for distances, and whether samples are recognised.

mod feature_config;
mod feature_layer;
mod feature_network;
mod figures;

pub use feature_config::{FeatureNetworkConfig, PixelRange};
pub use feature_layer::FeatureLayer;
pub use feature_network::FeatureNetwork;
pub use figures::{Recognition, recognition, recognized};
