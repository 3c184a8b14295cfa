//! The gradient of every loss in the parameters is the derivative of its value.
//!
//! In double precision, against central differences of the value with the same noise: with h = 1e-5 they are
//! off by h² times a third derivative, about 1e-9, and by rounding, 1e-16/h, about 1e-10.

#[path = "common/quartic.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod quartic;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor};
use ebm_model::layers::{Activation, Hidden};
use ebm_model::{
    Gaussian, Init, Mlp, MlpConfig, MlpEnergy, MlpEnergyConfig, NoisyEnergy, Potential, weights,
};
use ebm_ops::Noise;
use ebm_sample::{Kernel, Langevin, State};
use ebm_train::{
    BufferSettings, ContrastSettings, ContrastiveDivergence, DenoisingAt, DenoisingScoreMatching, Directions,
    FiniteDifferenceScoreMatching, ImplicitScoreMatching, NoiseContrastiveEstimation, NoiseLaw, Objective,
    Optimizer, PersistentContrastiveDivergence, Restart, SlicedScoreMatching, Weighting,
};
use quartic::{Parameters, Quartic, first_outcome, loss, loss_and_gradient, normals};

fn parameters() -> Parameters {
    Parameters(vec![0.3, 0.2, -0.4, 1.4, 0.1, 0.5, 0.8, 0.15])
}

fn data() -> Tensor<2> {
    normals(40, 2, 1) * 1.2 + 0.1
}

/// The greatest difference between `gradient` and the central differences of `loss`, relative to the
/// greatest entry.
fn error(gradient: &[f64], loss: impl Fn(&Parameters) -> f64) -> f64 {
    let h = 1e-5;
    let slope = |i| (loss(&parameters().moved(i, h)) - loss(&parameters().moved(i, -h))) / (2.0 * h);
    let scale = gradient.iter().fold(0.0f64, |scale, g| scale.max(g.abs()));
    assert!(0.01 < scale, "a gradient of {scale} is no test");
    let differences = gradient.iter().enumerate().map(|(i, g)| (g - slope(i)).abs());
    differences.fold(0.0, f64::max) / scale
}

fn assert_gradient_is_derivative(name: &str, objective: impl Objective<Quartic>) {
    let (_, gradient) = loss_and_gradient(&objective, &parameters(), &data(), 7);
    let error = error(&gradient, |moved| loss(&objective, moved, &data(), 7));
    assert!(error < 1e-6, "{name}: {error}");
}

#[test]
fn gradients_of_score_matching_and_noise_contrastive_estimation_are_derivatives() {
    let law = NoiseLaw::LogNormal { mean: -1.0, deviation: 1.0 };
    let weighting = Weighting::Edm { sigma_data: 0.5 };
    assert_gradient_is_derivative("denoising", DenoisingScoreMatching::new(law, weighting).unwrap());
    assert_gradient_is_derivative("denoising at one level", DenoisingAt::new(0.4).unwrap());
    assert_gradient_is_derivative("implicit", ImplicitScoreMatching);
    for directions in [Directions::Gaussian, Directions::Rademacher, Directions::Sphere] {
        let sliced = SlicedScoreMatching::new(directions, 3).unwrap();
        assert_gradient_is_derivative("sliced", sliced);
        assert_gradient_is_derivative("variance-reduced", sliced.variance_reduced());
    }
    let differences = FiniteDifferenceScoreMatching::new(0.1, 3).unwrap();
    assert_gradient_is_derivative("finite differences", differences);
    let law = Gaussian::new(vec![0.1, 0.0], &[vec![1.5, 0.2], vec![0.2, 1.0]]).unwrap();
    let objective = NoiseContrastiveEstimation::new(law, 3).unwrap();
    assert_gradient_is_derivative("noise-contrastive", objective);
}

/// Langevin steps on a fixed model: the gradient of contrastive divergence treats the chains so, as independent of the
/// parameters.
#[derive(Clone, Debug)]
struct Frozen<P>(P, Langevin);

impl<M: ?Sized, P: Potential> Kernel<M> for Frozen<P> {
    type Memo = ();
    type Info = ();

    fn init(&self, _: &M, position: Tensor<2>) -> State<()> {
        State { position, memo: () }
    }

    fn step(&self, _: &M, state: State<()>, noise: &mut Noise) -> (State<()>, ()) {
        (self.1.step(&self.0, state, noise).0, ())
    }
}

#[test]
fn gradients_of_contrastive_divergence_with_fixed_chains_are_derivatives() {
    let langevin = Langevin::new(0.1).unwrap();
    let frozen = Frozen(parameters().model().valid(), langevin);
    let settings = ContrastSettings { sampler_steps: 4, magnitude: 0.05, ..ContrastSettings::default() };
    let restart = Restart::Normal { deviation: 1.0 };
    let chains = BufferSettings { capacity: 50, restart_share: 0.2, restart };

    let on_the_model = ContrastiveDivergence::new(langevin, settings).unwrap();
    let objective = ContrastiveDivergence::new(frozen.clone(), settings).unwrap();
    let (_, gradient) = loss_and_gradient(&on_the_model, &parameters(), &data(), 7);
    let found = error(&gradient, |moved| loss(&objective, moved, &data(), 7));
    assert!(found < 1e-6, "contrastive divergence: {found}");
    // A gradient through the chain would be that of the value with the chain on the moved model.
    let through = error(&gradient, |moved| loss(&on_the_model, moved, &data(), 7));
    assert!(1e-2 < through, "the chain does not depend on the parameters: {through}");

    let on_the_model = PersistentContrastiveDivergence::new(langevin, settings, chains).unwrap();
    let objective = PersistentContrastiveDivergence::new(frozen, settings, chains).unwrap();
    let (_, gradient) = loss_and_gradient(&on_the_model, &parameters(), &data(), 7);
    let found = error(&gradient, |moved| loss(&objective, moved, &data(), 7));
    assert!(found < 1e-6, "persistent contrastive divergence: {found}");
}

