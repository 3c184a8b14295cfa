//! Ctrl-C, `kill` and a terminal that is closed.
//!
//! What goes on later where it stopped looks for a signal at each step, by [`Interrupt`]; everything else ends at once,
//! by [`stoppable`], and so does what comes before the first step, by [`EndsAtSignal`].

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use ebm_train::{BoxError, Event, Observer};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::tell;

/// Signals that end a run.
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// How long it takes at most until a signal is seen where no step looks for it.
const PAUSE: Duration = Duration::from_millis(20);

/// Files that are named at most.
const MOST_NAMED: usize = 5;

/// The signal that has come, if one has. A second one, of any kind, ends the program at once.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn listen() -> Result<Self> {
        let seen = Arc::new(AtomicUsize::new(0));
        let second = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS.into_iter().chain(takes_hangups().then_some(SIGHUP)) {
            let second = second.clone();
            let register = || -> std::io::Result<()> {
                // First, so that no signal is taken and not seen.
                signal_hook::flag::register_usize(signal, seen.clone(), signal as usize)?;
                signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, second.clone())?;
                signal_hook::flag::register(signal, second)?;
                Ok(())
            };
            register().context("cannot listen to signals")?;
        }
        Ok(Self(seen))
    }

    /// What the program exits with because of the signal: 128 and its number.
    pub fn exit_code(&self) -> Option<u8> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }
}

/// Whether the hangup of a terminal that is closed may end the run: not under `nohup`, which has it ignored. Where the
/// system does not say, it ends the run as it always has.
fn takes_hangups() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| !ignores(&status, SIGHUP))
}

/// Whether the mask of ignored signals in a process's status has this one, or there is no mask.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

impl Interrupt {
    /// Whether to go on.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.exit_code().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl<M> Observer<M> for Interrupt {
    fn observe(&mut self, _: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        Ok(self.flow())
    }
}

/// Does the work of a verb that cannot go on where it was stopped. A signal ends it with the program: what is half
/// written is removed, and a line says what is kept.
///
/// # Errors
/// Those of the work, or if the system does not let it listen.
pub fn stoppable<T>(verb: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _held = EndsAtSignal::begin(verb)?;
    work()
}

/// While this is held, a signal ends the program: what is half written is removed, and a line says what is kept.
#[derive(Debug)]
pub struct EndsAtSignal {
    interrupt: Interrupt,
    is_running: Arc<Mutex<bool>>,
}

impl EndsAtSignal {
    /// From here on.
    ///
    /// # Errors
    /// If the system does not let it listen.
    pub fn begin(verb: &'static str) -> Result<Self> {
        let (interrupt, is_running) = (Interrupt::listen()?, Arc::new(Mutex::new(true)));
        ebm_files::remember_finished();
        let (listening, watched) = (interrupt.clone(), is_running.clone());
        let watcher = thread::Builder::new().name("signals".to_owned());
        watcher.spawn(move || watch(verb, &listening, &watched)).context("cannot listen to signals")?;
        Ok(Self { interrupt, is_running })
    }

    /// Until here; the signals that come from here on are seen by whoever looks for them.
    pub fn over(self) -> Interrupt {
        self.interrupt.clone()
    }
}

impl Drop for EndsAtSignal {
    fn drop(&mut self) {
        // Whoever ends the program has this lock until then.
        *lock(&self.is_running) = false;
        ebm_files::forget_finished();
    }
}

/// Waits for a signal as long as the work is running.
fn watch(verb: &str, interrupt: &Interrupt, is_running: &Mutex<bool>) {
    loop {
        thread::sleep(PAUSE);
        let is_running = lock(is_running);
        match interrupt.exit_code() {
            _ if !*is_running => return,
            None => {}
            // The lock is held until the program has ended: what fails for want of its files is not said.
            Some(code) => {
                let finished = ebm_files::abandon();
                clear_line();
                super::say(&stopped(verb, &finished, tell::has_told()));
                signal_hook::low_level::exit(code.into());
            }
        }
    }
}

fn lock(is_running: &Mutex<bool>) -> MutexGuard<'_, bool> {
    is_running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a progress bar off the terminal's line.
fn clear_line() {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = stderr.write_all(b"\r\x1b[K");
    }
}

/// What is said of a verb that is stopped, with these files finished, and with results printed or not.
fn stopped(verb: &str, finished: &[PathBuf], has_told: bool) -> String {
    let shown = finished.iter().take(MOST_NAMED).map(|path| path.display().to_string());
    let more = finished.len().saturating_sub(MOST_NAMED);
    let more = (0 < more).then(|| format!("{more} more files"));
    let told = has_told.then(|| "what is printed".to_owned());
    match shown.chain(more).chain(told).collect::<Vec<_>>().join(", ") {
        kept if kept.is_empty() => format!("{verb} was stopped before its end; nothing was written"),
        kept => format!("{verb} was stopped before its end; kept: {kept}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_that_is_stopped_says_what_is_kept() {
        let files = |n: usize| (0..n).map(|i| PathBuf::from(format!("{i}.csv"))).collect::<Vec<_>>();
        let said = |n: usize, has_told: bool| stopped("energy", &files(n), has_told);
        assert_eq!(said(0, false), "energy was stopped before its end; nothing was written");
        assert_eq!(said(0, true), "energy was stopped before its end; kept: what is printed");
        assert_eq!(said(2, true), "energy was stopped before its end; kept: 0.csv, 1.csv, what is printed");
        assert!(said(7, false).ends_with("kept: 0.csv, 1.csv, 2.csv, 3.csv, 4.csv, 2 more files"));
    }

    #[test]
    fn a_hangup_that_is_ignored_is_left_so() {
        let status =
            |mask: &str| format!("SigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0000000000000003\n");
        assert!(!ignores(&status("0000000000001000"), SIGHUP));
        assert!(ignores(&status("0000000000001001"), SIGHUP));
        assert!(ignores("Name:\tebm\n", SIGHUP), "a status that does not say so");
    }
}
