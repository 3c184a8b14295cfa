//! What happened in a run, a line of JSON each.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use ebm_train::{BoxError, Event, Observer};
use serde_json::{Value, json};

/// The journal of a run, and standard output where lines of JSON are wanted there too.
pub struct Journal {
    file: File,
    echo: bool,
    began: Instant,
}

impl Journal {
    /// Opens the journal at `path` to go on after `step`: later lines, which a killed run may have left, are
    /// dropped, as is a last line that was cut.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(path: &Path, step: u64, echo: bool) -> Result<Self> {
        let failed = || format!("could not open {}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(failed)?;
        file.set_len(kept(&text, step) as u64).with_context(failed)?;
        file.seek(SeekFrom::End(0)).with_context(failed)?;
        Ok(Self { file, echo, began: Instant::now() })
    }

    /// Adds one line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, line: &Value) -> std::io::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())?;
        if self.echo {
            println!("{line}");
        }
        Ok(())
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

impl<M: burn::module::Module> Observer<M> for Journal {
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        let mut line = json!({
            "event": "progress",
            "step": event.state.step(),
            "loss": event.state.loss(),
            "learning_rate": event.learning_rate(),
            "seconds": self.began.elapsed().as_secs_f64(),
        });
        if let Some(health) = event.health {
            line["sampler"] = serde_json::to_value(health.read())?;
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
