//! Nothing is lost: runs that are killed, folders that are another's, numbers that go wrong.
#![cfg(unix)]

#[allow(dead_code, reason = "no test needs all of it")]
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use common::{ebm, stderr};
use serde_json::Value;

fn train(preset: &str, out: &Path, steps: u64, more: &[&str]) -> Command {
    let mut command = ebm(&["train", preset, "--seed", "5", "--batch-size", "16", "--backend", "flex"]);
    let set = ["--set", "record.picture_samples=20", "--set", "record.journal_every=1"];
    command.args(set).args(["--steps", &steps.to_string(), "--out"]).arg(out).args(more);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn resume(run: &Path) -> Output {
    ebm(&["train", "--backend", "flex", "--resume"]).arg(run).output().unwrap()
}

fn journal(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits until something of this kind is in the journal.
fn wait_for(run: &Path, event: &str, step: u64, child: &mut Child) {
    let is_it = |line: &Value| line["event"] == event && Some(step) <= line["step"].as_u64();
    for _ in 0..6000 {
        if journal(run).iter().any(is_it) {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {event} at step {step}");
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{event} at step {step} never came");
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// The last checkpoint and the model: weights, optimiser, average, chains, noise.
fn end(run: &Path, steps: u64) -> BTreeMap<PathBuf, Vec<u8>> {
    let last = run.join(format!("checkpoints/step-{steps}"));
    let mut paths: Vec<PathBuf> = fs::read_dir(last).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.push(run.join("model.safetensors"));
    paths.into_iter().map(|path| (path.strip_prefix(run).unwrap().into(), fs::read(&path).unwrap())).collect()
}

/// What is not a file of the run.
fn leftovers(run: &Path) -> Vec<String> {
    let folders = [run.to_owned(), run.join("checkpoints"), run.join("samples")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.') && name != ".lock").collect()
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_in_the_same_bytes() {
    const STEPS: u64 = 40;
    let chains = ["--set", "objective.chains.capacity=100", "--set", "objective.contrast.sampler_steps=2"];
    for (preset, more) in [("two-moons", &[][..]), ("two-moons-pcd", &chains[..])] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, run) = (folder.path().join("whole"), folder.path().join("run"));
        let more = [&["--checkpoint-every", "1"], more].concat();
        let output = train(preset, &whole, STEPS, &more).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let whole = end(&whole, STEPS);
        assert_eq!(whole.len(), if preset == "two-moons" { 4 } else { 5 });

        for kill in 0..5u64 {
            let mut child = if run.join("config.toml").is_file() {
                let mut command = ebm(&["train", "--backend", "flex", "--resume"]);
                command.arg(&run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
            } else {
                train(preset, &run, STEPS, &more).spawn().unwrap()
            };
            wait_for(&run, "progress", 6 * kill + 1, &mut child);
            // somewhere in the middle of what follows
            std::thread::sleep(Duration::from_micros(1700 * kill));
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(!stderr(&output).contains("not used"), "{preset}: {}", stderr(&output));
        }

        let output = resume(&run);
        assert!(output.status.success(), "{preset}: {}", stderr(&output));
        assert!(!stderr(&output).contains("not used"), "{preset}: {}", stderr(&output));
        assert!(end(&run, STEPS) == whole, "{preset}: other bytes");
        assert_eq!(leftovers(&run), Vec::<String>::new());
    }
}

#[test]
fn a_run_that_was_killed_before_its_first_checkpoint_begins_and_ends_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, run) = (folder.path().join("whole"), folder.path().join("run"));
    let more = ["--checkpoint-every", "0"];
    assert!(train("two-moons", &whole, 300, &more).output().unwrap().status.success());
    let mut child = train("two-moons", &run, 300, &more).spawn().unwrap();
    wait_for(&run, "progress", 3, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!run.join("checkpoints").exists());

    let output = resume(&run);

    assert!(output.status.success() && stderr(&output).contains("no checkpoint yet"), "{}", stderr(&output));
    assert!(end(&run, 300) == end(&whole, 300));
}

#[test]
fn a_folder_takes_one_trainer_and_is_free_when_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut child = train("two-moons", &run, 1_000_000, &["--checkpoint-every", "5"]).spawn().unwrap();
    wait_for(&run, "progress", 20, &mut child);
    let before = journal(&run).len();

    let output = resume(&run);

    assert_eq!(output.status.code(), Some(1));
    let holder = format!("is being trained by process {}", child.id());
    assert!(stderr(&output).contains(&holder), "{}", stderr(&output));
    wait_for(&run, "progress", before as u64 + 20, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = ebm(&["train", "--backend", "flex", "--resume"]).arg(&run).spawn().unwrap();
    wait_for(&run, "resumed", 20, &mut child);
    send("-TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_second_signal_of_either_kind_ends_the_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for (name, signals, code) in [("a", ["-INT", "-TERM"], 143), ("b", ["-TERM", "-TERM"], 143)] {
        let run = folder.path().join(name);
        // a step that takes seconds: after one signal it would be finished, and kept
        let slow = ["--batch-size", "400000", "--checkpoint-every", "1", "--set", "record.picture_samples=0"];
        let mut command = ebm(&["train", "two-moons", "--backend", "flex", "--steps", "100", "--out"]);
        let mut child =
            command.arg(&run).args(slow).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        wait_for(&run, "began", 0, &mut child);
        std::thread::sleep(Duration::from_millis(100));
        send(signals[0], &child);
        std::thread::sleep(Duration::from_millis(100));
        send(signals[1], &child);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signals:?}");
        assert!(!run.join("checkpoints").exists(), "{signals:?}: the step was finished");
    }
}

#[test]
fn a_learning_rate_that_breaks_the_run_is_named_and_the_last_checkpoint_stays() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let sudden =
        ["--set", "train.learning_rate=1e30", "--set", "train.warm_up=100", "--checkpoint-every", "1"];
    let output = train("two-moons", &run, 40, &sudden).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors: Vec<String> =
        stderr(&output).lines().filter(|line| line.starts_with("error:")).map(str::to_owned).collect();
    assert!(
        errors.len() == 1 && errors[0].contains("at step 1: ") && errors[0].contains("1e28"),
        "{errors:?}"
    );
    assert!(!run.join("model.safetensors").exists() && leftovers(&run).is_empty());

    let run = folder.path().join("skipped");
    let skip = ["--set", "train.learning_rate=1e39", "--set", "train.warm_up=0", "--on-nonfinite", "skip"];
    let output = train("two-moons", &run, 40, &skip).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(error.contains("11 steps in a row were skipped up to step 11, 10 are allowed"), "{error}");
    let lines: Vec<Value> = journal(&run).into_iter().filter(|line| line["event"] == "skipped").collect();
    assert_eq!(lines[0]["reason"], "the learning rate was 1e39");
    let skipped: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
    // the eleventh ended the run
    assert_eq!(skipped, (1..=10).collect::<Vec<_>>());
}

#[test]
fn checkpoints_that_cannot_be_written_end_the_run_before_its_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    fs::create_dir(&run).unwrap();
    fs::write(run.join("checkpoints"), b"not a folder").unwrap();
    let output = train("two-moons", &run, 40, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("could not read") && stderr(&output).contains("checkpoints"));
    assert!(!run.join("journal.jsonl").exists() && leftovers(&run).is_empty());
}
