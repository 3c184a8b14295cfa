//! The ranks of a run, as the trainer uses them.

use std::error::Error;
use std::sync::Arc;

use crate::{Alone, Ranks, Shard, TrainError};

/// Ends a message of a rank that goes on.
const SOUND: u8 = 0;
/// Ends a message that says why a rank has failed.
const FAILED: u8 = 1;

/// The ranks of a run. Whatever a rank sends says first whether it goes on, so that an error of one rank ends all of
/// them, at whatever they wait for.
#[derive(Clone, Debug)]
pub(crate) struct Team {
    ranks: Arc<dyn Ranks>,
    /// Steps from one gathering of what the ranks remember to the next; 0 for only the last step.
    pub gather_every: u64,
}

impl Default for Team {
    fn default() -> Self {
        Self { ranks: Arc::new(Alone), gather_every: 0 }
    }
}

impl Team {
    pub fn new(ranks: Arc<dyn Ranks>, gather_every: u64) -> Self {
        Self { ranks, gather_every }
    }

    pub fn ranks(&self) -> &dyn Ranks {
        &*self.ranks
    }

    pub fn is_alone(&self) -> bool {
        self.ranks.size() == 1
    }

    /// The shards of this rank, of `count`: shard k is rank k mod R's.
    pub fn shards(&self, count: usize) -> impl Iterator<Item = Shard> {
        let (rank, size) = (self.ranks.rank(), self.ranks.size());
        Shard::all(count).filter(move |shard| shard.index() % size == rank)
    }

    /// Whether the shard of this number is this rank's.
    pub fn has(&self, shard: usize) -> bool {
        shard % self.ranks.size() == self.ranks.rank()
    }

    /// Sends a part to each rank and returns what each sent.
    pub fn exchange(&self, mut parts: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, TrainError> {
        parts.iter_mut().for_each(|part| part.push(SOUND));
        let received = self.ranks.exchange(parts)?.into_iter().enumerate();
        received.map(|(rank, message)| sound(rank, message)).collect()
    }

    /// What every rank has given.
    pub fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        self.exchange(vec![bytes.to_vec(); self.ranks.size()])
    }

    /// Whether it is so on any rank.
    pub fn any(&self, here: bool) -> Result<bool, TrainError> {
        if self.is_alone() {
            return Ok(here);
        }
        Ok(self.gather(&[u8::from(here)])?.contains(&vec![1]))
    }

    /// The result, after the other ranks have been told if it is an error.
    pub fn or_tell<T>(&self, result: Result<T, TrainError>) -> Result<T, TrainError> {
        if let Err(error) = &result
            && !self.is_alone()
        {
            let mut message = with_causes(error).into_bytes();
            message.push(FAILED);
            // Whether they heard it changes nothing here.
            let _ = self.ranks.exchange(vec![message; self.ranks.size()]);
        }
        result
    }
}

/// What a rank sent, if it goes on.
fn sound(rank: usize, mut message: Vec<u8>) -> Result<Vec<u8>, TrainError> {
    match message.pop() {
        Some(SOUND) => Ok(message),
        Some(_) => Err(TrainError::Rank { rank, reason: String::from_utf8_lossy(&message).into_owned() }),
        None => Err(TrainError::Rank { rank, reason: "it sent an empty message".into() }),
    }
}

fn with_causes(error: &TrainError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
