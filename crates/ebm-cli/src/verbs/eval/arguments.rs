//! The arguments of `ebm eval`.

use std::path::PathBuf;

use clap::Args;

use crate::terminal::backend::Backend;
use crate::verbs::reading::Reading;

/// `ebm eval`.
#[derive(Debug, Args)]
pub struct Eval {
    /// A run's folder, or a model.safetensors.
    pub run: PathBuf,
    /// The checkpoint, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    pub step: Option<u64>,
    /// Samples, and points of the data in each of two halves.
    #[arg(long, default_value_t = 2000)]
    pub n: usize,
    /// Seed of the random number generator.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The sampler, if not the one that the model was trained with.
    #[arg(long)]
    pub sampler: Option<String>,
    /// A number of a sampler, for instance chain.steps=1000; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The data, if not those that the run held out.
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub reading: Reading,
    /// Points of the data whose likelihood is measured; 0 leaves it out.
    #[arg(long, default_value_t = 200)]
    pub likelihood: usize,
    /// Held-out rows that a model of classes is to assign to their class; 0 leaves it out [default: 200, fewer with more
    /// than 20 classes].
    #[arg(long, value_name = "ROWS")]
    pub classify: Option<usize>,
    /// How much more the class of a sample counts than in the model, of a model of classes; see `ebm sample` [default: 0].
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true)]
    pub guidance: Option<f64>,
    /// Features of pictures: `classifier`, which is trained once on the labels of the run's data (a minute on two cores,
    /// ten of 20,000 pictures in colour or more), or a network's FILE.safetensors; means of 4×4 pixels by default.
    #[arg(long, value_name = "FEATURES")]
    pub features: Option<String>,
    /// The training row and the held-out row that are nearest to each sample: FILE.png has 24 pictures side by side with
    /// theirs, FILE.csv a line for each row of a table, a folder what it can.
    #[arg(long, value_name = "PATH", alias = "neighbors")]
    pub neighbours: Option<PathBuf>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    pub backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}
