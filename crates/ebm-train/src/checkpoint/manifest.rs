//! The manifest of a checkpoint.

use std::collections::BTreeMap;

use burn::module::Module;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Retreats, TrainState};

/// The version of the layout. Version 1 had neither loss nor skipped steps.
const FORMAT: u32 = 2;

/// Step, run, noise, retreats, and the SHA-256 of every file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    /// Steps done.
    pub step: u64,
    /// The hash of the configuration of the run.
    pub config_hash: String,
    /// The objective's noise.
    pub noise: Noise,
    /// How often the run went back; not written while this is 0, as in older checkpoints.
    #[serde(default, skip_serializing_if = "is_zero")]
    retreats: u32,
    /// How often it did so for its sampler alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    sampler_retreats: u32,
    /// Skipped steps, in total and since the last step that was not skipped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped_in_a_row: u64,
    /// The running loss, which ranks the checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f32>,
    files: BTreeMap<String, String>,
    /// SHA-256 of this manifest with an empty seal.
    seal: String,
}

impl Manifest {
    pub fn new<M: Module>(state: &TrainState<M>, config_hash: &str, files: &[(&str, Vec<u8>)]) -> Self {
        let open = Self {
            format: FORMAT,
            step: state.step,
            config_hash: config_hash.to_owned(),
            noise: state.noise.clone(),
            retreats: state.retreats.of_both,
            sampler_retreats: state.retreats.of_sampler,
            skipped: state.skips.total,
            skipped_in_a_row: state.skips.in_a_row,
            loss: state.running.as_ref().map(|_| state.loss() as f32),
            files: files.iter().map(|(name, bytes)| ((*name).to_owned(), sha256(bytes))).collect(),
            seal: String::new(),
        };
        Self { seal: sha256(&open.to_bytes()), ..open }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("numbers and texts can always be written as JSON")
    }

    /// The manifest, or why these bytes are not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        /// The one field that all versions share.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if !(1..=FORMAT).contains(&format) {
            return Err(format!("its format is {format}, this program reads 1 to {FORMAT}"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let open = Self { seal: String::new(), ..manifest.clone() };
        let expected = sha256(&open.to_bytes());
        if manifest.seal != expected || bytes != manifest.to_bytes() {
            return Err(format!("its seal is {}, expected {expected}", manifest.seal));
        }
        let Self { step, skipped, skipped_in_a_row, .. } = manifest;
        if step < skipped || skipped < skipped_in_a_row {
            return Err(format!(
                "of {step} steps {skipped} were skipped, {skipped_in_a_row} of them in a row"
            ));
        }
        Ok(manifest)
    }

    /// How often the run went back, and what was halved.
    pub fn retreats(&self) -> Retreats {
        Retreats { of_both: self.retreats, of_sampler: self.sampler_retreats }
    }

    /// Whether the checkpoint has a file of this name.
    pub fn lists(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    /// Checks that `bytes` are those that were written as `file`.
    pub fn verify(&self, file: &str, bytes: &[u8]) -> Result<(), String> {
        let expected = self.files.get(file).ok_or("the manifest does not list it")?;
        let found = sha256(bytes);
        if found == *expected { Ok(()) } else { Err(format!("expected sha256 {expected}, found {found}")) }
    }
}

fn is_zero<N: Default + PartialEq>(count: &N) -> bool {
    *count == N::default()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
