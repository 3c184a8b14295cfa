//! The arguments of `ebm restore`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ebm_run::restoring::Task;

use crate::terminal::backend::Backend;
use crate::verbs::class_flags::ClassFlags;

/// `ebm restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// A run's folder, or a model.safetensors, of pictures.
    pub run: PathBuf,
    /// The checkpoint of a run, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    pub step: Option<u64>,
    /// What is restored: a picture, a folder of pictures, IDX files or an array of pictures.
    #[arg(long, value_name = "PATH")]
    pub image: PathBuf,
    /// The held-out part of a folder or of IDX files.
    #[arg(long)]
    pub test: bool,
    /// The first so many pictures of a folder.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    pub images: usize,
    /// What is to be done.
    #[arg(long, value_enum, default_value_t = Do::Inpaint)]
    pub task: Do,
    /// What is missing: left, right, top, bottom, half (the right one), box (the middle), random or random=SHARE of
    /// the pixels, or the file of a picture, whose white pixels are missing [default: right].
    #[arg(long, value_name = "MASK")]
    pub mask: Option<String>,
    /// How many pixels become one in a small picture, along each side [default: 2].
    #[arg(long, value_name = "TIMES")]
    pub factor: Option<usize>,
    /// The standard deviation of the blur in pixels [default: 1.5].
    #[arg(long, value_name = "PIXELS")]
    pub blur: Option<f64>,
    /// The standard deviation of the noise on the picture, where black is 0 and white 1 [default: inpaint 0, enlarge
    /// and colour 0.002, deblur 0.01; denoise needs it].
    #[arg(long, value_name = "TAU")]
    pub noise: Option<f64>,
    /// The pictures are whole: do to them first what is then undone, and print the error.
    #[arg(long)]
    pub degrade: bool,
    /// Answers for each picture.
    #[arg(long, default_value_t = 16)]
    pub n: usize,
    /// How picture and network come together.
    #[arg(long, value_enum, default_value_t = By::Pseudoinverse)]
    pub method: By,
    /// How strong the picture is in --method posterior-sampling [default: 1].
    #[arg(long)]
    pub strength: Option<f64>,
    /// Rounds at each noise level of --method replacement [default: 10].
    #[arg(long, value_name = "ROUNDS")]
    pub resampling: Option<usize>,
    /// The sampler down the noise levels [default: annealed-mala for --method metropolis, which takes one with a Metropolis
    /// test only; otherwise stochastic-heun].
    #[arg(long)]
    pub sampler: Option<String>,
    /// A number of a sampler, for instance heun.levels=100; may be repeated: see `ebm sample RUN --keys`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub classes: ClassFlags,
    /// Seed of the random number generator.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The folder for sheet.png (a row for each picture: as it was given, mean and deviation of the answers, the
    /// answers), answers.npy, mean.npy, deviation.npy, and pictures/ with a folder of .png for each.
    #[arg(long, value_name = "FOLDER", default_value = "restored")]
    pub out: PathBuf,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    pub backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Do {
    /// Fill in missing pixels.
    Inpaint,
    /// Take noise off.
    Denoise,
    /// Take a blur off.
    Deblur,
    /// Make a small picture larger.
    Enlarge,
    /// Colour a grey picture.
    #[value(alias = "color")]
    Colour,
}

impl From<Do> for Task {
    fn from(task: Do) -> Self {
        match task {
            Do::Inpaint => Self::Inpaint,
            Do::Denoise => Self::Denoise,
            Do::Deblur => Self::Deblur,
            Do::Enlarge => Self::Enlarge,
            Do::Colour => Self::Colour,
        }
    }
}

/// How picture and network come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Guidance by the pseudoinverse of what happened to the picture (Song et al. 2023).
    Pseudoinverse,
    /// Diffusion posterior sampling (Chung et al. 2023).
    PosteriorSampling,
    /// Known pixels replaced at every level, of any network (RePaint, Lugmayr et al. 2022).
    Replacement,
    /// Annealed MALA towards network times likelihood, for energies; exact where its chains cross between modes.
    Metropolis,
}
