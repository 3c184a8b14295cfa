//! Files and folders that are complete or absent.
//!
//! A file is written under a scratch name beside its place, flushed to the disk, and renamed: a reader sees the old
//! file or the new one, and never a half. A folder is exchanged for the new one in a single step where the system can
//! do that (Linux), so that it is never missing. If the process is killed, its scratch files stay; whoever writes the
//! same path next removes them, or finishes the replacement of a folder that was interrupted. A clean-up that fails
//! is no error of the write: [`on_warning`] says who is told. A program that a signal ends removes its scratch by
//! [`abandon`], which also says what was finished.
//!
//! A file that takes hours to write is a [`Growing`]: what a killed process has written of it is kept, and the next
//! one goes on from there.
//!
//! ```
//! # let dir = tempfile::tempdir()?;
//! let path = dir.path().join("results/table.csv");
//! ebm_files::write(&path, |out| -> Result<(), std::io::Error> {
//!     out.write_all(b"step,loss\n")?;
//!     out.write_all(b"1,0.5\n")
//! })?;
//! ebm_files::write_bytes(&path, b"step,loss\n")?;
//! assert_eq!(std::fs::read(&path)?, b"step,loss\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod draft;
mod error;
mod folder;
mod growing;
mod scratch;
mod unfinished;
mod warning;

pub use self::draft::{Draft, write, write_bytes};
pub use self::error::FileError;
pub use self::folder::{replace_folder, write_folder};
pub use self::growing::{Found, Growing};
pub use self::scratch::{clear, recover};
pub use self::unfinished::{abandon, forget_finished, keep, make_folder, remember_finished};
pub use self::warning::{on_warning, warn};
