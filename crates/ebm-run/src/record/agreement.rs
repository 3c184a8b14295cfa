//! Whether a run's configuration is that of its weights.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use ebm_model::{Architecture, NetworkConfig, weights};
use ebm_train::Checkpoints;

use crate::card::ModelCard;
use crate::config::Config;
use crate::error::{Context, Result, anyhow, disagreement, ensure, usage};
use crate::folder::RunFolder;
use crate::history::leaves;

/// Most bytes of the weights of a checkpoint.
const MAX_BYTES: u64 = 1 << 33;

/// Whether a run's `config.toml` speaks of the network that its model file holds.
///
/// # Errors
/// A wrong configuration, with every key that differs.
pub fn with_model(folder: &RunFolder, card: &ModelCard) -> Result<()> {
    let config = Config::of(folder)?;
    let differences = differences(&config.model, &card.architecture)?;
    let file = folder.config();
    ensure!(
        differences.is_empty(),
        disagreement(anyhow!(
            "{} is not the configuration of {}: {}",
            file.display(),
            folder.model().display(),
            differences.join("; ")
        ))
    );
    Ok(())
}

/// Whether the weights of a run's last checkpoint are of the network that its `config.toml` speaks of.
///
/// A checkpoint that cannot be read says nothing about that; who loads it says why.
///
/// # Errors
/// A wrong configuration, with every parameter that is missing, unknown, or of another shape.
pub fn with_checkpoint(folder: &RunFolder, model: &Architecture, device: &Device) -> Result<()> {
    let Some(path) = last_weights(&folder.checkpoints()) else { return Ok(()) };
    let Some((tensors, _)) =
        weights::read_file(&path, MAX_BYTES).ok().and_then(|bytes| weights::from_bytes(&bytes).ok())
    else {
        return Ok(());
    };
    let shapes = model.shapes(device).map_err(usage)?;
    let not_its_own =
        || format!("{} is not the configuration of {}", folder.config().display(), path.display());
    weights::check(&shapes, &tensors).with_context(not_its_own).map_err(disagreement)
}

fn last_weights(checkpoints: &Path) -> Option<PathBuf> {
    let step = |path: PathBuf| {
        let step = Checkpoints::step_of(path.file_name()?.to_str()?)?;
        path.is_dir().then_some((step, path))
    };
    let entries = std::fs::read_dir(checkpoints).ok()?.flatten();
    let (_, last) = entries.filter_map(|entry| step(entry.path())).max()?;
    Some(last.join("weights.safetensors"))
}

