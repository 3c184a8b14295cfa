//! The trained network of a run's folder or of a model file.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use burn::tensor::Device;
use ebm_model::Network;

use crate::agreement;
use crate::card::ModelCard;
use crate::folder::RunFolder;
use crate::usage::usage;

/// The model file of a run's folder, or the file itself.
///
/// # Errors
/// A wrong use of the command line if there is none.
fn model_path(run: &Path) -> Result<PathBuf> {
    if run.is_file() {
        return Ok(run.to_owned());
    }
    let path = RunFolder::open(run)?.model();
    ensure!(path.is_file(), usage(anyhow!("{} is not here yet: the run is not done", path.display())));
    Ok(path)
}

/// The card and the network of a run's folder or of a model file.
///
/// # Errors
/// Those of [`model_path`], [`ModelCard::load`], and [`agreement::with_model`].
pub fn model(run: &Path, device: &Device) -> Result<(ModelCard, Network)> {
    let path = model_path(run)?;
    if run.is_dir() {
        let (card, _) = ModelCard::read(&path)?;
        agreement::with_model(&RunFolder::open(run)?, &card)?;
    }
    ModelCard::load(&path, device)
}
