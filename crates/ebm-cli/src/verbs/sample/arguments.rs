//! The arguments of `ebm sample`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::closed_form::ClosedForm;
use crate::terminal::backend::Backend;
use crate::verbs::class_flags::ClassFlags;
use crate::verbs::part::{Part, Wanted, of_environment};

/// `ebm sample`.
#[derive(Debug, Args)]
pub struct Sample {
    /// A run's folder, a model.safetensors, or the name of a closed-form energy (banana, funnel, …).
    #[arg(required_unless_present_any = ["target", "list", "keys"], conflicts_with = "target")]
    pub run: Option<PathBuf>,
    /// List the samplers, what each needs of a model, and what it is.
    #[arg(long)]
    pub list: bool,
    /// List the keys of --set, each with its value and its meaning.
    #[arg(long)]
    pub keys: bool,
    /// The checkpoint of a run, by its step [default: the model, or the last checkpoint].
    #[arg(long, conflicts_with = "target")]
    pub step: Option<u64>,
    /// Samples of a network [default: 64].
    #[arg(long, conflicts_with = "target")]
    pub n: Option<usize>,
    /// Seed of the random number generator.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The sampler, if not the one that the model was trained with: see `ebm sample --list`.
    #[arg(long, alias = "kernel")]
    pub sampler: Option<String>,
    /// A number of a sampler, for instance langevin.levels=100; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub classes: ClassFlags,
    #[command(flatten)]
    pub chains: Chains,
    /// Where the samples go: .png, .svg (points in the plane), .gif (the path from noise), .npy, .safetensors, .csv
    /// (rows, or chain, draw and the draw), or, for chains, .zarr as ArviZ reads it.
    #[arg(long, default_value = "samples.png")]
    pub out: PathBuf,
    /// Draw one part of all, as in 3/8, for `ebm merge`; auto: as the job array of Slurm or the ranks of MPI say that this
    /// process is in. Without it all are drawn, wherever the program runs. {part} in --out stands for the part's number.
    /// Chains on a closed form then have a stream and a burn-in each.
    #[arg(long, value_name = "I/N")]
    pub part: Option<Wanted>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    pub backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Make any warning about the chains exit code 1.
    #[arg(long)]
    pub strict: bool,
}

impl Sample {
    /// The same with the part's number in place of `auto`, and in the name of the file.
    ///
    /// # Errors
    /// A wrong use of the command line if the environment says no part.
    pub fn with_part(mut self) -> Result<Self> {
        let part = match self.part {
            None => return Ok(self),
            Some(Wanted::Auto) => of_environment()?,
            Some(Wanted::This(part)) => part,
        };
        self.out = part.path(&self.out);
        self.part = Some(Wanted::This(part));
        Ok(self)
    }

    /// The part that is drawn; `None` for all.
    pub fn this_part(&self) -> Option<Part> {
        match self.part {
            Some(Wanted::This(part)) => Some(part),
            Some(Wanted::Auto) | None => None,
        }
    }
}

/// Chains on a closed-form energy.
#[derive(Debug, Args)]
pub struct Chains {
    /// The closed-form energy, as `ebm sample NAME` also names it.
    #[arg(long, value_enum, help_heading = "Chains")]
    pub target: Option<ClosedForm>,
    /// Step size: η of x + η s + √(2η) z, or ε of a leapfrog, underdamped or microcanonical step [default: 0.05; mala, hmc,
    /// chees, mclmc and mamclmc adapt it during the burn-in].
    #[arg(long, help_heading = "Chains")]
    pub step_size: Option<f64>,
    /// The most leapfrog steps of one step of hmc, which takes a number of them at random, and of chees where it adapts
    /// nothing [default: 10].
    #[arg(long, help_heading = "Chains")]
    pub leapfrog: Option<usize>,
    /// Number of chains [default: 4].
    #[arg(long, help_heading = "Chains")]
    pub chains: Option<usize>,
    /// Draws kept of each chain [default: 1000].
    #[arg(long, help_heading = "Chains")]
    pub draws: Option<usize>,
    /// Draws discarded at the start of each chain [default: 500].
    #[arg(long, help_heading = "Chains")]
    pub burn_in: Option<usize>,
    /// Adapt step size and mass during the burn-in, for mala and hmc, from the --step-size given; for chees, mclmc and
    /// mamclmc, also the length of trajectories; for preconditioned-langevin, its variances.
    #[arg(long, help_heading = "Chains")]
    pub adapt: bool,
    /// Keep one draw of so many [default: 1].
    #[arg(long, help_heading = "Chains")]
    pub thin: Option<usize>,
    /// A chart of the chains, .png or .svg: traces, ranks and autocorrelations.
    #[arg(long, value_name = "FILE", help_heading = "Chains")]
    pub plots: Option<PathBuf>,
    /// A page about the chains, .html: their warnings and diagnostics, and how they move over the energy.
    #[arg(long, value_name = "FILE", help_heading = "Chains")]
    pub report: Option<PathBuf>,
}
