//! Crash tests: training is killed, or its writes fail, and nothing may be lost; nor by any other command that writes.
//!
//! A run is a pure function of its configuration and seed. So every disturbed run must end with the bytes of an
//! undisturbed one: the same weights, optimiser state, moving average, chains and noise.

mod faults;
mod kills;
mod ranks;
mod run;
mod strace;
mod verbs;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::program::built_with;
use run::Program;

/// Shards of a batch for runs on several ranks, or as many as ranks if these are more.
const SHARDS: u32 = 8;

/// What to disturb, and how often.
#[derive(clap::Args)]
pub struct Crash {
    /// Number of kills, each at a random instant.
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// Seed of the random instants.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Training steps of each run; a checkpoint is saved after every step.
    #[arg(long, default_value_t = 60)]
    steps: u32,
    /// Kill one of up to so many ranks of MPI, and go on with another number of them. Needs an MPI library and mpirun.
    #[arg(long, value_name = "N", conflicts_with = "faults")]
    ranks: Option<u32>,
    /// Inject faults instead: for each system call by which one save changes the disk, kill the program there, or let
    /// the call fail. Needs strace.
    #[arg(long)]
    faults: bool,
    /// Disturb these commands instead of a save, from their first call on the disk to their last: those whose names
    /// begin with this (sample, "sample .zarr", energy, fetch, train), or all.
    #[arg(long, requires = "faults")]
    verb: Option<String>,
    /// Folder with the files of MNIST, which `--verb fetch` brings from there.
    #[arg(long, value_name = "DIR", requires = "verb")]
    data: Option<PathBuf>,
    /// Preset to train.
    #[arg(long, default_value = "two-moons")]
    preset: String,
    /// Program to test; by default `ebm` is built from this workspace.
    #[arg(long)]
    ebm: Option<PathBuf>,
}

/// Runs the crash test and reports the result; the exit code is a failure if any run lost anything.
///
/// # Errors
/// A one-line message for the user.
pub fn crash(crash: &Crash) -> Result<ExitCode, String> {
    let ebm = match &crash.ebm {
        Some(ebm) => ebm.clone(),
        None => built_with(if crash.ranks.is_some() { &["mpi"] } else { &[] })?,
    };
    let folder = std::env::temp_dir().join(format!("ebm-crash-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| format!("could not create {}: {e}", folder.display()))?;
    let shards = crash.ranks.map_or(1, |ranks| SHARDS.max(ranks));
    let program = Program { ebm, preset: crash.preset.clone(), steps: crash.steps, shards };
    let failures = if let Some(verb) = &crash.verb {
        verbs::verbs(&program.ebm, verb, crash.data.as_deref(), &folder)?
    } else if crash.faults {
        faults::faults(&program, &folder)?
    } else if let Some(most) = crash.ranks {
        ranks::kills(&program, most, crash.kills, crash.seed, &folder)?
    } else {
        kills::kills(&program, crash.kills, crash.seed, &folder)?
    };
    if failures.is_empty() {
        let _ = fs::remove_dir_all(&folder);
        return Ok(ExitCode::SUCCESS);
    }
    failures.iter().for_each(|line| eprintln!("{line}"));
    eprintln!("the runs were kept in {}", folder.display());
    Ok(ExitCode::FAILURE)
}
