//! Tensors of the Flex backend as slices of `f32`, updated in place where the buffer is not shared.

use std::mem::MaybeUninit;

use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape};

use crate::parallel;
use crate::slot::{Slot, Written};

/// Number of elements below which a second thread does not pay.
pub(crate) const GRAIN: usize = 32 * 1024;

/// The same when other threads are already waiting for tasks.
const READY: usize = 8 * 1024;

/// Elements per chunk of an elementwise operation: 16 KiB, half of a typical L1 cache.
pub(crate) const CHUNK: usize = 4 * 1024;

/// `x` in row-major order, filling its buffer from beginning to end.
pub(crate) fn contiguous(x: FlexTensor) -> FlexTensor {
    let bytes = x.layout().num_elements() * size_of::<f32>();
    let whole = x.is_contiguous() && x.layout().start_offset() == 0 && x.bytes().len() == bytes;
    if whole { x } else { x.to_contiguous() }
}

/// A tensor of single precision that holds `values` in row-major order.
pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape.into()), DType::F32)
}

/// A new vector of `n` elements, filled by `write`.
///
/// It is not zeroed first: that would write every element twice, the first time on one thread.
///
/// # Safety
/// `write` must write every element.
pub(crate) unsafe fn fresh(n: usize, write: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(n);
    let places = &mut numbers.spare_capacity_mut()[..n];
    // Makes elements that are not written visible in tests.
    if cfg!(test) {
        places.fill(MaybeUninit::new(f32::NAN));
    }
    write(places);
    // SAFETY: the capacity is at least `n`, and the caller guarantees that all `n` elements were written.
    unsafe { numbers.set_len(n) };
    numbers
}

/// Runs `kernel(i, chunk i of x, chunk i of side)` for every chunk, on all threads, and returns the updated `x`.
/// The kernel returns proof that its chunk has been written.
///
/// A chunk has `length` elements of `x` and `share` elements of `side`, whatever the number of threads. If another
/// tensor shares the buffer of `x`, the result goes to a new buffer.
///
/// # Panics
/// If `side` does not have one chunk for each chunk of `x`, or a kernel returns the proof of another chunk.
pub(crate) fn update_with<T: Send>(
    x: FlexTensor,
    length: usize,
    side: &mut [T],
    share: usize,
    kernel: impl Fn(usize, Slot<'_>, &mut [T]) -> Written + Sync,
) -> FlexTensor {
    let mut x = contiguous(x);
    let chunks = x.layout().num_elements().div_ceil(length);
    assert_eq!(side.len().div_ceil(share), chunks, "expected one chunk of side for each chunk of the tensor");
    let grain = grain(length);
    // A task takes several consecutive chunks.
    let task = |task: usize, slot: Slot<'_>, side: &mut [T]| {
        let mut sides = side.chunks_mut(share);
        slot.by(length, |i, slot| {
            let side = sides.next().expect("expected one chunk of side for each chunk of the tensor");
            kernel(task * grain + i, slot, side)
        });
    };
    let sides = side.chunks_mut(grain * share);
    if let Some(values) = x.try_storage_mut::<f32>() {
        let chunks = values.chunks_mut(grain * length).zip(sides);
        parallel::each(chunks, |i, (chunk, side)| task(i, chunk.into(), side));
        return x;
    }
    let source = x.storage::<f32>();
    let write = |places: &mut [_]| {
        let chunks = places.chunks_mut(grain * length).zip(source.chunks(grain * length)).zip(sides);
        parallel::each(chunks, |i, ((chunk, source), side)| task(i, Slot::between(source, chunk), side));
    };
    // SAFETY: the tasks write every element: `by` checks that for each task, the chunks cover both slices, and by
    // the assertion above `side` does not end the loop early.
    let values = unsafe { fresh(source.len(), write) };
    tensor(values, x.layout().shape().clone())
}

/// Runs `kernel(i, chunk i of side)` for every chunk of `share` elements, on all threads. One call should take as
/// long as an elementwise operation on `length` elements.
pub(crate) fn fill<T: Send>(
    side: &mut [T],
    share: usize,
    length: usize,
    kernel: impl Fn(usize, &mut [T]) + Sync,
) {
    let grain = grain(length);
    parallel::each(side.chunks_mut(grain * share), |task, side| {
        side.chunks_mut(share).enumerate().for_each(|(i, chunk)| kernel(task * grain + i, chunk));
    });
}

/// Number of rows of `dim` elements in a chunk, at least one.
pub(crate) fn rows_together(dim: usize) -> usize {
    (CHUNK / dim.max(1)).max(1)
}

/// Number of chunks of `length` elements in one task.
fn grain(length: usize) -> usize {
    let grain = if parallel::ready() { READY } else { GRAIN };
    (grain / length.max(1)).max(1)
}

/// [`update_with`] in chunks of [`CHUNK`] elements, without `side`.
pub(crate) fn update(x: FlexTensor, kernel: impl Fn(usize, Slot<'_>) -> Written + Sync) -> FlexTensor {
    let mut nothing = vec![(); x.layout().num_elements().div_ceil(CHUNK)];
    update_with(x, CHUNK, &mut nothing, 1, |i, chunk, _| kernel(i, chunk))
}
