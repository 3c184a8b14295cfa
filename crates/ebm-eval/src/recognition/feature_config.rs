//! What a network of pictures is made of.

use std::collections::BTreeMap;

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use super::feature_layer::{FeatureLayer, MOST_NUMBERS, Placed, Shape, placed};

/// The values of black and white that a network expects; −1 and 1 by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PixelRange(pub f64, pub f64);

impl Default for PixelRange {
    fn default() -> Self {
        Self(-1.0, 1.0)
    }
}

/// What a [`FeatureNetwork`](crate::FeatureNetwork) is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureNetworkConfig {
    /// What figures call it, in snake case.
    #[serde(default = "network")]
    pub name: String,
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// The values of black and white.
    #[serde(default)]
    pub range: PixelRange,
    /// The number of layers, counted from the first, whose result are the features.
    pub features: usize,
    /// The classes in the order of the network's results; empty if it is no classifier.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The share of held-out images that it assigns to their class, if it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The layers.
    pub layers: Vec<FeatureLayer>,
}

fn network() -> String {
    "network".into()
}

impl FeatureNetworkConfig {
    /// The layers in order, each before those within it, and the shape of the result of the last.
    ///
    /// # Errors
    /// [`OutOfRange`] with the layer that no network can have there.
    pub(super) fn placed(&self) -> Result<(Vec<Placed<'_>>, Shape), OutOfRange> {
        placed(&self.layers, Shape::Image(self.input))
    }

    /// # Errors
    /// [`OutOfRange`] with the field that no network can have.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        let image = Shape::Image(self.input).numbers();
        if !(1..=MOST_NUMBERS).contains(&image) {
            return Err(OutOfRange::new("input", format!("{:?}", self.input), "1 to 67,108,864 numbers"));
        }
        let PixelRange(black, white) = self.range;
        if !(black.is_finite() && white.is_finite() && black != white) {
            return Err(OutOfRange::new(
                "range",
                format!("{:?}", self.range),
                "two different, finite numbers",
            ));
        }
        let (_, last) = self.placed()?;
        if !(1..=self.layers.len()).contains(&self.features) {
            let expected = format!("1 to {}, the number of layers", self.layers.len());
            return Err(OutOfRange::new("features", self.features, expected));
        }
        if !self.classes.is_empty() && last != Shape::Row(self.classes.len()) {
            let expected = format!("a row of {} numbers, one for each class", self.classes.len());
            return Err(OutOfRange::new("result of the last layer", format!("{last:?}"), expected));
        }
        Ok(())
    }

    /// The shapes of the weights as files hold them, by the names that PyTorch's `nn.Sequential` gives them.
    pub(super) fn parameters(&self) -> Result<BTreeMap<String, Vec<usize>>, OutOfRange> {
        let mut parameters = BTreeMap::new();
        for placed in self.placed()?.0 {
            let (outputs, weight) = match (placed.layer, placed.before) {
                (&FeatureLayer::Conv { outputs, size, .. }, Shape::Image([inputs, ..])) => {
                    (outputs, vec![outputs, inputs, size, size])
                }
                (&FeatureLayer::Dense { outputs }, Shape::Row(inputs)) => (outputs, vec![outputs, inputs]),
                (FeatureLayer::GroupNorm { .. }, Shape::Image([channels, ..])) => (channels, vec![channels]),
                _ => continue,
            };
            let name = placed.name();
            parameters.insert(format!("{name}.weight"), weight);
            parameters.insert(format!("{name}.bias"), vec![outputs]);
        }
        Ok(parameters)
    }
}
