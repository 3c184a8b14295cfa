//! Weights to and from safetensors.
//!
//! Names are the paths of the parameters in the network, joined by dots.
//! A file is loaded whole or not at all, and what does not fit is listed.

mod file;
pub mod foreign;
mod format;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};

pub use crate::files::read_file;
pub use file::WeightsFile;
use format::{Header, METADATA_KEY, PREFIX, header, header_length};

use crate::ModelError;

/// Named tensors of 32-bit floats in memory, by name.
pub type NamedTensors = BTreeMap<String, TensorData>;

/// The parameters of a network by their paths, on the host.
pub fn collect<M: Module>(module: &M) -> NamedTensors {
    let mut visitor = Collect { path: ParameterPath::default(), found: BTreeMap::new() };
    module.visit(&mut visitor);
    visitor.found
}

/// The network with its parameters replaced by `tensors`, trainable where they were.
///
/// # Errors
/// [`ModelError::Mismatch`] lists every name that is missing or too many and every shape that differs.
pub fn apply<M: Module>(module: M, tensors: NamedTensors) -> Result<M, ModelError> {
    check(&shapes(&module), &tensors)?;
    Ok(module.map(&mut Replace { path: ParameterPath::default(), tensors }))
}

/// The network with its parameters in another float type, trainable where they were.
///
/// In `F64` on flex a network can be held against finite differences; files are always of 32-bit floats.
pub fn cast<M: Module>(module: M, dtype: DType) -> M {
    module.map(&mut Cast(dtype))
}

/// Tensors and a text about them as the bytes of a safetensors file; equal input gives equal bytes.
///
/// # Errors
/// [`ModelError::Format`] if a tensor is not of 32-bit floats.
pub fn to_bytes(tensors: &NamedTensors, metadata: &str) -> Result<Vec<u8>, ModelError> {
    let format = |error: &dyn std::fmt::Display| ModelError::Format(error.to_string());
    let mut bytes = BTreeMap::new();
    for (name, data) in tensors {
        let values =
            data.as_slice::<f32>().map_err(|error| ModelError::Format(format!("{name}: {error:?}")))?;
        let little_endian: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes.insert(name.as_str(), (data.shape().as_slice().to_vec(), little_endian));
    }
    let views: Result<Vec<_>, ModelError> = bytes
        .iter()
        .map(|(name, (shape, bytes))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|error| format(&error))?;
            Ok((*name, view))
        })
        .collect();
    let metadata = [(METADATA_KEY.to_owned(), metadata.to_owned())].into();
    safetensors::serialize(views?, Some(metadata)).map_err(|error| format(&error))
}

/// The tensors of a safetensors file and the text stored with them, empty if there is none.
///
/// # Errors
/// [`ModelError::Format`] if the bytes are not a whole safetensors file of finite 32-bit floats within the limits
/// (a header of 1 MiB, 10,000 tensors, 8 dimensions).
pub fn from_bytes(bytes: &[u8]) -> Result<(NamedTensors, String), ModelError> {
    let length = bytes.len() as u64;
    let header_length = header_length(bytes, length).map_err(ModelError::Format)?;
    let (text, data) = bytes[PREFIX as usize..].split_at(header_length as usize);
    let header = header(text, data.len() as u64).map_err(ModelError::Format)?;
    Ok((tensors(&header, data)?, header.text))
}

/// The numbers of each tensor out of the bytes after the header.
fn tensors(header: &Header, data: &[u8]) -> Result<NamedTensors, ModelError> {
    let read = |(name, place): (&String, &format::Place)| {
        let [first, after] = place.bytes;
        let words = data[first..after].as_chunks().0.iter();
        let values: Vec<f32> = words.map(|&word| f32::from_le_bytes(word)).collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                let found = values[at];
                Err(ModelError::Format(format!("number {at} of {name} is {found}, expected finite numbers")))
            }
            None => Ok((name.clone(), TensorData::new(values, place.shape.clone()))),
        }
    };
    header.tensors.iter().map(read).collect()
}

/// The shapes of the parameters of a network by their paths.
pub fn shapes<M: Module>(module: &M) -> BTreeMap<String, Vec<usize>> {
    let mut visitor = Shapes { path: ParameterPath::default(), found: BTreeMap::new() };
    module.visit(&mut visitor);
    visitor.found
}

/// Whether `found` are tensors of the names and shapes `wanted`, no fewer and no more.
///
/// # Errors
/// [`ModelError::Mismatch`] lists every name that is missing or unknown and every shape that differs.
pub fn check(wanted: &BTreeMap<String, Vec<usize>>, found: &NamedTensors) -> Result<(), ModelError> {
    let found = found.iter().map(|(name, data)| (name.clone(), data.shape().as_slice().to_vec()));
    check_shapes(wanted, &found.collect())
}

