//! The conditional network for points and tables.

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use ebm_ops::activation::silu;
use serde::{Deserialize, Serialize};

use crate::layers::{
    Activation, ClassEmbedding, Dense, FourierFeatures, NoiseEmbedding, Offset, Residual, check_size,
};
use crate::networks::conditional::trace_to_level;
use crate::networks::input::{filled_row, is_zero};
use crate::{
    Capabilities, ConditionalLayer, Init, Input, Layer, LevelConditional, LevelPullback, ModelError,
    NetworkConfig, NoiseConditional, RowLabels,
};

/// The description of an [`Mlp`]; by default three hidden layers of 128 units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MlpConfig {
    /// Number of coordinates; 0 is taken from the data.
    pub dim: usize,
    /// Units of each hidden layer.
    pub hidden: usize,
    /// Number of hidden layers.
    pub layers: usize,
    /// Size of the embedding of the noise level; 0 passes its sines and cosines to the layers as they are.
    pub embedding: usize,
    /// Number of frequencies in the embedding.
    pub frequencies: usize,
    /// Number of Fourier features of the position, for what changes over short distances; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fourier_features: usize,
    /// Number of classes that the network is conditioned on, in training with the labels of the data; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub classes: usize,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self {
            dim: 0,
            hidden: 128,
            layers: 3,
            embedding: 64,
            frequencies: 16,
            fourier_features: 0,
            classes: 0,
        }
    }
}

impl MlpConfig {
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        check_size("dim", self.dim)?;
        check_size("hidden", self.hidden)?;
        check_size("layers", self.layers)?;
        check_size("embedding", self.embedding.max(1))?;
        check_size("fourier_features", self.fourier_features.max(1))?;
        check_size("classes", self.classes.max(1))?;
        Ok(check_size("frequencies", self.frequencies)?)
    }

    /// A network small enough to be compared with finite differences in each of its weights.
    #[cfg(test)]
    pub(crate) fn small() -> Self {
        Self { dim: 2, hidden: 6, layers: 2, embedding: 5, frequencies: 3, ..Self::default() }
    }
}

impl NetworkConfig for MlpConfig {
    type Network = Mlp;

    fn construct(&self, init: &Init) -> Result<Mlp, ModelError> {
        Mlp::new(self, init)
    }

    fn input(&self) -> Input {
        Input::Row { dim: self.dim }
    }

    fn fitted(self, found: Input) -> Self {
        Self { dim: filled_row(self.dim, found), ..self }
    }

    fn classes(&self) -> usize {
        self.classes
    }
}

/// A network f(x, c), neither a score nor an energy by itself.
impl Capabilities for Mlp {}

/// Residual hidden layers of SiLU units, each conditioned on the noise level.
///
/// h₀ = W x, or W [x, sin Bx, cos Bx] with Fourier features,  hᵢ₊₁ = hᵢ + SiLU(Aᵢ hᵢ + Bᵢ e),  f = V SiLU(h);   V starts at zero.
#[derive(Module, Debug)]
pub struct Mlp {
    embedding: NoiseEmbedding,
    classes: Option<ClassEmbedding>,
    features: Option<FourierFeatures>,
    input: Dense,
    hidden: Vec<Dense>,
    levels: Vec<Dense>,
    output: Dense,
    #[module(skip)]
    config: MlpConfig,
}

