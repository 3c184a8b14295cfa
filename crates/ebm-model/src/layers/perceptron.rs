//! Dense layers with a smooth function between them.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::layers::{Activation, Dense, check_size};
use crate::{Init, Jet, Layer, ModelError};

/// What a [`Perceptron`] is made of, but for its input and output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Units of each hidden layer, in order.
    pub hidden: Vec<usize>,
    /// The function between the layers.
    pub activation: Activation,
    /// Whether a hidden layer adds to its input where the widths allow it.
    #[serde(default)]
    pub residual: bool,
}

impl Hidden {
    /// Hidden layers of these widths, each of which replaces its input.
    pub fn new(hidden: Vec<usize>, activation: Activation) -> Self {
        Self { hidden, activation, residual: false }
    }

    /// # Errors
    /// [`ModelError::OutOfRange`] unless there are 1 to 64 hidden layers of 1 to 65,536 units.
    pub fn validate(&self) -> Result<(), ModelError> {
        if !(1..=64).contains(&self.hidden.len()) {
            return Err(OutOfRange::new("hidden", format!("{:?}", self.hidden), "1 to 64 layers").into());
        }
        for units in &self.hidden {
            check_size("hidden", *units)?;
        }
        Ok(())
    }
}

/// A multilayer perceptron: `[batch, inputs]` → `[batch, outputs]`.
///
/// h₀ = x,  hᵢ₊₁ = σ(Wᵢ hᵢ + bᵢ), plus hᵢ if it is residual and the widths agree,  f = V h + c.
#[derive(Module, Debug)]
pub struct Perceptron {
    hidden: Vec<Dense>,
    output: Dense,
    inputs: usize,
    #[module(skip)]
    config: Hidden,
}

impl Perceptron {
    /// A new network from `inputs` to `outputs`.
    ///
    /// # Errors
    /// Those of [`Hidden::validate`].
    pub fn new(inputs: usize, outputs: usize, config: &Hidden, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let widths: Vec<usize> = std::iter::once(inputs).chain(config.hidden.iter().copied()).collect();
        let hidden = init.part("hidden");
        let hidden = widths.windows(2).enumerate().map(|(i, w)| Dense::new(w[0], w[1], &hidden.nth(i)));
        Ok(Self {
            hidden: hidden.collect(),
            output: Dense::new(widths[widths.len() - 1], outputs, &init.part("output")),
            inputs,
            config: config.clone(),
        })
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// What the network is made of.
    pub fn config(&self) -> &Hidden {
        &self.config
    }

    /// Whether hidden layer `i` adds to its input.
    fn adds(&self, i: usize) -> bool {
        let before = if i == 0 { self.inputs } else { self.config.hidden[i - 1] };
        self.config.residual && before == self.config.hidden[i]
    }

    fn check(&self, x: &Tensor<2>) {
        assert_eq!(
            x.dims()[1],
            self.inputs,
            "points in {} dimensions were given as {:?}",
            self.inputs,
            x.dims()
        );
    }
}

impl Layer<2> for Perceptron {
    /// What each activation was applied to.
    type Trace = Vec<Tensor<2>>;

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, Self::Trace) {
        self.check(&x);
        let (mut h, mut traces) = (x, Vec::with_capacity(self.hidden.len()));
        for (i, dense) in self.hidden.iter().enumerate() {
            let z = dense.forward(h.clone());
            let a = self.config.activation.value(z.clone());
            h = if self.adds(i) { h + a } else { a };
            traces.push(z);
        }
        (self.output.forward(h), traces)
    }

    fn pullback(&self, traces: Self::Trace, cotangent: Tensor<2>) -> Tensor<2> {
        let mut g = self.output.pullback((), cotangent);
        for ((i, dense), z) in self.hidden.iter().enumerate().zip(traces).rev() {
            let back = dense.pullback((), self.config.activation.pullback(z, g.clone()));
            g = if self.adds(i) { g + back } else { back };
        }
        g
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        self.check(&jet.value);
        let mut h = jet;
        for (i, dense) in self.hidden.iter().enumerate() {
            let a = self.config.activation.push(dense.push(h.clone()));
            h = if self.adds(i) { h + a } else { a };
        }
        self.output.push(h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_perceptron_keeps_the_laws_of_a_layer() {
        for (hidden, residual) in [(vec![5], false), (vec![4, 4, 3], false), (vec![2, 6, 6], true)] {
            let config = Hidden { residual, ..Hidden::new(hidden, Activation::Silu) };
            let network = testing::in_double(|init| Perceptron::new(2, 3, &config, init).unwrap());
            testing::assert_layer::<2, 2>(&network, [3, 2], 14);
        }
    }

    #[test]
    fn a_network_of_no_layers_or_no_units_is_refused_by_its_field() {
        for (hidden, expected) in [
            (vec![], "hidden: expected 1 to 64 layers, found []"),
            (vec![4, 0], "hidden: expected 1 to 65,536, found 0"),
        ] {
            let error = Hidden::new(hidden, Activation::Tanh).validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
