//! Every objective trains an energy network to fit better than any Gaussian.

use burn::tensor::Device;
use ebm_model::layers::{Activation, Hidden};
use ebm_model::{Gaussian, GaussianMixture, Init, MlpEnergy, MlpEnergyConfig, NoisyScore, Score};
use ebm_ops::Noise;
use ebm_sample::Langevin;
use ebm_train::{
    BufferSettings, ContrastSettings, ContrastiveDivergence, DenoisingAt, Directions,
    FiniteDifferenceScoreMatching, ImplicitScoreMatching, NoiseContrastiveEstimation, Objective,
    PersistentContrastiveDivergence, Restart, SlicedScoreMatching, TrainSettings, TrainState, Trainer,
};

/// Two wells: N((±1.5, 0), ¼ I), equally likely.
fn law() -> GaussianMixture {
    let well = |x: f64| Gaussian::isotropic(vec![x, 0.0], 0.25).unwrap();
    GaussianMixture::new(vec![1.0, 1.0], vec![well(-1.5), well(1.5)]).unwrap()
}

/// A level at which the mixture's blurred score is its score.
const SHARP: f64 = 1e-3;

/// ½ E|s − s_p|² over draws of p.
fn distance(score: &impl Score) -> f64 {
    let (law, device) = (law(), Device::flex());
    let x = law.sample(20_000, &mut Noise::seeded(9), &device);
    let difference = score.score(x.clone()) - law.at(SHARP).score(x);
    (difference.square().sum_dim(1).mean() * 0.5).into_scalar::<f64>()
}

/// The same for a network after 500 steps on the objective.
fn trained(objective: impl Objective<MlpEnergy>) -> f64 {
    let device = Device::flex();
    let network = Hidden::new(vec![32, 32], Activation::Silu);
    let config = MlpEnergyConfig { dim: 2, network, confinement: 0.1 };
    let model = MlpEnergy::new(&config, &Init::new(Noise::seeded(1), &device)).unwrap();
    let settings = TrainSettings { steps: 500, learning_rate: 5e-3, warm_up: 20, ..TrainSettings::default() };
    let settings = TrainSettings { average_decay: 0.95, clip_norm: 10.0, ..settings };
    let mut trainer = Trainer::new(TrainState::new(model, Noise::seeded(2)), objective, settings).unwrap();
    let (law, noise) = (law(), Noise::seeded(3));
    let batches = |step| Ok(law.sample(256, &mut noise.child(step), &device));
    trainer.run(batches, &mut ()).unwrap();
    distance(&trainer.state().average())
}

#[test]
fn a_trained_energy_network_is_closer_to_two_wells_than_any_gaussian() {
    // Of all affine scores the nearest is that of the Gaussian with the mixture's mean and covariance.
    let covariance = [vec![0.25 + 1.5 * 1.5, 0.0], vec![0.0, 0.25]];
    let gaussian = distance(&Gaussian::new(vec![0.0, 0.0], &covariance).unwrap());

    let langevin = Langevin::new(0.02).unwrap();
    let contrast = ContrastSettings { sampler_steps: 10, magnitude: 0.01, ..ContrastSettings::default() };
    let restart = Restart::Uniform { low: -3.0, high: 3.0 };
    let chains = BufferSettings { capacity: 2048, restart_share: 0.05, restart };
    let sliced = SlicedScoreMatching::new(Directions::Rademacher, 1).unwrap();
    let noise = Gaussian::new(vec![0.0, 0.0], &covariance).unwrap();
    let found = [
        ("implicit", trained(ImplicitScoreMatching)),
        ("sliced", trained(sliced)),
        ("variance-reduced", trained(sliced.variance_reduced())),
        ("finite differences", trained(FiniteDifferenceScoreMatching::new(0.05, 1).unwrap())),
        ("denoising", trained(DenoisingAt::new(0.15).unwrap())),
        ("contrastive", trained(ContrastiveDivergence::new(langevin, contrast).unwrap())),
        ("persistent", trained(PersistentContrastiveDivergence::new(langevin, contrast, chains).unwrap())),
        ("noise-contrastive", trained(NoiseContrastiveEstimation::new(noise, 2).unwrap())),
    ];
    for (name, distance) in found {
        assert!(distance < gaussian, "{name}: {distance}, the best Gaussian {gaussian}; all: {found:?}");
    }
}