impl Mlp {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`MlpConfig::validate`].
    pub fn new(config: &MlpConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let MlpConfig { dim, hidden, layers, embedding, frequencies, fourier_features, classes } = *config;
        let stack = |name: &str, inputs: usize| {
            let init = init.part(name);
            (0..layers).map(|i| Dense::new(inputs, hidden, &init.nth(i))).collect()
        };
        Ok(Self {
            embedding: NoiseEmbedding::new(frequencies, embedding, &init.part("embedding")),
            classes: ClassEmbedding::of(classes, 2 * frequencies, &init.part("classes")),
            features: (0 < fourier_features)
                .then(|| FourierFeatures::new(dim, fourier_features, &init.part("features"))),
            input: Dense::new(FourierFeatures::width(dim, fourier_features), hidden, &init.part("input")),
            hidden: stack("hidden", hidden),
            levels: stack("levels", NoiseEmbedding::width(frequencies, embedding)),
            output: Dense::zeros(hidden, dim, &init.part("output")),
            config: config.clone(),
        })
    }

    /// The description of the network.
    pub fn config(&self) -> &MlpConfig {
        &self.config
    }

    /// The embedding of the noise level and of the class.
    fn embed(&self, c: Tensor<1>, class: Option<Tensor<1, Int>>) -> Tensor<2> {
        self.embedding.forward_beside(c, self.classes.as_ref().map(|classes| classes.forward(class)))
    }

    /// The embedding of the noise level and of no class, and its derivative in c.
    fn embed_with_slope(&self, c: Tensor<1>) -> (Tensor<2>, Tensor<2>) {
        self.embedding.with_slope_beside(c, self.classes.as_ref().map(|classes| classes.forward(None)))
    }

    /// f with this embedding.
    fn evaluate(&self, x: Tensor<2>, e: Tensor<2>) -> Tensor<2> {
        assert_eq!(
            x.dims()[1],
            self.config.dim,
            "points in {} dimensions were given as {:?}",
            self.config.dim,
            x.dims()
        );
        let layers = self.hidden.iter().zip(&self.levels);
        let h = layers.fold(self.input.forward(self.features.forward(x)), |h, (hidden, level)| {
            h.clone() + silu(hidden.forward(h) + level.forward(e.clone()))
        });
        self.output.forward(silu(h))
    }

    /// The network with this embedding, as layers with rules: the same as in `evaluate`, in the same order; `motion` is
    /// the derivative of the embedding in c, if the reverse rule goes back to it.
    fn conditioned(&self, e: Tensor<2>, motion: Option<Tensor<2>>) -> ConditionedMlp<'_> {
        let layers = self.hidden.iter().zip(&self.levels);
        let hidden = layers.map(|(hidden, level)| {
            let motion = motion.clone().map(|motion| level.along(motion));
            let offset = Offset::new(hidden, level.forward(e.clone())).moving(motion);
            Residual::new((offset, Activation::Silu))
        });
        (self.features.as_ref(), (&self.input, (hidden.collect(), (Activation::Silu, &self.output))))
    }
}

impl NoiseConditional for Mlp {
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2> {
        self.evaluate(x, self.embed(c, None))
    }

    fn n_classes(&self) -> usize {
        self.config.classes
    }

    fn forward_given(&self, x: Tensor<2>, c: Tensor<1>, labels: RowLabels) -> Tensor<2> {
        self.evaluate(x, self.embed(c, labels.class))
    }
}

/// A hidden layer h + SiLU(A h + b) at a fixed noise level.
type ConditionedHidden<'a> = Residual<(Offset<&'a Dense, 2>, Activation)>;

/// The layers of an [`Mlp`] at a fixed noise level.
type ConditionedMlp<'a> =
    (Option<&'a FourierFeatures>, (&'a Dense, (Box<[ConditionedHidden<'a>]>, (Activation, &'a Dense))));

impl ConditionalLayer for Mlp {
    type Conditioned<'a> = ConditionedMlp<'a>;

    fn condition(&self, c: Tensor<1>) -> ConditionedMlp<'_> {
        self.conditioned(self.embed(c, None), None)
    }

    fn condition_given(&self, c: Tensor<1>, labels: RowLabels) -> ConditionedMlp<'_> {
        self.conditioned(self.embed(c, labels.class), None)
    }
}

impl LevelConditional for Mlp {
    fn trace_to_level(&self, x: Tensor<2>, c: Tensor<1>) -> (Tensor<2>, LevelPullback<'_>) {
        let (e, motion) = self.embed_with_slope(c);
        trace_to_level(self.conditioned(e, Some(motion)), x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn conditioned_on_a_level_it_is_the_network_and_passes_the_tests_of_a_layer() {
        for (embedding, fourier_features) in [(4, 0), (0, 0), (4, 3)] {
            let config = MlpConfig {
                dim: 3,
                hidden: 5,
                layers: 2,
                embedding,
                frequencies: 2,
                fourier_features,
                classes: 0,
            };
            let network = testing::in_double(|init| Mlp::new(&config, init).unwrap());
            let (x, c) = (testing::points(4, 3, 60), testing::normal([4], 61));
            let conditioned = network.condition(c.clone());
            testing::assert_close(
                Layer::<2>::forward(&conditioned, x.clone()),
                network.forward(x, c),
                1e-14,
                "f",
            );
            testing::assert_layer::<2, 2>(&conditioned, [4, 3], 62);
        }
    }
}
