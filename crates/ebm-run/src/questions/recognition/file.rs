//! The file of a network of features, with the description of its layers.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use ebm_eval::{FeatureNetwork, FeatureNetworkConfig};
use ebm_model::{Init, weights};
use ebm_ops::Noise;

use crate::error::{Context, Result, anyhow, bail, usage};

/// Most bytes of a file of weights.
const MAX_BYTES: u64 = 1 << 31;

/// Most bytes of a description beside a file of weights.
const MAX_TEXT: u64 = 1 << 20;

/// Writes the network with the description of its layers, whole or not at all.
///
/// # Errors
/// If the disk refuses.
pub fn save(network: &FeatureNetwork, path: &Path) -> Result<()> {
    let about = serde_json::to_string(network.config())?;
    let bytes = weights::to_bytes(&network.to_tensors(), &about)?;
    Ok(ebm_files::write_bytes(path, &bytes)?)
}

/// The network of a safetensors file: its layers are described in the file, as [`save`] does, or in a text of the same
/// name with the extension `toml` beside it.
///
/// The text has the fields of [`FeatureNetworkConfig`]:
///
/// ```toml
/// name = "lenet"
/// input = [1, 28, 28]   # channels, height, width
/// range = [0, 1]        # black and white; -1 and 1 by default
/// features = 6          # the features are the result of the sixth layer
/// layers = [
///     { kind = "conv", outputs = 8, size = 3, stride = 2 },
///     { kind = "relu" },
///     { kind = "max-pool", size = 2 },
///     { kind = "flatten" },
///     { kind = "dense", outputs = 32 },
///     { kind = "relu" },
///     { kind = "dense", outputs = 10 },
/// ]
/// ```
///
/// Layers are those of [`FeatureLayer`](ebm_eval::FeatureLayer): `conv`, `dense`, `relu`, `silu`, `tanh`, `mean-pool`,
/// `max-pool`, `global-mean`, `flatten`, `group-norm` with `groups`, and `residual`, which adds what its own `layers` make
/// of an image to it:
///
/// ```toml
/// [[layers]]
/// kind = "residual"
/// layers = [{ kind = "group-norm", groups = 8 }, { kind = "silu" }, { kind = "conv", outputs = 64, size = 3 }]
/// ```
///
/// The weights have PyTorch's names: `0.weight` and `0.bias` of the first layer, `3.2.weight` of layer 2 within layer 3,
/// both counted from 0.
///
/// # Errors
/// If a file cannot be read, the description is missing or impossible, or the weights do not fit it.
pub fn read(path: &Path, device: &Device) -> Result<FeatureNetwork> {
    let failed = || format!("{} cannot be used", path.display());
    let bytes = weights::read_file(path, MAX_BYTES)
        .with_context(|| format!("could not read {}", path.display()))
        .map_err(usage)?;
    let (tensors, text) = weights::from_bytes(&bytes).with_context(failed).map_err(usage)?;
    let beside = path.with_extension("toml");
    let config: FeatureNetworkConfig = if beside.is_file() {
        let text = weights::read_file(&beside, MAX_TEXT)
            .with_context(|| format!("could not read {}", beside.display()))?;
        let text = String::from_utf8(text).map_err(|_| anyhow!("{}: not a text", beside.display()))?;
        toml::from_str(&text).map_err(|error| usage(anyhow!("{}: {}", beside.display(), error.message())))?
    } else if text.is_empty() {
        bail!(usage(anyhow!(
            "{}: its layers are described neither in it nor in {}",
            path.display(),
            beside.display()
        )));
    } else {
        let read = serde_json::from_str(&text).map_err(|error| anyhow!("no description of layers: {error}"));
        read.with_context(failed).map_err(usage)?
    };
    let init = Init::new(Noise::seeded(0), device);
    FeatureNetwork::from_tensors(config, tensors, &init).with_context(failed).map_err(usage)
}

/// The folder in which the classifier of a run, or of a model file, is kept.
pub fn folder_of(run: &Path) -> PathBuf {
    if run.is_dir() { run.to_owned() } else { run.parent().map(Path::to_owned).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use ebm_eval::{FeatureLayer, FeatureMap, PixelRange};

    fn network() -> FeatureNetwork {
        let config = FeatureNetworkConfig {
            name: "small".into(),
            input: [1, 2, 2],
            range: PixelRange::default(),
            features: 1,
            classes: vec!["a".into(), "b".into()],
            accuracy: Some(0.5),
            layers: vec![FeatureLayer::Flatten, FeatureLayer::Dense { outputs: 2 }],
        };
        FeatureNetwork::new(config, &Init::new(Noise::seeded(1), &Device::flex())).unwrap()
    }

    #[test]
    fn a_network_is_read_with_the_description_in_it_or_beside_it() {
        let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
        let path = folder.path().join("features.safetensors");
        save(&network(), &path).unwrap();
        let found = read(&path, &device).unwrap();
        assert_eq!((found.config(), found.to_tensors()), (network().config(), network().to_tensors()));

        // weights alone, as other programs write them
        std::fs::write(&path, weights::to_bytes(&network().to_tensors(), "").unwrap()).unwrap();
        let error = format!("{:#}", read(&path, &device).unwrap_err());
        assert!(
            error.contains("described neither in it nor in") && error.contains("features.toml"),
            "{error}"
        );
        let text = "input = [1, 2, 2]\nfeatures = 2\nrange = [0, 1]\nlayers = [{ kind = \"flatten\" }, \
                    { kind = \"dense\", outputs = 2 }]\n";
        std::fs::write(path.with_extension("toml"), text).unwrap();
        let found = read(&path, &device).unwrap();
        assert_eq!((found.key().as_str(), found.config().range), ("network", PixelRange(0.0, 1.0)));
        std::fs::write(path.with_extension("toml"), text.replace("flatten", "fold")).unwrap();
        let error = format!("{:#}", read(&path, &device).unwrap_err());
        assert!(error.contains("features.toml") && error.contains("fold"), "{error}");
    }

    #[test]
    fn weights_of_other_layers_are_refused_by_name() {
        let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
        let path = folder.path().join("features.safetensors");
        let about = serde_json::to_string(network().config()).unwrap();
        let mut tensors = network().to_tensors();
        tensors.insert("1.bias".into(), TensorData::new(vec![0f32; 3], [3]));
        std::fs::write(&path, weights::to_bytes(&tensors, &about).unwrap()).unwrap();
        let error = format!("{:#}", read(&path, &device).unwrap_err());
        assert!(error.contains("features.safetensors cannot be used") && error.contains("1.bias"), "{error}");
    }
}
