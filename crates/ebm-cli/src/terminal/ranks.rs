//! The processes that this one trains with, where `mpirun` or `srun` has started several.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ebm_train::{Alone, Ranks};

use super::{hush, say};

/// Where launchers say how many processes they have started: those of Open MPI, and of MPICH and its kin.
const SIZES: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

/// Where they say which of them on its host this one is.
#[cfg(feature = "cuda")]
const LOCAL: [&str; 3] = ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"];

/// How long a rank leaves it to rank 0 to say what all of them have found.
const PATIENCE: Duration = Duration::from_secs(2);

#[allow(clippy::disallowed_methods, reason = "launchers tell processes about each other in the environment")]
fn number(names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| std::env::var(name).ok()?.parse().ok())
}

/// The number of this process among those on its host; 0 if it was started alone.
#[cfg(feature = "cuda")]
pub fn local() -> usize {
    if number(&SIZES).is_some() { number(&LOCAL).unwrap_or(0) } else { 0 }
}

/// The ranks of which this process is one. Those besides rank 0 say nothing from here on.
///
/// # Errors
/// If several processes were started that know nothing of each other.
pub fn ranks() -> Result<Arc<dyn Ranks>> {
    let size = number(&SIZES).unwrap_or(1);
    if size <= 1 {
        return Ok(Arc::new(Alone));
    }
    join(size)
}

/// Joins the other processes.
#[cfg(feature = "mpi")]
fn join(_: usize) -> Result<Arc<dyn Ranks>> {
    let lost = |line: &str| {
        hush(false);
        say(&format!("error: {line}"));
    };
    let ranks = ebm_train::MpiRanks::start(lost)?;
    hush(ranks.rank() != 0);
    Ok(Arc::new(ranks))
}

/// Refuses to train one of several runs that were meant to be one.
#[cfg(not(feature = "mpi"))]
fn join(size: usize) -> Result<Arc<dyn Ranks>> {
    Err(crate::terminal::usage::usage(anyhow::anyhow!(
        "{size} processes were started to train together, and this program was built without MPI; from the sources, \
         `cargo build --release -p ebm-cli --features mpi` builds it in"
    )))
}

/// `done`, after the other ranks have been ended with it if it is an error.
///
/// # Errors
/// That of `done`.
pub fn ended(ranks: &dyn Ranks, done: Result<u8>) -> Result<u8> {
    let Err(error) = &done else { return done };
    if ranks.size() == 1 {
        return done;
    }
    let of = match ranks.rank() {
        0 => String::new(),
        rank => {
            std::thread::sleep(PATIENCE);
            format!("rank {rank}: ")
        }
    };
    hush(false);
    say(&format!("error: {of}{error:#}"));
    ranks.abort(super::usage::exit_code(error));
    done
}
