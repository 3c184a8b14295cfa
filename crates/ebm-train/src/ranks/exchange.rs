//! The trait of ranks.

use std::fmt;

use crate::TrainError;

/// One of several processes, or threads, that train one model together: its number, and how it talks to the others.
///
/// Everything between ranks is one operation, [`exchange`](Self::exchange), which all of them enter in the same order.
/// An implementation is only transport: what is sent, and in which order it is summed, is the trainer's.
pub trait Ranks: fmt::Debug + Send + Sync {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn size(&self) -> usize;

    /// Sends `parts[r]` to rank r, one for each rank, this one among them, and returns what each rank sent to this
    /// one, by rank. Returns when all of them have entered.
    ///
    /// # Errors
    /// [`TrainError::Rank`] with the rank that has ended or does not answer.
    fn exchange(&self, parts: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, TrainError>;

    /// What every rank has given, by rank.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        self.exchange(vec![bytes.to_vec(); self.size()])
    }

    /// Ends the processes of all ranks with this exit code, for one that cannot go on and cannot tell the others.
    ///
    /// Ranks that are no processes return: those that wait for one that is gone get an error.
    fn abort(&self, _code: u8) {}
}
