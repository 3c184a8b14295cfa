//! Short tasks on all threads of the current pool, with little time lost between them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a thread that has run out of tasks looks for others before it goes to sleep.
///
/// To wake it takes tens of microseconds, as long as many operations of a small network take; this is longer
/// than what lies between the large operations of two training steps.
const SPIN_TIME: Duration = Duration::from_micros(400);

/// Threads that look for tasks now.
static SPINNING: AtomicUsize = AtomicUsize::new(0);

/// When there were tasks last, in nanoseconds from the beginning.
static LAST_TASK: AtomicU64 = AtomicU64::new(0);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Makes the calling thread one of those that the operations of this crate run on, for the whole process.
///
/// Operations that it starts then cost it no switch to another thread, and the others wait awake for a moment
/// between operations, which makes those of small networks faster.
/// A program calls it once, at the beginning of the thread that trains or samples; the number of threads is
/// rayon's, that is `RAYON_NUM_THREADS` or one for each processor.
/// It returns whether it did so: not where the pool of the process has been built before.
#[cfg(feature = "flex")]
pub fn join_threads() -> bool {
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global().is_ok()
}

/// Runs `task(i)` for every `i` below `tasks`.
///
/// Each thread begins with a range of its own, the same whenever there are as many tasks, so that it likely finds in
/// its cache what it wrote there before; a thread that has done its own helps the others.
/// Where there is one thread or one task, everything runs here, in order, without a word to the pool.
///
/// # Panics
/// If a task does.
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

/// Runs `task(i, item i)` for every item, as [`run`].
pub(crate) fn each<T: Send>(items: impl ExactSizeIterator<Item = T>, task: impl Fn(usize, T) + Sync) {
    if rayon::current_num_threads() == 1 || items.len() <= 1 {
        return items.enumerate().for_each(|(i, item)| task(i, item));
    }
    let items: Vec<_> = items.map(|item| Mutex::new(Some(item))).collect();
    run(items.len(), |i| {
        // Another task that panicked does not matter here: nobody holds a lock while it runs.
        let item = items[i].lock().unwrap_or_else(PoisonError::into_inner).take();
        task(i, item.expect("every task runs once"));
    });
}

/// The results of both tasks, of which another thread may do one if they are `worth` handing over.
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

/// The numbers of tasks in as many ranges as there are threads, and how many have been done.
struct Ranges {
    tasks: usize,
    /// What is left of each.
    left: Vec<Padded<AtomicUsize>>,
    done: Padded<AtomicUsize>,
}

/// In a cache line of its own, so that threads do not wait for each other's.
#[repr(align(128))]
struct Padded<T>(T);

impl Ranges {
    fn new(tasks: usize, ranges: usize) -> Self {
        let left = (0..ranges).map(|range| Padded(AtomicUsize::new(range * tasks / ranges)));
        Self { tasks, left: left.collect(), done: Padded(AtomicUsize::new(0)) }
    }

    /// Carries out tasks while there are any, from the range of this thread on.
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
                // However long ago these tasks were handed out, there is work.
                LAST_TASK.store(now(), Ordering::Relaxed);
                self.done.0.fetch_add(1, Ordering::Release);
            }
        }
    }

    /// Waits awake until every task has been done, though not for ever.
    fn wait(&self) {
        let began = now();
        while self.done.0.load(Ordering::Acquire) < self.tasks {
            (0..8).for_each(|_| std::hint::spin_loop());
            let waited = Duration::from_nanos(now().saturating_sub(began));
            if SPIN_TIME < waited {
                return;
            }
            // Where there are more threads than processors, the last task may wait for this one.
            if SPIN_TIME / 8 < waited {
                std::thread::yield_now();
            }
        }
    }
}

/// Whether others wait for tasks of this thread, so that short ones are worth handing over too.
#[cfg(feature = "flex")]
pub(crate) fn ready() -> bool {
    0 < SPINNING.load(Ordering::Relaxed) && rayon::current_thread_index().is_some()
}

/// Sees to it that threads wait awake for what this one hands out from now on, if it is of the pool.
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
            // The thread that hands out tasks has better things to do.
            if rayon::current_thread_index() != Some(this) {
                spin();
            }
        });
    }
}

/// Carries out what others hand out, until there has been nothing for a while.
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
    fn every_item_goes_to_its_task_and_both_results_come_back() {
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
    fn tasks_may_hand_out_tasks_and_those_that_panic_are_heard_of() {
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
    fn nobody_waits_for_long() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for _ in 0..50 {
            pool.install(|| run(6, |_| std::hint::black_box(())));
        }
        // A pool ends when its threads have nothing to do any more.
        drop(pool);
        let began = Instant::now();
        while 0 < SPINNING.load(Ordering::Relaxed) {
            assert!(began.elapsed() < Duration::from_secs(20), "somebody still waits");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
