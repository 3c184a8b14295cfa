//! Parts of a whole that several processes draw: which part, as the command line or the environment says it, and the
//! slip beside its file by which the parts are put together again.

mod about;
mod environment;
mod hashing;
mod range;
mod request;
mod slip;
mod tally;

pub use self::about::{About, Tested};
pub use self::environment::of_environment;
pub use self::hashing::{Hashing, sha256_at, sha256_of};
pub use self::range::{Part, Wanted};
pub use self::request::{Request, differences};
pub use self::slip::{OfChains, OfSamples, Slip};
pub use self::tally::Tally;
