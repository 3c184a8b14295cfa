//! Limits of the machine.

use burn::tensor::{Device, Tensor};
use criterion::{Criterion, Throughput};
use rayon::prelude::*;

use crate::normal;

/// Side of the matrices: 3 × 4 MiB.
const SIDE: usize = 1024;

/// Number of floats to copy: 256 MiB, larger than every cache.
const COPIED: usize = 64 << 20;

/// Number of floats that a thread copies at a time.
const PIECE: usize = 1 << 20;

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("floor");

    let (a, b) = (normal("a", [SIDE, SIDE]), normal("b", [SIDE, SIDE]));
    group.throughput(Throughput::Elements(2 * (SIDE as u64).pow(3)));
    group.bench_function("matrix product", |bencher| bencher.iter(|| a.clone().matmul(b.clone())));

    let (source, mut target) = (vec![1f32; COPIED], vec![0f32; COPIED]);
    group.throughput(Throughput::Bytes((COPIED * size_of::<f32>()) as u64));
    group.bench_function("copy", |bencher| {
        bencher.iter(|| {
            let pieces = target.par_chunks_mut(PIECE).zip(source.par_chunks(PIECE));
            pieces.for_each(|(target, source)| target.copy_from_slice(source));
        });
    });

    // The overhead of an operation.
    let scalar = Tensor::<1>::zeros([1], &Device::flex());
    group.throughput(Throughput::Elements(1));
    group.bench_function("smallest operation", |bencher| bencher.iter(|| scalar.clone() + 1.0));
    group.finish();
}
