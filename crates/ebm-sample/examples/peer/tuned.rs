//! Our half of `compare_tuned.py`: kernels with their own tuning, a line of JSON at a time, and effective samples counted for
//! both sides.
#![allow(clippy::print_stdout, reason = "an example prints")]

mod logistic;

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::{Gaussian, Potential};
use ebm_ops::Noise;
use ebm_sample::diagnostics::ess_bulk;
use ebm_sample::{AnySampler, Density, Sampler};
use logistic::Logistic;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// As the program `ebm` has it: glibc's gives every large block back to the kernel, and takes it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Question {
    /// Warm up and draw a block.
    Run(Case),
    /// Count the effective samples of draws in a file, `[draw, chain, dim]`.
    Count(PathBuf),
}

#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    question: Question,
    #[serde(default)]
    shape: [usize; 3],
}

#[derive(Deserialize)]
struct Case {
    /// The sampler as in a configuration.
    sampler: Sampler,
    /// `logistic`, or a normal law whose covariance, `[dim, dim]`, is in the file.
    law: String,
    file: PathBuf,
    chains: usize,
    dim: usize,
    warm: usize,
    draws: usize,
    thin: usize,
    seed: u64,
}

#[derive(Default, Serialize)]
struct Answer {
    /// Of the draws, without the warm-up.
    seconds: f64,
    warm_seconds: f64,
    /// The smallest of all coordinates, of x and of x².
    ess: f64,
    ess_of_squares: f64,
    /// Evaluations of the score in the draws, of all chains, and the tuned numbers.
    evaluations: f64,
    step_size: f64,
    trajectory: f64,
}

fn main() {
    ebm_ops::join_threads();
    for line in std::io::stdin().lock().lines() {
        let Line { question, shape } = serde_json::from_str(&line.expect("a line")).expect("a question");
        let answer = match question {
            Question::Run(case) => {
                let numbers = numbers(&case.file);
                match case.law.as_str() {
                    "logistic" => {
                        let rows = TensorData::new(numbers.clone(), [numbers.len() / case.dim, case.dim]);
                        run(&Logistic::new(Tensor::from_data(rows, &Device::flex())), &case)
                    }
                    _ => {
                        let rows =
                            numbers.chunks(case.dim).map(|row| row.iter().map(|&x| f64::from(x)).collect());
                        let rows: Vec<Vec<f64>> = rows.collect();
                        run(&Gaussian::new(vec![0.0; case.dim], &rows).expect("a covariance"), &case)
                    }
                }
            }
            Question::Count(path) => {
                let [ess, ess_of_squares] = least_ess(&numbers(&path), shape);
                Answer { ess, ess_of_squares, ..Answer::default() }
            }
        };
        println!("{}", serde_json::to_string(&answer).expect("an answer"));
    }
}

/// Warms up from N(0, I), draws a block untimed and one that counts.
fn run(model: &impl Potential, case: &Case) -> Answer {
    let AnySampler::Kernel(kernel) = case.sampler.build().expect("a sampler") else { panic!("chains") };
    let density = Density::of_energy(model);
    let mut noise = Noise::seeded(case.seed);
    let start = noise.derive("start").normal([case.chains, case.dim], &Device::flex());
    let began = Instant::now();
    let warm = kernel.warm_up(density, case.warm, start, &mut noise).expect("a warm-up");
    let warm_seconds = began.elapsed().as_secs_f64();
    let step_size = warm.kernel.step_size();
    let trajectory = warm.kernel.trajectory().unwrap_or(step_size);
    let mut chain = warm.kernel.resume(density, warm.state, noise).expect("the model of the warm-up");
    chain.by_ref().take(case.draws.min(200)).for_each(drop);
    let began = Instant::now();
    let kept = chain.by_ref().step_by(case.thin).take(case.draws);
    let draws: Vec<TensorData> = kept.map(|draw| draw.position.into_data()).collect();
    let seconds = began.elapsed().as_secs_f64();
    let values: Vec<f32> =
        draws.iter().flat_map(|draw| draw.as_slice::<f32>().expect("f32")).copied().collect();
    let [ess, ess_of_squares] = least_ess(&values, [case.draws, case.chains, case.dim]);
    let steps = (case.draws * case.thin * case.chains) as f64;
    let evaluations = steps * mean_evaluations(&case.sampler, step_size, trajectory);
    Answer { seconds, warm_seconds, ess, ess_of_squares, evaluations, step_size, trajectory }
}

/// Evaluations of the score in a step on average, whose trajectories are as long as any from one step to the longest.
fn mean_evaluations(sampler: &Sampler, step_size: f64, trajectory: f64) -> f64 {
    let most = (trajectory / step_size).ceil().max(1.0);
    match sampler {
        Sampler::Mclmc(settings) => settings.integrator.evaluations() as f64,
        Sampler::Mamclmc(settings) => 0.5 * (1.0 + most) * settings.integrator.evaluations() as f64,
        _ => 0.5 * (1.0 + most),
    }
}

/// The smallest effective sample size of all coordinates' bulks, and of their squares.
fn least_ess(values: &[f32], [draws, chains, dim]: [usize; 3]) -> [f64; 2] {
    let of = |i: usize, function: fn(f64) -> f64| {
        let chain =
            |c: usize| (0..draws).map(|d| function(f64::from(values[(d * chains + c) * dim + i]))).collect();
        ess_bulk(&(0..chains).map(chain).collect::<Vec<_>>())
    };
    let least = |function: fn(f64) -> f64| {
        (0..dim).into_par_iter().map(|i| of(i, function)).reduce(|| f64::INFINITY, f64::min)
    };
    [least(|x| x), least(|x| x * x)]
}

/// The numbers of single precision that a file is made of.
fn numbers(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect()
}
