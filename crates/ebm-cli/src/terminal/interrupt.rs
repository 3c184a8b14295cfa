//! Ctrl-C, `kill` and a terminal that is closed, taken at the next step.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use ebm_train::{BoxError, Event, Observer};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Signals that end a run.
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

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
                signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, second.clone())?;
                signal_hook::flag::register(signal, second)?;
                signal_hook::flag::register_usize(signal, seen.clone(), signal as usize)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_that_is_ignored_is_left_so() {
        let status =
            |mask: &str| format!("SigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0000000000000003\n");
        assert!(!ignores(&status("0000000000001000"), SIGHUP));
        assert!(ignores(&status("0000000000001001"), SIGHUP));
        assert!(ignores("Name:\tebm\n", SIGHUP), "a status that does not say so");
    }
}
