//! The arguments of `ebm train`.

use std::path::PathBuf;

use clap::Args;

use crate::terminal::backend::Backend;
use crate::verbs::reading::Reading;

/// `ebm train`.
#[derive(Debug, Args)]
pub struct Train {
    /// A preset's name, or a configuration file that ends in .toml [default: glyphs, or what --from was trained as].
    pub preset: Option<String>,
    /// List the presets.
    #[arg(long)]
    pub list: bool,
    /// List the keys of --set for this preset, each with its value and its meaning.
    #[arg(long)]
    pub keys: bool,
    /// Where the data are: a folder or a file.
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub reading: Reading,
    /// Steps of training, in total.
    #[arg(long)]
    pub steps: Option<u64>,
    /// Rows of a batch.
    #[arg(long)]
    pub batch_size: Option<usize>,
    /// Seed of the random number generator.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Steps between checkpoints.
    #[arg(long)]
    pub checkpoint_every: Option<u64>,
    /// What to do about a step whose loss or gradient is not finite: end the run, or leave the step out.
    #[arg(long, value_parser = ["stop", "skip"])]
    pub on_nonfinite: Option<String>,
    /// Any other value of the configuration, for instance train.learning_rate=1e-3; may be repeated: see --keys.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder of the run [default: runs/NAME-N].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run in this folder, from its last checkpoint; steps, learning rate and what is recorded may change.
    #[arg(long, value_name = "RUN", num_args = 0..=1)]
    pub resume: Option<Option<PathBuf>>,
    /// Begin a new run from the weights of this run or model file.
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    pub from: Option<PathBuf>,
    /// The checkpoint of --from, by its step [default: the model, or the last checkpoint].
    #[arg(long, requires = "from")]
    pub step: Option<u64>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    pub backend: Backend,
    /// Show no progress.
    #[arg(long)]
    pub quiet: bool,
    /// Print JSON, one object a line, the last one the summary.
    #[arg(long)]
    pub json: bool,
}
