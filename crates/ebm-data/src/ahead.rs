//! Batches that are read by a thread of their own, ahead of the one that wants them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use crate::{Batch, Batches, DataError};

/// Most batches that wait to be taken, and most bytes of them.
const MOST: usize = 8;
const MOST_BYTES: usize = 64 << 20;

/// [`Batches`] for one who takes them step by step.
///
/// Of data that are in memory a batch is read when it is wanted. Of data that are read as they are wanted
/// ([`Data::is_in_memory`](crate::Data::is_in_memory) says so) a thread reads the batches of the next steps while the
/// last one is used. Either way batch `step` is the one of [`Batches::read`], and an item that cannot be read is the
/// error of the step that wanted it.
///
/// The thread ends, and is waited for, when this is dropped.
pub struct Ahead {
    batches: Batches,
    reading: Option<Reading>,
}

/// A thread that reads.
struct Reading {
    /// The step of the batch that comes next.
    next: u64,
    /// `None` as it ends.
    arriving: Option<Receiver<Result<Batch, DataError>>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// The batches, none of which is read yet.
    pub fn new(batches: Batches) -> Self {
        Self { batches, reading: None }
    }

    /// Batch `step`.
    ///
    /// # Errors
    /// If an item of it cannot be read.
    pub fn read(&mut self, step: u64) -> Result<Batch, DataError> {
        if self.batches.data().is_in_memory() {
            return self.batches.read(step);
        }
        // A run that goes back to an earlier step begins anew.
        if self.reading.as_ref().is_none_or(|reading| reading.next != step) {
            self.reading = None;
            self.reading = Some(Reading::from(step, self.batches.clone())?);
        }
        match self.reading.as_mut().and_then(Reading::take) {
            Some(batch) => batch.inspect_err(|_| self.reading = None),
            // The thread is gone: the same is read here.
            None => {
                self.reading = None;
                self.batches.read(step)
            }
        }
    }
}

impl Reading {
    fn from(step: u64, mut batches: Batches) -> Result<Self, DataError> {
        let bytes = 4 * batches.size() * batches.dim();
        let (found, arriving) = sync_channel((MOST_BYTES / bytes.max(1)).clamp(1, MOST));
        let read = move || {
            for step in step.. {
                let batch = batches.read(step);
                let is_last = batch.is_err();
                // Nobody waits for it any more, or for what comes after an error.
                if found.send(batch).is_err() || is_last {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("ebm-batches".into()).spawn(read);
        let thread = thread.map_err(|error| DataError::Spec(format!("no thread can be started: {error}")))?;
        Ok(Self { next: step, arriving: Some(arriving), thread: Some(thread) })
    }

    /// The next batch; `None` if the thread has ended without it.
    fn take(&mut self) -> Option<Result<Batch, DataError>> {
        let batch = self.arriving.as_ref()?.recv().ok()?;
        self.next += 1;
        Some(batch)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // The thread finds nobody who waits, and ends.
        self.arriving = None;
        if let Some(thread) = self.thread.take() {
            // It has panicked where a batch is missing, which is then read again by the one who wants it.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use burn_dataset::Dataset;
    use ebm_ops::Noise;

    use super::*;
    use crate::{Data, Point, Standardize};

    /// Points of their own numbers, of which one cannot be read.
    struct Numbered {
        n: usize,
        broken: Option<usize>,
        reads: Arc<AtomicUsize>,
    }

    impl Dataset<Point, DataError> for Numbered {
        fn get(&self, index: usize) -> Result<Point, DataError> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            if self.broken == Some(index) {
                return Err(DataError::Spec(format!("item {index}")));
            }
            Ok(Point { coordinates: vec![index as f32], label: None })
        }

        fn len(&self) -> usize {
            self.n
        }
    }

    fn batches(broken: Option<usize>, is_in_memory: bool) -> (Batches, Arc<AtomicUsize>) {
        let reads = Arc::new(AtomicUsize::new(0));
        let items = Numbered { n: 100, broken, reads: reads.clone() };
        let data = Data::points(Standardize::identity(1), items);
        let data = if is_in_memory { data } else { data.read_from("numbers".into()) };
        (Batches::new(data, NonZeroUsize::new(7).unwrap(), &Noise::seeded(2)), reads)
    }

    #[test]
    fn batches_are_those_of_their_steps_in_whatever_order_they_are_asked_for() {
        let (mut plain, _) = batches(None, true);
        for is_in_memory in [true, false] {
            let mut ahead = Ahead::new(batches(None, is_in_memory).0);
            for step in [0, 1, 2, 3, 9, 10, 4, 5, 5, 0] {
                assert_eq!(ahead.read(step).unwrap(), plain.read(step).unwrap(), "step {step}");
            }
        }
    }

    #[test]
    fn an_item_that_cannot_be_read_is_the_error_of_the_step_that_wants_it() {
        let (mut plain, _) = batches(None, true);
        let broken = plain.indices(5)[3];
        let mut ahead = Ahead::new(batches(Some(broken), false).0);
        for step in 0..5 {
            ahead.read(step).unwrap();
        }
        for _ in 0..2 {
            assert_eq!(ahead.read(5).unwrap_err().to_string(), format!("item {broken}"));
        }
        assert_eq!(ahead.read(6).unwrap(), plain.read(6).unwrap());
    }

    #[test]
    fn the_thread_reads_no_more_than_what_may_wait_and_ends_with_its_reader() {
        let (batches, reads) = batches(None, false);
        let mut ahead = Ahead::new(batches);
        ahead.read(0).unwrap();
        drop(ahead);
        let read = reads.load(Ordering::SeqCst);
        assert!((7..=7 * (MOST + 2)).contains(&read), "{read}");
        thread::sleep(std::time::Duration::from_millis(50));
        assert_eq!(reads.load(Ordering::SeqCst), read, "nobody reads any more");
    }
}
