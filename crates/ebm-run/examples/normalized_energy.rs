//! An energy whose likelihood is read off in one evaluation, at any noise level.
//!
//! Dual score matching trains the energy and its derivative along the noise level; importance sampling at the highest
//! level, where the density is nearly normal, finds the one constant that is left.
#![allow(clippy::print_stdout, reason = "a program")]

use burn::tensor::{Device, Tensor};
use ebm_eval::importance;
use ebm_model::{Gaussian, GaussianMixture, Init, JointPotential, Mlp, MlpConfig, NoisyEnergy};
use ebm_ops::Noise;
use ebm_train::{DualScoreMatching, NoiseLaw, TrainSettings, TrainState, Trainer, Weighting};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (device, noise) = (Device::flex(), Noise::seeded(1));
    let mode = |x: f64| Gaussian::isotropic(vec![x, 0.5 * x], 0.3);
    let data = GaussianMixture::new(vec![0.4, 0.6], vec![mode(-1.2)?, mode(0.8)?])?;

    let init = Init::new(noise.derive("init"), &device);
    let network = Mlp::new(&MlpConfig { dim: 2, hidden: 64, ..MlpConfig::default() }, &init)?;
    let energy = NoisyEnergy::new(network, 1.0)?.normalized(&init.part("constant"));
    let law = NoiseLaw::LogUniform { top: 10.0, bottom: 0.05 };
    let objective = DualScoreMatching::new(law, Weighting::Edm { sigma_data: 1.0 }, 4.0)?;
    let settings = TrainSettings { steps: 3000, learning_rate: 4e-3, ..TrainSettings::default() };
    let mut trainer = Trainer::new(TrainState::new(energy, noise.derive("objective")), objective, settings)?;
    trainer.run(|step| Ok(data.sample(256, &mut noise.derive("data").child(step), &device)), &mut ())?;
    let model = trainer.state().average();

    let at = |x: Tensor<2>, sigma: f64| {
        model.joint_energy_at(x.clone(), Tensor::full([x.dims()[0]], sigma, &device))
    };
    let proposal = Gaussian::isotropic(vec![0.0; 2], 101.0)?;
    let log_z = importance(|x| at(x, 10.0), &proposal, 4096, &noise.derive("top"), &device)?.estimate;
    for sigma in [0.05, 0.5, 5.0] {
        let x = data.smoothed(sigma).sample(4096, &mut noise.derive("fresh"), &device);
        let exact =
            data.log_density_at(x.clone(), Tensor::full([4096], sigma, &device)).mean().into_scalar::<f32>();
        let found = -f64::from(at(x, sigma).mean().into_scalar::<f32>()) - log_z.value;
        println!("σ = {sigma}: mean log density {found:.3} nats, exactly {exact:.3}");
    }
    Ok(())
}
