//! Augmentations that a network is given, so that they are not in its samples.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_data::Augmentation;
use ebm_model::NetworkConfig;
use ebm_train::{Batch, BoxError};

use crate::classes;
use crate::config::{Config, Overrides};
use crate::error::{Result, anyhow, ensure, usage};

/// The key of the network.
const KEY: &str = "model.augmentations";

/// The configuration with a network that is given the augmentations of its data, if these have any.
///
/// # Errors
/// A wrong use of the program: a network that cannot be given them, or weights of one that is not, and an objective that
/// does not give them.
pub(crate) fn found(config: Config) -> Result<Config> {
    if config.data.augment.is_none_or(|probability| probability == 0.0) {
        return Ok(config);
    }
    let objective = &config.objective;
    ensure!(
        objective.gives_augmentations(),
        usage(anyhow!(
            "data.augment: the network is told of augmentations by `denoising` alone; by {} it would learn to draw \
             augmented images; `--set data.flip=true` and `--set data.shift=N` are for every objective",
            objective.name()
        ))
    );
    let (found, expected) = (config.model.augmentations(), Augmentation::PARAMETERS);
    if found == expected {
        return Ok(config);
    }
    ensure!(
        found == 0,
        usage(anyhow!("{KEY} = {found}: expected {expected}, as many as data.augment has parameters"))
    );
    if let Some(origin) = &config.origin {
        let path = origin.path.display();
        return Err(usage(anyhow!(
            "data.augment: the network is to be told of augmentations, which the weights of {path} are not; \
             `--set data.augment=0` leaves them out"
        )));
    }
    match config.with(&Overrides { set: vec![format!("{KEY}={expected}")] }) {
        Ok(told) if told.model.augmentations() == expected => Ok(told),
        _ => Err(usage(anyhow!(
            "data.augment: the network cannot be told of augmentations, and would learn to draw augmented images; `--set \
             model=unet` and `--set model=song-unet` can, and `unet-energy` and `song-unet-energy`"
        ))),
    }
}

/// Rows with what was done to them, and with their labels for a network of `n_classes` classes.
pub(crate) fn batch(mut rows: ebm_data::Batch, n_classes: usize, device: &Device) -> Result<Batch, BoxError> {
    let augmentations = rows.augmentations.take().map(|parameters| {
        let shape = [parameters.len() / Augmentation::PARAMETERS, Augmentation::PARAMETERS];
        Tensor::<2>::from_data(TensorData::new(parameters, shape), device)
    });
    Ok(Batch { augmentations, ..classes::batch(rows, n_classes, device)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn config(preset: &str, set: &[&str]) -> Config {
        let set = set.iter().map(|&text| text.to_owned()).collect();
        Config::resolve(preset, &Overrides { set }).unwrap()
    }

    fn refusal(config: Config) -> String {
        found(config).unwrap_err().to_string()
    }

    #[test]
    fn the_network_is_told_as_many_parameters_as_the_augmentations_have() {
        let cases: [(&str, &[&str]); 4] = [
            ("cifar10-edm", &[]),
            ("cifar10-classes", &[]),
            ("glyphs", &["data.augment=0.12"]),
            ("glyphs-energy", &["data.augment=1"]),
        ];
        for (preset, set) in cases {
            let before = config(preset, set);
            assert_eq!(before.model.augmentations(), 0, "{preset}");
            let after = found(before.clone()).unwrap();
            assert_eq!(after.model.augmentations(), 9, "{preset}");
            assert!(after.to_toml().unwrap().contains("\naugmentations = 9\n"), "{preset}");
            assert_eq!(found(after.clone()).unwrap(), after, "{preset}");
            assert_eq!(after.model.classes(), before.model.classes(), "{preset}");
        }
    }

    #[test]
    fn without_augmentations_a_configuration_stays_as_it_was() {
        let cases: [&[&str]; 4] =
            [&[], &["data.augment=0"], &["data.augment=0.0"], &["model.augmentations=9"]];
        for set in cases {
            let before = config("glyphs", set);
            assert_eq!(found(before.clone()).unwrap(), before, "{set:?}");
        }
    }

    #[test]
    fn what_would_learn_to_draw_augmented_images_is_refused() {
        let ncsn = refusal(config("mnist-ncsn", &["data.augment=0.1"]));
        assert!(ncsn.contains("cannot be told of augmentations") && ncsn.contains("song-unet"), "{ncsn}");
        let dual = refusal(config("mnist-energy-dual", &["data.augment=0.1"]));
        assert!(dual.contains("by `denoising` alone; by dual"), "{dual}");
        let other = refusal(config("glyphs", &["data.augment=0.1", "model.augmentations=2"]));
        assert!(other.starts_with("model.augmentations = 2: expected 9"), "{other}");
        let mut begun = config("glyphs", &["data.augment=0.1"]);
        begun.origin = Some(Origin { path: "old".into(), step: 1, sha256: String::new() });
        let begun = refusal(begun);
        assert!(begun.contains("the weights of old are not"), "{begun}");
    }
}
