//! Energies made of layers.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;

use crate::{
    Along, Capabilities, Confinement, Directional, DirectionalPotential, DirectionalScore, Energy, Jet,
    Layer, Potential, Score,
};

/// E(x) = f(x) + ½λ‖x‖², f a network of one output: `[batch, dim]` → `[batch, 1]`.
///
/// The score comes from f's reverse rule, slope and curvature from its forward rule, each a plain forward
/// graph: a loss on any of them is differentiated in the parameters by one backward pass.
#[derive(Module, Debug)]
pub struct Confined<F> {
    network: F,
    confinement: Confinement,
}

impl<F> Confined<F> {
    /// The energy of `network`, which has one output, with `confinement` added.
    pub fn around(network: F, confinement: Confinement) -> Self {
        Self { network, confinement }
    }

    /// The network f.
    pub fn network(&self) -> &F {
        &self.network
    }

    /// The confinement ½λ‖x‖².
    pub fn confinement(&self) -> &Confinement {
        &self.confinement
    }
}

/// `[batch, 1]` → `[batch]`.
fn column(value: Tensor<2>) -> Tensor<1> {
    assert_eq!(value.dims()[1], 1, "an energy is one number a row, the network gave {:?}", value.dims());
    value.squeeze_dim::<1>(1)
}

impl<F: Layer<2>> Energy for Confined<F> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        column(self.network.forward(x.clone())) + self.confinement.energy(x)
    }
}

impl<F: Layer<2>> Score for Confined<F> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let (value, trace) = self.network.trace(x.clone());
        let gradient = self.network.pullback(trace, value.ones_like());
        self.confinement.score(x) - gradient
    }
}

impl<F: Layer<2>> Potential for Confined<F> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (value, trace) = self.network.trace(x.clone());
        let gradient = self.network.pullback(trace, value.ones_like());
        let (energy, score) = self.confinement.energy_and_score(x);
        (column(value) + energy, score - gradient)
    }
}

impl<F: Layer<2>> Directional for Confined<F> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let jet = self.network.push(Jet::line(x.clone(), v.clone()));
        let bowl = self.confinement.along(x, v);
        Along { slope: column(jet.slope) + bowl.slope, curvature: column(jet.curvature) + bowl.curvature }
    }
}

impl<F: Layer<2> + Module + ModuleDisplay + 'static> Capabilities for Confined<F> {
    fn as_score(&self) -> Option<&dyn DirectionalScore> {
        Some(self)
    }

    fn as_energy(&self) -> Option<&dyn DirectionalPotential> {
        Some(self)
    }
}
