//! The hot paths, each beside its plain-Burn expression and the machine's own limits.
//!
//! `ours` runs on the widest vectors there are, `ours-avx2` and `ours-scalar` on less, `burn` is the same result by
//! Burn's operations on the same device.
//! Throughputs are floating-point operations (of the plain sum) or elements a second; `floor` says what a large
//! matrix product and a large copy reach on this machine now.

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

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Images of a batch.
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
    criterion.final_summary();
}

/// Measures `ours` under each set of instructions, and `burn`.
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
