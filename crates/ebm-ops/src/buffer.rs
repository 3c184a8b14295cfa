//! Tensors of the Flex backend as slices of `f32`, in place where nobody else looks.

use std::mem::MaybeUninit;

use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape};

use crate::parallel;
use crate::slot::{Slot, Written};

/// Elements below which a second thread costs more than it brings.
pub(crate) const GRAIN: usize = 32 * 1024;

/// The same where threads wait for tasks.
const READY: usize = 8 * 1024;

/// Elements of one chunk of an elementwise operation: 16 KiB, half of a usual first-level cache.
pub(crate) const CHUNK: usize = 4 * 1024;

/// `x` in row-major order from the beginning of its buffer to the end.
pub(crate) fn contiguous(x: FlexTensor) -> FlexTensor {
    let bytes = x.layout().num_elements() * size_of::<f32>();
    let whole = x.is_contiguous() && x.layout().start_offset() == 0 && x.bytes().len() == bytes;
    if whole { x } else { x.to_contiguous() }
}

/// A tensor of single precision that holds `values` in row-major order.
pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape.into()), DType::F32)
}

/// `n` numbers in a place of their own, which `write` fills.
///
/// A place that begins as zeros is written twice, and the first time by one thread.
///
/// # Safety
/// `write` must write every number.
pub(crate) unsafe fn fresh(n: usize, write: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(n);
    let places = &mut numbers.spare_capacity_mut()[..n];
    // Tests see what is not written.
    if cfg!(test) {
        places.fill(MaybeUninit::new(f32::NAN));
    }
    write(places);
    // SAFETY: there is room for `n` numbers, and the caller says that all are written.
    unsafe { numbers.set_len(n) };
    numbers
}

/// Runs `kernel(i, chunk i of x, chunk i of side)` for every chunk, on all threads, and returns the changed `x`; the
/// kernel returns that the place of its chunk has been written.
///
/// Chunks hold `length` elements of `x` and `share` of `side`, whatever the number of threads.
/// Where another tensor shares the buffer, what becomes of it is written to a new one.
///
/// # Panics
/// If there is not a chunk beside for each chunk of `x`, or a kernel returns that of another place.
pub(crate) fn update_with<T: Send>(
    x: FlexTensor,
    length: usize,
    side: &mut [T],
    share: usize,
    kernel: impl Fn(usize, Slot<'_>, &mut [T]) -> Written + Sync,
) -> FlexTensor {
    let mut x = contiguous(x);
    let chunks = x.layout().num_elements().div_ceil(length);
    assert_eq!(side.len().div_ceil(share), chunks, "one chunk beside for each chunk of the tensor");
    let grain = grain(length);
    // A task takes a few chunks in a row.
    let task = |task: usize, slot: Slot<'_>, side: &mut [T]| {
        let mut sides = side.chunks_mut(share);
        slot.by(length, |i, slot| {
            let side = sides.next().expect("one chunk beside for each chunk of the tensor");
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
    // SAFETY: the tasks write every number: `by` sees that, the chunks of both cover both, and the assertion above says
    // that `side` does not end the loop early.
    let values = unsafe { fresh(source.len(), write) };
    tensor(values, x.layout().shape().clone())
}

/// Runs `kernel(i, chunk i of side)` for every chunk of `share` places, which takes as long as `length` elements of
/// an elementwise operation, on all threads.
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

/// Rows of `dim` elements that make up a chunk, of which the whole has one at least.
pub(crate) fn rows_together(dim: usize) -> usize {
    (CHUNK / dim.max(1)).max(1)
}

/// How many chunks of `length` elements a thread takes at once.
fn grain(length: usize) -> usize {
    let grain = if parallel::ready() { READY } else { GRAIN };
    (grain / length.max(1)).max(1)
}

/// [`update_with`] in chunks of [`CHUNK`] elements and nothing beside them.
pub(crate) fn update(x: FlexTensor, kernel: impl Fn(usize, Slot<'_>) -> Written + Sync) -> FlexTensor {
    let mut nothing = vec![(); x.layout().num_elements().div_ceil(CHUNK)];
    update_with(x, CHUNK, &mut nothing, 1, |i, chunk, _| kernel(i, chunk))
}
