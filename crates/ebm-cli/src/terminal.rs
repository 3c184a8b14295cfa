//! What a person at a terminal sees and types: lines, progress, signals, backends by name.

#[macro_use]
pub mod tell;

pub mod backend;
pub mod bug;
pub mod instructions;
pub mod interrupt;
pub mod program;
pub mod progress;

use std::io::Write;

/// Writes a line to standard error, beside standard output's results.
///
/// Commands in it are named as this program was started. A standard error that cannot be written to is no reason to
/// stop.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", program::as_started(line));
}
