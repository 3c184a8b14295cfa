//! Dual score matching finds a density and its normaliser at every noise level.

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use ebm_model::{
    Init, IsotropicMixture, JointPotential, Mlp, MlpConfig, NoisyEnergy, NoisyPotential, NoisyScore,
};
use ebm_ops::Noise;
use ebm_train::{DualScoreMatching, NoiseLaw, Objective, TrainSettings, TrainState, Trainer, Weighting};

const LEVELS: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 9.0];

fn law() -> NoiseLaw {
    NoiseLaw::LogUniform { top: LEVELS[4], bottom: LEVELS[0] }
}

/// Three components that overlap a little, around a mean of about 0.
fn truth(dim: usize) -> IsotropicMixture {
    let scale = 2.4 / (dim as f64).sqrt();
    let mean = |k: usize, i: usize| scale * [[1.0, -0.5], [-1.0, 0.6], [0.1, -0.4]][k][i % 2];
    let means = (0..3).flat_map(|k| (0..dim).map(move |i| mean(k, i))).collect();
    IsotropicMixture::new([0.3f64, 0.4, 0.3].map(f64::ln).to_vec(), means, 0.4).unwrap()
}

/// A mixture of normal laws of one width, and a term b ln σ that the score cannot see: log Z(σ) = −b ln σ.
#[derive(Module, Debug)]
struct Family {
    means: Param<Tensor<2>>,
    log_variance: Param<Tensor<1>>,
    logits: Param<Tensor<1>>,
    drift: Param<Tensor<1>>,
}

impl Family {
    fn new(dim: usize) -> Self {
        let device = Device::flex();
        let means = Noise::seeded(3).normal([3, dim], &device) * 0.5;
        let all = |value: f64, n: usize| Param::from_tensor(Tensor::full([n], value, &device));
        Self {
            means: Param::from_tensor(means),
            log_variance: all(0.0, 1),
            logits: all(0.0, 3),
            drift: all(0.5, 1),
        }
    }

    fn drift(&self) -> f64 {
        f64::from(self.drift.val().into_scalar::<f32>())
    }

    /// v + σ², and log w_k + (xᵀm_k − ½‖m_k‖²)/(v + σ²).
    fn terms(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<2>) {
        let variance = self.log_variance.val().exp().unsqueeze::<2>() + sigma.square().unsqueeze_dim::<2>(1);
        let means = self.means.val();
        let halves = (means.clone().square().sum_dim(1) * 0.5).transpose();
        let weights = softmax(self.logits.val(), 0).log().unsqueeze::<2>();
        let terms = (x.matmul(means.transpose()) - halves) / variance.clone() + weights;
        (variance, terms)
    }
}

impl NoisyScore for Family {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.score_and_level_slope_at(x, sigma).0
    }
}

impl NoisyPotential for Family {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        let (variance, terms) = self.terms(x.clone(), sigma.clone());
        let largest = terms.clone().max_dim(1);
        let log_sum = (terms - largest.clone()).exp().sum_dim(1).log() + largest;
        let bowl = x.square() / variance.clone() + (variance * std::f64::consts::TAU).log();
        let energy = (bowl.sum_dim(1) * 0.5 - log_sum).squeeze_dim::<1>(1);
        energy + sigma.log() * self.drift.val()
    }
}

impl JointPotential for Family {
    fn score_and_level_slope_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        let dim = x.dims()[1];
        let (variance, terms) = self.terms(x.clone(), sigma.clone());
        let shares = softmax(terms, 1);
        let means = self.means.val();
        let squares = means.clone().square().sum_dim(1).transpose();
        let products = x.clone().matmul(means.clone().transpose());
        let distance =
            x.clone().square().sum_dim(1) + (shares.clone() * (squares - products * 2.0)).sum_dim(1);
        let share = sigma.square().unsqueeze_dim::<2>(1) / variance.clone();
        let slope = ((distance / variance.clone()) * -1.0 + dim as f64) * share;
        ((shares.matmul(means) - x) / variance, slope.squeeze_dim::<1>(1) + self.drift.val())
    }
}

