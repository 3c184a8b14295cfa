//! `ebm import FILE --as KIND`: weights of others as a model file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use ebm_run::foreign::{Checkpoint, Foreign, ForeignKind, Weights};
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::say;
use crate::terminal::usage::usage;

/// `ebm import`.
#[derive(Debug, Args)]
pub struct Import {
    /// A checkpoint of PyTorch, .pth or .pt; it is read without Python, and nothing in it is called.
    file: PathBuf,
    /// Whose network it is.
    #[arg(long = "as", value_name = "KIND", value_parser = PossibleValuesParser::new(ForeignKind::ALL.map(|(name, _)| name)))]
    kind: String,
    /// The model file, or the folder that it goes to [default: FILE with .safetensors for its ending, here].
    #[arg(long, value_name = "FILE.safetensors")]
    out: Option<PathBuf>,
    /// Height and width of an image, as 32 or 28x32 [default: 28 for one colour, 32 for three].
    #[arg(long, value_parser = sides)]
    size: Option<[usize; 2]>,
    /// The highest noise level, of pixels from 0 to 1 [default: the checkpoint's, or the paper's].
    #[arg(long, requires = "bottom")]
    top: Option<f64>,
    /// The lowest noise level, of pixels from 0 to 1 [default: the checkpoint's, or the paper's].
    #[arg(long, requires = "top")]
    bottom: Option<f64>,
    /// Which weights [default: the averages where the file has them].
    #[arg(long, value_enum)]
    weights: Option<Which>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Which weights of a checkpoint.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// Those that were trained.
    Raw,
    /// Their moving average.
    Averaged,
}

fn sides(text: &str) -> Result<[usize; 2], String> {
    let side =
        |text: &str| text.parse().map_err(|_| format!("{text} is no side of an image, as in 32 or 28x32"));
    match text.split_once('x') {
        Some((height, width)) => Ok([side(height)?, side(width)?]),
        None => side(text).map(|side| [side, side]),
    }
}

impl Import {
    /// Writes the model file.
    ///
    /// # Errors
    /// If the file is no checkpoint of such a network, asks for anything to be called, or cannot be written.
    pub fn run(self) -> Result<()> {
        let Self { file, kind, out, size, top, bottom, weights, json } = self;
        let kind = ForeignKind::ALL.into_iter().find(|(name, _)| *name == kind);
        let (_, kind) = kind.expect("the parser knows the kinds");
        let levels = top.zip(bottom).map(|(top, bottom)| [top, bottom]);
        if let Some([top, bottom]) = levels {
            let is_right = 0.0 < bottom && bottom < top && top.is_finite();
            ensure!(is_right, usage(anyhow!("--top {top} --bottom {bottom}: expected 0 < bottom < top")));
        }
        ensure!(file.exists(), usage(anyhow!("{} does not exist", file.display())));
        let name = file.file_stem().context("the file has no name")?.to_string_lossy().into_owned();
        let out = place(out, &name);
        let weights = weights.map(|which| match which {
            Which::Raw => Weights::Raw,
            Which::Averaged => Weights::Averaged,
        });
        let checkpoint = Checkpoint::open(&file)?;
        let foreign = Foreign { kind, name, sides: size, levels, weights };
        let imported = foreign.import(&checkpoint, &Backend::host().device()?, &say);
        let (card, network) = imported.with_context(|| format!("{} cannot be used", file.display()))?;
        card.save(&network, &out)?;
        let path = out.to_string_lossy();
        if json {
            tell!("{}", json!({"event": "done", "model": path, "step": card.step}));
        } else {
            tell!("{path} is a model: ebm sample {path}");
        }
        Ok(())
    }
}

/// The model file: the path if it is one, else in the folder that it is.
fn place(out: Option<PathBuf>, name: &str) -> PathBuf {
    let is_file = |path: &Path| path.extension().is_some_and(|extension| extension == "safetensors");
    match out {
        None => PathBuf::from(format!("{name}.safetensors")),
        Some(path) if is_file(&path) => path,
        Some(folder) => folder.join("model.safetensors"),
    }
}
