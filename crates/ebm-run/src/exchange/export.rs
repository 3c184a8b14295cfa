//! Networks for PyTorch: a module in Python, and weights that it loads; journals for TensorBoard.

pub mod tensorboard;

use std::path::Path;

use burn::tensor::TensorData;
use ebm_model::weights::{self, NamedTensors};
use ebm_model::{Architecture, Network};
use serde_json::{Map, Value};

use crate::card::ModelCard;
use crate::error::{Result, anyhow, bail, usage};

/// How a module in Python finds its weights.
const LOADING: &str = include_str!("export/loading.py");

/// The module of a kind of network, and the settings that it knows.
struct Twin {
    text: &'static str,
    known: &'static [&'static str],
}

const UNET: Twin = Twin {
    text: include_str!("export/unet.py"),
    known: &[
        "kind",
        "sigma_data",
        "bounds",
        "channels",
        "height",
        "width",
        "patch",
        "widths",
        "blocks",
        "groups",
        "embedding",
        "frequencies",
    ],
};

const MLP: Twin = Twin {
    text: include_str!("export/mlp.py"),
    known: &["kind", "sigma_data", "dim", "hidden", "layers", "embedding", "frequencies"],
};

const REFINENET: Twin = Twin {
    text: include_str!("export/refinenet.py"),
    known: &[
        "kind",
        "channels",
        "height",
        "width",
        "features",
        "levels",
        "top",
        "bottom",
        "pixels",
        "activation",
    ],
};

/// Writes `network.py`, `config.json` and `weights.safetensors` to a folder, each whole or not at all.
///
/// The module is plain `torch.nn` and gives the network's score; of a network that is told of augmentations, that of images
/// to which nothing was done.
///
/// # Errors
/// A wrong use of the program if networks of this kind, or with these settings, have no module in Python; a disk that
/// refuses.
pub fn export(card: &ModelCard, network: &Network, folder: &Path) -> Result<()> {
    let twin = match card.architecture {
        Architecture::Unet(_) => UNET,
        Architecture::Mlp(_) => MLP,
        Architecture::Ncsn(_) | Architecture::NcsnV2(_) => REFINENET,
        _ => bail!(usage(anyhow!(
            "{} is a network of a kind that has no module for PyTorch; unet, mlp, ncsn and ncsnv2 have one",
            card.name
        ))),
    };
    let mut config = serde_json::to_value(&card.architecture)?;
    let mut tensors = weights::collect(network);
    if let Some(settings) = config.as_object_mut()
        && settings.remove("augmentations").is_some()
    {
        tensors.remove("network.augmentations.weight");
    }
    if let Some(key) =
        config.as_object().into_iter().flat_map(Map::keys).find(|key| !twin.known.contains(&key.as_str()))
    {
        bail!(usage(anyhow!(
            "the network has the setting {key}, which its module for PyTorch does not know"
        )));
    }
    let about = serde_json::to_string(&Value::String(card.name.clone()))?;
    let tensors = for_torch(tensors);
    let files = [
        ("network.py", format!("{}{LOADING}", twin.text).into_bytes()),
        ("config.json", format!("{}\n", serde_json::to_string_pretty(&config)?).into_bytes()),
        ("weights.safetensors", weights::to_bytes(&tensors, &about)?),
    ];
    for (name, bytes) in files {
        ebm_files::write_bytes(&folder.join(name), &bytes)?;
    }
    Ok(())
}

/// PyTorch keeps a dense layer's weight as `[outputs, inputs]`, we as `[inputs, outputs]`.
fn for_torch(tensors: NamedTensors) -> NamedTensors {
    let turned = |(name, data): (String, TensorData)| match data.shape().as_slice() {
        &[inputs, outputs] if name.ends_with(".weight") => {
            let values: Vec<f32> = data.iter::<f32>().collect();
            let column = |k: usize| values.iter().skip(k).step_by(outputs).copied();
            let turned = (0..outputs).flat_map(column).collect();
            (name, TensorData::new(turned, [outputs, inputs]))
        }
        _ => (name, data),
    };
    tensors.into_iter().map(turned).collect()
}
