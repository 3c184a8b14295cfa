//! Training recovers known parameters.

mod common;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use ebm_model::{Capabilities, Gaussian, Network, NoisyScore};
use ebm_ops::Noise;
use ebm_train::{
    Batch, DenoisingScoreMatching, Memory, NoiseLaw, Objective, Outcome, TrainError, TrainSettings,
    TrainState, Trainer, Weighting,
};

/// The score of N(m, e^l) blurred by σ, in one dimension.
#[derive(Module, Debug)]
struct Affine {
    mean: Param<Tensor<1>>,
    log_variance: Param<Tensor<1>>,
}

impl NoisyScore for Affine {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let variance = self.log_variance.val().exp().unsqueeze::<2>() + sigma.square().unsqueeze_dim::<2>(1);
        (self.mean.val().unsqueeze::<2>() - x) / variance
    }
}

#[test]
fn denoising_score_matching_finds_mean_and_variance() {
    let device = Device::flex();
    let zero = || Param::from_tensor(Tensor::zeros([1], &device));
    let law = NoiseLaw::LogUniform { top: 1.0, bottom: 0.2 };
    let objective = DenoisingScoreMatching::new(law, Weighting::Power { power: 2.0 }).unwrap();
    let settings = TrainSettings { steps: 1500, learning_rate: 3e-2, ..TrainSettings::default() };
    let state = TrainState::new(Affine { mean: zero(), log_variance: zero() }, Noise::seeded(1));
    let mut trainer = Trainer::new(state, objective, settings).unwrap();
    let (mean, variance, batch) = (1.5, 0.36, 512);
    let target = Gaussian::isotropic(vec![mean], variance).unwrap();
    let data = Noise::seeded(2);
    trainer.run(|step| Ok(target.sample(batch, &mut data.child(step), &device)), &mut ()).unwrap();

    let found = trainer.state().average();
    let found_mean = f64::from(found.mean.val().into_scalar::<f32>());
    let found_variance = f64::from(found.log_variance.val().exp().into_scalar::<f32>());
    // The average spans about a thousand steps of 512 rows, of which the falling learning rate uses a
    // fraction: at least 50,000 rows count.
    let rows = 50_000f64;
    assert!((found_mean - mean).abs() < 5.0 * ((variance + 1.0) / rows).sqrt(), "{found_mean}");
    assert!(
        (found_variance - variance).abs() < 5.0 * (variance + 1.0) * (2.0 / rows).sqrt(),
        "{found_variance}"
    );
}

#[test]
fn a_loss_that_depends_on_no_parameter_is_an_error() {
    struct Detached;
    impl Objective<Network> for Detached {
        fn loss(&self, model: &Network, batch: &Batch, _: Memory, _: &mut Noise) -> Outcome {
            let data = batch.rows.clone();
            let sigma = Tensor::ones([data.dims()[0]], &data.device());
            model.as_noisy_score().unwrap().score_at(data, sigma).detach().mean().into()
        }
    }
    let state = TrainState::new(common::mlp(), Noise::seeded(1));
    let mut trainer = Trainer::new(state, Detached, common::settings(5)).unwrap();
    let error = trainer.run(common::batches(2), &mut ()).unwrap_err();
    assert!(matches!(error, TrainError::NoGradient { step: 0 }), "{error}");
}
