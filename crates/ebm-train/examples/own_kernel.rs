//! Contrastive divergence with a kernel of one's own: random-walk Metropolis.
//!
//! `cargo run --release -p ebm-train --example own_kernel` trains an energy on standard normals in the plane, whose
//! energy at (1, 0) is ½ above that at 0, and prints what it learned.
#![expect(clippy::print_stdout, reason = "a program's answer")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::layers::{Activation, Hidden};
use ebm_model::{Energy, Init, MlpEnergy, MlpEnergyConfig};
use ebm_ops::Noise;
use ebm_sample::{Kernel, State, StepReport};
use ebm_train::{ContrastSettings, ContrastiveDivergence, TrainSettings, TrainState, Trainer};

/// y = x + εz, z ~ N(0, I), is accepted with probability min(1, exp(E(x) − E(y))).
struct RandomWalk {
    step_size: f64,
}

/// What a step reports. A kernel that reports nothing needs `impl StepReport for Info {}` only.
struct Info {
    acceptance: Tensor<1>,
}

impl StepReport for Info {
    fn acceptance(&self) -> Option<&Tensor<1>> {
        Some(&self.acceptance)
    }
}

impl<M: Energy + ?Sized> Kernel<M> for RandomWalk {
    /// The energy at the position, `[chains]`.
    type Memo = Tensor<1>;
    type Info = Info;

    fn init(&self, model: &M, position: Tensor<2>) -> State<Tensor<1>> {
        State { memo: model.energy(position.clone()), position }
    }

    fn step(&self, model: &M, state: State<Tensor<1>>, noise: &mut Noise) -> (State<Tensor<1>>, Info) {
        let [chains, dim] = state.position.dims();
        let proposal = state.position.clone() + noise.normal_like(&state.position) * self.step_size;
        let energy = model.energy(proposal.clone());
        let acceptance = (state.memo.clone() - energy.clone()).exp().clamp_max(1.0);
        let accepted = noise.uniform([chains], &proposal.device()).lower(acceptance.clone());
        let rows = accepted.clone().unsqueeze_dim::<2>(1).expand([chains, dim]);
        let position = state.position.mask_where(rows, proposal);
        let memo = state.memo.mask_where(accepted, energy);
        (State { position, memo }, Info { acceptance })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (device, noise) = (Device::flex(), Noise::seeded(1));
    let network = Hidden::new(vec![32], Activation::Silu);
    let config = MlpEnergyConfig { dim: 2, network, confinement: 0.1 };
    let model = MlpEnergy::new(&config, &Init::new(noise.derive("init"), &device))?;
    let contrast = ContrastSettings { sampler_steps: 10, magnitude: 0.01, ..ContrastSettings::default() };
    let objective = ContrastiveDivergence::new(RandomWalk { step_size: 0.8 }, contrast)?;
    let settings = TrainSettings { steps: 500, learning_rate: 5e-3, warm_up: 20, ..TrainSettings::default() };
    let state = TrainState::new(model, noise.derive("objective"));
    let mut trainer = Trainer::new(state, objective, settings)?;
    let data = noise.derive("data");
    trainer.run(|step| Ok(data.child(step).normal([256, 2], &device)), &mut ())?;

    let points = Tensor::from_data([[0.0, 0.0], [1.0, 0.0]], &device);
    let energies: Vec<f64> = trainer.state().average().energy(points).into_data().iter::<f64>().collect();
    println!("E(1, 0) - E(0, 0) = {:.2}, exact 0.50", energies[1] - energies[0]);
    Ok(())
}
