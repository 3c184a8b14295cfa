//! What a person at a terminal sees and types: lines, progress, signals, backends by name.

#[macro_use]
pub mod tell;

pub mod backend;
pub mod bug;
pub mod columns;
pub mod instructions;
pub mod interrupt;
pub mod machine;
pub mod program;
pub mod progress;
pub mod ranks;
pub mod usage;
pub mod work;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process leaves it to another to speak.
static HUSHED: AtomicBool = AtomicBool::new(false);

/// From here on [`say`] says nothing, or something again: of several processes that train together, one speaks.
pub fn hush(hushed: bool) {
    HUSHED.store(hushed, Ordering::Relaxed);
}

/// Writes a line to standard error, beside standard output's results.
///
/// Commands in it are named as this program was started. A standard error that cannot be written to is no reason to
/// stop.
pub fn say(line: &str) {
    if HUSHED.load(Ordering::Relaxed) {
        return;
    }
    let _ = writeln!(std::io::stderr(), "{}", program::as_started(line));
}
