//! Ctrl-C and `kill`, taken at the next step.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use ebm_train::{BoxError, Event, Observer};

/// Signals that end a run: SIGINT and SIGTERM.
const SIGNALS: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

/// The signal that has come, if one has. A second one, of either kind, ends the program at once.
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
        for signal in SIGNALS {
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

    /// What the program exits with because of the signal: 130 or 143.
    pub fn exit_code(&self) -> Option<u8> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }
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
