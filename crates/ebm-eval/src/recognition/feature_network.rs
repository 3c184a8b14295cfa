//! Convolutional networks as feature maps.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData, activation};
use ebm_model::layers::{Activation, Convolution, Dense};
use ebm_model::weights::{self, NamedTensors};
use ebm_model::{Init, ModelError};
use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::FeatureMap;

/// Rows that go through the network at once.
const TOGETHER: usize = 500;

/// Most numbers in an image or in the output of a layer.
const MOST_NUMBERS: usize = 1 << 26;

/// Most layers of a network.
const MOST_LAYERS: usize = 1000;

/// A layer of a [`FeatureNetwork`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FeatureLayer {
    /// A square convolution with bias, padded by half its size.
    Conv {
        /// Channels of the result.
        outputs: usize,
        /// Side of the square, an odd number.
        size: usize,
        /// Pixels from one result to the next; 1 by default.
        #[serde(default = "one")]
        stride: usize,
    },
    /// A dense layer with bias.
    Dense {
        /// Numbers of the result.
        outputs: usize,
    },
    /// max(0, z).
    Relu,
    /// z/(1 + exp(−z)).
    Silu,
    /// tanh z.
    Tanh,
    /// The means of squares; pixels that fill no square are cut off.
    MeanPool {
        /// Side of the squares.
        size: usize,
    },
    /// The largest values of squares; pixels that fill no square are cut off.
    MaxPool {
        /// Side of the squares.
        size: usize,
    },
    /// The mean of each channel.
    GlobalMean,
    /// All pixels in a row, channel by channel.
    Flatten,
}

fn one() -> usize {
    1
}

/// The values of black and white that a network expects; −1 and 1 by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PixelRange(pub f64, pub f64);

impl Default for PixelRange {
    fn default() -> Self {
        Self(-1.0, 1.0)
    }
}

/// What a [`FeatureNetwork`] is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureNetworkConfig {
    /// What figures call it, in snake case.
    #[serde(default = "network")]
    pub name: String,
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// The values of black and white.
    #[serde(default)]
    pub range: PixelRange,
    /// The number of layers, counted from the first, whose result are the features.
    pub features: usize,
    /// The classes in the order of the network's results; empty if it is no classifier.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The share of held-out images that it assigns to their class, if it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The layers.
    pub layers: Vec<FeatureLayer>,
}

fn network() -> String {
    "network".into()
}

/// Channels, height and width, or a row of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Image([usize; 3]),
    Row(usize),
}

impl Shape {
    fn numbers(self) -> usize {
        match self {
            Self::Image(sides) => sides.into_iter().fold(1, usize::saturating_mul),
            Self::Row(n) => n,
        }
    }
}

impl FeatureNetworkConfig {
    /// The shape before each layer, and after the last.
    ///
    /// # Errors
    /// [`OutOfRange`] with the layer that no network can have there.
    fn shapes(&self) -> Result<Vec<Shape>, OutOfRange> {
        let refuse = |at: usize, found: String, expected: &str| {
            Err(OutOfRange::new(format!("layers[{at}]"), found, expected))
        };
        if !(1..=MOST_LAYERS).contains(&self.layers.len()) {
            return Err(OutOfRange::new("layers", self.layers.len(), format!("1 to {MOST_LAYERS}")));
        }
        let mut shapes = vec![Shape::Image(self.input)];
        for (at, layer) in self.layers.iter().enumerate() {
            let (shape, found) = (shapes[at], format!("{layer:?} after {:?}", shapes[at]));
            let next = match (layer, shape) {
                (&FeatureLayer::Conv { outputs, size, stride }, Shape::Image([_, height, width])) => {
                    if size % 2 == 0 || stride == 0 || 1024 < size {
                        return refuse(at, found, "an odd size and a stride of at least 1");
                    }
                    Shape::Image([outputs, height.div_ceil(stride), width.div_ceil(stride)])
                }
                (&FeatureLayer::Dense { outputs }, Shape::Row(_)) => Shape::Row(outputs),
                (FeatureLayer::Relu | FeatureLayer::Silu | FeatureLayer::Tanh, shape) => shape,
                (
                    &(FeatureLayer::MeanPool { size } | FeatureLayer::MaxPool { size }),
                    Shape::Image([channels, height, width]),
                ) => {
                    if size == 0 {
                        return refuse(at, found, "a size of at least 1");
                    }
                    Shape::Image([channels, height / size, width / size])
                }
                (FeatureLayer::GlobalMean, Shape::Image([channels, ..])) => Shape::Row(channels),
                (FeatureLayer::Flatten, Shape::Image(_)) => Shape::Row(shape.numbers()),
                (FeatureLayer::Dense { .. }, _) => {
                    return refuse(at, found, "`flatten` or `global-mean` before it");
                }
                _ => return refuse(at, found, "an image before it"),
            };
            if !(1..=MOST_NUMBERS).contains(&next.numbers()) {
                return refuse(at, format!("{} numbers", next.numbers()), "1 to 67,108,864 numbers");
            }
            shapes.push(next);
        }
        Ok(shapes)
    }

