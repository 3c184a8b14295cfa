//! Short tasks on all threads of the current pool, with little overhead.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an idle thread polls for tasks before it sleeps.
///
/// Waking a thread takes tens of microseconds, as long as many operations of a small network. The time between
/// large operations, even of different training steps, is shorter than this.
const SPIN_TIME: Duration = Duration::from_micros(400);

/// Number of threads that poll for tasks.
static SPINNING: AtomicUsize = AtomicUsize::new(0);

/// When a task last ran, in nanoseconds since [`START`].
static LAST_TASK: AtomicU64 = AtomicU64::new(0);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Makes the calling thread part of the pool that runs the operations of this crate, for the whole process.
///
/// Operations that this thread starts then need no switch to another thread, and the other threads of the pool poll
/// for tasks between operations, which makes small networks faster. Call it once, at the beginning of the thread
/// that trains or samples. The number of threads is that of rayon: `RAYON_NUM_THREADS`, or one per processor.
/// Returns false, without effect, if the global pool has been built before.
#[cfg(feature = "flex")]
pub fn join_threads() -> bool {
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global().is_ok()
}

/// Runs `task(i)` for every `i` below `tasks`.
///
/// Each thread begins with a range of its own, which depends only on the number of tasks, so that it probably finds
/// data it wrote before in its cache. A thread that has finished its range helps the others. With one thread or one
/// task, everything runs on the calling thread, in order.
///
/// # Panics
/// If a task panics.
pub(crate) fn run(tasks: usize, task: impl Fn(usize) + Sync) {
    let threads = rayon::current_num_threads().min(tasks);
    if threads <= 1 {
        return (0..tasks).for_each(task);
    }
    let ranges = &Ranges::new(tasks, threads);
    rayon::scope(|scope| {
        keep_workers_spinning();
        for _ in 1..threads {
            scope.spawn(|_| ranges.work(&task));
        }
        ranges.work(&task);
        ranges.wait();
    });
    LAST_TASK.store(now(), Ordering::Relaxed);
}

/// Runs `task(i, item i)` for every item, like [`run`].
pub(crate) fn each<T: Send>(items: impl ExactSizeIterator<Item = T>, task: impl Fn(usize, T) + Sync) {
    if rayon::current_num_threads() == 1 || items.len() <= 1 {
        return items.enumerate().for_each(|(i, item)| task(i, item));
    }
    let items: Vec<_> = items.map(|item| Mutex::new(Some(item))).collect();
    run(items.len(), |i| {
        // A poisoned lock is harmless: no lock is held while a task runs.
        let item = items[i].lock().unwrap_or_else(PoisonError::into_inner).take();
        task(i, item.expect("every task runs once"));
    });
}

/// The results of both tasks; another thread may run one of them if `worth` says that this pays.
#[cfg(feature = "flex")]
pub(crate) fn both<A: Send, B: Send>(
    worth: bool,
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    if !worth || rayon::current_num_threads() == 1 {
        return (first(), second());
    }
    let (mut a, mut b) = (None, None);
    let tasks: [Box<dyn FnOnce() + Send>; 2] =
        [Box::new(|| a = Some(first())), Box::new(|| b = Some(second()))];
    each(tasks.into_iter(), |_, task| task());
    (a.expect("the first task ran"), b.expect("the second task ran"))
}

/// The task numbers, divided into one range per thread, and a count of finished tasks.
struct Ranges {
    tasks: usize,
    /// Next task of each range.
    left: Vec<Padded<AtomicUsize>>,
    done: Padded<AtomicUsize>,
}

/// A value in a cache line of its own, to avoid false sharing.
#[repr(align(128))]
struct Padded<T>(T);

impl Ranges {
    fn new(tasks: usize, ranges: usize) -> Self {
        let left = (0..ranges).map(|range| Padded(AtomicUsize::new(range * tasks / ranges)));
        Self { tasks, left: left.collect(), done: Padded(AtomicUsize::new(0)) }
    }

