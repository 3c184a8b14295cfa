//! Division of a batch into tasks, and of a range into parts.

/// Largest number of tasks for a batch.
const TASKS: usize = 16;

/// Number of images per task. It does not depend on the number of threads, so results do not either.
pub(super) fn images_per_task(batch: usize) -> usize {
    batch.div_ceil(TASKS)
}

/// Divides `0..n` into the fewest ranges of at most `most` elements, with lengths that differ by at most one.
#[inline(always)]
pub(super) fn split(n: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = n.div_ceil(most);
    (0..parts).map(move |i| (i * n / parts, (i + 1) * n / parts - i * n / parts))
}
