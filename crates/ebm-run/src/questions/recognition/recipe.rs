//! Which classifier is trained on which pictures, and how.

use ebm_data::ImageShape;
use ebm_eval::{FeatureLayer, FeatureNetworkConfig, PixelRange};

/// Features.
const FEATURES: usize = 64;

/// Height and width up to which the first convolution keeps the resolution.
const FULL_RESOLUTION: usize = 32;

/// Height and width before the dense layers of the small network.
const COARSE: usize = 7;

/// Images in colour from which the deep network is worth its time.
const MANY: usize = 20_000;

/// Channels of the deep network: of its first convolution, and of each half of the resolution after it.
const WIDTHS: [usize; 4] = [32, 64, 128, 256];

/// Groups of channels that the deep network normalises.
const GROUPS: usize = 8;

/// A network, and how it is trained.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recipe {
    pub(super) config: FeatureNetworkConfig,
    pub(super) steps: u64,
    /// Images in a batch.
    pub(super) batch: usize,
    pub(super) learning_rate: f64,
    pub(super) warm_up: u64,
    pub(super) average_decay: f64,
    /// The share of a label that is spread over all classes.
    pub(super) smoothing: f64,
    /// Whether half of the images are mirrored.
    pub(super) flip: bool,
    /// Pixels by which images are moved, at most.
    pub(super) shift: usize,
}

impl Recipe {
    /// For `n` images of this shape, `None` without end.
    ///
    /// Drawings and small sets have a small network, which takes about a minute on two cores. Many images in colour
    /// have a residual network, for twelve epochs of 50,000 images, flipped and shifted.
    pub(super) fn of(shape: ImageShape, n: Option<usize>, classes: Vec<String>) -> Self {
        let is_deep =
            3 <= shape.channels && n.is_none_or(|n| MANY <= n) && 8 <= shape.height.min(shape.width);
        if is_deep { Self::deep(shape, classes) } else { Self::small(shape, classes) }
    }

    fn small(shape: ImageShape, classes: Vec<String>) -> Self {
        Self::plain(described(shape, classes, small_layers(shape)), 900)
    }

    fn deep(shape: ImageShape, classes: Vec<String>) -> Self {
        let plain = Self::plain(described(shape, classes, deep_layers(shape)), 4700);
        Self { warm_up: 200, average_decay: 0.99, smoothing: 0.1, flip: true, shift: 2, ..plain }
    }

    /// With images and labels as they are.
    fn plain(config: FeatureNetworkConfig, steps: u64) -> Self {
        Self {
            config,
            steps,
            batch: 128,
            learning_rate: 3e-3,
            warm_up: 50,
            average_decay: 0.98,
            smoothing: 0.0,
            flip: false,
            shift: 0,
        }
    }
}

/// These layers, which end in a row, then the features and the classes.
fn described(shape: ImageShape, classes: Vec<String>, mut layers: Vec<FeatureLayer>) -> FeatureNetworkConfig {
    layers.extend([FeatureLayer::Dense { outputs: FEATURES }, FeatureLayer::Silu]);
    let features = layers.len();
    layers.push(FeatureLayer::Dense { outputs: classes.len() });
    let input = [shape.channels, shape.height, shape.width];
    let (name, range) = ("classifier".into(), PixelRange::default());
    FeatureNetworkConfig { name, input, range, features, classes, accuracy: None, layers }
}

/// Convolutions down to 7×7 pixels or fewer.
fn small_layers(shape: ImageShape) -> Vec<FeatureLayer> {
    let mut side = shape.height.max(shape.width);
    let mut layers = Vec::new();
    let mut outputs = 16;
    if side <= FULL_RESOLUTION {
        layers.extend([FeatureLayer::Conv { outputs, size: 3, stride: 1 }, FeatureLayer::Silu]);
        outputs *= 2;
    }
    while COARSE < side {
        layers.extend([FeatureLayer::Conv { outputs, size: 3, stride: 2 }, FeatureLayer::Silu]);
        outputs = (2 * outputs).min(64);
        side = side.div_ceil(2);
    }
    layers.push(FeatureLayer::Flatten);
    layers
}

/// A convolution at 32×32 pixels or fewer, then three times a convolution of stride 2 and a residual block, and the
/// mean over pixels.
///
/// # Reference
/// He et al. (2016), *Identity mappings in deep residual networks*, for the order within a block.
fn deep_layers(shape: ImageShape) -> Vec<FeatureLayer> {
    let norm = || [FeatureLayer::GroupNorm { groups: GROUPS }, FeatureLayer::Silu];
    let conv = |outputs, stride| FeatureLayer::Conv { outputs, size: 3, stride };
    let [first, rest @ ..] = WIDTHS;
    let mut side = shape.height.max(shape.width);
    let mut layers = Vec::new();
    while FULL_RESOLUTION < side {
        layers.push(conv(first, 2));
        layers.extend(norm());
        side = side.div_ceil(2);
    }
    layers.push(conv(first, 1));
    for width in rest {
        let inner = || norm().into_iter().chain([conv(width, 1)]);
        layers.extend(norm());
        layers.push(conv(width, 2));
        layers.push(FeatureLayer::Residual { layers: inner().chain(inner()).collect() });
    }
    layers.extend(norm());
    layers.push(FeatureLayer::GlobalMean);
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe([channels, height, width]: [usize; 3], n: usize) -> Recipe {
        let shape = ImageShape { channels, height, width };
        Recipe::of(shape, Some(n), vec!["a".into(), "b".into()])
    }

    #[test]
    fn pictures_of_any_size_have_a_classifier() {
        for input in [[1, 28, 28], [3, 32, 32], [1, 13, 15], [3, 128, 96], [1, 2, 2], [1, 1, 1], [3, 8, 9]] {
            for n in [100, 50_000] {
                let config = recipe(input, n).config;
                config.validate().unwrap();
                assert_eq!(config.layers[config.features - 1], FeatureLayer::Silu);
            }
        }
    }

    #[test]
    fn many_pictures_in_colour_have_the_deep_network_and_others_the_small_one() {
        let is_deep = |input, n| recipe(input, n).config.layers.contains(&FeatureLayer::GlobalMean);
        assert!(is_deep([3, 32, 32], 50_000) && is_deep([3, 64, 48], 20_000));
        assert!(!is_deep([1, 28, 28], 60_000) && !is_deep([3, 32, 32], 5000) && !is_deep([3, 2, 2], 50_000));
    }
}