fn trained<M: Module>(
    model: M,
    objective: impl Objective<M>,
    dim: usize,
    settings: TrainSettings,
    batch: usize,
) -> M {
    let (truth, data, device) = (truth(dim), Noise::seeded(2), Device::flex());
    let mut trainer = Trainer::new(TrainState::new(model, Noise::seeded(1)), objective, settings).unwrap();
    trainer.run(|step| Ok(truth.sample(batch, &mut data.child(step), &device)), &mut ()).unwrap();
    trainer.state().average()
}

/// At a level: the mean over fresh points of the model's log density, normalised at the top level, less the exact one, in
/// nats a coordinate; and log Z by importance sampling from the exact density.
fn compare(model: &impl JointPotential, dim: usize) -> Vec<(f64, f64)> {
    let truth = truth(dim);
    let found = LEVELS.map(|level| {
        let x = truth.smoothed(level).sample(20_000, &mut Noise::seeded(5), &Device::flex());
        let sigma = Tensor::full([x.dims()[0]], level, &x.device());
        let difference = truth.joint_energy_at(x.clone(), sigma.clone()) - model.joint_energy_at(x, sigma);
        let logs: Vec<f64> = difference.into_data().iter::<f64>().collect();
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        (mean, (logs.iter().map(|log| log.exp()).sum::<f64>() / n).ln())
    });
    let top = found[LEVELS.len() - 1].1;
    found.iter().map(|(mean, log_z)| ((mean - top) / dim as f64, log_z - top)).collect()
}

fn dual(slope_weight: f64) -> DualScoreMatching {
    DualScoreMatching::new(law(), Weighting::Edm { sigma_data: 1.5 }, slope_weight).unwrap()
}

#[test]
fn a_family_that_holds_the_truth_is_normalised_at_every_level_by_the_second_term_alone() {
    for dim in [2, 16] {
        let settings = TrainSettings { steps: 1500, learning_rate: 2e-2, ..TrainSettings::default() };
        let fit = |weight| trained(Family::new(dim), dual(weight), dim, settings.clone(), 512);
        let model = fit(4.0 * dim as f64);
        for ((log_density, log_z), level) in compare(&model, dim).into_iter().zip(LEVELS) {
            assert!(
                log_density.abs() < 0.03,
                "{dim} dimensions, σ = {level}: {log_density} nats a coordinate"
            );
            assert!(log_z.abs() < 0.05, "{dim} dimensions, σ = {level}: log Z {log_z}");
        }
        // Denoising alone finds the scores and leaves the constants where they were.
        let alone = fit(0.0);
        assert!((alone.drift() - 0.5).abs() < 1e-6, "{}", alone.drift());
        assert!(2.0 < compare(&alone, dim)[0].1.abs());
    }
}

#[test]
fn a_network_learns_densities_that_are_normalised_at_every_level() {
    let config = MlpConfig {
        dim: 2,
        hidden: 64,
        layers: 2,
        embedding: 32,
        frequencies: 8,
        fourier_features: 0,
        classes: 0,
    };
    let device = Device::flex();
    let init = Init::new(Noise::seeded(1), &device);
    let model = NoisyEnergy::new(Mlp::new(&config, &init).unwrap(), 1.5).unwrap();
    let model = model.normalized(&init.part("constant"));
    let settings = TrainSettings { steps: 1500, learning_rate: 4e-3, ..TrainSettings::default() };
    let model = trained(model, dual(4.0), 2, settings, 256);
    for ((log_density, log_z), level) in compare(&model, 2).into_iter().zip(LEVELS) {
        assert!(log_density.abs() < 0.03, "σ = {level}: {log_density} nats a coordinate");
        assert!(log_z.abs() < 0.05, "σ = {level}: log Z {log_z}");
    }
}
