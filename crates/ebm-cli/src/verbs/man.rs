//! `ebm man DIR`: the manual pages.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command};
use clap_mangen::Man as Page;

/// `ebm man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Where `ebm.1` and a page for each command go.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    /// Writes a page for `command` and one for each of its subcommands, each whole or not at all.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn run(self, command: Command) -> Result<()> {
        let mut command = command.disable_help_subcommand(true);
        // Subcommands get their flags from it, and names such as `ebm-train`.
        command.build();
        let commands: Vec<Command> =
            std::iter::once(&command).chain(command.get_subcommands()).cloned().collect();
        let n = commands.len();
        for page in commands.into_iter().map(Page::new) {
            let mut text = Vec::new();
            page.render(&mut text)?;
            ebm_files::write_bytes(&self.folder.join(page.get_filename()), &text)?;
        }
        tell!("{n} pages: {}", self.folder.display());
        Ok(())
    }
}
