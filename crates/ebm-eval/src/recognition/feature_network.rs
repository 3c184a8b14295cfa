//! Convolutional networks as feature maps.

use std::slice::Iter;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData, activation};
use ebm_model::layers::{Activation, Convolution, Dense, GroupNorm};
use ebm_model::weights::{self, NamedTensors};
use ebm_model::{Init, Layer, ModelError};
use ebm_ops::OutOfRange;

use super::feature_config::{FeatureNetworkConfig, PixelRange};
use super::feature_layer::{FeatureLayer, Shape};
use crate::FeatureMap;

/// Rows that go through the network at once.
const TOGETHER: usize = 500;

/// A feed-forward network of images whose last layers are features, and, of a classifier, logits of the classes.
///
/// A file holds the weights under the names and in the layout of PyTorch's `nn.Sequential` of the same layers:
/// `0.weight`, a convolution's as `[outputs, inputs, size, size]` and a dense layer's as `[outputs, inputs]`. A residual
/// layer is an `nn.Sequential` whose input is added to its result, so that layer 1 within layer 3 has `3.1.weight`.
#[derive(Module, Debug)]
pub struct FeatureNetwork {
    convolutions: Vec<Convolution>,
    norms: Vec<GroupNorm>,
    dense: Vec<Dense>,
    #[module(skip)]
    config: FeatureNetworkConfig,
}

impl FeatureNetwork {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`FeatureNetworkConfig::validate`].
    pub fn new(config: FeatureNetworkConfig, init: &Init) -> Result<Self, OutOfRange> {
        config.validate()?;
        let (mut convolutions, mut norms, mut dense) = (Vec::new(), Vec::new(), Vec::new());
        for placed in config.placed()?.0 {
            let (first, within) = placed.path.split_first().expect("a layer has a number");
            let init = within.iter().fold(init.nth(*first), |init, at| init.nth(*at));
            match (placed.layer, placed.before) {
                (&FeatureLayer::Conv { outputs, size, stride }, Shape::Image([inputs, ..])) => {
                    convolutions.push(Convolution::new(inputs, outputs, size, stride, &init));
                }
                (&FeatureLayer::GroupNorm { groups }, Shape::Image([channels, ..])) => {
                    norms.push(GroupNorm::new(channels, groups, &init));
                }
                (&FeatureLayer::Dense { outputs }, Shape::Row(inputs)) => {
                    dense.push(Dense::new(inputs, outputs, &init));
                }
                _ => {}
            }
        }
        Ok(Self { convolutions, norms, dense, config })
    }

    /// The network with the weights of a file; nothing is built before they are known to fit.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] with the field of the description, [`ModelError::Mismatch`] with every weight that
    /// does not fit it.
    pub fn from_tensors(
        config: FeatureNetworkConfig,
        tensors: NamedTensors,
        init: &Init,
    ) -> Result<Self, ModelError> {
        config.validate()?;
        weights::check(&config.parameters()?, &tensors)?;
        let network = Self::new(config, init)?;
        let tensors = network.names().into_iter().filter_map(|(file, own)| {
            let data = tensors.get(&file)?.clone();
            Some((own.clone(), if own.starts_with("dense") { transposed(data) } else { data }))
        });
        let tensors = tensors.collect();
        weights::apply(network, tensors)
    }

    /// The weights as files hold them.
    pub fn to_tensors(&self) -> NamedTensors {
        let mut own = weights::collect(self);
        let named = self.names().into_iter().filter_map(|(file, name)| {
            let data = own.remove(&name)?;
            Some((file, if name.starts_with("dense") { transposed(data) } else { data }))
        });
        named.collect()
    }

    /// The names of the weights in files and in this network.
    fn names(&self) -> Vec<(String, String)> {
        let (mut convolutions, mut norms, mut dense) = (0.., 0.., 0..);
        let (layers, _) = self.config.placed().expect("the layers of a network fit");
        let named = layers.iter().filter_map(|placed| {
            let (list, numbers) = match placed.layer {
                FeatureLayer::Conv { .. } => ("convolutions", &mut convolutions),
                FeatureLayer::GroupNorm { .. } => ("norms", &mut norms),
                FeatureLayer::Dense { .. } => ("dense", &mut dense),
                _ => return None,
            };
            Some((placed.name(), format!("{list}.{}", numbers.next()?)))
        });
        named
            .flat_map(|(file, own)| {
                ["weight", "bias"].map(|part| (format!("{file}.{part}"), format!("{own}.{part}")))
            })
            .collect()
    }

    /// What the network is made of.
    pub fn config(&self) -> &FeatureNetworkConfig {
        &self.config
    }

    /// The same network, of which this share of held-out images was assigned to their class.
    pub fn with_accuracy(mut self, accuracy: f64) -> Self {
        self.config.accuracy = Some(accuracy);
        self
    }

    /// The results of the last layer for images in [−1, 1], `[batch, dim]`: `[batch, classes]`.
    ///
    /// # Panics
    /// If the rows are not images of the network's shape.
    pub fn logits(&self, x: Tensor<2>) -> Tensor<2> {
        self.results(x, self.config.layers.len())
    }

    /// The features of images in [−1, 1], `[n, dim]`, a few rows at a time: `[n, features]`.
    ///
    /// # Panics
    /// If the rows are not images of the network's shape.
    pub fn features(&self, x: &Tensor<2>) -> Tensor<2> {
        self.in_parts(x, self.config.features)
    }

    /// The results of the first `n` layers, `[batch, numbers]`.
    fn results(&self, x: Tensor<2>, n: usize) -> Tensor<2> {
        let ([channels, height, width], PixelRange(black, white)) = (self.config.input, self.config.range);
        let rows = x.dims()[0];
        let x = if self.config.range == PixelRange::default() {
            x
        } else {
            (x + 1.0) * (0.5 * (white - black)) + black
        };
        let mut weights = Weights {
            convolutions: self.convolutions.iter(),
            norms: self.norms.iter(),
            dense: self.dense.iter(),
        };
        let image = Value::Image(x.reshape([rows, channels, height, width]));
        match weights.through(&self.config.layers[..n], image) {
            Value::Image(x) => x.flatten(1, 3),
            Value::Row(x) => x,
        }
    }

    /// The results of the first `n` layers, a few rows at a time.
    pub(super) fn in_parts(&self, x: &Tensor<2>, n: usize) -> Tensor<2> {
        let rows = x.dims()[0];
        let part = |first: usize| self.results(x.clone().narrow(0, first, TOGETHER.min(rows - first)), n);
        Tensor::cat((0..rows).step_by(TOGETHER).map(part).collect(), 0)
    }
}

