//! How a batch is cut into tasks, and a range into parts.

/// Into how many tasks a batch is cut at most.
const TASKS: usize = 16;

/// How many images one task takes: always the same, so that the number of threads changes nothing.
pub(super) fn images_per_task(batch: usize) -> usize {
    batch.div_ceil(TASKS)
}

/// Cuts `0..n` into as few ranges as hold at most `most` each, of lengths that differ by one at most.
#[inline(always)]
pub(super) fn split(n: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = n.div_ceil(most);
    (0..parts).map(move |i| (i * n / parts, (i + 1) * n / parts - i * n / parts))
}
