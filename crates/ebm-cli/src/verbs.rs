//! The verbs of the program, each with its arguments.

mod apart;
mod bench;
mod class_flags;
mod completions;
mod decode;
mod encode;
mod energy;
mod eval;
mod export;
mod fetch;
mod import;
mod inspect;
mod interpolate;
mod man;
mod merge;
mod out_folder;
mod part;
mod reading;
mod report;
mod restore;
mod sample;
mod train;
mod unread;
pub mod welcome;

use anyhow::Result;
use clap::{Command, Subcommand};

use crate::terminal::interrupt::stoppable;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Train a network on a dataset; without a preset, on digits that the program draws itself.
    Train(train::Train),
    /// Draw samples from a trained network, or from a closed-form energy.
    Sample(sample::Sample),
    /// Put the parts of samples or chains together that `ebm sample --part` drew.
    Merge(merge::Merge),
    /// Measure how good a model's samples are, and how likely it finds data that it was not trained on.
    Eval(eval::Eval),
    /// Write the energy of every row of a table (counted from 0), or of every picture of a folder, as CSV, the highest first.
    Energy(energy::Energy),
    /// Restore pictures by a trained network: fill in what is missing, take noise or blur off, enlarge, colour.
    Restore(restore::Restore),
    /// Go from one picture or row to another through the noise that a trained network makes them of.
    Interpolate(interpolate::Interpolate),
    /// Write the noise that a trained network makes pictures or rows of, and how well it leads back to them.
    Encode(encode::Encode),
    /// Make pictures or rows of the noise that `ebm encode` wrote.
    Decode(decode::Decode),
    /// Download a dataset, or take it from a folder, and verify it.
    Fetch(fetch::Fetch),
    /// Say what is in a run's folder or a model file.
    Inspect(inspect::Inspect),
    /// Make the page of a run anew, report.html, or a page of several runs side by side.
    Report(report::Report),
    /// Make a model of another program's checkpoint of PyTorch.
    Import(import::Import),
    /// Write a network as a module for PyTorch, with its weights.
    Export(export::Export),
    /// Measure how fast the reference network trains and scores.
    Bench(bench::Bench),
    /// Print a script that completes commands in a shell.
    Completions(completions::Completions),
    /// Write the manual pages to a folder.
    Man(man::Man),
}

impl Verb {
    /// Does it; the program's exit code. `described` is the description of the whole command line.
    ///
    /// # Errors
    /// A line for the person who typed the command.
    pub fn run(self, described: fn() -> Command) -> Result<u8> {
        match self {
            // What goes on where it was stopped says so itself.
            Self::Train(train) => return train.run(),
            Self::Sample(sample) => return sample.run(),
            Self::Merge(merge) => stoppable("merge", || merge.run()),
            Self::Eval(eval) => stoppable("eval", || eval.run()),
            Self::Energy(energy) => stoppable("energy", || energy.run()),
            Self::Restore(restore) => stoppable("restore", || restore.run()),
            Self::Interpolate(interpolate) => stoppable("interpolate", || interpolate.run()),
            Self::Encode(encode) => stoppable("encode", || encode.run()),
            Self::Decode(decode) => stoppable("decode", || decode.run()),
            Self::Fetch(fetch) => stoppable("fetch", || fetch.run()),
            Self::Inspect(inspect) => stoppable("inspect", || inspect.run()),
            Self::Report(report) => stoppable("report", || report.run()),
            Self::Import(import) => stoppable("import", || import.run()),
            Self::Export(export) => stoppable("export", || export.run()),
            Self::Bench(bench) => stoppable("bench", || bench.run()),
            Self::Completions(completions) => completions.run(described()),
            Self::Man(man) => man.run(described()),
        }?;
        Ok(0)
    }
}
