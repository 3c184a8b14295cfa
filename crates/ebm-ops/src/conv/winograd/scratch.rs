//! Working memory that a thread keeps from call to call, so that no call asks the system for pages.

use std::cell::Cell;
use std::thread::LocalKey;

/// One cache line; buffers begin at one and are made of whole ones.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Floats of a cache line.
pub(super) const LINE: usize = 16;

thread_local! {
    static CALL: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
    static TASK: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Runs `work` on `floats` floats that last for a whole call, while its tasks use [`for_task`].
pub(super) fn for_call<R>(floats: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    lend(&CALL, floats, work)
}

/// Runs `work` on `floats` floats for one task of a call.
pub(super) fn for_task<R>(floats: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    lend(&TASK, floats, work)
}

/// Whatever was there before is still there: `work` must write before it reads.
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
    // (64 bytes of size and of alignment), and nobody else can reach the vector, which lives beyond the slice.
    let result = work(unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<f32>(), floats) });
    slot.set(lines);
    result
}

/// Cuts the first `floats` floats off `rest`, and what fills their last cache line.
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
    fn a_buffer_is_aligned_kept_and_not_shared_with_a_nested_call() {
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
    fn parts_begin_at_cache_lines_and_do_not_overlap() {
        for_task(64, |mut rest| {
            let (a, b) = (cut(&mut rest, 17), cut(&mut rest, 32));
            a.fill(1.0);
            b.fill(2.0);
            assert_eq!((a.len(), b.len(), rest.len()), (17, 32, 0));
            assert_eq!((b.as_ptr().align_offset(64), a[16]), (0, 1.0));
        });
    }
}
