//! Short tasks on all threads of the current pool, with little time lost between them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

/// For how long a thread that has run out of tasks looks for others before it goes to sleep.
///
/// To wake it takes tens of microseconds, as long as many operations of a small network take; this is longer
/// than what lies between the large operations of two training steps.
const PATIENCE: Duration = Duration::from_micros(400);

/// Threads that look for tasks now.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// When there were tasks last, in nanoseconds from the beginning.
static LAST: AtomicU64 = AtomicU64::new(0);

static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Makes the calling thread one of those that the operations of this crate run on, for the whole process.
///
/// Operations that it starts then cost it no switch to another thread, and the others wait awake for a moment
/// between operations, which makes those of small networks faster.
/// A program calls it once, at the beginning of the thread that trains or samples; the number of threads is
/// rayon's, that is `RAYON_NUM_THREADS` or one for each processor.
/// It returns whether it did so: not where the pool of the process has been built before.
pub fn join_threads() -> bool {
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global().is_ok()
}

/// Runs `task(i)` for every `i` below `tasks`.
///
/// Where there is one thread or one task, everything runs here, in order, without a word to the pool.
pub(crate) fn run(tasks: usize, task: impl Fn(usize) + Sync) {
    let threads = rayon::current_num_threads();
    if threads == 1 || tasks <= 1 {
        return (0..tasks).for_each(task);
    }
    stay_awake();
    // One at a time, so that no thread keeps the last ones to itself.
    (0..tasks).into_par_iter().with_max_len(1).for_each(&task);
}

/// The results of both tasks, of which another thread may do the second if they are `worth` handing over.
pub(crate) fn both<A: Send, B: Send>(
    worth: bool,
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    if !worth || rayon::current_num_threads() == 1 {
        return (first(), second());
    }
    stay_awake();
    rayon::join(first, second)
}

/// Whether others wait for tasks of this thread, so that short ones are worth handing over too.
pub(crate) fn ready() -> bool {
    0 < WAITING.load(Ordering::Relaxed) && rayon::current_thread_index().is_some()
}

/// Sees to it that threads wait awake for what this one hands out from now on, if it is of the pool.
pub(crate) fn stay_awake() {
    let (threads, Some(this)) = (rayon::current_num_threads(), rayon::current_thread_index()) else {
        return;
    };
    LAST.store(now(), Ordering::Relaxed);
    let waiting = WAITING.load(Ordering::Relaxed);
    if threads <= waiting + 1 {
        return;
    }
    if WAITING.compare_exchange(waiting, waiting + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        rayon::spawn(move || {
            struct Leave;
            impl Drop for Leave {
                fn drop(&mut self) {
                    WAITING.fetch_sub(1, Ordering::Relaxed);
                }
            }
            let _leave = Leave;
            // The thread that hands out tasks has better things to do.
            if rayon::current_thread_index() != Some(this) {
                wait();
            }
        });
    }
}

/// Carries out what others hand out, until there has been nothing for a while.
fn wait() {
    while now().saturating_sub(LAST.load(Ordering::Relaxed)) < PATIENCE.as_nanos() as u64 {
        if !matches!(rayon::yield_now(), Some(rayon::Yield::Executed)) {
            (0..16).for_each(|_| std::hint::spin_loop());
        }
    }
}

fn now() -> u64 {
    BEGINNING.elapsed().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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
    fn nobody_waits_for_long() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for _ in 0..50 {
            pool.install(|| run(6, |_| std::hint::black_box(())));
        }
        // A pool ends when its threads have nothing to do any more.
        drop(pool);
        let began = Instant::now();
        while 0 < WAITING.load(Ordering::Relaxed) {
            assert!(began.elapsed() < Duration::from_secs(20), "somebody still waits");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
