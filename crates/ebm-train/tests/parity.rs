//! Every backend agrees with flex, given the same noise.
#![cfg(any(feature = "wgpu", feature = "ndarray"))]

mod common;

use std::panic::catch_unwind;

use burn::tensor::{Device, Tensor};
use common::{objective, settings, song_unet, unet};
use ebm_model::weights::{self, NamedTensors};
use ebm_model::{AtNoise, Capabilities, Network};
use ebm_ops::Noise;
use ebm_sample::{Chain, Langevin};
use ebm_train::{AdamSettings, TrainSettings, TrainState, Trainer};

/// The largest difference allowed, relative to the largest entry.
const TOLERANCE: f32 = 1e-4;

/// What is compared: the loss and weights after one step, and the positions after ten Langevin steps.
struct Answers {
    loss: f64,
    weights: NamedTensors,
    position: Vec<f32>,
}

fn network(build: fn(&Device) -> Network, device: &Device) -> Network {
    let network = build(device);
    // Weights that start at zero would leave most of the network out of the comparison.
    let mut noise = Noise::seeded(6);
    let shaken = weights::collect(&network).into_iter().map(|(name, data)| {
        let (shape, n) = (data.shape().clone(), data.num_elements());
        let shift = noise.normals(n);
        let values =
            data.try_to_vec::<f32>().unwrap().into_iter().zip(shift).map(|(value, z)| value + 0.05 * z);
        (name, burn::tensor::TensorData::new(values.collect::<Vec<_>>(), shape))
    });
    weights::apply(network, shaken.collect::<NamedTensors>()).unwrap()
}

fn ask(build: fn(&Device) -> Network, device: &Device) -> Answers {
    let data = Noise::seeded(3).normal([16, 64], device) * 0.5;
    // Adam's first step is the sign of the gradient where that is large compared with ε, so an entry that is all but
    // rounding decides between two steps. With ε of the gradient's own size the step shows the gradient itself.
    let adam = AdamSettings { epsilon: 1e-2, ..AdamSettings::default() };
    let settings = TrainSettings { adam, ..settings(10) };
    let state = TrainState::new(network(build, device), Noise::seeded(2));
    let mut trainer = Trainer::new(state, objective(), settings).unwrap();
    trainer.step(data).unwrap();
    let network = network(build, device);
    let start = Noise::seeded(4).normal([16, 64], device);
    let network = network.as_noisy_score().unwrap();
    let at_noise = AtNoise::new(network, 0.5);
    let mut chain = Chain::start(&at_noise, Langevin::new(0.02).unwrap(), start, Noise::seeded(5));
    let position: Tensor<2> = chain.nth(9).unwrap().position;
    Answers {
        loss: trainer.state().loss(),
        weights: weights::collect(trainer.state().model()),
        position: position.into_data().convert::<f32>().try_to_vec().unwrap(),
    }
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    let scale = expected.iter().fold(0f32, |scale, value| scale.max(value.abs()));
    let error = found.iter().zip(expected).fold(0f32, |error, (f, e)| error.max((f - e).abs())) / scale;
    assert!(found.len() == expected.len() && error < TOLERANCE, "{what}: {error}");
}

fn compare(device: &Device) {
    for build in [unet, song_unet] {
        let (expected, found) = (ask(build, &Device::flex()), ask(build, device));
        assert_close("loss", &[found.loss as f32], &[expected.loss as f32]);
        assert_close("ten Langevin steps", &found.position, &expected.position);
        for (name, expected) in &expected.weights {
            let values = |data: &burn::tensor::TensorData| data.try_to_vec::<f32>().unwrap();
            assert_close(name, &values(&found.weights[name]), &values(expected));
        }
    }
}

#[cfg(feature = "ndarray")]
#[test]
#[allow(deprecated, reason = "Burn keeps it, and it is a second opinion on every number")]
fn ndarray_agrees_with_flex() {
    compare(&Device::ndarray());
}

#[cfg(feature = "wgpu")]
#[test]
#[allow(clippy::print_stdout, reason = "a test says that it skips")]
fn wgpu_agrees_with_flex() {
    let adapter = catch_unwind(|| {
        let device = Device::wgpu(burn::tensor::DeviceKind::DefaultDevice);
        Tensor::<1>::ones([1], &device).into_data();
        device
    });
    match adapter {
        Ok(device) => compare(&device),
        Err(_) => println!("skipped: no adapter for wgpu; a Vulkan driver such as Mesa's llvmpipe is one"),
    }
}