enum Value {
    Image(Tensor<4>),
    Row(Tensor<2>),
}

/// The layers with weights that are still to come.
struct Weights<'a> {
    convolutions: Iter<'a, Convolution>,
    norms: Iter<'a, GroupNorm>,
    dense: Iter<'a, Dense>,
}

impl Weights<'_> {
    /// The result of `layers`.
    fn through(&mut self, mut layers: &[FeatureLayer], mut value: Value) -> Value {
        while let [layer, rest @ ..] = layers {
            layers = rest;
            value = match (layer, value) {
                (FeatureLayer::Conv { .. }, Value::Image(x)) => {
                    Value::Image(self.convolutions.next().expect("one for each layer").forward(x))
                }
                (FeatureLayer::GroupNorm { .. }, Value::Image(x)) => {
                    let norm = self.norms.next().expect("one for each layer");
                    Value::Image(match rest {
                        // One operation for both.
                        [FeatureLayer::Silu, rest @ ..] => {
                            layers = rest;
                            norm.silu(x)
                        }
                        _ => norm.affine_rules().forward(x),
                    })
                }
                (FeatureLayer::Dense { .. }, Value::Row(x)) => {
                    Value::Row(self.dense.next().expect("one for each layer").forward(x))
                }
                (FeatureLayer::Residual { layers }, Value::Image(x)) => {
                    match self.through(layers, Value::Image(x.clone())) {
                        Value::Image(change) => Value::Image(x + change),
                        Value::Row(_) => unreachable!("a residual layer keeps the shape"),
                    }
                }
                (FeatureLayer::MeanPool { size }, Value::Image(x)) => {
                    Value::Image(pooled(x, *size, |squares| squares.mean_dim(5).mean_dim(3)))
                }
                (FeatureLayer::MaxPool { size }, Value::Image(x)) => {
                    Value::Image(pooled(x, *size, |squares| squares.max_dim(5).max_dim(3)))
                }
                (FeatureLayer::GlobalMean, Value::Image(x)) => {
                    let [rows, channels, ..] = x.dims();
                    Value::Row(x.mean_dim(3).mean_dim(2).reshape([rows, channels]))
                }
                (FeatureLayer::Flatten, Value::Image(x)) => Value::Row(x.flatten(1, 3)),
                (activation, Value::Image(x)) => Value::Image(activated(activation, x)),
                (activation, Value::Row(x)) => Value::Row(activated(activation, x)),
            };
        }
        value
    }
}

