//! What happened in a run, a line of JSON each.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use ebm_train::{BoxError, Event, Observer};
use serde_json::{Value, json};

use crate::error::{Context, Result};
use crate::own_file::open_own;

/// Most bytes of a journal that are read.
pub const MAX_BYTES: u64 = 1 << 28;

/// Where lines go besides the file.
pub type Echo = fn(&str) -> std::io::Result<()>;

/// Lines that observers of a run have for its journal, which writes them after the next step.
#[derive(Clone, Debug, Default)]
pub struct Remarks(Rc<RefCell<Vec<Value>>>);

impl Remarks {
    /// Adds a line; its `step` is that of the observer.
    pub fn add(&self, line: Value) {
        self.0.borrow_mut().push(line);
    }

    /// The lines so far, which are then no longer here.
    pub(crate) fn take(&self) -> Vec<Value> {
        self.0.take()
    }
}

/// The journal of a run, and standard output where lines of JSON are wanted there too.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// Lines that tell of changed settings.
    changes: usize,
    echo: Option<Echo>,
    /// Steps between lines of progress; 0 leaves only the last one.
    every: u64,
    began: Instant,
    remarks: Remarks,
}

impl Journal {
    /// Opens the journal at `path` to go on after `step`: later lines, which a killed run may have left, are
    /// dropped, as is a last line that was cut. It tells of the progress every `every` steps.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(path: &Path, step: u64, every: u64, echo: Option<Echo>) -> Result<Self> {
        let failed = || format!("could not open {}", path.display());
        let mut file = open_own(path).with_context(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(failed)?;
        let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let kept = &text[..kept(text, step)];
        let (length, changes) = (kept.len() as u64, kept.lines().filter(|line| is_change(line)).count());
        file.set_len(length).with_context(failed)?;
        file.seek(SeekFrom::Start(length)).with_context(failed)?;
        let (path, began, remarks) = (path.to_owned(), Instant::now(), Remarks::default());
        Ok(Self { path, file, length, changes, echo, every, began, remarks })
    }

    /// This journal with lines from elsewhere.
    #[must_use]
    pub fn with_remarks(self, remarks: Remarks) -> Self {
        Self { remarks, ..self }
    }

    /// How many changes of settings it tells of, as it was opened.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// Adds one line, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, line: &Value) -> std::io::Result<()> {
        let text = format!("{line}\n");
        if let Err(error) = self.file.write_all(text.as_bytes()) {
            let _ = self.file.set_len(self.length);
            return Err(std::io::Error::new(
                error.kind(),
                format!("could not write to the journal {}: {error}", self.path.display()),
            ));
        }
        self.length += text.len() as u64;
        self.echo.map_or(Ok(()), |echo| echo(&text))
    }

    /// Whether it is the step to tell of the progress.
    fn is_time<M>(&self, event: &Event<'_, M>, step: u64) -> bool {
        event.is_last() || (self.every != 0 && step.is_multiple_of(self.every))
    }
}

/// Bytes of the whole lines up to `step`.
fn kept(text: &str, step: u64) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        let at = serde_json::from_str::<Value>(line).ok().and_then(|line| line.get("step")?.as_u64());
        if !line.ends_with('\n') || at.is_none_or(|at| step < at) {
            break;
        }
        end += line.len();
    }
    end
}

fn is_change(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|line| line["event"] == "changed")
}

impl<M: burn::module::Module> Observer<M> for Journal {
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        let step = event.state.step();
        for remark in self.remarks.take() {
            self.write(&remark)?;
        }
        if let Some(reason) = event.state.skip_reason() {
            let skipped = event.state.skipped();
            let reason = reason.to_string();
            self.write(&json!({"event": "skipped", "step": step, "reason": reason, "skipped": skipped}))?;
        }
        if !self.is_time(event, step) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut line = json!({
            "event": "progress",
            "step": step,
            "loss": event.state.loss(),
            "learning_rate": event.learning_rate(),
            "gradient_norm": event.state.gradient_norm(),
            "seconds": self.began.elapsed().as_secs_f64(),
        });
        if let Some(report) = event.report {
            line["sampler"] = serde_json::to_value(report.read())?;
        }
        self.write(&line)?;
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_goes_on_after_the_step_that_a_run_goes_on_from() {
        let text = "{\"step\":0}\n{\"step\":10}\n{\"step\":20}\n{\"step\":3";
        assert_eq!(kept(text, 10), "{\"step\":0}\n{\"step\":10}\n".len());
        assert_eq!(kept(text, 99), text.len() - "{\"step\":3".len());
        assert_eq!(kept("", 5), 0);
    }
}
