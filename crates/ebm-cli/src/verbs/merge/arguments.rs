//! The arguments of `ebm merge`.

use std::path::PathBuf;

use clap::Args;

/// `ebm merge`.
#[derive(Debug, Args)]
pub struct Merge {
    /// The files of the parts in any order, each with its slip (`.part.toml`) beside it.
    #[arg(required = true, value_name = "PART")]
    pub parts: Vec<PathBuf>,
    /// Where all go: for samples of a network in the format of the parts, for chains in any.
    #[arg(long)]
    pub out: PathBuf,
    /// A chart of the chains, .png or .svg: traces, ranks and autocorrelations.
    #[arg(long, value_name = "FILE")]
    pub plots: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Make any warning about the chains exit code 1.
    #[arg(long)]
    pub strict: bool,
}
