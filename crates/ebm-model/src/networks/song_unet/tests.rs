use burn::module::Module;
use burn::tensor::{DType, Device};

use super::*;
use crate::layers::Filter;
use crate::{Layer, NoisyEnergy, NoisyScore, Preconditioned, testing, weights};

/// A network with every part twice, of two resolutions.
fn small(kind: SongUNetConfig) -> SongUNetConfig {
    SongUNetConfig {
        channels: 1,
        height: 4,
        width: 5,
        stem: 2,
        widths: vec![2, 4],
        blocks: vec![1, 1],
        embedding: 3,
        frequencies: 2,
        attention: vec![1],
        attention_heads: 2,
        dropout: 0.0,
        ..kind
    }
}

fn kinds() -> [SongUNetConfig; 2] {
    [small(SongUNetConfig::ddpmpp()), small(SongUNetConfig::ncsnpp())]
}

fn network(config: &SongUNetConfig) -> SongUNet {
    testing::in_double(|init| SongUNet::new(config, init).unwrap())
}

#[test]
fn the_networks_of_the_papers_have_their_numbers_of_parameters() {
    for (config, millions) in [(SongUNetConfig::ddpmpp(), 55.7), (SongUNetConfig::ncsnpp(), 56.4)] {
        let shapes = config.shapes(&Device::flex()).unwrap();
        let n: usize = shapes.values().map(|shape| shape.iter().product::<usize>()).sum();
        assert!((n as f64 / 1e6 - millions).abs() < 0.05, "{n}");
    }
}

#[test]
fn conditioned_on_a_level_it_is_the_network_and_passes_the_tests_of_a_layer() {
    for config in kinds() {
        let network = network(&config);
        let (x, c) = (testing::points(2, 20, 53), testing::normal([2], 54));
        let conditioned = network.condition(c.clone());
        let traced = Layer::<2>::forward(&conditioned, x.clone());
        testing::assert_close(traced, network.forward(x, c), 1e-12, "f");
        testing::assert_layer::<2, 2>(&conditioned, [2, 20], 55);
    }
}

#[test]
fn three_resolutions_with_a_residual_encoder_pass_the_tests_of_a_layer() {
    let config = SongUNetConfig { widths: vec![2; 3], blocks: vec![1; 3], ..kinds()[1].clone() };
    let network = network(&config);
    testing::assert_layer::<2, 2>(&network.condition(testing::normal([1], 56)), [1, 20], 57);
}

#[test]
fn preconditioned_it_knows_its_slope_and_curvature_and_is_trained_exactly() {
    for config in kinds() {
        let model = Preconditioned::new(network(&config), 0.5);
        testing::assert_directional(&model.at(0.4), 20, 58);
        testing::assert_precision(&weights::cast(model.clone(), DType::F32).at(0.4), &model.at(0.4), 20, 58);
        testing::assert_trainable(&model, 20, 58, |model, x, v| testing::losses(&model.at(0.4), x, v));
    }
}

#[test]
fn its_noisy_energy_passes_the_tests_of_a_potential_and_is_trained_exactly() {
    let model = NoisyEnergy::new(network(&kinds()[1]), 0.5).unwrap();
    testing::assert_potential(&model.at(0.4), 20, 59);
    testing::assert_precision(&weights::cast(model.clone(), DType::F32).at(0.4), &model.at(0.4), 20, 59);
    testing::assert_trainable(&model, 20, 59, |model, x, v| testing::losses_and_energy(&model.at(0.4), x, v));
}

#[test]
fn its_noisy_energy_knows_its_slope_along_the_level() {
    for (config, seed) in kinds().iter().zip(62..) {
        let model = testing::in_double(|init| {
            let network = SongUNet::new(config, init).unwrap();
            NoisyEnergy::new(network, 0.5).unwrap().normalized(&init.part("constant"))
        });
        testing::assert_joint_potential(&model, 20, seed);
    }
}

