//! Classifiers of pictures: their features for distances, and whether samples are recognised.

mod feature_network;
mod figures;

pub use feature_network::{FeatureLayer, FeatureNetwork, FeatureNetworkConfig, PixelRange};
pub use figures::{Recognition, recognition, recognized};
