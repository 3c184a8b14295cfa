//! Ranks that are processes, on one host or many, started by `mpirun`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Destination, Source};
use mpi::{Count, Threading};

use crate::{Ranks, TrainError};

/// The tag of signs of life.
const ALIVE: mpi::Tag = 7;
/// From one sign of life to the next.
const BEAT: Duration = Duration::from_secs(1);
/// Without a sign of life for so long, a rank is lost.
const LOST: Duration = Duration::from_secs(8);
/// From one look for signs of life to the next.
const LOOK: Duration = Duration::from_millis(100);

/// The ranks of MPI's world. A thread of each tells the others every second that its process is alive, however long a
/// step takes; a rank of which nothing is heard for eight seconds, because it was stopped or its host is gone, ends all.
pub struct MpiRanks {
    rank: usize,
    size: usize,
    is_done: Arc<AtomicBool>,
    watch: Option<JoinHandle<()>>,
    universe: Option<Universe>,
}

impl MpiRanks {
    /// Joins the other ranks; `lost` is told about a rank that is lost, before all are ended.
    ///
    /// # Errors
    /// [`TrainError::Rank`] if MPI was started before, or does not allow for threads.
    pub fn start(lost: impl Fn(&str) + Send + 'static) -> Result<Self, TrainError> {
        let failed = |reason: &str| TrainError::Rank { rank: 0, reason: reason.into() };
        let started = mpi::initialize_with_threading(Threading::Multiple);
        let (universe, threading) = started.ok_or_else(|| failed("MPI was started before"))?;
        let world = universe.world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        if threading < Threading::Multiple {
            let reason = format!("MPI gives {threading:?} threads, expected Multiple");
            return Err(TrainError::Rank { rank, reason });
        }
        let is_done = Arc::new(AtomicBool::new(false));
        let done = is_done.clone();
        let watch = std::thread::spawn(move || watch(&done, &lost));
        Ok(Self { rank, size, is_done, watch: Some(watch), universe: Some(universe) })
    }
}

impl std::fmt::Debug for MpiRanks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MpiRanks").field("rank", &self.rank).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Ranks for MpiRanks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, parts: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, TrainError> {
        let world = SimpleCommunicator::world();
        let too_long =
            || TrainError::Rank { rank: self.rank, reason: "it sends 2 GiB or more at once".into() };
        let lengths: Option<Vec<Count>> = parts.iter().map(|part| Count::try_from(part.len()).ok()).collect();
        let lengths = lengths.ok_or_else(too_long)?;
        // Who sends how much to whom: one collective for what a block has and how wide all are.
        let mut all: Vec<Count> = vec![0; self.size * self.size];
        world.all_gather_into(&lengths[..], &mut all[..]);
        let received: Vec<Count> = all.iter().skip(self.rank).step_by(self.size).copied().collect();

        // Blocks as long as the longest part: Open MPI 4.1 fails in MPI_Alltoallv where some parts are empty.
        let width = all.iter().copied().max().unwrap_or(0);
        let width = width as usize;
        if width == 0 {
            return Ok(vec![Vec::new(); self.size]);
        }
        let total = width.checked_mul(self.size).filter(|total| Count::try_from(*total).is_ok());
        let total = total.ok_or_else(too_long)?;
        let (mut sent, mut bytes) = (vec![0u8; total], vec![0u8; total]);
        for (block, part) in sent.chunks_exact_mut(width).zip(&parts) {
            block[..part.len()].copy_from_slice(part);
        }
        world.all_to_all_into(&sent[..], &mut bytes[..]);
        let blocks = bytes.chunks_exact(width).zip(&received);
        Ok(blocks.map(|(block, length)| block[..*length as usize].to_vec()).collect())
    }

    fn abort(&self, code: u8) {
        SimpleCommunicator::world().abort(code.into())
    }
}

/// Waits for the others, whose signs of life go on until all are here.
impl Drop for MpiRanks {
    fn drop(&mut self) {
        SimpleCommunicator::world().barrier();
        self.is_done.store(true, Ordering::Relaxed);
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
        drop(self.universe.take());
    }
}

/// Tells the other ranks every second that this one is alive, and ends all if one of them is lost.
fn watch(is_done: &AtomicBool, lost: &dyn Fn(&str)) {
    let world = SimpleCommunicator::world();
    let (rank, size) = (world.rank(), world.size());
    let mut heard = vec![Instant::now(); size as usize];
    let (mut next, mut last_look) = (Instant::now(), Instant::now());
    while !is_done.load(Ordering::Relaxed) {
        if next <= Instant::now() {
            next += BEAT;
            for other in (0..size).filter(|other| *other != rank) {
                world.process_at_rank(other).send_with_tag(&1u8, ALIVE);
            }
        }
        while let Some((message, status)) = world.any_process().immediate_matched_probe_with_tag(ALIVE) {
            let (_, _): (u8, _) = message.matched_receive();
            heard[status.source_rank() as usize] = Instant::now();
        }
        // One that was stopped itself has heard nothing meanwhile.
        if LOST / 2 < last_look.elapsed() {
            heard.fill(Instant::now());
        }
        last_look = Instant::now();
        let silent = (0..size).find(|other| *other != rank && LOST < heard[*other as usize].elapsed());
        if let Some(silent) = silent {
            lost(&format!("rank {silent}: it has not been heard of for {} s", LOST.as_secs()));
            world.abort(1);
        }
        std::thread::sleep(LOOK);
    }
}
