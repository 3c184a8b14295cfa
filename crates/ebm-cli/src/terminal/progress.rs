//! How far a run is, for a person's eyes.

use std::ops::ControlFlow;

use ebm_train::{BoxError, Event, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Steps between readings of the loss, each of which waits for the device.
const READ_EVERY: u64 = 10;

/// A bar on standard error: steps, rate, what is left, and the running loss.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for `steps` steps of which `done` are done.
    pub fn new(steps: u64, done: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
        let template = "{bar:30} {pos}/{len} steps  {per_sec}  {elapsed} gone, {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a template that was tried"));
        bar.set_position(done);
        bar.reset_eta();
        Self { bar }
    }

    /// The bar, for lines that shall stand above it.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }
}

impl<M: burn::module::Module> Observer<M> for Progress {
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        self.bar.set_position(event.state.step());
        if event.state.step().is_multiple_of(READ_EVERY) {
            self.bar.set_message(format!("loss {:.4}", event.state.loss()));
        }
        if event.is_last() {
            self.bar.finish();
        }
        Ok(ControlFlow::Continue(()))
    }
}
