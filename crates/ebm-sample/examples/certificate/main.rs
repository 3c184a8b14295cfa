//! The certificate of the samplers: every figure against an exact answer, from one seed, as a table.
//!
//! `certificate [--quick] [--seed N] [--keep FOLDER] [--out FILE]`; `cargo xtask certificate` writes it to the
//! documentation. With `--keep` the rows of posteriors, which take most of the time, are kept in a folder, and a call
//! that was stopped goes on from them.
//! The exit code is 0 if every row holds that is not known to be hard, else 1.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it found")]

mod diagnostics;
mod divergence;
mod invariance;
mod kept;
mod langevin;
mod microcanonical;
mod moments;
#[path = "../posteriors/mod.rs"]
mod posteriors;
mod report;
mod resonance;
mod trials;
mod tuned;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use ebm_ops::Noise;
use kept::Kept;
use posteriors::Reference;
use report::{Row, Section};

/// The seed of the table in the documentation.
const SEED: u64 = 20_260_601;

/// What was asked for.
struct Call {
    quick: bool,
    seed: u64,
    keep: Option<PathBuf>,
    out: Option<PathBuf>,
}

impl Call {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut call = Self { quick: false, seed: SEED, keep: None, out: None };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => call.quick = true,
                "--seed" => {
                    let text = value()?;
                    call.seed =
                        text.parse().map_err(|_| format!("--seed: expected a number, found {text}"))?;
                }
                "--keep" => call.keep = Some(value()?.into()),
                "--out" => call.out = Some(value()?.into()),
                _ => {
                    return Err(format!(
                        "unknown argument {argument:?}; known are --quick, --seed, --keep, --out"
                    ));
                }
            }
        }
        Ok(call)
    }
}

fn main() -> ExitCode {
    let call = match Call::read(std::env::args().skip(1)) {
        Ok(call) => call,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let kept = match call.keep.clone().map(Kept::open).transpose() {
        Ok(kept) => kept,
        Err(error) => {
            eprintln!("error: --keep: {error}");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    let sections = sections(&call, kept.as_ref());
    let n_rows = sections.iter().map(|section| section.rows.len()).sum::<usize>();
    let failing: usize = sections.iter().map(|section| section.failing().len()).sum();
    let hard = sections.iter().flat_map(|section| &section.rows);
    let n_hard = hard.filter(|row| row.verdict == report::Verdict::KnownHard).count();
    println!("{n_rows} rows: {failing} fail, {n_hard} are known to be hard");
    eprintln!("{:.0} s", begin.elapsed().as_secs_f64());
    if let Some(path) = &call.out {
        let text = document(&call, &sections);
        if let Err(error) = std::fs::write(path, text) {
            eprintln!("error: could not write {}: {error}", path.display());
            return ExitCode::from(1);
        }
    }
    ExitCode::from(u8::from(0 < failing))
}

/// Every section, printed when it is done.
fn sections(call: &Call, kept: Option<&Kept>) -> Vec<Section> {
    let noise = Noise::seeded(call.seed);
    // fewer draws would not see the control, a target 1.1 times too steep
    let (n_draws, n_chains) = (400_000, if call.quick { 5_000 } else { 20_000 });
    let mut sections = Vec::new();
    let mut done = |section: Section| {
        println!("{}", section.markdown());
        sections.push(section);
    };
    done(invariance::section(n_draws, &noise.derive("invariance")));
    done(langevin::laws(n_chains, &noise.derive("laws")));
    done(microcanonical::section(n_chains / 10, &noise.derive("microcanonical")));
    done(langevin::identities(n_draws, &noise.derive("identities")));
    done(divergence::section(&noise.derive("divergence")));
    done(resonance::section(if call.quick { 2 } else { usize::MAX }, &noise.derive("resonance")));
    done(tuned::section(if call.quick { 2 } else { 1 }, &noise.derive("tuned")));
    match Reference::find() {
        Some(reference) => {
            done(diagnostics::section(&reference));
            done(trials::densities(&reference));
            let begin = Instant::now();
            let show =
                |row: &Row| eprintln!("{:4.0} s  {}", begin.elapsed().as_secs_f64(), row.cells.join("  "));
            done(trials::section(&reference, call.seed, call.quick, kept, show));
        }
        None => println!("{MISSING}\n"),
    }
    sections
}

/// What is said where there is no reference.
const MISSING: &str = "Diagnostics and posteriors are left out: the reference folder is not here.";

/// The whole as a page of the documentation.
fn document(call: &Call, sections: &[Section]) -> String {
    let quick = if call.quick { " --quick" } else { "" };
    let mut text = format!(
        "# The certificate of the samplers\n\nEvery figure here is against an exact answer. The page is written by \
         `cargo xtask certificate{quick}` from the seed {}; it fails if a row does not hold that is not known to be \
         hard.\n",
        call.seed
    );
    for section in sections {
        text.push('\n');
        text.push_str(&section.markdown());
    }
    if Reference::find().is_none() {
        text.push_str(&format!("\n{MISSING}\n"));
    }
    text
}