    /// Runs tasks until none are left, beginning with the range of this thread.
    fn work(&self, task: &impl Fn(usize)) {
        let (ranges, own) = (self.left.len(), rayon::current_thread_index().unwrap_or(0));
        for range in (0..ranges).map(|i| (own + i) % ranges) {
            let end = (range + 1) * self.tasks / ranges;
            loop {
                let i = self.left[range].0.fetch_add(1, Ordering::Relaxed);
                if end <= i {
                    break;
                }
                task(i);
                // Keeps idle threads polling during long operations.
                LAST_TASK.store(now(), Ordering::Relaxed);
                self.done.0.fetch_add(1, Ordering::Release);
            }
        }
    }

    /// Polls until every task is done, for at most [`SPIN_TIME`].
    fn wait(&self) {
        let began = now();
        while self.done.0.load(Ordering::Acquire) < self.tasks {
            (0..8).for_each(|_| std::hint::spin_loop());
            let waited = Duration::from_nanos(now().saturating_sub(began));
            if SPIN_TIME < waited {
                return;
            }
            // With more threads than processors, the last task may be waiting for this processor.
            if SPIN_TIME / 8 < waited {
                std::thread::yield_now();
            }
        }
    }
}

/// Whether other threads are polling for tasks of this thread, so that even short tasks are worth sharing.
#[cfg(feature = "flex")]
pub(crate) fn ready() -> bool {
    0 < SPINNING.load(Ordering::Relaxed) && rayon::current_thread_index().is_some()
}

/// Makes the other threads of the pool poll for tasks that this thread hands out, if it belongs to the pool.
pub(crate) fn keep_workers_spinning() {
    let (threads, Some(this)) = (rayon::current_num_threads(), rayon::current_thread_index()) else {
        return;
    };
    LAST_TASK.store(now(), Ordering::Relaxed);
    let waiting = SPINNING.load(Ordering::Relaxed);
    if threads <= waiting + 1 {
        return;
    }
    if SPINNING.compare_exchange(waiting, waiting + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        rayon::spawn(move || {
            struct Leave;
            impl Drop for Leave {
                fn drop(&mut self) {
                    SPINNING.fetch_sub(1, Ordering::Relaxed);
                }
            }
            let _leave = Leave;
            // The thread that hands out tasks must not poll.
            if rayon::current_thread_index() != Some(this) {
                spin();
            }
        });
    }
}

/// Runs tasks that others hand out, until there have been none for [`SPIN_TIME`].
fn spin() {
    while now().saturating_sub(LAST_TASK.load(Ordering::Relaxed)) < SPIN_TIME.as_nanos() as u64 {
        if !matches!(rayon::yield_now(), Some(rayon::Yield::Executed)) {
            (0..16).for_each(|_| std::hint::spin_loop());
        }
    }
}

fn now() -> u64 {
    START.elapsed().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for tasks in [0, 1, 2, 7, 100] {
                let ran = Mutex::new(Vec::new());
                pool.install(|| run(tasks, |i| ran.lock().unwrap().push(i)));
                let mut ran = ran.into_inner().unwrap();
                ran.sort_unstable();
                assert_eq!(ran, (0..tasks).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn each_passes_every_item_to_its_task_and_both_returns_both_results() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut data = [0; 25];
            pool.install(|| each(data.chunks_mut(10), |i, chunk| chunk.iter_mut().for_each(|x| *x += i + 1)));
            assert_eq!(data, std::array::from_fn(|i| i / 10 + 1));
            for worth in [false, true] {
                assert_eq!(pool.install(|| both(worth, || 1, || "two")), (1, "two"));
            }
        }
    }

    #[test]
    fn tasks_may_be_nested_and_panics_propagate() {
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let ran = AtomicUsize::new(0);
        pool().install(|| {
            run(5, |_| {
                run(7, |_| {
                    ran.fetch_add(1, Ordering::Relaxed);
                });
            });
        });
        assert_eq!(ran.into_inner(), 35);
        for bad in 0..4 {
            let panicked = std::panic::catch_unwind(|| pool().install(|| run(4, |i| assert_ne!(i, bad))));
            assert!(panicked.is_err());
        }
    }

    #[test]
    fn idle_threads_stop_polling() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for _ in 0..50 {
            pool.install(|| run(6, |_| std::hint::black_box(())));
        }
        // The pool terminates when its threads are idle.
        drop(pool);
        let began = Instant::now();
        while 0 < SPINNING.load(Ordering::Relaxed) {
            assert!(began.elapsed() < Duration::from_secs(20), "a thread is still polling");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
