//! The network for points and tables.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::activation::silu;
use serde::{Deserialize, Serialize};

use crate::layers::{Activation, Dense, NoiseEmbedding, Offset, Residual};
use crate::{ConditionalLayer, Init, ModelError, NoiseConditional};

/// What an [`Mlp`] is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MlpConfig {
    /// Coordinates of a point.
    pub dim: usize,
    /// Units of each hidden layer.
    pub hidden: usize,
    /// Hidden layers.
    pub layers: usize,
    /// Numbers in the embedding of the noise level; with 0 the layers hear its sines and cosines as they are.
    pub embedding: usize,
    /// Frequencies in it.
    pub frequencies: usize,
}

impl MlpConfig {
    /// # Errors
    /// [`ModelError::Architecture`], naming the field that no network can have.
    pub fn validate(&self) -> Result<(), ModelError> {
        let counts = [
            ("dim", self.dim),
            ("hidden", self.hidden),
            ("layers", self.layers),
            ("embedding", self.embedding.max(1)),
            ("frequencies", self.frequencies),
        ];
        match counts.into_iter().find(|(_, count)| !(1..=65_536).contains(count)) {
            Some((field, count)) => {
                let (found, expected) = (count.to_string(), "1 to 65,536".into());
                Err(ModelError::Architecture { field, found, expected })
            }
            None => Ok(()),
        }
    }
}

/// Residual hidden layers of SiLU units, each of which hears the noise level.
///
/// h₀ = W x,  hᵢ₊₁ = hᵢ + SiLU(Aᵢ hᵢ + Bᵢ e),  f = V SiLU(h);   V starts at zero.
#[derive(Module, Debug)]
pub struct Mlp {
    embedding: NoiseEmbedding,
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
        let MlpConfig { dim, hidden, layers, embedding, frequencies } = *config;
        let stack = |name: &str, inputs: usize| {
            let init = init.part(name);
            (0..layers).map(|i| Dense::new(inputs, hidden, &init.nth(i))).collect()
        };
        Ok(Self {
            embedding: NoiseEmbedding::new(frequencies, embedding, &init.part("embedding")),
            input: Dense::new(dim, hidden, &init.part("input")),
            hidden: stack("hidden", hidden),
            levels: stack("levels", NoiseEmbedding::width(frequencies, embedding)),
            output: Dense::zeros(hidden, dim, &init.part("output")),
            config: config.clone(),
        })
    }

    /// What the network is made of.
    pub fn config(&self) -> &MlpConfig {
        &self.config
    }
}

impl NoiseConditional for Mlp {
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2> {
        assert_eq!(
            x.dims()[1],
            self.config.dim,
            "points in {} dimensions were given as {:?}",
            self.config.dim,
            x.dims()
        );
        let e = self.embedding.forward(c);
        let layers = self.hidden.iter().zip(&self.levels);
        let h = layers.fold(self.input.forward(x), |h, (hidden, level)| {
            h.clone() + silu(hidden.forward(h) + level.forward(e.clone()))
        });
        self.output.forward(silu(h))
    }
}

/// A hidden layer h + SiLU(A h + b) that has heard the noise level.
type HeldHidden<'a> = Residual<(Offset<&'a Dense, 2>, Activation)>;

impl ConditionalLayer for Mlp {
    /// The same layers as in `forward`, in the same order.
    type Held<'a> = (&'a Dense, (Box<[HeldHidden<'a>]>, (Activation, &'a Dense)));

    fn hold(&self, c: Tensor<1>) -> Self::Held<'_> {
        let e = self.embedding.forward(c);
        let layers = self.hidden.iter().zip(&self.levels);
        let hidden = layers.map(|(hidden, level)| {
            Residual::new((Offset::new(hidden, level.forward(e.clone())), Activation::Silu))
        });
        (&self.input, (hidden.collect(), (Activation::Silu, &self.output)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, laws};

    #[test]
    fn held_at_a_level_it_is_the_network_and_keeps_the_laws_of_a_layer() {
        for embedding in [4, 0] {
            let config = MlpConfig { dim: 3, hidden: 5, layers: 2, embedding, frequencies: 2 };
            let network = laws::in_double(|init| Mlp::new(&config, init).unwrap());
            let (x, c) = (laws::points(4, 3, 60), laws::normal([4], 61));
            let held = network.hold(c.clone());
            laws::assert_close(Layer::<2>::forward(&held, x.clone()), network.forward(x, c), 1e-14, "f");
            laws::layer::<2, 2>(&held, [4, 3], 62);
        }
    }
}
