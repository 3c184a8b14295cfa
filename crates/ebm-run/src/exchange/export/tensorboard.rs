//! The journal of a run as TensorBoard reads it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ebm_model::weights;
use serde_json::Value;

use crate::error::{Context, Result, anyhow, ensure, usage};
use crate::folder::RunFolder;
use crate::journal;

/// What was written.
#[derive(Clone, Debug)]
pub struct EventFile {
    /// The file.
    pub path: PathBuf,
    /// Steps of which something is told.
    pub steps: usize,
    /// The names of the curves, in the order in which they appear.
    pub tags: Vec<String>,
}

/// Writes the numbers of a run's journal to an event file in `folder`, whole or not at all.
///
/// Every number of a line of progress is a curve, those of tables with `/` between the names. A second call writes the
/// same file again, so that a run that goes on has one. Times are those of training, counted from when the run was
/// made; breaks between sessions are left out.
///
/// # Errors
/// If the journal cannot be read or tells of no progress; a disk that refuses.
pub fn export(run: &RunFolder, folder: &Path) -> Result<EventFile> {
    let path = run.journal();
    let bytes = weights::read_file(&path, journal::MAX_BYTES);
    let bytes = bytes.with_context(|| format!("could not read {}", path.display()))?;
    let steps = steps(&String::from_utf8_lossy(&bytes));
    ensure!(!steps.is_empty(), usage(anyhow!("{} tells of no progress yet", path.display())));
    let made = fs::metadata(run.config()).and_then(|config| config.modified());
    let made = made.ok().and_then(|made| Some(made.duration_since(UNIX_EPOCH).ok()?.as_secs()));
    let made = made.unwrap_or(0);
    let path = folder.join(format!("events.out.tfevents.{made:010}.ebm"));
    ebm_files::write_bytes(&path, &events(made as f64, &steps))?;
    let mut tags: Vec<String> = Vec::new();
    for (tag, _) in steps.iter().flat_map(|step| &step.values) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    Ok(EventFile { path, steps: steps.len(), tags })
}

/// A line of progress.
#[derive(Debug, PartialEq)]
struct Step {
    step: u64,
    /// Seconds of training so far.
    seconds: f64,
    values: Vec<(String, f64)>,
}

fn steps(journal: &str) -> Vec<Step> {
    let lines = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // Seconds begin anew with each session.
    let (mut before, mut last) = (0.0, 0.0);
    let step = |line: Value| {
        // An event has a signed step.
        let step = line["step"].as_u64().filter(|&step| i64::try_from(step).is_ok())?;
        let seconds = line["seconds"].as_f64().unwrap_or(last);
        if seconds < last {
            before += last;
        }
        last = seconds;
        let mut values = Vec::new();
        for (name, value) in line.as_object()? {
            if !["step", "seconds"].contains(&name.as_str()) {
                collect(name, value, &mut values);
            }
        }
        Some(Step { step, seconds: before + seconds, values })
    };
    lines.filter(|line| line["event"] == "progress").filter_map(step).collect()
}

/// The numbers in a value, each by its name.
fn collect(name: &str, value: &Value, values: &mut Vec<(String, f64)>) {
    match value {
        Value::Number(number) => values.extend(number.as_f64().map(|number| (name.to_owned(), number))),
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(&format!("{name}/{key}"), value, values))
        }
        _ => {}
    }
}

/// The event file: records of serialised `Event` messages (tensorflow/core/util/event.proto).
fn events(made: f64, steps: &[Step]) -> Vec<u8> {
    let mut version = Message::default();
    version.double(1, made).text(3, "brain.Event:2");
    let mut file = record(&version.0);
    for Step { step, seconds, values } in steps {
        let mut summary = Message::default();
        for (tag, value) in values {
            let mut scalar = Message::default();
            scalar.text(1, tag).float(2, *value as f32);
            summary.bytes(1, &scalar.0);
        }
        let mut event = Message::default();
        event.double(1, made + seconds).integer(2, *step).bytes(5, &summary.0);
        file.extend(record(&event.0));
    }
    file
}

/// A record of TFRecord: its length and its bytes, each with a checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

