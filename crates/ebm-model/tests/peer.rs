//! The reference network answers as its twin in PyTorch does.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::weights::{self, NamedTensors};
use ebm_model::{Architecture, Capabilities, Init, NetworkConfig, PreconditionedConfig, UNetConfig};
use ebm_ops::Noise;

/// Names of parts in PyTorch's network and in ours, the longer ones first.
const PARTS: &[(&str, &str)] = &[
    ("freq", "network.embedding.frequencies"),
    ("emb.0.", "network.embedding.hidden."),
    ("emb.2.", "network.embedding.out."),
    ("stem.", "network.stem."),
    ("d1.", "network.encoder.0.blocks.0."),
    ("down.", "network.encoder.0.halve."),
    ("m1.", "network.middle.0."),
    ("m2.", "network.middle.1."),
    ("m3.", "network.middle.2."),
    ("up.", "network.decoder.0.double."),
    ("u1.", "network.decoder.0.blocks.0."),
    ("norm.", "network.norm."),
    ("out.", "network.out."),
];

/// The same inside a block.
const BLOCK: &[(&str, &str)] = &[
    ("n1.", "first_norm."),
    ("c1.", "first."),
    ("film.", "modulation."),
    ("n2.", "second_norm."),
    ("c2.", "second."),
];

fn renamed(name: &str, parts: &[(&str, &str)]) -> String {
    match parts.iter().find_map(|(theirs, ours)| Some((name.strip_prefix(theirs)?, ours))) {
        Some((rest, ours)) => format!("{ours}{}", renamed(rest, BLOCK)),
        None => name.to_owned(),
    }
}

/// PyTorch keeps a dense layer's weight as `[outputs, inputs]`, we as `[inputs, outputs]`.
fn turned(data: TensorData, device: &Device) -> TensorData {
    match data.shape().as_slice() {
        [_, _] => Tensor::<2>::from_data(data, device).transpose().into_data(),
        _ => data,
    }
}

fn compare(bytes: &[u8], width: usize) {
    let device = Device::flex();
    let (mut file, _) = weights::from_bytes(bytes).unwrap();
    let mut take = |name: &str| file.remove(name).unwrap_or_else(|| panic!("the file has no {name}"));
    let x = Tensor::<2>::from_data(take("x"), &device);
    let sigma = Tensor::<1>::from_data(take("sigma"), &device);
    let expected = [take("denoised"), take("score")].map(|data| Tensor::<2>::from_data(data, &device));
    let carried: NamedTensors = file
        .into_iter()
        .map(|(name, data)| (renamed(name.strip_prefix("weights.").unwrap(), PARTS), turned(data, &device)))
        .collect();

    let network = UNetConfig { widths: vec![width, 2 * width], ..UNetConfig::reference() };
    let network = Architecture::Unet(PreconditionedConfig {
        sigma_data: 0.5,
        bounds: None,
        preconditioning: None,
        network,
    })
    .build(&Init::new(Noise::seeded(0), &device))
    .unwrap();
    let network = weights::apply(network, carried).unwrap();
    let network = network.as_noisy_score().expect("a U-Net is one");
    let found = [network.denoise_at(x.clone(), sigma.clone()), network.score_at(x, sigma)];
    for (found, expected) in found.into_iter().zip(expected) {
        // row by row, since scores at low noise are a thousand times those at high noise
        let error = (found - expected.clone()).abs().max_dim(1) / expected.abs().max_dim(1);
        let error = error.max().into_scalar::<f32>();
        assert!(error < 1e-4, "{error}");
    }
}

#[test]
fn a_narrow_network_with_weights_from_pytorch_gives_pytorchs_scores() {
    compare(include_bytes!("peer/width-8.safetensors"), 8);
}

/// The reference network itself; its 1.5 MB of weights are not kept here, `peer/make.py` makes them.
#[test]
#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test says that it skips, and what it was told"
)]
fn the_reference_network_with_weights_from_pytorch_gives_pytorchs_scores() {
    match std::env::var_os("EBM_PEER") {
        Some(path) => compare(&std::fs::read(path).unwrap(), 32),
        None => println!("skipped: EBM_PEER names no file that peer/make.py wrote with width 32"),
    }
}
