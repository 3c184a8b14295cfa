//! Working memory that each thread keeps between calls, so that calls do not allocate pages.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Floats per cache line.
const LINE: usize = 16;

/// One cache line; buffers are aligned to cache lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Largest number of buffers that a thread keeps.
const KEPT: usize = 6;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of floats, which goes back to the thread that drops it.
///
/// The contents are arbitrary: write before reading.
pub(super) struct Scratch {
    lines: Vec<Line>,
    length: usize,
}

impl Scratch {
    /// A buffer of `length` floats: the smallest kept buffer that is large enough, or else the largest one,
    /// enlarged.
    pub fn take(length: usize) -> Self {
        let needed = length.div_ceil(LINE);
        let mut lines = BUFFERS.with_borrow_mut(|buffers| {
            let found =
                buffers.partition_point(|lines| lines.len() < needed).min(buffers.len().saturating_sub(1));
            if buffers.is_empty() { Vec::new() } else { buffers.remove(found) }
        });
        if lines.len() < needed {
            // Clearing avoids copying the old contents.
            lines.clear();
            lines.resize(needed, Line([0.0; LINE]));
        }
        Self { lines, length }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // When the thread ends, the store may be dropped before the buffer.
        let _ = BUFFERS.try_with(|buffers| {
            let mut buffers = buffers.borrow_mut();
            let place = buffers.partition_point(|kept| kept.len() < lines.len());
            buffers.insert(place, lines);
            if KEPT < buffers.len() {
                buffers.remove(0);
            }
        });
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `take` made `lines` hold at least `length` initialised floats, and a line is an array of floats
        // without padding, with size and alignment of 64 bytes.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and `lines` is borrowed mutably as long as the slice lives.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_distinct_and_reused() {
        let (mut large, mut small) = (Scratch::take(1000), Scratch::take(17));
        large.fill(1.0);
        small.fill(2.0);
        assert!(large.len() == 1000 && large.iter().all(|&x| x == 1.0));
        assert_eq!([large.as_ptr().align_offset(64), small.as_ptr().align_offset(64)], [0, 0]);
        let [first, second] = [large.as_ptr(), small.as_ptr()];
        drop((large, small));
        assert_eq!([Scratch::take(5).as_ptr(), Scratch::take(900).as_ptr()], [second, first]);
    }
}
