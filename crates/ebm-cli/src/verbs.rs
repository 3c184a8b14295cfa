//! The verbs of the program, each with its arguments.

mod bench;
mod energy;
mod eval;
mod export;
mod fetch;
mod import;
mod inspect;
mod interpolate;
mod reading;
mod restore;
mod sample;
mod train;

use anyhow::Result;
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Train a network on a dataset; without a preset, on digits that the program draws itself.
    Train(train::Train),
    /// Draw samples from a trained network, or from a closed-form energy.
    Sample(sample::Sample),
    /// Measure how good a model's samples are, and how likely it finds data that it was not trained on.
    Eval(eval::Eval),
    /// Write the energy of every row of a table (counted from 0), or of every picture of a folder, as CSV, the highest first.
    Energy(energy::Energy),
    /// Restore pictures by a trained network: fill in what is missing, take noise or blur off, enlarge, colour.
    Restore(restore::Restore),
    /// Go from one picture or row to another through the noise that a trained network makes them of.
    Interpolate(interpolate::Interpolate),
    /// Download a dataset, or take it from a folder, and verify it.
    Fetch(fetch::Fetch),
    /// Say what is in a run's folder or a model file.
    Inspect(inspect::Inspect),
    /// Make a model of another program's checkpoint of PyTorch.
    Import(import::Import),
    /// Write a network as a module for PyTorch, with its weights.
    Export(export::Export),
    /// Measure how fast the reference network trains and scores.
    Bench(bench::Bench),
}

impl Verb {
    /// Does it; the program's exit code.
    ///
    /// # Errors
    /// A line for the person who typed the command.
    pub fn run(self) -> Result<u8> {
        match self {
            Self::Train(train) => return train.run(),
            Self::Sample(sample) => sample.run(),
            Self::Eval(eval) => eval.run(),
            Self::Energy(energy) => energy.run(),
            Self::Restore(restore) => restore.run(),
            Self::Interpolate(interpolate) => interpolate.run(),
            Self::Fetch(fetch) => fetch.run(),
            Self::Inspect(inspect) => inspect.run(),
            Self::Import(import) => import.run(),
            Self::Export(export) => export.run(),
            Self::Bench(bench) => bench.run(),
        }?;
        Ok(0)
    }
}
