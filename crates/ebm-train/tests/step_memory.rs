//! The memory of a step falls with the number of shards.
//!
//! A program of its own: what is measured is the peak of the whole process. Linux only.

mod common;

use std::fs;

use burn::tensor::Tensor;
use common::{device, objective, settings, unet};
use ebm_ops::Noise;
use ebm_train::{TrainSettings, TrainState, Trainer};

/// The largest resident memory since [`forget_peak`], in bytes, if the system tells.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.split_whitespace().next()?.parse::<u64>().ok()?)
}

fn forget_peak() -> Option<()> {
    fs::write("/proc/self/clear_refs", "5").ok()
}

/// How far a step on `rows` rows in `shards` parts raises the memory above that of the batch.
fn of_step(rows: usize, shards: usize) -> Option<u64> {
    let batch: Tensor<2> = Noise::seeded(1).normal([rows, 64], &device());
    let settings = TrainSettings { shards, ..settings(1) };
    let state = TrainState::new(unet(&device()), Noise::seeded(2));
    let mut run = Trainer::new(state, objective(), settings).unwrap();
    forget_peak()?;
    let before = peak()?;
    run.step(batch).unwrap();
    Some(peak()?.saturating_sub(before))
}

#[test]
fn a_large_batch_in_shards_takes_the_memory_of_a_small_one() {
    const ROWS: usize = 64;
    const SHARDS: usize = 16;
    // The first step starts threads and fills caches.
    let Some(_) = of_step(ROWS, 1) else { return };
    let Some(cut) = of_step(ROWS * SHARDS, SHARDS) else { return };
    let Some(whole) = of_step(ROWS * SHARDS, 1) else { return };
    assert!(4 * cut < whole, "{cut} bytes in shards, {whole} at once");
}