/// Every key in which a configuration's network differs from the one that a model file holds.
pub(crate) fn differences(config: &Architecture, held: &Architecture) -> Result<Vec<String>> {
    let (config, held) = (leaves("model", config)?, leaves("model", held)?);
    let mut keys: Vec<&String> = config.keys().chain(held.keys()).collect();
    keys.sort();
    keys.dedup();
    let none = || "absent".to_owned();
    let difference = |key: &String| {
        let (found, expected) = (config.get(key), held.get(key));
        (found != expected).then(|| {
            let (found, expected) =
                (found.cloned().unwrap_or_else(none), expected.cloned().unwrap_or_else(none));
            format!("{key} is {found}, expected {expected}")
        })
    };
    Ok(keys.into_iter().filter_map(difference).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ebm_data::Standardize;
    use ebm_model::Init;
    use ebm_ops::Noise;

    use super::*;
    use crate::card::Content;
    use crate::config::Overrides;
    use crate::model;

    /// A configuration whose network differs from that of every other.
    fn configs() -> Vec<Config> {
        let mlp =
            ["model.dim=2", "model.hidden=4", "model.layers=1", "model.embedding=2", "model.frequencies=2"];
        let other =
            |key: &str| -> Vec<String> { mlp.iter().copied().chain([key]).map(str::to_owned).collect() };
        let mut sets: Vec<Vec<String>> =
            ["model.hidden=5", "model.layers=2", "model.embedding=3", "model.dim=3"].map(other).to_vec();
        for kind in ["mlp-score", "mlp-energy"] {
            for hidden in ["[4]", "[4,4]"] {
                sets.push(vec![
                    format!("model={kind}"),
                    "model.dim=2".into(),
                    format!("model.hidden={hidden}"),
                ]);
            }
        }
        let config = |set| Config::resolve("two-moons", &Overrides { set }).unwrap();
        sets.into_iter().map(config).collect()
    }

    fn shapes(config: &Config) -> BTreeMap<String, Vec<usize>> {
        config.model.shapes(&Device::flex()).unwrap()
    }

    /// What `found` has that `wanted` has not and the other way round, name by name.
    fn expected(wanted: &Config, found: &Config) -> Vec<String> {
        let (wanted, found) = (shapes(wanted), shapes(found));
        let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
        let difference = |name: &String| match (wanted.get(name), found.get(name)) {
            (Some(wanted), Some(found)) if wanted == found => None,
            (Some(wanted), Some(found)) => Some(format!("{name} has shape {found:?}, expected {wanted:?}")),
            (Some(wanted), None) => Some(format!("{name} {wanted:?} is missing")),
            (None, found) => Some(format!("{name} {:?} is unknown", found?)),
        };
        names.into_iter().filter_map(difference).collect()
    }

    #[test]
    fn sixty_mismatched_pairs_of_configuration_and_weights_are_refused_with_every_difference() {
        let device = Device::flex();
        let configs = configs();
        let every = (0..configs.len()).flat_map(|i| (0..configs.len()).map(move |j| (i, j)));
        let pairs: Vec<_> = every.filter(|(i, j)| i != j).collect();
        // Eight networks make 56 pairs; the rest of the sixty are models whose samples are not what they say.
        assert_eq!(pairs.len(), 56);
        for (i, j) in pairs {
            let (config, other) = (&configs[i], &configs[j]);
            let folder = tempfile::tempdir().unwrap();
            let (run, _lock) = RunFolder::create(Some(folder.path()), "run").unwrap();
            std::fs::write(run.config(), config.to_toml().unwrap()).unwrap();
            let network = other.model.build(&Init::new(Noise::seeded(1), &device)).unwrap();
            let content = Content::Row { transform: None, columns: Vec::new() };
            let save = |config: &Config, path: &Path| {
                let (model, sample) = (config.model.clone(), config.sample.clone());
                ModelCard::new("run".into(), 2, model, content.clone(), sample).save(&network, path).unwrap();
            };
            let differences = expected(config, other);
            assert!(!differences.is_empty(), "{i} and {j} have the same weights");
            let all_in = |error: crate::Error| {
                let error = format!("{error:#}");
                for difference in &differences {
                    assert!(error.contains(difference), "{difference} is not in: {error}");
                }
                assert_eq!(error.matches("; ").count() + 1, differences.len(), "{error}");
            };

            // The model file's own card speaks of another network than its weights are of.
            save(config, &run.model());
            all_in(ModelCard::load(&run.model(), &device).expect_err("the card lies"));
            all_in(model::model(run.path(), None, &device, &|_| {}).expect_err("the card lies"));

            // The configuration beside it does: every key is named.
            save(other, &run.model());
            let error = format!(
                "{:#}",
                model::model(run.path(), None, &device, &|_| {}).expect_err("config.toml lies")
            );
            let keys = super::differences(&config.model, &other.model).unwrap();
            assert!(!keys.is_empty() && keys.iter().all(|key| error.contains(key)), "{keys:?}: {error}");

            // The weights of a checkpoint are of another network: the run does not go on.
            let weights = run.checkpoints().join("step-2/weights.safetensors");
            save(other, &weights);
            all_in(with_checkpoint(&run, &config.model, &device).expect_err("config.toml lies"));
            with_checkpoint(&run, &other.model, &device).unwrap();
        }
        let network = configs[0].model.build(&Init::new(Noise::seeded(1), &device)).unwrap();
        let image = |channels, height, width| Content::Image { channels, height, width };
        let units = Standardize::new(vec![0.0; 3], vec![1.0; 3]).unwrap();
        for content in [
            image(1, 1, 2),
            image(2, 1, 1),
            image(1 << 40, 1, 1),
            Content::Row { transform: Some(units.into()), columns: Vec::new() },
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("model.safetensors");
            let (model, sample) = (configs[0].model.clone(), configs[0].sample.clone());
            ModelCard::new("run".into(), 2, model, content, sample).save(&network, &path).unwrap();
            let error = format!("{:#}", ModelCard::load(&path, &device).expect_err("the card lies"));
            assert!(error.contains("its samples"), "{error}");
        }
    }

    #[test]
    fn a_configuration_that_is_that_of_its_weights_is_taken() {
        let device = Device::flex();
        let config = configs().remove(0);
        let folder = tempfile::tempdir().unwrap();
        let (run, _lock) = RunFolder::create(Some(folder.path()), "run").unwrap();
        std::fs::write(run.config(), config.to_toml().unwrap()).unwrap();
        let network = config.model.build(&Init::new(Noise::seeded(1), &device)).unwrap();
        let Config { name, model, sample, .. } = config;
        let card =
            ModelCard::new(name, 2, model, Content::Row { transform: None, columns: Vec::new() }, sample);
        card.save(&network, &run.model()).unwrap();
        assert_eq!(model::model(run.path(), None, &device, &|_| {}).unwrap().0, card);
    }
}
