//! Networks by the name of their kind: what `--set model=KIND` stands for, whole.

use anyhow::{Result, bail};
use toml::Table;

const UNET: &str = "sigma_data = 0.5\nchannels = 0\nheight = 0\nwidth = 0\npatch = 2\nwidths = [32, 64]\n\
                    blocks = [1, 3]\ngroups = 8\nembedding = 128\nfrequencies = 32";

/// A size of 0 is taken from the data.
const KINDS: &[(&str, &str)] = &[
    ("unet", UNET),
    ("mlp", "sigma_data = 1.0\ndim = 0\nhidden = 128\nlayers = 3\nembedding = 64\nfrequencies = 16"),
    ("noisy-energy", "sigma_data = 1.0\ndim = 0\nhidden = 128\nlayers = 3\nembedding = 64\nfrequencies = 16"),
    ("unet-energy", UNET),
    ("mlp-score", "dim = 0\nhidden = [128, 128]\nactivation = \"silu\""),
    ("mlp-energy", "dim = 0\nhidden = [128, 128]\nactivation = \"silu\"\nconfinement = 0.01"),
    (
        "conv-energy",
        "channels = 0\nheight = 0\nwidth = 0\nwidths = [32, 64]\nblocks = [1, 1]\nactivation = \"silu\"\n\
         downsampling = \"mean-pool\"\nconfinement = 0.01",
    ),
];

/// The whole table that the name of a kind stands for.
///
/// # Errors
/// If there is no such kind; the message has those that there are.
pub fn table(kind: &str) -> Result<Table> {
    let Some((_, text)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        let known = KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        bail!("there is no model {kind}; known: {known}");
    };
    let mut table: Table = text.parse()?;
    table.insert("kind".into(), kind.into());
    Ok(table)
}

#[cfg(test)]
mod tests {
    use ebm_model::{Architecture, Init, Input};
    use ebm_ops::Noise;

    use super::*;

    #[test]
    fn every_kind_is_a_network_once_it_knows_the_data() {
        for (kind, _) in KINDS {
            let architecture: Architecture = table(kind).unwrap().try_into().unwrap();
            let found = match architecture.input() {
                Input::Image { .. } => Input::Image { channels: 1, height: 8, width: 8 },
                Input::Row { .. } => Input::Row { dim: 3 },
            };
            let fitted = architecture.fitted(found);
            assert_eq!(fitted.input(), found, "{kind}");
            fitted.build(&Init::new(Noise::seeded(1), &burn::tensor::Device::flex())).unwrap();
        }
        assert!(table("transformer").unwrap_err().to_string().contains("mlp-energy"));
    }
}