/// An energy network in double precision, none of whose weights is zero.
fn network() -> MlpEnergy {
    let network = Hidden::new(vec![7, 5], Activation::Silu);
    let config = MlpEnergyConfig { dim: 2, network, confinement: 0.2 };
    let network = MlpEnergy::new(&config, &Init::new(Noise::seeded(1), &Device::flex())).unwrap();
    stirred(network)
}

/// An energy at every noise level, likewise.
fn noisy_network() -> NoisyEnergy<Mlp> {
    let config = MlpConfig {
        dim: 2,
        hidden: 6,
        layers: 2,
        embedding: 4,
        frequencies: 3,
        fourier_features: 0,
        classes: 0,
    };
    let network = Mlp::new(&config, &Init::new(Noise::seeded(1), &Device::flex())).unwrap();
    stirred(NoisyEnergy::new(network, 0.5).unwrap())
}

/// The network in double precision, tracked, with no trained weight zero.
fn stirred<M: Module>(network: M) -> M {
    weights::cast(network, DType::F64).train().map(&mut Moved { noise: Noise::seeded(2), length: 0.3 })
}

/// Every trained parameter moved by `length` along its part of a direction that `noise` draws.
struct Moved {
    noise: Noise,
    length: f64,
}

impl ModuleMapper for Moved {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, weight, mapper) = param.consume();
        let direction = self.noise.normal_like(&weight);
        let moved = match weight.is_require_grad() {
            true => Tensor::from_inner(weight.inner() + direction * self.length).require_grad(),
            false => weight,
        };
        Param::from_mapped_value(id, moved, mapper)
    }
}

/// Along three random directions the loss changes as its gradient says.
fn assert_trains<M: Module>(name: &str, model: &M, objective: impl Objective<M>) {
    let loss = |model: &M| first_outcome(&objective, model, &data(), &mut Noise::seeded(7)).loss;
    let value = |model: &M| loss(model).into_scalar::<f64>();
    let along: Vec<f64> = (10..13)
        .map(|seed| {
            let moved = |length| model.clone().map(&mut Moved { noise: Noise::seeded(seed), length });
            let h = 1e-5;
            (value(&moved(h)) - value(&moved(-h))) / (2.0 * h)
        })
        .collect();
    let gradients = Optimizer::gradients(model, loss(model).backward());
    assert!(!gradients.is_empty(), "{name}");
    for (seed, expected) in (10..13).zip(along) {
        let mut dot =
            Dot { noise: Noise::seeded(seed), gradients: &gradients, path: Default::default(), sum: 0.0 };
        model.visit(&mut dot);
        let error = (dot.sum - expected).abs();
        assert!(error < 1e-6 * expected.abs().max(0.1), "{name}: {} against {expected}", dot.sum);
    }
}

/// The gradient times the direction that `noise` draws.
struct Dot<'a> {
    noise: Noise,
    gradients: &'a std::collections::BTreeMap<String, Tensor<1>>,
    path: weights::ParameterPath,
    sum: f64,
}

impl burn::module::ModuleVisitor for Dot<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weight = param.val();
        let n = weight.shape().num_elements();
        let direction = self.noise.normal_like(&weight).reshape([n]);
        if let Some(gradient) = self.gradients.get(&self.path.name()) {
            self.sum += (gradient.clone() * direction).sum().into_scalar::<f64>();
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

#[test]
fn gradients_of_every_loss_on_an_energy_network_are_derivatives() {
    let (network, langevin) = (network(), Langevin::new(0.1).unwrap());
    assert_trains("denoising at one level", &network, DenoisingAt::new(0.4).unwrap());
    assert_trains("implicit", &network, ImplicitScoreMatching);
    let sliced = SlicedScoreMatching::new(Directions::Sphere, 2).unwrap();
    assert_trains("sliced", &network, sliced);
    assert_trains("variance-reduced", &network, sliced.variance_reduced());
    let law = Gaussian::standard(2);
    let differences = FiniteDifferenceScoreMatching::new(0.1, 2).unwrap();
    assert_trains("finite differences", &network, differences);
    assert_trains("noise-contrastive", &network, NoiseContrastiveEstimation::new(law, 2).unwrap());
    let frozen = Frozen(network.valid(), langevin);
    let settings = ContrastSettings { sampler_steps: 4, magnitude: 0.05, ..ContrastSettings::default() };
    assert_trains("contrastive", &network, ContrastiveDivergence::new(frozen, settings).unwrap());
    let law = NoiseLaw::LogNormal { mean: -1.0, deviation: 1.0 };
    let denoising = DenoisingScoreMatching::new(law, Weighting::Power { power: 2.0 }).unwrap();
    assert_trains("denoising", &noisy_network(), denoising);
}
