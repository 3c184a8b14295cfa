//! The program `ebm`: it trains energy-based models, draws from them, and says what is in their files.
//!
//! Its way through the workspace is one line: data → train → model → sample.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "talking to a person is what it is for")]
#![recursion_limit = "256"]

#[macro_use]
mod tell;

mod agreement;
mod arguments;
mod backend;
mod bench;
mod bounds;
mod config;
mod energy;
mod eval;
mod fetch;
mod inspect;
mod instructions;
mod landscape;
mod lock;
mod model_file;
#[cfg(test)]
mod mutations;
mod objective;
mod output;
mod presets;
mod rows;
mod run_folder;
mod sample;
mod sampler;
mod target;
mod train;
mod usage;

use std::io::Write;

use anyhow::Result;
use clap::Parser;

use crate::arguments::{Arguments, Verb};
use crate::usage::Usage;

/// Tensors come and go by the megabyte, and the system's allocator gives each back to the kernel: every
/// operation then pays for its pages anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ! {
    let arguments = Arguments::parse();
    #[cfg(feature = "flex")]
    ebm_ops::join_threads();
    let result = instructions::instructions()
        .and_then(|most| ebm_ops::simd::with_instructions(most, || run(arguments)));
    let code = result.unwrap_or_else(|error| {
        say(&format!("error: {error:#}"));
        if error.chain().any(|cause| cause.is::<Usage>()) { 2 } else { 1 }
    });
    // A failure to flush has nobody left to be told.
    let _ = std::io::stdout().flush();
    // At once: a software Vulkan driver's exit handlers crash on its own threads if those are still at work.
    signal_hook::low_level::exit(code.into())
}

fn run(arguments: Arguments) -> Result<u8> {
    match arguments.verb {
        Verb::Train(arguments) if arguments.list => {
            presets::list().for_each(|(name, what)| tell!("{name:16} {what}"));
            Ok(0)
        }
        Verb::Train(arguments) => {
            let backend = arguments.backend;
            train::train(&arguments.request()?, backend)
        }
        Verb::Sample(arguments) => arguments.run().map(|()| 0),
        Verb::Fetch { fetch, json } => {
            let fetched = fetch.run()?;
            if json {
                let line = serde_json::json!({"event": "done", "folder": fetched.folder, "new": fetched.new, "kept": fetched.kept});
                tell!("{line}");
            } else {
                tell!("{fetched}");
            }
            Ok(0)
        }
        Verb::Eval(arguments) => arguments.run().map(|()| 0),
        Verb::Energy(arguments) => arguments.run().map(|()| 0),
        Verb::Inspect { path, json } => inspect::inspect(&path, json).map(|()| 0),
        Verb::Bench(arguments) => arguments.run().map(|()| 0),
    }
}

/// A line for the person who waits, beside standard output's results.
///
/// A standard error that cannot be written to is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
