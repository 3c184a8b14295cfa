//! Layers of networks of pictures, and what they make of a shape.

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

/// Most numbers in an image or in the output of a layer.
pub(super) const MOST_NUMBERS: usize = 1 << 26;

/// Most layers of a network, those within others included.
const MOST_LAYERS: usize = 1000;

/// A layer of a [`FeatureNetwork`](crate::FeatureNetwork).
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
    /// Each group of channels of an image normalised to mean 0 and variance 1, then a factor and a constant for each
    /// channel; 1e-5 is added to the variance.
    GroupNorm {
        /// How many groups; a divisor of the number of channels.
        groups: usize,
    },
    /// An image plus what these layers make of it, which is of the same shape.
    Residual {
        /// The layers.
        layers: Vec<FeatureLayer>,
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

/// Channels, height and width, or a row of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Channels, height and width.
    Image([usize; 3]),
    /// Numbers in a row.
    Row(usize),
}

impl Shape {
    pub(super) fn numbers(self) -> usize {
        match self {
            Self::Image(sides) => sides.into_iter().fold(1, usize::saturating_mul),
            Self::Row(n) => n,
        }
    }
}

/// A layer in its place.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    /// Its number among its neighbours, after those of the layers that it is within.
    pub(super) path: Vec<usize>,
    pub(super) layer: &'a FeatureLayer,
    /// The shape before it.
    pub(super) before: Shape,
}

impl Placed<'_> {
    /// What PyTorch calls the layer where each list of layers is an `nn.Sequential`.
    pub(super) fn name(&self) -> String {
        self.path.iter().map(usize::to_string).collect::<Vec<_>>().join(".")
    }
}

/// The layers in order, each before those within it, and the shape of the result of the last.
///
/// # Errors
/// [`OutOfRange`] with the layer that cannot be there.
pub(super) fn placed(layers: &[FeatureLayer], input: Shape) -> Result<(Vec<Placed<'_>>, Shape), OutOfRange> {
    let mut found = Vec::new();
    let last = walk(layers, input, &[], &mut found)?;
    Ok((found, last))
}

fn walk<'a>(
    layers: &'a [FeatureLayer],
    input: Shape,
    within: &[usize],
    found: &mut Vec<Placed<'a>>,
) -> Result<Shape, OutOfRange> {
    let place = |path: &[usize]| path.iter().map(|at| format!("layers[{at}]")).collect::<Vec<_>>().join(".");
    if layers.is_empty() || MOST_LAYERS < found.len() + layers.len() {
        let name = if within.is_empty() { "layers".into() } else { format!("{}.layers", place(within)) };
        return Err(OutOfRange::new(name, layers.len(), format!("1 to {MOST_LAYERS}")));
    }
    let mut shape = input;
    for (at, layer) in layers.iter().enumerate() {
        let path = [within, &[at]].concat();
        found.push(Placed { path: path.clone(), layer, before: shape });
        let refused = |what: String, expected: &str| OutOfRange::new(place(&path), what, expected);
        let next = match layer {
            FeatureLayer::Residual { layers } if matches!(shape, Shape::Image(_)) => {
                let next = walk(layers, shape, &path, found)?;
                if next != shape {
                    return Err(refused(format!("{next:?} of {shape:?}"), "layers that keep the shape"));
                }
                next
            }
            layer => after(layer, shape)
                .map_err(|expected| refused(format!("{layer:?} after {shape:?}"), expected))?,
        };
        if !(1..=MOST_NUMBERS).contains(&next.numbers()) {
            return Err(refused(format!("{} numbers", next.numbers()), "1 to 67,108,864 numbers"));
        }
        shape = next;
    }
    Ok(shape)
}

/// The shape after a layer that has none within it, or what is expected of the layer or before it.
fn after(layer: &FeatureLayer, shape: Shape) -> Result<Shape, &'static str> {
    Ok(match (layer, shape) {
        (&FeatureLayer::Conv { outputs, size, stride }, Shape::Image([_, height, width])) => {
            if size % 2 == 0 || stride == 0 || 1024 < size {
                return Err("an odd size and a stride of at least 1");
            }
            Shape::Image([outputs, height.div_ceil(stride), width.div_ceil(stride)])
        }
        (&FeatureLayer::Dense { outputs }, Shape::Row(_)) => Shape::Row(outputs),
        (&FeatureLayer::GroupNorm { groups }, Shape::Image([channels, ..])) => {
            if groups == 0 || !channels.is_multiple_of(groups) {
                return Err("a divisor of the number of channels");
            }
            shape
        }
        (FeatureLayer::Relu | FeatureLayer::Silu | FeatureLayer::Tanh, shape) => shape,
        (
            &(FeatureLayer::MeanPool { size } | FeatureLayer::MaxPool { size }),
            Shape::Image([channels, height, width]),
        ) => {
            if size == 0 {
                return Err("a size of at least 1");
            }
            Shape::Image([channels, height / size, width / size])
        }
        (FeatureLayer::GlobalMean, Shape::Image([channels, ..])) => Shape::Row(channels),
        (FeatureLayer::Flatten, Shape::Image(_)) => Shape::Row(shape.numbers()),
        (FeatureLayer::Dense { .. }, _) => return Err("`flatten` or `global-mean` before it"),
        _ => return Err("an image before it"),
    })
}
