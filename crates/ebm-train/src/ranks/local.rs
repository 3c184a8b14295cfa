//! Ranks that are threads of one process.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Ranks, TrainError};

/// Ranks within one process: one for each thread, connected by channels.
///
/// For tests, and for several devices of one machine.
#[derive(Debug)]
pub struct LocalRanks {
    rank: usize,
    to: Vec<Sender<Vec<u8>>>,
    from: Vec<Mutex<Receiver<Vec<u8>>>>,
    patience: Duration,
}

impl LocalRanks {
    /// `n` ranks, each to be moved to its thread; a rank that has not answered after `patience` has failed.
    pub fn new(n: usize, patience: Duration) -> Vec<Self> {
        let mut ranks: Vec<Self> =
            (0..n).map(|rank| Self { rank, to: Vec::new(), from: Vec::new(), patience }).collect();
        for to in 0..n {
            for from in 0..n {
                // Rank by rank: the channels to `to` are pushed in the order of those that send.
                let (sender, receiver) = channel();
                ranks[from].to.push(sender);
                ranks[to].from.push(Mutex::new(receiver));
            }
        }
        ranks
    }
}

impl Ranks for LocalRanks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn exchange(&self, parts: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, TrainError> {
        for (to, part) in self.to.iter().zip(parts) {
            // One that has ended is named below.
            let _ = to.send(part);
        }
        let receive = |(rank, from): (usize, &Mutex<Receiver<Vec<u8>>>)| {
            let from = from.lock().unwrap_or_else(PoisonError::into_inner);
            from.recv_timeout(self.patience).map_err(|error| {
                let reason = match error {
                    RecvTimeoutError::Disconnected => "it has ended".to_owned(),
                    RecvTimeoutError::Timeout => {
                        format!("it has not answered for {} s", self.patience.as_secs_f64())
                    }
                };
                TrainError::Rank { rank, reason }
            })
        };
        self.from.iter().enumerate().map(receive).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn on_each<T: Send>(n: usize, work: impl Fn(LocalRanks) -> T + Sync) -> Vec<T> {
        std::thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> = LocalRanks::new(n, PATIENCE)
                .into_iter()
                .map(|rank| scope.spawn(move || work(rank)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn each_rank_gets_what_every_rank_sent_to_it_in_the_order_of_the_ranks() {
        let received = on_each(3, |ranks| {
            let rank = ranks.rank() as u8;
            let mut last = Vec::new();
            for round in 0..10 {
                last = ranks.exchange((0..3).map(|to| vec![rank, to, round]).collect()).unwrap();
            }
            (last, ranks.gather(&[rank]).unwrap())
        });
        for (rank, (last, gathered)) in received.into_iter().enumerate() {
            assert_eq!(last, [0, 1, 2].map(|from| vec![from, rank as u8, 9]));
            assert_eq!(gathered, [[0], [1], [2]]);
        }
    }

    #[test]
    fn a_rank_that_ends_is_named_by_the_others() {
        let errors = on_each(3, |ranks| {
            ranks.gather(&[]).unwrap();
            // rank 1 goes
            (ranks.rank() != 1).then(|| ranks.gather(&[]).unwrap_err().to_string())
        });
        for error in errors.into_iter().flatten() {
            assert!(error.starts_with("rank 1: it has ended"), "{error}");
        }
    }
}
