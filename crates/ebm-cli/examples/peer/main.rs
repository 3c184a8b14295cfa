//! Our half of the comparison with PyTorch: it answers how long one operation takes here.
//!
//! A line of standard input is a [`Question`] in JSON, a line of standard output the median seconds of a call.
//! `compare.py` beside this file asks, and measures its own half between the questions.
//! The argument `avx2` or `scalar` limits our kernels to these instructions.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]
#![recursion_limit = "256"]

mod mlp;
mod operations;

use std::collections::HashMap;
use std::io::BufRead;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use ebm_ops::simd::{Instructions, with_instructions};
use serde::Deserialize;

use operations::Operation;

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls of a block at least.
const CALLS: usize = 3;

/// What to run, and for how long.
#[derive(Debug, Deserialize)]
struct Question {
    operation: serde_json::Value,
    seconds: f64,
}

fn main() -> Result<()> {
    let most = match std::env::args().nth(1).as_deref() {
        None => Instructions::Widest,
        Some("avx2") => Instructions::Avx2,
        Some("scalar") => Instructions::Scalar,
        Some(other) => bail!("{other}: expected avx2, scalar, or nothing"),
    };
    // as the program itself begins
    ebm_ops::join_threads();
    with_instructions(most, answer)
}

/// Answers until standard input ends; what an operation needs is made once.
fn answer() -> Result<()> {
    let mut ready = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let question: Question = serde_json::from_str(&line).with_context(|| line.clone())?;
        let key = question.operation.to_string();
        if !ready.contains_key(&key) {
            let operation: Operation = serde_json::from_value(question.operation).context(line)?;
            ready.insert(key.clone(), operation.prepare()?);
        }
        let run = ready.get_mut(&key).expect("it was put there");
        println!("{:e}", block(run, question.seconds));
    }
    Ok(())
}

/// The median time of a call, of calls that fill `seconds`.
fn block(run: &mut dyn FnMut(), seconds: f64) -> f64 {
    let (mut times, began) = (Vec::new(), Instant::now());
    while times.len() < CALLS || began.elapsed().as_secs_f64() < seconds {
        let call = Instant::now();
        run();
        times.push(call.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
