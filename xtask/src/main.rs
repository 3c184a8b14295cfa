//! The workspace's own commands: `cargo xtask train …` builds `ebm` in release and runs it; also test, lint and
//! the samplers' certificate.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod checks;
mod crash;
mod faults;
mod features;
mod program;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// The workspace's own commands.
///
/// The verbs of the program build `ebm` in release with the backend asked for and run it; everything after the verb
/// is passed on, and its exit code comes back. `--backend wgpu` anywhere after the verb, or `--features wgpu`, which
/// also makes it the default device, compiles that backend in. Backends: flex (always in), ndarray, wgpu, cuda.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Call {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Train a score network.
    #[command(disable_help_flag = true)]
    Train(Passed),
    /// Draw samples from a run, or from a closed-form energy.
    #[command(disable_help_flag = true)]
    Sample(Passed),
    /// Measure a model's samples and likelihoods.
    #[command(disable_help_flag = true)]
    Eval(Passed),
    /// The energy of every row of a table, or of every picture.
    #[command(disable_help_flag = true)]
    Energy(Passed),
    /// Bring the files of a dataset.
    #[command(disable_help_flag = true)]
    Fetch(Passed),
    /// Say what is in a run or a file.
    #[command(disable_help_flag = true)]
    Inspect(Passed),
    /// Measure the speed of training and scoring.
    #[command(disable_help_flag = true)]
    Bench(Passed),
    /// Run the tests of the workspace.
    Test(Checked),
    /// Measure every sampler against exact answers and write the table to docs/certificate.md.
    ///
    /// Builds with the feature `nuts`, which compiles Burn a second time. `--quick` measures less and writes nothing;
    /// `--seed N` takes other random numbers, `--out FILE` another file.
    #[command(disable_help_flag = true)]
    Certificate(Passed),
    /// Kill training at random instants, or let its writes fail, and see that nothing is lost.
    Crash(crash::Crash),
    /// Check format, lints and, with cargo-deny, licences and advisories.
    Lint(Checked),
}

/// Arguments that belong to the program.
#[derive(clap::Args)]
struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

#[derive(clap::Args)]
struct Checked {
    /// Backends to compile in besides flex, separated by commas.
    #[arg(long, default_value = "", hide_default_value = true)]
    features: String,
    /// What the test programs get, a part of a test's name for instance.
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

fn main() -> ExitCode {
    let verb = std::env::args().nth(1).unwrap_or_default();
    let result = match Call::parse().verb {
        None => Call::command().print_help().map(|()| ExitCode::SUCCESS).map_err(|e| e.to_string()),
        Some(Verb::Test(Checked { features, arguments })) => checks::test(&features, &arguments),
        Some(Verb::Crash(asked)) => crash::crash(&asked),
        Some(Verb::Lint(Checked { features, .. })) => checks::lint(&features),
        Some(Verb::Certificate(Passed { arguments })) => checks::certificate(arguments),
        // Taken as they came: clap would swallow a `--`.
        Some(_) => program::run(&verb, std::env::args_os().skip(2).collect()),
    };
    result.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::from(2)
    })
}
