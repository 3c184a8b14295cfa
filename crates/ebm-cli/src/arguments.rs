//! The command line, word for word.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::{Args, Parser, Subcommand};
use ebm_data::{DataError, DataSpec, DatasetName, Split};

use crate::backend::Backend;
use crate::bench::BenchArguments;
use crate::config::{Config, Overrides};
use crate::fetch::Fetch;
use crate::run_folder::RunFolder;
use crate::sampler::SamplerName;
use crate::target::{self, KernelName, Target};
use crate::usage::usage;
use crate::{agreement, energy, eval, presets, sample, train};

/// Energy-based models: train them, draw from them.
#[derive(Debug, Parser)]
#[command(name = "ebm", version, about, propagate_version = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Train a network on a dataset; without a preset, on digits that the program draws itself.
    Train(TrainArguments),
    /// Draw samples from a trained network.
    Sample(SampleArguments),
    /// Measure how good a model's samples are, and how likely it finds data that it has not learned from.
    Eval(EvalArguments),
    /// Write the energy of every row of a table, or of every picture of a folder, as CSV, the highest first.
    Energy(EnergyArguments),
    /// Download a dataset, or take it from a folder, and verify it.
    Fetch {
        /// Which, and from where.
        #[command(flatten)]
        fetch: Fetch,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Say what is in a run's folder or a model file.
    Inspect {
        /// A run's folder, or a model.safetensors.
        path: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Measure how fast the reference network trains and scores.
    Bench(BenchArguments),
}

/// `ebm train`.
#[derive(Debug, Args)]
pub struct TrainArguments {
    /// A preset's name, or a configuration file that ends in .toml.
    #[arg(default_value = presets::DEFAULT)]
    preset: String,
    /// List the presets.
    #[arg(long)]
    pub list: bool,
    /// Where the data are: a folder or a file.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Steps of training.
    #[arg(long)]
    steps: Option<u64>,
    /// Rows of a batch.
    #[arg(long)]
    batch_size: Option<usize>,
    /// Seed of all randomness.
    #[arg(long)]
    seed: Option<u64>,
    /// Steps between checkpoints.
    #[arg(long)]
    checkpoint_every: Option<u64>,
    /// What is done with a step whose loss or gradient is not finite: the run ends, or the step is left out.
    #[arg(long, value_parser = ["stop", "skip"])]
    on_nonfinite: Option<String>,
    /// Any other value of the configuration, for instance train.learning_rate=1e-3; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the run [default: runs/NAME-N].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in this folder, from its last checkpoint.
    #[arg(long, value_name = "RUN", num_args = 0..=1)]
    resume: Option<Option<PathBuf>>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    pub backend: Backend,
    /// Print JSON, one object a line, the last one the summary.
    #[arg(long)]
    json: bool,
}

impl TrainArguments {
    /// The run that is asked for.
    ///
    /// # Errors
    /// A wrong use of the command line.
    pub fn request(self) -> Result<train::Request> {
        let json = self.json;
        if let Some(resume) = &self.resume {
            let Some(path) = resume.clone().or_else(|| self.out.clone()) else {
                bail!(usage(anyhow!("--resume needs the run's folder: --resume RUN, or --out RUN --resume")));
            };
            if self.changes_anything() {
                bail!(usage(anyhow!("a run goes on as it was configured: --resume takes no other settings")));
            }
            let folder = RunFolder::open(&path)?;
            let config = Config::resolve(&folder.config().to_string_lossy(), &Overrides::default())?;
            agreement::with_checkpoint(&folder, &config.model, &self.backend.device()?)?;
            return Ok(train::Request { config, out: None, resume: Some(folder), json });
        }
        let mut config = Config::resolve(&self.preset, &self.overrides())?;
        if let Some(path) = self.data {
            config.data = at(&config.data, path).map_err(usage)?;
        }
        Ok(train::Request { config, out: self.out, resume: None, json })
    }

    fn changes_anything(&self) -> bool {
        self.data.is_some() || !self.overrides().set.is_empty()
    }

    fn overrides(&self) -> Overrides {
        let flags = [
            self.steps.map(|value| format!("train.steps={value}")),
            self.batch_size.map(|value| format!("batch_size={value}")),
            self.seed.map(|value| format!("seed={value}")),
            self.checkpoint_every.map(|value| format!("record.checkpoint_every={value}")),
            self.on_nonfinite.as_ref().map(|value| format!("train.on_nonfinite={value}")),
        ];
        Overrides { set: flags.into_iter().flatten().chain(self.set.iter().cloned()).collect() }
    }
}

/// The data at `path`: of the kind that lies there, of the name that the configuration gives that kind.
fn at(spec: &DataSpec, path: PathBuf) -> Result<DataSpec, DataError> {
    const IDX: [DatasetName; 2] = [DatasetName::Mnist, DatasetName::FashionMnist];
    let found = DataSpec::detect(&path)?;
    let same_files = IDX.contains(&spec.dataset) && IDX.contains(&found.dataset);
    let dataset = if same_files { spec.dataset } else { found.dataset };
    // Whole, so that the run's own config.toml finds the data from any folder.
    let path = path.canonicalize().unwrap_or(path);
    Ok(DataSpec { dataset, path: Some(path), ..spec.clone() })
}

/// `ebm sample`.
#[derive(Debug, Args)]
pub struct SampleArguments {
    /// A run's folder, or a model.safetensors.
    #[arg(required_unless_present = "target", conflicts_with = "target")]
    run: Option<PathBuf>,
    /// Samples.
    #[arg(long, default_value_t = 64, conflicts_with = "target")]
    n: usize,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The sampler, if not the one that the model was trained with.
    #[arg(long, value_enum)]
    sampler: Option<SamplerName>,
    /// A number of a sampler or kernel, for instance langevin.levels=100; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Instead of a run: chains on a closed-form energy.
    #[arg(long, value_enum, help_heading = "Chains")]
    target: Option<Target>,
    /// How the chains move, or the draws come down from high noise.
    #[arg(long, value_enum, default_value_t = KernelName::Langevin, requires = "target", help_heading = "Chains")]
    kernel: KernelName,
    /// Size of a step: η of x + η s + √(2η) z, or ε of a leapfrog or underdamped step.
    #[arg(long, default_value_t = 0.05, requires = "target", help_heading = "Chains")]
    step_size: f64,
    /// Leapfrog steps of one step of hmc.
    #[arg(long, default_value_t = 10, requires = "target", help_heading = "Chains")]
    leapfrog: usize,
    /// Chains.
    #[arg(long, default_value_t = 4, requires = "target", help_heading = "Chains")]
    chains: usize,
    /// Draws kept of each chain.
    #[arg(long, default_value_t = 1000, requires = "target", help_heading = "Chains")]
    draws: usize,
    /// Draws thrown away at first [default: 500].
    #[arg(long, requires = "target", help_heading = "Chains")]
    burn_in: Option<usize>,
    /// Adapt step size and mass during the burn-in, for mala and hmc; for preconditioned-langevin, its variances.
    #[arg(long, requires = "target", help_heading = "Chains")]
    adapt: bool,
    /// One draw of so many is kept [default: 1].
    #[arg(long, requires = "target", help_heading = "Chains")]
    thin: Option<usize>,
    /// A chart of the chains, .png or .svg: traces, ranks and autocorrelations.
    #[arg(long, value_name = "FILE", requires = "target", help_heading = "Chains")]
    plots: Option<PathBuf>,
    /// Where the samples go: .png, .svg (points in the plane), .gif (the path from noise), .npy, .safetensors, .csv
    /// (rows, or chain, draw and the draw), or, for chains, .zarr as ArviZ reads it.
    #[arg(long, default_value = "samples.png")]
    out: PathBuf,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    pub backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl SampleArguments {
    /// Draws what is asked for.
    ///
    /// # Errors
    /// Those of [`sample::sample`] and [`target::sample`].
    pub fn run(self) -> Result<()> {
        let device = self.backend.device()?;
        let Self {
            n,
            seed,
            sampler,
            set,
            out,
            json,
            kernel,
            step_size,
            leapfrog,
            chains,
            draws,
            burn_in,
            adapt,
            thin,
            plots,
            ..
        } = self;
        match (self.target, self.run) {
            (Some(target), _) => {
                let request = target::Request {
                    target,
                    kernel,
                    step_size,
                    leapfrog,
                    set,
                    chains,
                    draws,
                    burn_in,
                    adapt,
                    thin,
                    seed,
                    out,
                    plots,
                    json,
                };
                target::sample(&request, &device)
            }
            (None, Some(run)) => {
                sample::sample(&sample::Request { run, n, seed, sampler, set, out, json }, &device)
            }
            (None, None) => bail!(usage(anyhow!("expected a run or --target"))),
        }
    }
}

/// `ebm energy`.
#[derive(Debug, Args)]
pub struct EnergyArguments {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// The rows: a table, a folder of pictures, IDX files.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The part of them that is for testing.
    #[arg(long)]
    test: bool,
    /// Rows that the energy should find less likely: prints how well it tells them apart (AUROC).
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// The noise level, for an energy that is told one [default: the lowest].
    #[arg(long)]
    sigma: Option<f64>,
    /// Where the table goes [default: standard output].
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl EnergyArguments {
    /// Computes what is asked for.
    ///
    /// # Errors
    /// Those of [`energy::energy`].
    pub fn run(self) -> Result<()> {
        let device = self.backend.device()?;
        let Self { run, data, test, against, sigma, out, json, .. } = self;
        let split = if test { Split::Test } else { Split::Train };
        energy::energy(&energy::Request { run, data, split, against, sigma, out, json }, &device)
    }
}

/// `ebm eval`.
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// Samples, and points of the data in each of two halves.
    #[arg(long, default_value_t = 2000)]
    n: usize,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The sampler, if not the one that the model was trained with.
    #[arg(long, value_enum)]
    sampler: Option<SamplerName>,
    /// A number of a sampler, for instance chain.steps=1000; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The data, if not those that the run held out.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Points of the data whose likelihood is asked for; 0 leaves it out.
    #[arg(long, default_value_t = 200)]
    likelihood: usize,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl EvalArguments {
    /// Measures what is asked for.
    ///
    /// # Errors
    /// Those of [`eval::eval`].
    pub fn run(self) -> Result<()> {
        let device = self.backend.device()?;
        let Self { run, n, seed, sampler, set, data, likelihood, json, .. } = self;
        eval::eval(&eval::Request { run, n, seed, sampler, set, data, likelihood, json }, &device)
    }
}