fn activated<const D: usize>(layer: &FeatureLayer, x: Tensor<D>) -> Tensor<D> {
    match layer {
        FeatureLayer::Silu => Activation::Silu.value(x),
        FeatureLayer::Tanh => Activation::Tanh.value(x),
        FeatureLayer::Relu => activation::relu(x),
        layer => unreachable!("{layer:?} was refused after a value of this shape"),
    }
}

/// `pool` over squares of `size` by `size` pixels, dimensions 3 and 5 of what it is given.
fn pooled(x: Tensor<4>, size: usize, pool: impl Fn(Tensor<6>) -> Tensor<6>) -> Tensor<4> {
    let [rows, channels, height, width] = x.dims();
    let (height, width) = (height / size, width / size);
    let x = x.narrow(2, 0, height * size).narrow(3, 0, width * size);
    pool(x.reshape([rows, channels, height, size, width, size])).reshape([rows, channels, height, width])
}

fn transposed(data: TensorData) -> TensorData {
    let shape: Vec<usize> = data.shape().as_slice().to_vec();
    let &[rows, columns] = shape.as_slice() else { return data };
    let values: Vec<f32> = data.iter::<f32>().collect();
    let turned = (0..rows * columns).map(|at| values[(at % rows) * columns + at / rows]).collect::<Vec<_>>();
    TensorData::new(turned, [columns, rows])
}

impl FeatureMap for FeatureNetwork {
    fn name(&self) -> String {
        let FeatureNetworkConfig { name, features, layers, accuracy, .. } = &self.config;
        let accuracy = accuracy.map(|share| format!(", {:.1} % accurate", 100.0 * share)).unwrap_or_default();
        format!("{name}, result of layer {features} of {}{accuracy}", layers.len())
    }

    fn key(&self) -> String {
        self.config.name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
    }