    /// # Errors
    /// [`OutOfRange`] with the field that no network can have.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        let image = Shape::Image(self.input).numbers();
        if !(1..=MOST_NUMBERS).contains(&image) {
            return Err(OutOfRange::new("input", format!("{:?}", self.input), "1 to 67,108,864 numbers"));
        }
        let PixelRange(black, white) = self.range;
        if !(black.is_finite() && white.is_finite() && black != white) {
            return Err(OutOfRange::new(
                "range",
                format!("{:?}", self.range),
                "two different, finite numbers",
            ));
        }
        let shapes = self.shapes()?;
        if !(1..=self.layers.len()).contains(&self.features) {
            let expected = format!("1 to {}, the number of layers", self.layers.len());
            return Err(OutOfRange::new("features", self.features, expected));
        }
        let last = shapes[self.layers.len()];
        if !self.classes.is_empty() && last != Shape::Row(self.classes.len()) {
            let expected = format!("a row of {} numbers, one for each class", self.classes.len());
            return Err(OutOfRange::new("result of the last layer", format!("{last:?}"), expected));
        }
        Ok(())
    }

    /// The shapes of the weights as files hold them, by the names that PyTorch's `nn.Sequential` gives them.
    fn parameters(&self) -> Result<BTreeMap<String, Vec<usize>>, OutOfRange> {
        let shapes = self.shapes()?;
        let mut parameters = BTreeMap::new();
        for (at, (layer, shape)) in self.layers.iter().zip(&shapes).enumerate() {
            let (outputs, weight) = match (layer, shape) {
                (&FeatureLayer::Conv { outputs, size, .. }, &Shape::Image([inputs, ..])) => {
                    (outputs, vec![outputs, inputs, size, size])
                }
                (&FeatureLayer::Dense { outputs }, &Shape::Row(inputs)) => (outputs, vec![outputs, inputs]),
                _ => continue,
            };
            parameters.insert(format!("{at}.weight"), weight);
            parameters.insert(format!("{at}.bias"), vec![outputs]);
        }
        Ok(parameters)
    }
}

/// A feed-forward network of images whose last layers are features, and, of a classifier, logits of the classes.
///
/// A file holds the weights under the names and in the layout of PyTorch's `nn.Sequential` of the same layers:
/// `0.weight`, a convolution's as `[outputs, inputs, size, size]` and a dense layer's as `[outputs, inputs]`.
#[derive(Module, Debug)]
pub struct FeatureNetwork {
    convolutions: Vec<Convolution>,
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
        let (mut convolutions, mut dense) = (Vec::new(), Vec::new());
        for (at, (layer, shape)) in config.layers.iter().zip(config.shapes()?).enumerate() {
            match (layer, shape) {
                (&FeatureLayer::Conv { outputs, size, stride }, Shape::Image([inputs, ..])) => {
                    convolutions.push(Convolution::new(inputs, outputs, size, stride, &init.nth(at)));
                }
                (&FeatureLayer::Dense { outputs }, Shape::Row(inputs)) => {
                    dense.push(Dense::new(inputs, outputs, &init.nth(at)));
                }
                _ => {}
            }
        }
        Ok(Self { convolutions, dense, config })
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
        let (mut convolutions, mut dense) = (0, 0);
        let mut names = Vec::new();
        for (at, layer) in self.config.layers.iter().enumerate() {
            let own = match layer {
                FeatureLayer::Conv { .. } => {
                    convolutions += 1;
                    format!("convolutions.{}", convolutions - 1)
                }
                FeatureLayer::Dense { .. } => {
                    dense += 1;
                    format!("dense.{}", dense - 1)
                }
                _ => continue,
            };
            for part in ["weight", "bias"] {
                names.push((format!("{at}.{part}"), format!("{own}.{part}")));
            }
        }
        names
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
        let mut value = Value::Image(x.reshape([rows, channels, height, width]));
        let (mut convolutions, mut dense) = (self.convolutions.iter(), self.dense.iter());
        for layer in &self.config.layers[..n] {
            value = match (layer, value) {
                (FeatureLayer::Conv { .. }, Value::Image(x)) => {
                    Value::Image(convolutions.next().expect("one for each layer").forward(x))
                }
                (FeatureLayer::Dense { .. }, Value::Row(x)) => {
                    Value::Row(dense.next().expect("one for each layer").forward(x))
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
        match value {
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
        let silu = || config(vec![FeatureLayer::Silu]);
        refused(FeatureNetworkConfig { features: 2, ..silu() }, "features: expected 1 to 1");
        refused(FeatureNetworkConfig { classes: vec!["a".into()], ..silu() }, "result of the last layer");
        refused(FeatureNetworkConfig { range: PixelRange(1.0, 1.0), ..silu() }, "range");
    }
}
