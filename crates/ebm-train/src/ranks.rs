//! Processes that train one model together.

pub(crate) mod exchange;

mod alone;
mod local;
#[cfg(feature = "mpi")]
mod mpi;

mod agreement;

#[cfg(feature = "mpi")]
pub use self::mpi::MpiRanks;
pub use agreement::agree;
pub use alone::Alone;
pub use exchange::Ranks;
pub use local::LocalRanks;
