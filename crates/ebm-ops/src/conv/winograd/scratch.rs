//! Working memory that each thread keeps between calls, so that calls do not allocate pages.

use std::cell::Cell;
use std::thread::LocalKey;

/// One cache line; buffers are aligned to cache lines and consist of whole ones.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Floats per cache line.
pub(super) const LINE: usize = 16;

thread_local! {
    static CALL: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
    static TASK: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Runs `work` with `floats` floats that are used for a whole call; its tasks use [`for_task`].
pub(super) fn for_call<R>(floats: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    lend(&CALL, floats, work)
}

/// Runs `work` with `floats` floats for one task of a call.
pub(super) fn for_task<R>(floats: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    lend(&TASK, floats, work)
}

/// The contents are arbitrary: `work` must write before it reads.
///
/// The buffer is taken out of its slot, so a call that starts on this thread inside another one gets its own.
fn lend<R>(slot: &'static LocalKey<Cell<Vec<Line>>>, floats: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut lines = slot.take();
    let needed = floats.div_ceil(LINE);
    if lines.len() < needed {
        lines.clear();
        lines.resize(needed, Line([0.0; LINE]));
    }
    // SAFETY: `lines` holds at least `floats` initialised floats, a line is an array of floats without padding
    // (size and alignment of 64 bytes), and the vector is not accessible elsewhere and outlives the slice.
    let result = work(unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<f32>(), floats) });
    slot.set(lines);
    result
}

/// Splits the first `floats` floats off `rest`, together with the remainder of their last cache line.
pub(super) fn cut<'a>(rest: &mut &'a mut [f32], floats: usize) -> &'a mut [f32] {
    let (part, left) = std::mem::take(rest).split_at_mut(whole_lines(floats));
    *rest = left;
    &mut part[..floats]
}

/// `floats` rounded up to whole cache lines.
pub(super) fn whole_lines(floats: usize) -> usize {
    floats.next_multiple_of(LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_reused_and_not_shared_with_nested_calls() {
        let outer = for_call(100, |outer| {
            outer.fill(1.0);
            for_call(50, |inner| inner.fill(2.0));
            assert!(outer.iter().all(|&x| x == 1.0));
            outer.as_ptr()
        });
        assert_eq!(outer.align_offset(64), 0);
        let again = for_task(1000, |_| for_task(10, |buffer| buffer.as_ptr()));
        assert_eq!(for_task(10, |buffer| buffer.as_ptr()).align_offset(64), again.align_offset(64));
    }

    #[test]
    fn parts_are_aligned_and_do_not_overlap() {
        for_task(64, |mut rest| {
            let (a, b) = (cut(&mut rest, 17), cut(&mut rest, 32));
            a.fill(1.0);
            b.fill(2.0);
            assert_eq!((a.len(), b.len(), rest.len()), (17, 32, 0));
            assert_eq!((b.as_ptr().align_offset(64), a[16]), (0, 1.0));
        });
    }
}
