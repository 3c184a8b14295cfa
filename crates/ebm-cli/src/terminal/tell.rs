//! Results on standard output.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether anything was written to standard output.
static TOLD: AtomicBool = AtomicBool::new(false);

/// A line of results, as `println!`, which would panic where nobody reads them.
macro_rules! tell {
    ($($argument:tt)*) => { $crate::terminal::tell::line(format_args!($($argument)*)) };
}

/// Whether results were written to standard output.
pub fn has_told() -> bool {
    TOLD.load(Ordering::Relaxed)
}

/// Writes a line to standard output.
///
/// Where nobody reads it any more, as behind `| head`, it is dropped, and the work goes on.
/// If it cannot be written for another reason, the program ends with that.
pub fn line(line: Arguments<'_>) {
    TOLD.store(true, Ordering::Relaxed);
    let Err(error) = writeln!(std::io::stdout(), "{line}") else { return };
    if error.kind() != ErrorKind::BrokenPipe {
        crate::terminal::say(&format!("error: cannot write to standard output: {error}"));
        signal_hook::low_level::exit(1);
    }
}

/// Writes text that ends its line to standard output, for journals that are echoed there.
///
/// # Errors
/// Any but that nobody reads it any more.
pub fn echo(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Standard output for a writer of a whole file: what nobody reads any more is dropped.
pub struct Results;

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        TOLD.store(true, Ordering::Relaxed);
        match std::io::stdout().write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match std::io::stdout().flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
