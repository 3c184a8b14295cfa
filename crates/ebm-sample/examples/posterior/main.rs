//! A kernel on posteriors of the reference folder, against their exact moments.
//!
//! `posterior NAME KERNEL [KEY=VALUE …]`: every posterior with NAME in its name, or `all`; KERNEL is hmc, mala or,
//! with the feature `nuts`, nuts; keys are chains, warm-up, draws, thinning, leapfrogs, acceptance, energy-bound,
//! seed, and factor, by which the log density is too large.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it found")]

#[path = "../certificate/moments.rs"]
mod moments;
#[path = "../posteriors/mod.rs"]
mod posteriors;

use std::process::ExitCode;
use std::time::Instant;

use moments::{Length, Method};
use posteriors::Reference;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, kernel, settings @ ..] = &arguments[..] else {
        eprintln!("error: expected a posterior or all, a kernel, and settings KEY=VALUE");
        return ExitCode::from(2);
    };
    let number = |key: &str| {
        let value = settings.iter().find_map(|setting| setting.strip_prefix(key)?.strip_prefix('='));
        value.map(|value| value.parse::<f64>().expect("a number"))
    };
    let count = |key: &str, default: usize| number(key).map_or(default, |number| number as usize);
    let method = match kernel.as_str() {
        "hmc" => Method::Hmc(count("leapfrogs", 10)),
        "mala" => Method::Mala,
        #[cfg(feature = "nuts")]
        "nuts" => number("energy-bound").map_or(Method::Nuts, Method::NutsWithin),
        _ => {
            eprintln!("error: kernel: expected hmc, mala or, with the feature nuts, nuts, found {kernel}");
            return ExitCode::from(2);
        }
    };
    let length = Length {
        n_chains: count("chains", 16),
        n_warm_up: count("warm-up", 1000),
        n_draws: count("draws", 1000),
        thinning: count("thinning", 1),
        acceptance: number("acceptance"),
    };
    let Some(reference) = Reference::find() else { return ExitCode::FAILURE };
    let (factor, seed) = (number("factor").unwrap_or(1.0), count("seed", 1) as u64);
    for posterior in posteriors::all(&reference) {
        if name == "all" || posterior.name().contains(name.as_str()) {
            let begin = Instant::now();
            let outcome = moments::run(&*posterior, &reference, method, length, factor, seed);
            let verdict = if outcome.holds() { "holds" } else { "does not hold" };
            let seconds = begin.elapsed().as_secs_f64();
            println!("{:40} {verdict} in {seconds:.1} s: {outcome:?}", posterior.name());
        }
    }
    ExitCode::SUCCESS
}
