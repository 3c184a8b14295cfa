//! Memory and time of a step against the number of shards, and the time that ranks take to exchange their gradients.
//!
//! `cargo run --release -p ebm-train --example shards [ROWS]` trains the reference network for 28×28 images on batches of
//! up to ROWS rows (4,096), in one piece and in shards of 64 rows, and prints how far a step raises the peak of the
//! resident memory, and how long it takes a row. Then 2, 4 and 8 threads exchange gradients of that size as ranks do.
//! Linux only: it reads `/proc/self/status`.
#![expect(clippy::print_stdout, reason = "a program's answer")]

use std::error::Error;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor};
use ebm_model::{Architecture, Capabilities, Init, Network, NetworkConfig, PreconditionedConfig, UNetConfig};
use ebm_ops::Noise;
use ebm_train::{
    Batch, DenoisingScoreMatching, LocalRanks, Memory, NoiseLaw, Objective, Outcome, Ranks, TrainSettings,
    TrainState, Trainer, Weighting,
};

/// The allocator of the program `ebm`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of a shard.
const SHARD: usize = 64;
/// Pixels of an image.
const DIM: usize = 28 * 28;
/// Numbers of the reference network.
const NUMBERS: usize = 390_980;

/// Denoising of a network by name.
struct Denoising(DenoisingScoreMatching);

impl Objective<Network> for Denoising {
    fn loss(&self, model: &Network, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        let model = model.as_noisy_score().expect("the reference network is conditioned on the noise level");
        self.0.loss(&model, batch, memory, noise)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    ebm_ops::join_threads();
    let most = std::env::args().nth(1).map_or(Ok(4096), |rows| rows.parse::<usize>())?;
    println!("rows  shards  MB above the network  ms a row");
    let mut rows = SHARD;
    while rows <= most {
        step(rows, rows / SHARD)?;
        if SHARD < rows && rows <= 1024 {
            step(rows, 1)?;
        }
        rows *= 4;
    }
    for n in [2, 4, 8] {
        println!("{n} threads exchange {NUMBERS} numbers in {:.2} ms", exchange(n) * 1e3);
    }
    Ok(())
}

/// Prints what a step on `rows` rows in `shards` parts takes.
fn step(rows: usize, shards: usize) -> Result<(), Box<dyn Error>> {
    let (device, noise) = (Device::flex(), Noise::seeded(1));
    let network = PreconditionedConfig {
        sigma_data: 0.5,
        bounds: None,
        preconditioning: None,
        network: UNetConfig::reference(),
    };
    let network = Architecture::Unet(network).build(&Init::new(noise.derive("init"), &device))?;
    let law = NoiseLaw::LogNormal { mean: -1.2, deviation: 1.2 };
    let objective = Denoising(DenoisingScoreMatching::new(law, Weighting::Edm { sigma_data: 0.5 })?);
    let settings = TrainSettings { shards, ..TrainSettings::default() };
    let mut trainer = Trainer::new(TrainState::new(network, noise.derive("objective")), objective, settings)?;
    let data: Tensor<2> = noise.derive("data").normal([rows, DIM], &device) * 0.5;
    // A small step first: threads start, and the network's own memory is taken.
    trainer.step(data.clone().narrow(0, 0, shards.max(8)))?;
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = peak()?;
    let began = Instant::now();
    trainer.step(data)?;
    let (seconds, raised) = (began.elapsed().as_secs_f64(), peak()?.saturating_sub(before));
    println!("{rows:4}  {shards:6}  {:20.1}  {:8.3}", raised as f64 / 1e6, 1e3 * seconds / rows as f64);
    Ok(())
}

/// The largest resident memory so far, in bytes.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(1024 * line.split_whitespace().next().ok_or("VmHWM has no value")?.parse::<u64>()?)
}

/// The median time, in seconds, in which `n` threads send each other their segments, sum them, and gather the sums.
fn exchange(n: usize) -> f64 {
    let work = |ranks: LocalRanks| {
        let mut times = Vec::new();
        for _ in 0..20 {
            let began = Instant::now();
            let parts = (0..n).map(|_| vec![0u8; 4 * NUMBERS / n]).collect();
            let received = ranks.exchange(parts).unwrap_or_default();
            ranks.gather(&received[0]).unwrap_or_default();
            times.push(began.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    std::thread::scope(|scope| {
        let all = LocalRanks::new(n, Duration::from_secs(60)).into_iter();
        let threads: Vec<_> = all.map(|ranks| scope.spawn(move || work(ranks))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(f64::NAN)).fold(0.0, f64::max)
    })
}
