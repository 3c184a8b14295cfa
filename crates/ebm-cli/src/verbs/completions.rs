//! `ebm completions SHELL`: a script that completes commands in a shell.

use std::io::Write;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::terminal::tell::Results;

/// The program's file name, which the script completes whatever started this one.
const PROGRAM: &str = "ebm";

/// `ebm completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell; `source <(ebm completions bash)` is enough for one session of bash.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script of `command`.
    ///
    /// # Errors
    /// If standard output cannot be written to.
    pub fn run(self, mut command: Command) -> Result<()> {
        let mut script = Vec::new();
        generate(self.shell, &mut command, PROGRAM, &mut script);
        Results.write_all(&script)?;
        Ok(Results.flush()?)
    }
}
