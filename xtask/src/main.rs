//! The commands of this workspace: `cargo xtask train …` builds `ebm` in release mode and runs it; `test`, `lint`,
//! `crash`, `tour` and `certificate` check the workspace; `man` and `release` make what is given away.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod checks;
mod crash;
mod features;
mod program;
mod release;
mod tour;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Builds and runs `ebm`, and checks the workspace.
///
/// The commands of `ebm` (train, sample, …) build it in release mode and run it with the arguments given; the exit code
/// is that of `ebm`. To compile a backend in, give `--backend wgpu` anywhere after the command, or `--features wgpu`,
/// which also makes it the default. Backends: flex (always compiled in), ndarray, wgpu, cuda.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Call {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Train a network.
    #[command(disable_help_flag = true)]
    Train(Passed),
    /// Draw samples from a run, or from a closed-form energy.
    #[command(disable_help_flag = true)]
    Sample(Passed),
    /// Evaluate a model: distances of its samples to held-out data, and likelihoods.
    #[command(disable_help_flag = true)]
    Eval(Passed),
    /// Compute the energy of every row of a table, or of every image.
    #[command(disable_help_flag = true)]
    Energy(Passed),
    /// Restore pictures by a trained network: fill in what is missing, take noise or blur off, enlarge, colour.
    #[command(disable_help_flag = true)]
    Restore(Passed),
    /// Go from one picture or row to another through the noise that a trained network makes them of.
    #[command(disable_help_flag = true)]
    Interpolate(Passed),
    /// Download the files of a dataset.
    #[command(disable_help_flag = true)]
    Fetch(Passed),
    /// Describe a run or a file.
    #[command(disable_help_flag = true)]
    Inspect(Passed),
    /// Make a model of another program's checkpoint of PyTorch.
    #[command(disable_help_flag = true)]
    Import(Passed),
    /// Write a network as a module for PyTorch, or a run's journal for TensorBoard.
    #[command(disable_help_flag = true)]
    Export(Passed),
    /// Measure the speed of training and scoring.
    #[command(disable_help_flag = true)]
    Bench(Passed),
    /// Run the tests of the workspace.
    Test(Checked),
    /// Compare every sampler with exact answers, and write the results to docs/certificate.md.
    ///
    /// Builds with the feature `nuts`, which compiles Burn a second time. `--quick` measures less and writes no file;
    /// `--seed N` sets the seed, `--out FILE` the file to write.
    #[command(disable_help_flag = true)]
    Certificate(Passed),
    /// Kill training at random instants, or make its writes fail, and check that nothing is lost.
    Crash(crash::Crash),
    /// Run the commands of the tour, make its pictures anew, and check its numbers and links.
    Tour(tour::Tour),
    /// Write the manual pages of `ebm`.
    Man(Man),
    /// Build, strip and pack `ebm` with its licences, completions and manual pages.
    Release(release::Release),
    /// Check formatting, lints and, if cargo-deny is installed, licences and advisories.
    Lint(Checked),
}

/// Arguments that are passed on.
#[derive(clap::Args)]
struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

#[derive(clap::Args)]
struct Man {
    /// Where the pages go [default: target/man].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Program that writes them; by default `ebm` is built from this workspace.
    #[arg(long)]
    ebm: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Checked {
    /// Backends to compile in besides flex, separated by commas.
    #[arg(long, default_value = "", hide_default_value = true)]
    features: String,
    /// Arguments of the test programs, such as part of a test's name.
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

fn main() -> ExitCode {
    let verb = std::env::args().nth(1).unwrap_or_default();
    let result = match Call::parse().verb {
        None => Call::command().print_help().map(|()| ExitCode::SUCCESS).map_err(|e| e.to_string()),
        Some(Verb::Test(Checked { features, arguments })) => checks::test(&features, &arguments),
        Some(Verb::Crash(asked)) => crash::crash(&asked),
        Some(Verb::Tour(asked)) => tour::tour(&asked),
        Some(Verb::Man(asked)) => man(asked),
        Some(Verb::Release(asked)) => release::release(&asked),
        Some(Verb::Lint(Checked { features, .. })) => checks::lint(&features),
        Some(Verb::Certificate(Passed { arguments })) => checks::certificate(arguments),
        // Not taken from clap, which would drop a `--`.
        Some(_) => program::run(&verb, std::env::args_os().skip(2).collect()),
    };
    result.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::from(2)
    })
}

/// Writes the manual pages.
fn man(Man { out, ebm }: Man) -> Result<ExitCode, String> {
    let out = out.unwrap_or_else(|| program::workspace().join("target").join("man"));
    let ebm = ebm.map_or_else(program::built, Ok)?;
    release::manual(&ebm, &out)?;
    println!("{}", out.display());
    Ok(ExitCode::SUCCESS)
}
