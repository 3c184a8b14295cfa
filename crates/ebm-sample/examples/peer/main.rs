//! Our half of `compare.py`: chains as they are asked for, a line of JSON at a time, and effective samples
//! counted for both sides.
#![allow(clippy::print_stdout, reason = "an example prints")]

mod logistic;

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::{Gaussian, Potential};
use ebm_ops::Noise;
use ebm_sample::diagnostics::ess_bulk;
use ebm_sample::slices::{SliceChains, SliceKernel};
use ebm_sample::{Evaluated, Hmc, Kernel, Mala, MetropolisInfo};
use logistic::Logistic;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// As the program `ebm` has it: glibc's gives every large block back to the kernel, and takes it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Question {
    /// Get ready for a case.
    Prepare(Case),
    /// Draw a block of so many.
    Draw(usize),
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

#[derive(Clone, Deserialize)]
struct Case {
    law: String,
    kernel: String,
    chains: usize,
    dim: usize,
    warm: usize,
    step_size: f64,
    leapfrog: usize,
    start: PathBuf,
    rows: Option<PathBuf>,
}

#[derive(Default, Serialize)]
struct Answer {
    seconds: f64,
    acceptance: f64,
    ess: f64,
}

/// Draws a block: the numbers of each draw, `[chain, dim]`, and the mean acceptance.
type Block = Box<dyn FnMut(usize) -> (Vec<TensorData>, f64)>;

fn main() {
    ebm_ops::join_threads();
    let (mut block, mut case): (Option<Block>, Option<Case>) = (None, None);
    for line in std::io::stdin().lock().lines() {
        let Line { question, shape } = serde_json::from_str(&line.expect("a line")).expect("a question");
        let answer = match question {
            Question::Prepare(new) => {
                let mut prepared = prepare(&new);
                prepared(new.warm);
                (block, case) = (Some(prepared), Some(new));
                Answer::default()
            }
            Question::Draw(draws) => {
                let (block, case) = (block.as_mut().expect("a case"), case.as_ref().expect("a case"));
                let began = Instant::now();
                let (values, acceptance) = block(draws);
                let seconds = began.elapsed().as_secs_f64();
                Answer {
                    seconds,
                    acceptance,
                    ess: least_ess(&together(&values), [draws, case.chains, case.dim]),
                }
            }
            Question::Count(path) => Answer { ess: least_ess(&numbers(&path), shape), ..Answer::default() },
        };
        println!("{}", serde_json::to_string(&answer).expect("an answer"));
    }
}

fn prepare(case: &Case) -> Block {
    match (case.law.as_str(), case.kernel.as_str()) {
        ("gaussian", "mala") => on_tensors(gaussian(case.dim), mala(case), case),
        ("gaussian", "hmc") => on_tensors(gaussian(case.dim), hmc(case), case),
        ("german", "mala") => on_tensors(german(case), mala(case), case),
        ("german", "hmc") => on_tensors(german(case), hmc(case), case),
        ("banana", "mala") => on_slices(mala(case), case),
        ("banana", "hmc") => on_slices(hmc(case), case),
        (law, kernel) => panic!("no case of {law} and {kernel}"),
    }
}

fn mala(case: &Case) -> Mala {
    Mala::new(case.step_size).expect("a step size")
}

fn hmc(case: &Case) -> Hmc {
    Hmc::new(case.step_size, case.leapfrog).expect("a step size").with_fixed_length()
}

/// The covariance is 0.5 to the distance of the coordinates.
fn gaussian(dim: usize) -> Gaussian {
    let row = |i: usize| (0..dim).map(|j| 0.5f64.powi(i.abs_diff(j) as i32)).collect();
    Gaussian::new(vec![0.0; dim], &(0..dim).map(row).collect::<Vec<_>>()).expect("a covariance")
}

fn german(case: &Case) -> Logistic {
    let rows = numbers(case.rows.as_ref().expect("the rows"));
    let n = rows.len() / case.dim;
    Logistic::new(Tensor::from_data(TensorData::new(rows, [n, case.dim]), &Device::flex()))
}

fn on_tensors<M, K>(model: M, kernel: K, case: &Case) -> Block
where
    M: Potential + 'static,
    K: Kernel<M, Memo = Evaluated, Info = MetropolisInfo> + 'static,
{
    let start = TensorData::new(numbers(&case.start), [case.chains, case.dim]);
    let mut state = Some(kernel.init(&model, Tensor::from_data(start, &Device::flex())));
    let mut noise = Noise::seeded(1);
    Box::new(move |draws| {
        let (mut positions, mut acceptances) = (Vec::with_capacity(draws), Vec::with_capacity(draws));
        for _ in 0..draws {
            let (next, info) = kernel.step(&model, state.take().expect("a state"), &mut noise);
            positions.push(next.position.clone());
            acceptances.push(info.acceptance);
            state = Some(next);
        }
        let values = positions.into_iter().map(|position: Tensor<2>| position.into_data()).collect();
        (values, f64::from(Tensor::cat(acceptances, 0).mean().into_scalar::<f32>()))
    })
}

fn on_slices<K: SliceKernel + 'static>(kernel: K, case: &Case) -> Block {
    let banana = |x: &[f64], gradient: &mut [f64]| {
        let off = x[1] - 0.03 * (x[0] * x[0] - 100.0);
        gradient[0] = 0.06 * x[0] * off - x[0] / 100.0;
        gradient[1] = -off;
        -0.5 * (x[0] * x[0] / 100.0 + off * off)
    };
    let start = numbers(&case.start)
        .chunks(case.dim)
        .map(|row| row.iter().map(|&x| f64::from(x)).collect())
        .collect();
    let dim = case.dim;
    let mut chains = SliceChains::start(banana, kernel, start, Noise::seeded(1));
    Box::new(move |draws| {
        let (mut values, mut acceptance) = (Vec::with_capacity(draws), 0.0);
        for draw in chains.by_ref().take(draws) {
            values.extend(draw.positions.iter().flatten().map(|&x| x as f32));
            acceptance +=
                draw.steps.iter().map(|step| step.acceptance).sum::<f64>() / draw.steps.len() as f64;
        }
        (vec![TensorData::new(values, [draws, chains.points().len() * dim])], acceptance / draws as f64)
    })
}

/// The numbers of all draws, `[draw, chain, dim]`.
fn together(values: &[TensorData]) -> Vec<f32> {
    values.iter().flat_map(|draw| draw.as_slice::<f32>().expect("single precision")).copied().collect()
}

/// The smallest effective sample size of all coordinates' bulks.
fn least_ess(values: &[f32], [draws, chains, dim]: [usize; 3]) -> f64 {
    let chain =
        |c: usize, i: usize| (0..draws).map(|d| f64::from(values[(d * chains + c) * dim + i])).collect();
    let of = |i: usize| ess_bulk(&(0..chains).map(|c| chain(c, i)).collect::<Vec<_>>());
    (0..dim).into_par_iter().map(of).reduce(|| f64::INFINITY, f64::min)
}

/// The numbers of single precision that a file is made of.
fn numbers(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect()
}
