//! A layer, an energy and a network of one's own pass the checks of the crate's own.

use burn::module::Module;
use burn::tensor::{DType, Tensor};
use ebm_model::layers::Dense;
use ebm_model::{
    Along, Capabilities, Confined, Confinement, Directional, DirectionalScore, Energy, Init, Input, Jet,
    Layer, ModelError, NetworkConfig, Potential, Score, testing, weights,
};
use serde::{Deserialize, Serialize};

/// sin, element by element: σ′ = cos and σ″ = −sin.
#[derive(Clone, Copy, Debug)]
struct Sine;

impl Layer<2> for Sine {
    type Trace = Tensor<2>;

    fn trace(&self, z: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (z.clone().sin(), z)
    }

    fn pullback(&self, z: Tensor<2>, cotangent: Tensor<2>) -> Tensor<2> {
        z.cos() * cotangent
    }

    fn push(&self, Jet { value: z, slope, curvature }: Jet<2>) -> Jet<2> {
        let (sine, cosine) = (z.clone().sin(), z.cos());
        Jet {
            value: sine.clone(),
            curvature: cosine.clone() * curvature - sine * slope.clone().square(),
            slope: cosine * slope,
        }
    }
}

/// V sin(W x + b) + c.
#[derive(Module, Debug)]
struct Waves {
    input: Dense,
    output: Dense,
}

impl Waves {
    fn new(dim: usize, hidden: usize, outputs: usize, init: &Init) -> Self {
        Self {
            input: Dense::new(dim, hidden, &init.part("input")),
            output: Dense::new(hidden, outputs, &init.part("output")),
        }
    }

    fn layers(&self) -> ((&Dense, Sine), &Dense) {
        ((&self.input, Sine), &self.output)
    }
}

impl Layer<2> for Waves {
    type Trace = <((&'static Dense, Sine), &'static Dense) as Layer<2>>::Trace;

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, Self::Trace) {
        Layer::<2>::trace(&self.layers(), x)
    }

    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<2>) -> Tensor<2> {
        Layer::<2>::pullback(&self.layers(), trace, cotangent)
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        Layer::<2>::push(&self.layers(), jet)
    }
}

#[test]
fn a_layer_of_ones_own_passes_the_checks() {
    testing::assert_layer::<2, 2>(&Sine, [3, 4], 1);
    let waves = testing::in_double(|init| Waves::new(2, 5, 3, init));
    testing::assert_layer::<2, 2>(&waves, [3, 2], 2);
}

#[test]
fn an_energy_made_of_it_passes_the_checks() {
    let confinement = Confinement::new(0.3).unwrap();
    let model = testing::in_double(|init| Confined::around(Waves::new(2, 5, 1, init), confinement.clone()));
    testing::assert_potential(&model, 2, 3);
    testing::assert_precision(&weights::cast(model.clone(), DType::F32), &model, 2, 3);
    testing::assert_trainable(&model, 2, 3, testing::losses_and_energy);
    let single = |seed| {
        weights::cast(
            testing::in_double(|init| {
                Confined::around(Waves::new(2, 5, 1, &init.nth(seed)), confinement.clone())
            }),
            DType::F32,
        )
    };
    testing::assert_saved(single(1), single(2), 2);
}

/// −∇ of ½ Σ x⁴, written by hand.
struct Quartic;

impl Energy for Quartic {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        x.square().square().sum_dim(1).squeeze_dim::<1>(1) * 0.5
    }
}

impl Score for Quartic {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        x.clone().square() * x * -2.0
    }
}

impl Potential for Quartic {}

#[test]
fn a_closed_form_of_ones_own_passes_the_checks() {
    testing::assert_score_is_minus_gradient(&Quartic, &[[0.5, -1.0], [2.0, 0.1]]);
}

/// A score network s(x) = V sin(W x + b) + c, described by a file of its own.
#[derive(Module, Debug)]
struct WaveScore {
    waves: Waves,
}

impl Score for WaveScore {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.waves.forward(x)
    }
}

impl Directional for WaveScore {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let (score, trace) = self.waves.trace(x);
        let pulled = self.waves.pullback(trace, v.clone());
        let minus_dot = |a: Tensor<2>| (a * v.clone()).sum_dim(1).squeeze_dim::<1>(1).neg();
        Along { slope: minus_dot(score), curvature: minus_dot(pulled) }
    }
}

impl Capabilities for WaveScore {
    fn as_score(&self) -> Option<&dyn DirectionalScore> {
        Some(self)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WaveScoreConfig {
    dim: usize,
    hidden: usize,
}

impl Default for WaveScoreConfig {
    fn default() -> Self {
        Self { dim: 0, hidden: 6 }
    }
}

impl NetworkConfig for WaveScoreConfig {
    type Network = WaveScore;

    fn construct(&self, init: &Init) -> Result<WaveScore, ModelError> {
        Ok(WaveScore { waves: Waves::new(self.dim, self.hidden, self.dim, &init.part("waves")) })
    }

    fn input(&self) -> Input {
        Input::Row { dim: self.dim }
    }

    fn fitted(self, found: Input) -> Self {
        if self.dim == 0 { Self { dim: found.dim(), ..self } } else { self }
    }
}

#[test]
fn a_network_of_ones_own_is_built_from_its_description() {
    let config = WaveScoreConfig::default().fitted(Input::Row { dim: 2 });
    let model = testing::in_double(|init| config.build(init).unwrap());
    testing::assert_directional(&model, 2, 4);
    testing::assert_trainable(&model, 2, 4, testing::losses);
    assert!(model.as_score().is_some() && model.as_energy().is_none());
    let shapes = config.shapes(&burn::tensor::Device::flex()).unwrap();
    assert_eq!(shapes["waves.input.weight"], [2, 6]);

    let endless = WaveScoreConfig { hidden: 1 << 40, ..config };
    let error = endless.shapes(&burn::tensor::Device::flex()).unwrap_err().to_string();
    assert!(error.starts_with("parameters: expected at most"), "{error}");
}
