//! Tasks on all threads of the current pool.

use rayon::prelude::*;

use crate::parallel;

/// Runs `task(i, chunk i)` for every chunk of `size` elements of `data`.
///
/// Where there is one thread or one chunk, everything runs here, in order, without a word to the pool.
pub(super) fn for_each<T: Send>(data: &mut [T], size: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    if rayon::current_num_threads() == 1 || data.len() <= size {
        return data.chunks_mut(size).enumerate().for_each(|(i, chunk)| task(i, chunk));
    }
    parallel::stay_awake();
    data.par_chunks_mut(size).enumerate().with_max_len(1).for_each(|(i, chunk)| task(i, chunk));
}

/// Into how many equal parts of at most `most` to cut `items`, so that all threads have as many.
pub(super) fn even_parts(items: usize, most: usize) -> usize {
    items.div_ceil(most).next_multiple_of(rayon::current_num_threads()).min(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_is_visited_once_with_its_number() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut data = vec![0.0; 25];
            pool.install(|| {
                for_each(&mut data, 10, |i, chunk| chunk.iter_mut().for_each(|x| *x += i as f32 + 1.0))
            });
            let expected: Vec<f32> = (0..25).map(|i| (i / 10 + 1) as f32).collect();
            assert_eq!(data, expected);
        }
    }

    #[test]
    fn parts_are_a_multiple_of_the_threads_while_there_are_items() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let parts = |items, most| pool.install(|| even_parts(items, most));
        assert_eq!([parts(64, 2), parts(9, 2), parts(3, 8), parts(1, 1)], [32, 8, 3, 1]);
    }
}
