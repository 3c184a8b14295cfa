//! Descriptions of networks that can be stored beside their weights.

use std::collections::BTreeMap;
use std::fmt::Debug;

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Device;
use ebm_ops::OutOfRange;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Capabilities, Init, Input, ModelError, weights};

/// Most numbers in all parameters of a network together: four gibibytes, and with an optimiser four times that.
const MAX_PARAMETERS: u128 = 1 << 30;

/// Most numbers in a position.
const MAX_DIM: u128 = 1 << 26;

/// Everything needed to build a network but its weights.
///
/// The default describes a usual network whose input sizes are zero, which means that
/// [`fitted`](Self::fitted) takes them from the data.
/// [`Architecture`](crate::Architecture) is any of the networks of this crate; a program with a network of its own
/// implements this trait for its configuration:
///
/// ```
/// use burn::module::Module;
/// use burn::tensor::Tensor;
/// use ebm_model::layers::Dense;
/// use ebm_model::{
///     Along, Capabilities, Directional, DirectionalScore, Init, Input, Layer, ModelError, NetworkConfig, Score,
/// };
/// use serde::{Deserialize, Serialize};
///
/// /// s(x) = Wx + b.
/// #[derive(Module, Debug)]
/// struct Affine {
///     dense: Dense,
/// }
///
/// impl Score for Affine {
///     fn score(&self, x: Tensor<2>) -> Tensor<2> {
///         self.dense.forward(x)
///     }
/// }
///
/// impl Directional for Affine {
///     fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
///         let pulled = self.dense.pullback((), v.clone());
///         let dot = |a: Tensor<2>| (a * v.clone()).sum_dim(1).squeeze_dim::<1>(1).neg();
///         Along { slope: dot(self.score(x)), curvature: dot(pulled) }
///     }
/// }
///
/// impl Capabilities for Affine {
///     fn as_score(&self) -> Option<&dyn DirectionalScore> {
///         Some(self)
///     }
/// }
///
/// #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
/// struct AffineConfig {
///     dim: usize,
/// }
///
/// impl NetworkConfig for AffineConfig {
///     type Network = Affine;
///
///     fn construct(&self, init: &Init) -> Result<Affine, ModelError> {
///         Ok(Affine { dense: Dense::new(self.dim, self.dim, &init.part("dense")) })
///     }
///
///     fn input(&self) -> Input {
///         Input::Row { dim: self.dim }
///     }
///
///     fn fitted(self, found: Input) -> Self {
///         Self { dim: if self.dim == 0 { found.dim() } else { self.dim } }
///     }
/// }
///
/// let device = burn::tensor::Device::flex();
/// let config = AffineConfig::default().fitted(Input::Row { dim: 3 });
/// let network = config.build(&Init::new(ebm_ops::Noise::seeded(1), &device))?;
/// assert!(network.as_score().is_some() && network.as_energy().is_none());
/// assert_eq!(config.shapes(&device)?["dense.weight"], [3, 3]);
/// # Ok::<(), ModelError>(())
/// ```
pub trait NetworkConfig: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned {
    /// The network that is built.
    type Network: Module + ModuleDisplay + Capabilities + 'static;

    /// A new network without a bound on its size; callers want [`build`](Self::build).
    ///
    /// All parameters come from `init`, and none is read: for [`shapes`](Self::shapes) they have no memory.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    fn construct(&self, init: &Init) -> Result<Self::Network, ModelError>;

    /// The shape of a position.
    fn input(&self) -> Input;

    /// The same with each input size that is zero taken from `found`.
    #[must_use]
    fn fitted(self, found: Input) -> Self;

    /// Number of coordinates of a position.
    fn dim(&self) -> usize {
        self.input().dim()
    }

    /// Number of classes that the network is conditioned on; 0 for none.
    fn classes(&self) -> usize {
        0
    }

    /// Parameters of augmentations that the network is given in training; 0 for none.
    fn augmentations(&self) -> usize {
        0
    }

    /// A new network with weights drawn by `init`.
    ///
    /// # Errors
    /// Those of [`shapes`](Self::shapes).
    fn build(&self, init: &Init) -> Result<Self::Network, ModelError> {
        self.shapes(init.device())?;
        self.construct(init)
    }

    /// The shapes of the network's parameters by their paths, without memory for the parameters.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has, or with the size that is too large.
    fn shapes(&self, device: &Device) -> Result<BTreeMap<String, Vec<usize>>, ModelError> {
        let network = self.construct(&Init::plan(device))?;
        let product =
            |sizes: &[usize]| sizes.iter().fold(1u128, |product, &size| product.saturating_mul(size as u128));
        let dim = match self.input() {
            Input::Image { channels, height, width } => product(&[channels, height, width]),
            Input::Row { dim } => dim as u128,
        };
        let shapes = weights::shapes(&network);
        let parameters = shapes.values().fold(0u128, |sum, shape| sum.saturating_add(product(shape)));
        for (what, found, most) in [("dim", dim, MAX_DIM), ("parameters", parameters, MAX_PARAMETERS)] {
            if most < found {
                return Err(OutOfRange::new(what, found, format!("at most {most}")).into());
            }
        }
        Ok(shapes)
    }

    /// The names that [`named`](Self::named) knows; none for a description of a single kind of network.
    fn kinds() -> &'static [&'static str] {
        &[]
    }

    /// The default description of the networks of this kind, if there is such a kind.
    fn named(_kind: &str) -> Option<Self> {
        None
    }
}