    fn map(&self, x: Tensor<2>) -> Tensor<2> {
        self.features(&x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::numbers;
    use burn::tensor::Device;
    use ebm_ops::Noise;

    fn config(layers: Vec<FeatureLayer>) -> FeatureNetworkConfig {
        FeatureNetworkConfig {
            name: "my net".into(),
            input: [1, 4, 5],
            range: PixelRange::default(),
            features: layers.len(),
            classes: Vec::new(),
            accuracy: None,
            layers,
        }
    }

    fn build(config: &FeatureNetworkConfig, seed: u64) -> FeatureNetwork {
        FeatureNetwork::new(config.clone(), &Init::new(Noise::seeded(seed), &Device::flex())).unwrap()
    }

    #[test]
    fn layers_without_weights_have_their_closed_forms() {
        let x = Tensor::<1>::from_floats(
            (0..20).map(|i| i as f32).collect::<Vec<_>>().as_slice(),
            &Device::flex(),
        );
        let x = x.reshape([1, 20]);
        let result = |layers: Vec<FeatureLayer>| numbers(build(&config(layers), 0).features(&x));
        // rows of five; the fifth column fills no square
        assert_eq!(result(vec![FeatureLayer::MaxPool { size: 2 }]), [6.0, 8.0, 16.0, 18.0]);
        assert_eq!(result(vec![FeatureLayer::MeanPool { size: 2 }]), [3.0, 5.0, 13.0, 15.0]);
        assert_eq!(result(vec![FeatureLayer::GlobalMean]), [9.5]);
        assert_eq!(result(vec![FeatureLayer::Flatten, FeatureLayer::Relu]).len(), 20);
        let black_and_white =
            FeatureNetworkConfig { range: PixelRange(0.0, 255.0), ..config(vec![FeatureLayer::Flatten]) };
        let x = Tensor::<2>::from_floats([[-1.0; 20]], &Device::flex());
        assert_eq!(numbers(build(&black_and_white, 0).features(&x)), [0.0; 20]);
        assert_eq!(numbers(build(&black_and_white, 0).features(&(-x))), [255.0; 20]);
    }

    #[test]
    fn a_dense_layer_of_a_file_is_in_the_layout_of_pytorch() {
        let two = FeatureNetworkConfig {
            input: [1, 1, 2],
            ..config(vec![FeatureLayer::Flatten, FeatureLayer::Dense { outputs: 3 }])
        };
        let weight = TensorData::new(vec![1f32, 2.0, 10.0, 20.0, 100.0, 200.0], [3, 2]);
        let bias = TensorData::new(vec![0.5f32, 0.0, 0.0], [3]);
        let tensors: NamedTensors = [("1.weight".into(), weight), ("1.bias".into(), bias)].into();
        let device = Device::flex();
        let init = Init::new(Noise::seeded(0), &device);
        let network = FeatureNetwork::from_tensors(two.clone(), tensors.clone(), &init).unwrap();
        let x = Tensor::<2>::from_floats([[1.0, -1.0]], &Device::flex());
        assert_eq!(numbers(network.features(&x)), [-0.5, -10.0, -100.0]);
        assert_eq!(network.to_tensors(), tensors);
        let missing = FeatureNetwork::from_tensors(two, NamedTensors::new(), &init).unwrap_err().to_string();
        assert!(missing.contains("1.weight [3, 2] is missing"), "{missing}");
    }

    #[test]
    fn a_group_is_normalised_over_its_channels_and_pixels_alone_or_before_silu() {
        let two = |layers| FeatureNetworkConfig { input: [2, 1, 2], ..config(layers) };
        let norm = || FeatureLayer::GroupNorm { groups: 1 };
        let weight = TensorData::new(vec![1f32, 2.0], [2]);
        let tensors = NamedTensors::from([("0.weight".into(), weight.clone()), ("0.bias".into(), weight)]);
        let of = |layers: Vec<FeatureLayer>| {
            let (device, config) = (Device::flex(), two(layers));
            let init = Init::new(Noise::seeded(0), &device);
            let network = FeatureNetwork::from_tensors(config, tensors.clone(), &init).unwrap();
            numbers(network.features(&Tensor::from_floats([[0.0, 2.0, 4.0, 6.0]], &device)))
        };
        // mean 3 and variance 5; channels have the factors 1, 2 and the constants 1, 2
        let unit = 5f64.sqrt().recip();
        let expected = [1.0 - 3.0 * unit, 1.0 - unit, 2.0 + 2.0 * unit, 2.0 + 6.0 * unit];
        let close = |found: &[f64], expected: &[f64]| {
            found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-4)
        };
        let alone = of(vec![norm()]);
        assert!(close(&alone, &expected), "{alone:?} against {expected:?}");
        let silu = expected.map(|z| z / (1.0 + (-z).exp()));
        let fused = of(vec![norm(), FeatureLayer::Silu]);
        assert!(close(&fused, &silu), "{fused:?} against {silu:?}");
        // SiLU is done once, whatever follows
        let more = of(vec![norm(), FeatureLayer::Silu, FeatureLayer::Relu]);
        assert!(close(&more, &silu.map(|z| z.max(0.0))), "{more:?}");
    }

    #[test]
    fn a_residual_layer_adds_to_its_input_and_has_names_within_its_own() {
        let residual = FeatureLayer::Residual {
            layers: vec![FeatureLayer::Tanh, FeatureLayer::Conv { outputs: 1, size: 1, stride: 1 }],
        };
        let config = FeatureNetworkConfig {
            input: [1, 1, 2],
            ..config(vec![
                FeatureLayer::Relu,
                residual,
                FeatureLayer::Conv { outputs: 1, size: 1, stride: 1 },
            ])
        };
        let scalar = |value: f32| TensorData::new(vec![value], [1, 1, 1, 1]);
        let bias = |value: f32| TensorData::new(vec![value], [1]);
        let tensors = NamedTensors::from([
            ("1.1.weight".into(), scalar(3.0)),
            ("1.1.bias".into(), bias(10.0)),
            ("2.weight".into(), scalar(1.0)),
            ("2.bias".into(), bias(0.0)),
        ]);
        let device = Device::flex();
        let init = Init::new(Noise::seeded(0), &device);
        let network = FeatureNetwork::from_tensors(config, tensors.clone(), &init).unwrap();
        let found = numbers(network.features(&Tensor::from_floats([[-1.0, 2.0]], &device)));
        let expected = [10.0, 2.0 + 3.0 * 2f64.tanh() + 10.0];
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-5), "{found:?}");
        assert_eq!(network.to_tensors(), tensors);
    }

    #[test]
    fn weights_survive_a_file_and_the_description_a_text() {
        let layers = vec![
            FeatureLayer::Conv { outputs: 3, size: 3, stride: 2 },
            FeatureLayer::Silu,
            FeatureLayer::Conv { outputs: 2, size: 1, stride: 1 },
            FeatureLayer::Flatten,
            FeatureLayer::Dense { outputs: 7 },
        ];
        let config = config(layers);
        let (network, device) = (build(&config, 1), Device::flex());
        let init = Init::new(Noise::seeded(2), &device);
        let again = FeatureNetwork::from_tensors(config.clone(), network.to_tensors(), &init).unwrap();
        let x = Noise::seeded(3).normal([2, 20], &Device::flex());
        assert_eq!(numbers(network.features(&x)), numbers(again.features(&x)));
        assert_eq!(network.features(&x).dims(), [2, 7]);
        let text = serde_json::to_string(&config).unwrap();
        assert!(
            text.contains(r#"{"kind":"conv","outputs":3,"size":3,"stride":2},{"kind":"silu"}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<FeatureNetworkConfig>(&text).unwrap(), config);
        assert_eq!(
            (network.key().as_str(), network.name().as_str()),
            ("my_net", "my net, result of layer 5 of 5")
        );
    }

    #[test]
    fn layers_that_do_not_fit_are_refused_by_their_place() {
        let refused = |config: FeatureNetworkConfig, part: &str| {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused(config(vec![]), "layers: expected 1 to 1000");
        refused(config(vec![FeatureLayer::Dense { outputs: 3 }]), "layers[0]: expected `flatten` or");
        refused(config(vec![FeatureLayer::Flatten, FeatureLayer::Flatten]), "layers[1]: expected an image");
        refused(config(vec![FeatureLayer::MaxPool { size: 9 }]), "layers[0]: expected 1 to 67,108,864");
        refused(config(vec![FeatureLayer::Conv { outputs: 1 << 40, size: 3, stride: 1 }]), "layers[0]");
        refused(config(vec![FeatureLayer::Conv { outputs: 1, size: 2, stride: 1 }]), "an odd size");
        let norm = |groups| {
            config(vec![
                FeatureLayer::Conv { outputs: 6, size: 1, stride: 1 },
                FeatureLayer::GroupNorm { groups },
            ])
        };
        norm(3).validate().unwrap();
        refused(norm(4), "layers[1]: expected a divisor of the number of channels");
        refused(norm(0), "layers[1]: expected a divisor of the number of channels");
        let residual = |layers| config(vec![FeatureLayer::Silu, FeatureLayer::Residual { layers }]);
        residual(vec![FeatureLayer::Silu]).validate().unwrap();
        refused(residual(vec![]), "layers[1].layers: expected 1 to");
        refused(residual(vec![FeatureLayer::MeanPool { size: 2 }]), "layers[1]: expected layers that keep");
        refused(
            residual(vec![FeatureLayer::Silu, FeatureLayer::Dense { outputs: 1 }]),
            "layers[1].layers[1]: expected `flat",
        );
        let silu = || config(vec![FeatureLayer::Silu]);
        refused(FeatureNetworkConfig { features: 2, ..silu() }, "features: expected 1 to 1");
        refused(FeatureNetworkConfig { classes: vec!["a".into()], ..silu() }, "result of the last layer");
        refused(FeatureNetworkConfig { range: PixelRange(1.0, 1.0), ..silu() }, "range");
    }
}