/// Whether `found` are the names and shapes `wanted`, no fewer and no more.
///
/// # Errors
/// As [`check`].
pub fn check_shapes(
    wanted: &BTreeMap<String, Vec<usize>>,
    found: &BTreeMap<String, Vec<usize>>,
) -> Result<(), ModelError> {
    let missing = wanted.iter().filter_map(|(name, shape)| match found.get(name) {
        None => Some(format!("{name} {shape:?} is missing")),
        Some(found) if found != shape => Some(format!("{name} has shape {found:?}, expected {shape:?}")),
        Some(_) => None,
    });
    let surplus = found.iter().filter(|(name, _)| !wanted.contains_key(*name));
    let surplus = surplus.map(|(name, shape)| format!("{name} {shape:?} is unknown"));
    let differences: Vec<String> = missing.chain(surplus).collect();
    if differences.is_empty() { Ok(()) } else { Err(ModelError::Mismatch(differences)) }
}

/// Where in a network a visitor is, for visitors that go by the names of parameters.
#[derive(Clone, Debug, Default)]
pub struct ParameterPath(Vec<String>);

impl ParameterPath {
    /// One part deeper; variants of an enum are not part of a name, so a network keeps its names inside one.
    pub fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum") {
            self.0.push(name.to_owned());
        }
    }

    /// Back out of the part that was entered last.
    pub fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum") {
            self.0.pop();
        }
    }

    /// The parts' names, joined by dots.
    pub fn name(&self) -> String {
        self.0.join(".")
    }
}

struct Shapes {
    path: ParameterPath,
    found: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for Shapes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.name(), param.lazy_shape().as_slice().to_vec());
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

struct Collect {
    path: ParameterPath,
    found: NamedTensors,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.name(), param.val().into_data().convert_dtype(DType::F32));
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

struct Replace {
    path: ParameterPath,
    tensors: NamedTensors,
}

impl ModuleMapper for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(data) = self.tensors.remove(&self.path.name()) else { return param };
        let (id, old, mapper) = param.consume();
        let new = Tensor::from_data(data, (&old.device().inner(), old.dtype()));
        Param::from_mapped_value(id, in_place_of(&old, new), mapper)
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

struct Cast(DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, old, mapper) = param.consume();
        let new = old.clone().inner().cast(self.0);
        Param::from_mapped_value(id, in_place_of(&old, new), mapper)
    }
}

/// The plain tensor `new`, tracked and trained as `old` is.
fn in_place_of<const D: usize>(old: &Tensor<D>, new: Tensor<D>) -> Tensor<D> {
    if old.is_autodiff() { Tensor::from_inner(new).set_require_grad(old.is_require_grad()) } else { new }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, Init, MlpConfig, Network, NetworkConfig, PreconditionedConfig};
    use burn::tensor::Device;
    use ebm_ops::Noise;

    fn network(seed: u64, hidden: usize) -> Network {
        let network = MlpConfig { hidden, layers: 1, embedding: 4, ..MlpConfig::small() };
        let init = Noise::seeded(seed);
        Architecture::Mlp(PreconditionedConfig {
            sigma_data: 0.5,
            bounds: None,
            preconditioning: None,
            network,
        })
        .build(&Init::new(init, &Device::flex()))
        .unwrap()
    }

    #[test]
    fn weights_survive_the_way_through_a_file_to_the_bit() {
        let tensors = collect(&network(1, 8));
        assert!(tensors.contains_key("network.hidden.0.weight"), "{:?}", tensors.keys());
        let bytes = to_bytes(&tensors, "about").unwrap();
        assert_eq!(bytes, to_bytes(&tensors, "about").unwrap());
        let (read, text) = from_bytes(&bytes).unwrap();
        assert_eq!(text, "about");
        let restored = apply(network(2, 8), read).unwrap();
        assert_eq!(collect(&restored), tensors);
        assert_ne!(collect(&network(2, 8)), tensors);
    }

    #[test]
    fn weights_of_another_network_are_refused_with_every_difference() {
        let mut tensors = collect(&network(1, 8));
        let moved = tensors.remove("network.input.bias").unwrap();
        tensors.insert("extra".into(), moved);
        let error = apply(network(1, 9), tensors).unwrap_err().to_string();
        for part in [
            "network.input.bias [9] is missing",
            "network.hidden.0.weight has shape [8, 8], expected [9, 9]",
            "extra [8] is unknown",
        ] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }

    #[test]
    fn cut_and_lying_files_are_refused() {
        let bytes = to_bytes(&collect(&network(1, 8)), "").unwrap();
        for length in [0, 7, 8, 100, bytes.len() - 1] {
            assert!(from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        let mut lying = bytes.clone();
        lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(from_bytes(&lying).unwrap_err().to_string().contains("its header claims"));
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused_by_its_tensor() {
        for (bad, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
            let mut tensors = collect(&network(1, 8));
            let at = tensors.get_mut("network.input.bias").unwrap();
            let mut values = at.try_to_vec::<f32>().unwrap();
            values[3] = bad;
            *at = TensorData::new(values, [8]);
            let error = from_bytes(&to_bytes(&tensors, "").unwrap()).unwrap_err().to_string();
            let expected = format!("number 3 of network.input.bias is {text}, expected finite numbers");
            assert!(error.ends_with(&expected), "{error}");
        }
    }
}
