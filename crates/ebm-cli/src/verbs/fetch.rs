//! `ebm fetch NAME`: brings the files of a dataset, checked byte for byte.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use ebm_run::fetch::{self, DATASETS};
use serde_json::json;

/// Bring the files of a dataset, by download or from a folder, and check size and SHA-256 of each.
#[derive(Args, Clone, Debug)]
pub struct Fetch {
    /// Which dataset.
    #[arg(value_parser = PossibleValuesParser::new(DATASETS))]
    name: String,
    /// Take the files from this folder, unpacked or as .gz, instead of downloading them.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Where to put them [default: data/NAME].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Fetch {
    /// Brings what is missing or wrong, and says what was brought.
    ///
    /// # Errors
    /// Those of [`fetch::Fetch::run`].
    pub fn run(self) -> Result<()> {
        let fetched = fetch::Fetch { name: self.name, from: self.from, to: self.to }.run()?;
        if self.json {
            let line = json!({
                "event": "done", "folder": fetched.folder.to_string_lossy(), "new": fetched.new, "kept": fetched.kept,
            });
            tell!("{line}");
        } else {
            tell!("{fetched}");
        }
        Ok(())
    }
}
