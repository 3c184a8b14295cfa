//! The program `ebm`: it trains energy-based models, draws from them, and measures them.
//!
//! [`verbs`] has a file for each verb, its arguments first; [`terminal`] is what a person sees and types.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program talks to a person")]
#![recursion_limit = "256"]

#[macro_use]
mod terminal;
mod verbs;

use std::io::Write;

use clap::{CommandFactory, FromArgMatches, Parser};

/// Tensors come and go by the megabyte, and the system's allocator gives each back to the kernel: every
/// operation would then fault its pages in anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Energy-based models: train them, draw from them.
#[derive(Debug, Parser)]
#[command(name = "ebm", version, about, propagate_version = true)]
struct Arguments {
    /// What to do.
    #[command(subcommand)]
    verb: Option<verbs::Verb>,
}

fn main() -> ! {
    let code = terminal::bug::or_a_line(code).unwrap_or_else(|code| code);
    // A failure to flush has nobody left to be told.
    let _ = std::io::stdout().flush();
    // At once: a software Vulkan driver's exit handlers crash on its own threads if those are still at work.
    signal_hook::low_level::exit(code.into())
}

/// Does what is asked for; the exit code.
fn code() -> u8 {
    let mut matches = terminal::program::described(Arguments::command()).get_matches();
    let arguments = Arguments::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.exit());
    ebm_files::on_warning(|line| terminal::say(&format!("warning: {line}")));
    #[cfg(feature = "flex")]
    ebm_ops::join_threads();
    let Some(verb) = arguments.verb else {
        verbs::welcome::print();
        return 0;
    };
    let result = terminal::instructions::instructions()
        .and_then(|most| ebm_ops::simd::with_instructions(most, || verb.run(Arguments::command)));
    result.unwrap_or_else(|error| {
        terminal::say(&format!("error: {error:#}"));
        terminal::usage::exit_code(&error)
    })
}
