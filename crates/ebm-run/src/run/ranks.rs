//! What has to be the same wherever a run is trained.

use ebm_train::Ranks;

use crate::config::Config;
use crate::digest;
use crate::error::{Context, Result, usage};
use crate::fingerprint::Fingerprint;

/// Compares the program, the configuration and the data of all ranks, before anything is written.
///
/// # Errors
/// With the first rank that differs from rank 0, and in what, on all of them; if the program cannot read itself.
pub fn agree(ranks: &dyn Ranks, config: &Config, data: Option<&Fingerprint>) -> Result<()> {
    if ranks.size() == 1 {
        return Ok(());
    }
    let program = std::env::current_exe().and_then(std::fs::read).context("the program cannot be read")?;
    let (program, config) = (digest::of(program), digest::of(config.to_toml()?));
    let data =
        data.map_or("without an end".to_owned(), |data| format!("{} in {} rows", data.sha256, data.rows));
    // Numbers of a configuration are found from the data: where both differ, the data are why.
    let facts = [("program", &*program), ("data", &*data), ("configuration", &*config)];
    ebm_train::agree(ranks, &facts).map_err(usage)
}
