//! A run's page, `report.html`: what it is, how it goes, what it has come to.
//!
//! It is made of what lies in the run's folder alone, so that it can be made again at any time, of runs that train, were
//! stopped, crashed or are older than pages; the same folder gives the same bytes. What cannot be read is said on it.

mod charts;
mod compared;
mod evaluated;
mod file;
mod live;
mod record;
mod shown;
mod single;
mod story;

pub use self::file::{MAX_BYTES, of_run, of_runs, write};
pub use self::live::LivePage;