/// CRC-32C, turned and shifted, since the checksum of bytes with their own checksum is a constant.
fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A message of Protocol Buffers, as far as events need it.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u8, wire_type: u8) {
        self.0.push(field << 3 | wire_type);
    }

    fn varint(&mut self, mut value: u64) {
        while 0x7f < value {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn integer(&mut self, field: u8, value: u64) -> &mut Self {
        self.key(field, 0);
        self.varint(value);
        self
    }

    fn double(&mut self, field: u8, value: f64) -> &mut Self {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(&mut self, field: u8, value: f32) -> &mut Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u8, value: &[u8]) -> &mut Self {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn text(&mut self, field: u8, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_bytes_of_the_specification() {
        // 150 is 96 01, "testing" is 12 07 74 65 73 74 69 6e 67 (Protocol Buffers, Encoding).
        let mut message = Message::default();
        message.integer(1, 150).text(2, "testing");
        assert_eq!(message.0, b"\x08\x96\x01\x12\x07testing");
        let mut message = Message::default();
        message.double(1, 1.0).float(2, -2.0);
        assert_eq!(message.0, b"\x09\0\0\0\0\0\0\xf0\x3f\x15\0\0\0\xc0");
    }

    #[test]
    fn a_record_has_its_length_and_checksums() {
        // CRC-32C of "123456789" is e3069283 (RFC 3720, appendix B.4, of that form).
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked(b"123456789"), 0xe306_9283u32.rotate_right(15).wrapping_add(0xa282_ead8));
        let record = record(b"abc");
        assert_eq!(record.len(), 8 + 4 + 3 + 4);
        assert_eq!(record[..8], 3u64.to_le_bytes());
        assert_eq!(&record[12..15], b"abc");
    }

    #[test]
    fn every_number_of_a_line_of_progress_is_a_value_and_time_goes_on_over_sessions() {
        let journal = concat!(
            "{\"event\":\"began\",\"step\":0,\"seed\":1}\n",
            "{\"event\":\"progress\",\"step\":10,\"seconds\":4.0,\"loss\":0.5,\"sampler\":{\"acceptance\":0.25,\"x\":null}}\n",
            "{\"event\":\"resumed\",\"step\":10}\n",
            "{\"event\":\"progress\",\"step\":20,\"seconds\":1.5,\"loss\":null}\n",
            "{\"event\":\"progress\",\"step\":",
        );
        let found = steps(journal);
        let values = vec![("loss".to_owned(), 0.5), ("sampler/acceptance".to_owned(), 0.25)];
        let first = Step { step: 10, seconds: 4.0, values };
        let second = Step { step: 20, seconds: 5.5, values: vec![] };
        assert_eq!(found, [first, second]);
        let file = events(100.0, &found);
        let has = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
        assert!(has(b"brain.Event:2") && has(b"sampler/acceptance") && has(&104f64.to_le_bytes()));
    }

    #[test]
    fn a_line_with_a_step_that_no_event_can_have_is_left_out() {
        let line =
            |step: u64| format!("{{\"event\":\"progress\",\"step\":{step},\"seconds\":1.0,\"loss\":0.5}}\n");
        let most = i64::MAX as u64;
        let found = steps(&[line(1), line(most), line(most + 1), line(u64::MAX)].concat());
        assert_eq!(found.iter().map(|step| step.step).collect::<Vec<_>>(), [1, most]);
    }

    #[test]
    fn a_run_without_progress_is_refused_and_a_second_export_replaces_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let (run, _lock) = RunFolder::create(Some(&folder.path().join("run")), "run").unwrap();
        run.write_config("").unwrap();
        fs::write(run.journal(), "{\"event\":\"began\",\"step\":0}\n").unwrap();
        assert!(export(&run, folder.path()).unwrap_err().to_string().contains("no progress"));
        for n in 1..3 {
            let line = "{\"event\":\"progress\",\"step\":1,\"loss\":1.0}\n";
            fs::write(run.journal(), line.repeat(n)).unwrap();
            let EventFile { path, steps, tags } = export(&run, &run.path().join("tensorboard")).unwrap();
            assert_eq!((steps, tags), (n, vec!["loss".to_owned()]));
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        }
    }
}
