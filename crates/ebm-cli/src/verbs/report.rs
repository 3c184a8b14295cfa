//! `ebm report`: what runs are and what they have come to, as one page.

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use ebm_run::folder::RunFolder;
use ebm_run::model::run_and_step;
use ebm_run::page;
use serde_json::json;

use crate::terminal::usage::usage;

/// Most runs on one page.
const MOST: usize = 16;

/// `ebm report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Folders of runs, also of ones that train, were stopped or crashed: one has its own page, several are put side by
    /// side.
    #[arg(required = true, num_args = 1..)]
    runs: Vec<PathBuf>,
    /// The page [default: report.html in the run's folder; of several runs, report.html here].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Report {
    /// Writes the page.
    ///
    /// # Errors
    /// If a folder is no run, its configuration cannot be read, or the page cannot be written.
    pub fn run(self) -> Result<()> {
        let Self { runs, out, json } = self;
        ensure!(
            runs.len() <= MOST,
            usage(anyhow!("{} runs: expected at most {MOST} side by side", runs.len()))
        );
        if let Some(out) = &out {
            let is_html = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
            ensure!(is_html, usage(anyhow!("--out {}: the extension must be .html", out.display())));
            ensure!(!out.is_dir(), usage(anyhow!("--out {} is a folder; name a file in it", out.display())));
        }
        // The folder of a checkpoint stands for its run.
        let folders = runs.iter().map(|run| Ok(RunFolder::open(&run_and_step(run, None)?.0)?));
        let folders = folders.collect::<Result<Vec<_>>>()?;
        let path = match (out, folders.as_slice()) {
            (Some(out), _) => out,
            (None, [folder]) => folder.page(),
            (None, _) => PathBuf::from("report.html"),
        };
        let page = match folders.as_slice() {
            [folder] => page::of_run(folder)?,
            folders => page::of_runs(folders)?,
        };
        ebm_files::write_bytes(&path, page.as_bytes())?;
        if json {
            let runs: Vec<_> = folders.iter().map(|folder| folder.path().to_string_lossy()).collect();
            tell!(
                "{}",
                json!({"event": "done", "runs": runs, "out": path.to_string_lossy(), "bytes": page.len()})
            );
        } else {
            tell!("{}", path.display());
        }
        Ok(())
    }
}
