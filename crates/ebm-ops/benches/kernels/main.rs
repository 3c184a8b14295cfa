//! Benchmarks of the hot paths, compared with Burn's own operations and the limits of the machine.
//!
//! `ours` uses the widest vectors, `ours-avx2` and `ours-scalar` narrower ones or none; `burn` computes the same
//! result by Burn's operations on the same device. Throughputs are floating-point operations (of direct summation)
//! or elements per second; `floor` measures a large matrix product and a large copy on this machine.

mod attention;
mod convolution;
mod dense;
mod elementwise;
mod floor;
mod normalisation;

use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use ebm_ops::Noise;
use ebm_ops::simd::{Instructions, with_instructions};

/// The allocator of the program `ebm`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Images per batch.
const BATCH: usize = 64;

fn main() {
    ebm_ops::join_threads();
    let criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    let mut criterion = criterion.configure_from_args();
    floor::bench(&mut criterion);
    convolution::bench(&mut criterion);
    normalisation::bench(&mut criterion);
    elementwise::bench(&mut criterion);
    dense::bench(&mut criterion);
    attention::bench(&mut criterion);
    criterion.final_summary();
}

/// Measures `ours` with each instruction set, and `burn`.
fn compare<R, Q>(group: &mut BenchmarkGroup<'_, WallTime>, ours: impl Fn() -> R, burn: impl Fn() -> Q) {
    group.bench_function("ours", |bencher| bencher.iter(&ours));
    for (name, most) in [("ours-avx2", Instructions::Avx2), ("ours-scalar", Instructions::Scalar)] {
        group.bench_function(name, |bencher| with_instructions(most, || bencher.iter(&ours)));
    }
    group.bench_function("burn", |bencher| bencher.iter(&burn));
}

/// Standard normals.
fn normal<const D: usize>(label: &str, shape: [usize; D]) -> Tensor<D> {
    let values = Noise::seeded(1).derive(label).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}
