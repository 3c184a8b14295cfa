//! DDPM++ and NCSN++ answer, and are differentiated, as their transcription in PyTorch is.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use ebm_model::weights::{self, NamedTensors, ParameterPath};
use ebm_model::{Init, NetworkConfig, NoisyScore, PreconditionedConfig, SongUNetConfig};
use ebm_ops::Noise;

/// PyTorch keeps a dense layer's weight as `[outputs, inputs]`, we as `[inputs, outputs]`.
fn turned(data: TensorData) -> TensorData {
    match data.shape().as_slice() {
        [_, _] => Tensor::<2>::from_data(data, &Device::flex()).transpose().into_data(),
        _ => data,
    }
}

/// The gradient of every trained parameter by name.
struct Collect {
    path: ParameterPath,
    gradients: Gradients,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weight = param.val();
        if weight.is_require_grad() {
            let gradient = weight.grad(&self.gradients).expect("every parameter has a gradient");
            self.found.insert(self.path.name(), gradient.into_data().try_to_vec().unwrap());
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

fn largest(numbers: &[f32]) -> f32 {
    numbers.iter().fold(0f32, |largest, x| largest.max(x.abs()))
}

/// The largest difference as a share of `scale`.
fn error(found: &[f32], expected: &[f32], scale: f32) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).fold(0f32, |error, (f, e)| error.max((f - e).abs())) / scale
}

fn compare(bytes: &[u8], kind: SongUNetConfig) {
    let device = Device::flex();
    let (mut file, _) = weights::from_bytes(bytes).unwrap();
    let mut take = |name: &str| file.remove(name).unwrap_or_else(|| panic!("the file has no {name}"));
    let [x, clean, denoised] =
        ["x", "clean", "denoised"].map(|name| Tensor::<2>::from_data(take(name), &device));
    let sigma = Tensor::<1>::from_data(take("sigma"), &device);
    let part = |prefix: &str| -> NamedTensors {
        let named = file.iter().filter_map(|(name, data)| Some((name.strip_prefix(prefix)?, data)));
        named.map(|(name, data)| (format!("network.{name}"), turned(data.clone()))).collect()
    };

    let network = SongUNetConfig {
        channels: 2,
        height: 8,
        width: 6,
        stem: 4,
        widths: vec![4, 8],
        blocks: vec![2, 1],
        embedding: 8,
        frequencies: 3,
        attention_heads: 2,
        ..kind
    };
    let config = PreconditionedConfig { sigma_data: 0.5, bounds: None, preconditioning: None, network };
    let network = config.build(&Init::new(Noise::seeded(0), &device)).unwrap();
    let network = weights::apply(network, part("weights.")).unwrap().train();
    let found = network.denoise_at(x, sigma);
    for row in 0..4 {
        let numbers = |x: &Tensor<2>| x.clone().narrow(0, row, 1).into_data().try_to_vec::<f32>().unwrap();
        let expected = numbers(&denoised);
        let error = error(&numbers(&found.clone().inner()), &expected, largest(&expected));
        assert!(error < 1e-4, "row {row}: {error}");
    }
    let gradients = (found - clean).square().mean().backward();
    let mut collected = Collect { path: ParameterPath::default(), gradients, found: BTreeMap::new() };
    network.visit(&mut collected);
    let expected = part("gradients.");
    assert_eq!(collected.found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let numbers = |name: &str| expected[name].as_slice::<f32>().unwrap();
    for name in expected.keys() {
        // Adding one number to all logits of a query changes nothing: the gradient of a key's bias is zero but for
        // rounding, which that of the key's weight measures.
        let scale = match name.strip_suffix("key.bias") {
            Some(layer) => largest(numbers(&format!("{layer}key.weight"))),
            None => largest(numbers(name)),
        };
        let error = error(&collected.found[name], numbers(name), scale);
        assert!(error < 1e-4, "{name}: {error}");
    }
}

#[test]
fn ddpmpp_has_the_pictures_and_gradients_of_pytorch() {
    compare(include_bytes!("peer/ddpmpp.safetensors"), SongUNetConfig::ddpmpp());
}

#[test]
fn ncsnpp_has_the_pictures_and_gradients_of_pytorch() {
    compare(include_bytes!("peer/ncsnpp.safetensors"), SongUNetConfig::ncsnpp());
}
