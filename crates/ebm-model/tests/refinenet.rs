//! The networks of NCSN and NCSNv2 answer, and are trained, as their twins in PyTorch.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use ebm_model::weights::foreign::NCSN;
use ebm_model::weights::{self, NamedTensors, ParameterPath};
use ebm_model::{Init, NcsnConfig, NcsnV2Config, NetworkConfig, NoisyScore};
use ebm_ops::Noise;

/// Gradients by the names of parameters.
struct Collect {
    path: ParameterPath,
    gradients: Gradients,
    found: NamedTensors,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(&self.gradients).expect("the loss depends on every parameter");
        self.found.insert(self.path.name(), gradient.into_data());
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

/// The largest error in a share of the largest number, or of `least` if that is larger.
fn error(found: &TensorData, expected: &TensorData, least: f64) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let (mut largest, mut error) = (least, 0.0f64);
    for (found, expected) in found.iter::<f64>().zip(expected.iter::<f64>()) {
        (largest, error) = (largest.max(expected.abs()), error.max((found - expected).abs()));
    }
    error / largest
}

/// The parts of the file whose names begin with `prefix`, under our names.
fn part(file: &mut NamedTensors, prefix: &str) -> NamedTensors {
    let theirs: BTreeMap<_, _> = file.extract_if(.., |name, _| name.starts_with(prefix)).collect();
    let stripped = theirs.into_iter().map(|(name, data)| (name[prefix.len()..].to_owned(), data));
    NCSN.apply(stripped.collect()).unwrap()
}

/// Pixels of the file are x from 0 to 1, ours y = 2x − 1: levels are doubled and scores halved.
fn compare<C: NetworkConfig<Network: NoisyScore>>(bytes: &[u8], config: &C, dtype: DType, tolerance: f64) {
    let device = Device::flex();
    let (mut file, _) = weights::from_bytes(bytes).unwrap();
    let (carried, gradients) = (part(&mut file, "weights."), part(&mut file, "gradients."));
    let mut take = |name: &str| file.remove(name).unwrap_or_else(|| panic!("the file has no {name}"));
    let y = Tensor::<2>::from_data(take("x"), (&device, dtype)) * 2.0 - 1.0;
    let z = Tensor::<2>::from_data(take("z"), (&device, dtype));
    let sigma = Tensor::<1>::from_data(take("sigma"), (&device, dtype)) * 2.0;
    let (score, loss) = (take("score"), take("loss"));

    let network = config.build(&Init::new(Noise::seeded(0), &device)).unwrap();
    let network = weights::cast(weights::apply(network, carried).unwrap(), dtype).train();
    let found = network.score_at(y, sigma.clone());
    let twice = (found.clone() * 2.0).into_data();
    for (row, (found, expected)) in rows(&twice).into_iter().zip(rows(&score)).enumerate() {
        let error = error(&found, &expected, 0.0);
        assert!(error < tolerance, "score of row {row}: {error:e}");
    }
    let residual = found * sigma.unsqueeze_dim::<2>(1) + z;
    let found = residual.square().sum_dim(1).mean() * 0.5;
    let away = error(&found.clone().into_data(), &loss, 0.0);
    assert!(away < tolerance, "loss: {away:e}");

    let path = ParameterPath::default();
    let mut collect = Collect { path, gradients: found.backward(), found: NamedTensors::new() };
    network.visit(&mut collect);
    assert!(collect.found.keys().eq(gradients.keys()));
    let largest = gradients.values().flat_map(TensorData::iter::<f64>).fold(0.0, |a: f64, b| a.max(b.abs()));
    for (name, expected) in &gradients {
        let error = error(&collect.found[name], expected, 1e-3 * largest);
        assert!(error < tolerance, "gradient of {name}: {error:e}");
    }
}

/// Row by row, since scores at low noise are thousands of times those at high noise.
fn rows(data: &TensorData) -> Vec<TensorData> {
    let [n, dim] = data.shape().as_slice() else { panic!("expected rows") };
    let values: Vec<f64> = data.iter::<f64>().collect();
    (0..*n).map(|row| TensorData::new(values[row * dim..][..*dim].to_vec(), [*dim])).collect()
}

#[test]
fn ncsn_with_weights_from_pytorch_gives_pytorchs_scores_and_gradients() {
    let (bytes, image) = (
        include_bytes!("peer/ncsn.safetensors"),
        NcsnConfig { features: 3, levels: 4, ..NcsnConfig::default() },
    );
    let config = NcsnConfig { channels: 1, height: 12, width: 10, ..image };
    compare(bytes, &config, DType::F64, 3e-6);
    compare(bytes, &config, DType::F32, 1e-4);
}

#[test]
fn ncsnv2_with_weights_from_pytorch_gives_pytorchs_scores_and_gradients() {
    let bytes = include_bytes!("peer/ncsnv2.safetensors");
    let config = NcsnV2Config { channels: 3, height: 8, width: 12, features: 4, ..NcsnV2Config::default() };
    compare(bytes, &config, DType::F64, 3e-6);
    compare(bytes, &config, DType::F32, 1e-4);
}