#[test]
fn dropout_is_a_function_of_the_noise_and_is_off_outside_of_training() {
    let config = SongUNetConfig { dropout: 0.5, ..kinds()[1].clone() };
    let with = Preconditioned::new(network(&config), 0.5);
    let without = Preconditioned::new(network(&kinds()[1]), 0.5);
    let (x, sigma) = (testing::points(3, 20, 60), testing::normal([3], 61).exp());
    let score = |seed| with.score_in_training(x.clone(), sigma.clone(), &mut Noise::seeded(seed)).into_data();
    assert_eq!(score(1), score(1));
    assert_ne!(score(1), score(2));
    let plain = without.score_at(x.clone(), sigma.clone()).into_data();
    assert_ne!(score(1), plain);
    assert_eq!(with.score_at(x.clone(), sigma.clone()).into_data(), plain);

    let mut noise = Noise::seeded(1);
    let in_training = without.score_in_training(x.clone(), sigma.clone(), &mut noise);
    assert_eq!((in_training.into_data(), noise.draws()), (plain, 0));

    // the same masks in the energy's score: it is minus the gradient of one energy
    let energy = |config: &SongUNetConfig| NoisyEnergy::new(network(config), 0.5).unwrap();
    let score = |config, seed| {
        energy(config).score_in_training(x.clone(), sigma.clone(), &mut Noise::seeded(seed)).into_data()
    };
    assert_eq!(score(&config, 1), score(&config, 1));
    assert_ne!(score(&config, 1), score(&kinds()[1], 1));
}

#[test]
fn a_new_network_returns_zero_and_images_of_any_size_come_out_at_their_size() {
    for (height, width) in [(7, 5), (8, 8), (1, 1)] {
        let config = SongUNetConfig { height, width, channels: 3, ..kinds()[1].clone() };
        let network = SongUNet::new(&config, &Init::new(Noise::seeded(1), &Device::flex())).unwrap();
        let x = Noise::seeded(2).normal([2, 3 * height * width], &Device::flex());
        let y = network.forward(x, Tensor::from_data([0.1, 0.2], &Device::flex()));
        assert_eq!(y.dims(), [2, 3 * height * width]);
        assert_eq!(y.abs().max().into_scalar::<f32>(), 0.0);
    }
}

#[test]
fn an_impossible_configuration_is_refused_by_its_field() {
    let good = kinds()[0].clone();
    let wrong = [
        (
            SongUNetConfig { attention: vec![2], ..good.clone() },
            "attention: expected resolutions 0 to 1, found 2",
        ),
        (
            SongUNetConfig { attention_heads: 3, ..good.clone() },
            "attention_heads: expected a divisor of the width 4",
        ),
        (
            SongUNetConfig { dropout: 1.0, ..good.clone() },
            "dropout: expected at least 0 and below 1, found 1",
        ),
        (
            SongUNetConfig { height: 65_536, ..good.clone() },
            "attention: expected resolutions of at most 4096 pixels, or more resolutions, found 32768×3",
        ),
        (SongUNetConfig { residual_scale: 0.0, ..good.clone() }, "residual_scale: "),
        (SongUNetConfig { blocks: vec![1, 0], ..good.clone() }, "found [1, 0]"),
        (SongUNetConfig { stem: 0, ..good.clone() }, "stem: expected 1 to 65,536, found 0"),
        (
            SongUNetConfig { height: 1, width: 1, widths: vec![4; 5], blocks: vec![1; 5], ..good },
            "found 16 for images",
        ),
    ];
    for (config, expected) in wrong {
        let error =
            SongUNet::new(&config, &Init::new(Noise::seeded(1), &Device::flex())).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn groups_have_at_least_four_channels_and_are_equal() {
    let config = SongUNetConfig::ddpmpp();
    let cases = [(256, 32), (384, 32), (128, 32), (64, 16), (12, 3), (8, 2), (5, 1), (2, 1), (300, 30)];
    for (channels, groups) in cases {
        assert_eq!(config.groups_of(channels), groups, "{channels}");
    }
    assert_eq!(Filter::Binomial, SongUNetConfig::ncsnpp().filter);
}

#[test]
fn every_part_of_both_kinds_is_named() {
    let shapes = kinds()[1].shapes(&Device::flex()).unwrap();
    for name in [
        "encoder.1.down.image.weight",
        "encoder.1.down.block.skip.weight",
        "encoder.1.blocks.0.attention.query.weight",
        "middle.0.attention.out.bias",
        "decoder.1.up.shift.weight",
        "decoder.0.blocks.1.attention.norm.weight",
    ] {
        assert!(shapes.contains_key(name), "{name} is not in {:?}", shapes.keys());
    }
    assert!(!shapes.contains_key("decoder.0.blocks.0.attention.norm.weight"));
    let network = network(&kinds()[0]);
    let n: usize = weights::shapes(&network).values().map(|shape| shape.iter().product::<usize>()).sum();
    assert_eq!(network.num_params(), n);
}
