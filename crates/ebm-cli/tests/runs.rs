//! Whole runs of the program: the same bytes again, killed and resumed, and sampled from.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use common::{ebm, stderr, stdout};

const SMALL: [&str; 12] = [
    "--set",
    "model.hidden=16",
    "--set",
    "model.layers=1",
    "--set",
    "record.picture_samples=50",
    "--batch-size",
    "32",
    "--set",
    "record.journal_every=1",
    "--backend",
    "flex",
];

fn train(out: &Path, steps: u64, more: &[&str]) -> std::process::Command {
    let mut command = ebm(&["train", "two-moons", "--seed", "5", "--json"]);
    command.args(SMALL).args(["--steps", &steps.to_string(), "--out"]).arg(out).args(more);
    command
}

fn resume(out: &Path) -> std::process::Output {
    ebm(&["train", "--backend", "flex", "--json", "--resume"]).arg(out).output().unwrap()
}

fn model(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}

/// Waits until the run's journal tells of `step`.
fn wait_for(run: &Path, step: u64, child: &mut Child) {
    let line = format!("\"step\":{step}}}");
    for _ in 0..6000 {
        if fs::read_to_string(run.join("journal.jsonl")).is_ok_and(|text| text.contains(&line)) {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended before step {step}");
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("step {step} never came");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_standard_output_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["a", "b"].map(|name| folder.path().join(name));
    for run in &runs {
        let output = train(run, 20, &[]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let lines: Vec<serde_json::Value> =
            stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["event"], "began");
        assert_eq!(lines.last().unwrap()["event"], "done");
        assert!(run.join("samples/step-20.png").is_file());
    }
    assert!(model(&runs[0]) == model(&runs[1]), "two runs with one seed differ");
    let again = folder.path().join("c");
    let output = ebm(&["train", "--backend", "flex", "--out"])
        .arg(&again)
        .arg(runs[0].join("config.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(model(&runs[0]) == model(&again), "the run's own config.toml gives another run");
    let other = folder.path().join("d");
    assert!(train(&other, 20, &["--set", "seed=6"]).output().unwrap().status.success());
    assert!(model(&runs[0]) != model(&other), "another seed gives the same run");
}

#[cfg(unix)]
#[test]
fn a_run_stopped_by_a_signal_or_killed_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    assert!(train(&whole, 400, &["--checkpoint-every", "7"]).output().unwrap().status.success());

    // Under `nohup` a hangup is ignored, by a run too.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask =
        status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let hangup = mask.is_some_and(|ignored| ignored & 1 == 0).then_some(("-HUP", Some(129), 20));
    let signals = [("-TERM", Some(143), 33), ("-INT", Some(130), 5), ("-KILL", None, 51)];
    for (signal, code, step) in signals.into_iter().chain(hangup) {
        let run = folder.path().join(format!("run{signal}"));
        let mut child = train(&run, 400, &["--checkpoint-every", "7"]).stdout(Stdio::null()).spawn().unwrap();
        wait_for(&run, step, &mut child);
        let killed =
            std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(child.wait().unwrap().code(), code, "{signal}");
        assert!(!run.join("model.safetensors").exists());

        let output = resume(&run);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(model(&run) == model(&whole), "{signal}: the resumed run ends in other bytes");
        let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
        let steps: Vec<u64> = journal
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|line| line["event"] == "progress")
            .map(|line| line["step"].as_u64().unwrap())
            .collect();
        assert_eq!(steps, (1..=400).collect::<Vec<_>>(), "{signal}: the journal has gaps or repeats");
    }
}

/// Waits until it is so, for a minute at most.
#[cfg(unix)]
fn until(is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process has said what it does at SIGTERM; where that cannot be seen, it is given some time.
#[cfg(unix)]
fn listens(process: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) else {
        std::thread::sleep(Duration::from_secs(3));
        return true;
    };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> 14 & 1 == 1)
}

#[cfg(unix)]
#[test]
fn a_verb_that_a_signal_ends_says_what_is_kept_and_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert!(train(&at.join("run"), 5, &[]).output().unwrap().status.success());
    let rows: String = (0..1_000_000).map(|i| format!("{},{}\n", i % 7, i % 5)).collect();
    fs::write(at.join("rows.csv"), rows).unwrap();
    // Each would take much longer than it is given.
    let levels = "heun.levels=500000";
    let commands: [(&str, &[&str]); 6] = [
        ("sample", &["sample", "run", "--sampler", "heun", "--set", levels]),
        ("sample", &["sample", "banana", "--sampler", "langevin", "--draws", "1000000", "--out", "c.npy"]),
        ("eval", &["eval", "run", "--sampler", "heun", "--set", levels]),
        ("interpolate", &["interpolate", "run", "0.5,1", "1,0.5", "--set", levels]),
        ("encode", &["encode", "run", "--data", "rows.csv", "--tolerance", "1e-6"]),
        ("bench", &["bench", "--batch-size", "1024"]),
    ];
    let names = || {
        let entries = fs::read_dir(at).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    for (i, (verb, arguments)) in commands.into_iter().enumerate() {
        let (signal, code) = [("-INT", 130), ("-TERM", 143)][i % 2];
        let mut command = ebm(arguments);
        command.args(["--backend", "flex"]).current_dir(at).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        until(|| listens(child.id()));
        if verb == "encode" {
            until(|| names().iter().any(|name| name.to_string_lossy().starts_with(".ebm-draft-")));
        }
        std::thread::sleep(Duration::from_millis(300));
        let killed = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        let expected = format!("{verb} was stopped before its end; nothing was written");
        assert_eq!(said.lines().last(), Some(expected.as_str()), "{arguments:?}: {said}");
        assert_eq!(names(), before, "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_a_signal_ends_before_its_first_step_has_its_configuration_or_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    for i in 0..10 {
        let run = folder.path().join(format!("run-{i}"));
        let mut command = train(&run, 1_000_000, &[]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until(|| listens(child.id()));
        std::thread::sleep(Duration::from_millis(5 * i));
        let killed = std::process::Command::new("kill").arg(child.id().to_string()).status();
        assert!(killed.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = stderr(&output) + &stdout(&output);
        assert_eq!(output.status.code(), Some(143), "{said}");
        assert!(said.contains("stopped"), "{said}");
        assert!(!run.exists() || run.join("config.toml").is_file(), "{said}");
        let all = [names(folder.path()), names(&run)].concat();
        assert!(!all.iter().any(|name| name.starts_with(".ebm-draft-")), "{all:?}: {said}");
    }
}

#[test]
fn samples_are_written_in_every_format_and_the_first_ones_do_not_depend_on_how_many() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    assert!(train(&run, 20, &[]).output().unwrap().status.success());
    let sample = |n: &str, name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let output = ebm(&["sample", "--n", n, "--backend", "flex", "--out"])
            .arg(&out)
            .arg(&run)
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        fs::read(out).unwrap()
    };
    let (many, few) = (sample("130", "many.npy", &[]), sample("110", "few.npy", &[]));
    let rows = |bytes: &[u8], n: usize| bytes[bytes.len() - n * 8..].to_vec();
    assert_eq!(rows(&many, 130)[..110 * 8], rows(&few, 110)[..]);
    assert_ne!(sample("110", "other.npy", &["--seed", "1"]), few);
    assert_ne!(sample("110", "langevin.npy", &["--sampler", "langevin", "--set", "langevin.levels=5"]), few);
    for name in ["a.png", "a.gif", "a.safetensors"] {
        assert!(!sample("10", name, &[]).is_empty());
    }
    let model = run.join("model.safetensors");
    let out = folder.path().join("file.npy");
    let output =
        ebm(&["sample", "--n", "110", "--backend", "flex", "--out"]).arg(&out).arg(model).output().unwrap();
    assert!(output.status.success());
    assert_eq!(fs::read(out).unwrap(), few, "the model file alone is not enough");
}
