//! A run's life: stopped, looked at, resumed as it was or changed, extended, and begun from.
#![cfg(unix)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::{ebm, stderr, stdout};
use ebm_ops::Noise;
use serde_json::Value;

const SMALL: [&str; 16] = [
    "--set",
    "model.hidden=16",
    "--set",
    "model.layers=1",
    "--set",
    "record.picture_samples=20",
    "--set",
    "sample.heun.levels=6",
    "--batch-size",
    "32",
    "--set",
    "record.journal_every=1",
    "--set",
    "record.keep_checkpoints=100",
    "--backend",
    "flex",
];

fn train(out: &Path, steps: u64, more: &[&str]) -> Command {
    let mut command = ebm(&["train", "two-moons", "--seed", "5"]);
    command.args(SMALL).args(["--steps", &steps.to_string(), "--out"]).arg(out).args(more);
    command
}

fn resume(run: &Path, more: &[&str]) -> Command {
    let mut command = ebm(&["train", "--backend", "flex", "--resume"]);
    command.arg(run).args(more);
    command
}

/// Runs to the end, which must be good.
fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    output
}

/// Runs to an end with this code; what is said on standard error.
fn ends(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {}", stderr(&output));
    stderr(&output)
}

fn model(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}

fn journal(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Starts a command that trains, and ends it by a signal once its journal is at `step`.
fn end_at(command: &mut Command, run: &Path, step: u64, signal: &str) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let line = format!("\"step\":{step}}}");
    for _ in 0..6000 {
        if fs::read_to_string(run.join("journal.jsonl")).is_ok_and(|text| text.contains(&line)) {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended before step {step}");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    child.wait().unwrap();
}

fn sampled(run: &Path, more: &[&str]) -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.npy");
    let mut command = ebm(&["sample", "--n", "20", "--backend", "flex", "--out"]);
    let said = stderr(&done(command.arg(&out).arg(run).args(more)));
    (fs::read(out).unwrap(), said)
}

/// The CPU for the verbs that ask.
fn backend(verb: &str) -> &'static [&'static str] {
    if verb == "inspect" { &[] } else { &["--backend", "flex"] }
}

#[test]
fn a_run_stopped_at_a_random_step_is_looked_at_and_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, run] = ["whole", "run"].map(|name| folder.path().join(name));
    done(&mut train(&whole, 1500, &["--checkpoint-every", "400"]));
    let step = 20 + Noise::seeded(11).indices(1, 300)[0] as u64;
    end_at(&mut train(&run, 1500, &["--checkpoint-every", "400"]), &run, step, "-INT");

    let (last, said) = sampled(&run, &[]);
    assert!(said.contains("has no model yet: its checkpoint of step"), "{said}");
    let listed: Value = serde_json::from_str(&stdout(&done(ebm(&["inspect", "--json"]).arg(&run)))).unwrap();
    let steps: Vec<u64> =
        listed["checkpoints"].as_array().unwrap().iter().map(|c| c["step"].as_u64().unwrap()).collect();
    let stopped = *steps.last().unwrap();
    assert!(step <= stopped && stopped < 1500, "stopped at {stopped}");
    assert_eq!(sampled(&run, &["--step", &stopped.to_string()]).0, last);
    assert_eq!(sampled(&run.join(format!("checkpoints/step-{stopped}")), &[]).0, last);
    let evaluation = ["--n", "40", "--likelihood", "4", "--backend", "flex"];
    assert!(stdout(&done(ebm(&["eval"]).arg(&run).args(evaluation))).contains("log_likelihood"));
    done(ebm(&["inspect", "--step", &stopped.to_string()]).arg(&run));
    for verb in ["sample", "eval", "inspect"] {
        let said = ends(ebm(&[verb, "--step", "7"]).args(backend(verb)).arg(&run), 2);
        assert!(
            said.contains("no checkpoint of step 7; there are") && said.contains(&stopped.to_string()),
            "{said}"
        );
    }

    done(&mut resume(&run, &[]));
    assert!(model(&run) == model(&whole), "the resumed run ends in other bytes");
    assert!(!run.join("history.jsonl").exists(), "nothing was changed");
    assert_eq!(
        sampled(&run, &["--step", "1500"]).0,
        sampled(&run, &[]).0,
        "the model is not the last checkpoint"
    );
    assert_ne!(sampled(&run, &["--step", "400"]).0, sampled(&run, &[]).0);
    assert_eq!(sampled(&run, &["--step", "400"]).0, sampled(&whole, &["--step", "400"]).0);
    let of_model = run.join("model.safetensors");
    assert!(
        ends(ebm(&["sample", "--step", "400"]).args(backend("sample")).arg(&of_model), 2)
            .contains("is of step 1500")
    );
}

#[test]
fn a_run_is_sampled_while_it_trains() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let often = ["--checkpoint-every", "3", "--set", "record.keep_checkpoints=1"];
    let mut child = train(&run, 100_000, &often).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_whole =
        |entry: &fs::DirEntry| entry.file_name().to_str().is_some_and(|name| name.starts_with("step-"));
    while !fs::read_dir(run.join("checkpoints"))
        .is_ok_and(|found| found.flatten().any(|entry| is_whole(&entry)))
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    for _ in 0..5 {
        assert!(sampled(&run, &[]).1.contains("has no model yet"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_that_is_complete_says_so_and_goes_on_with_more_steps_and_another_rate() {
    let folder = tempfile::tempdir().unwrap();
    let [run, other] = ["run", "other"].map(|name| folder.path().join(name));
    for run in [&run, &other] {
        done(&mut train(run, 40, &["--checkpoint-every", "25"]));
    }
    let (before, hash) = (model(&run), fs::read(run.join("config.toml")).unwrap());
    let said = stderr(&done(&mut resume(&run, &[])));
    assert!(said.contains("the run is complete: all 40 steps are done"), "{said}");
    assert!(model(&run) == before);

    let changed =
        ["--steps", "700", "--set", "train.learning_rate=1e-3", "--set", "record.picture_every=300"];
    let said = stderr(&done(&mut resume(&run, &changed)));
    assert!(said.contains("changed at step 40: train.steps: 40 → 700"), "{said}");
    assert!(said.contains("the learning rate follows the schedule of 700 steps: 4."), "{said}");
    assert!(run.join("samples/step-700.png").is_file() && run.join("samples/step-40.png").is_file());
    assert_eq!(fs::read(run.join("config.toml")).unwrap(), hash, "checkpoints are known by its hash");
    let history: Value =
        serde_json::from_str(fs::read_to_string(run.join("history.jsonl")).unwrap().trim()).unwrap();
    assert_eq!(history["step"], 40);
    let lines = journal(&run);
    let event = lines.iter().find(|line| line["event"] == "changed").expect("the journal tells of it");
    assert_eq!((&event["changes"], &event["step"]), (&history["changes"], &history["step"]));
    // The rate is that of the schedule of the new length: peak · cosine at step 40 of 700, after the warm-up.
    let rate = lines.iter().find(|line| line["step"] == 350 && line["event"] == "progress").unwrap();
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * 349.0 / 700.0).cos());
    let expected = 1e-3 * (0.01 + 0.99 * cosine);
    assert!((rate["learning_rate"].as_f64().unwrap() - expected).abs() < 1e-12);
    let shown = stdout(&done(ebm(&["inspect"]).arg(&run)));
    assert!(shown.contains("[[history]]") && shown.contains("train.learning_rate"), "{shown}");
    assert!(shown.contains("best = true"), "{shown}");

    // The same change, and then killed on the way: the same bytes.
    end_at(&mut resume(&other, &changed), &other, 333, "-KILL");
    // As if the kill had come between the history and the journal.
    let text = fs::read_to_string(other.join("journal.jsonl")).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("\"changed\"")).collect();
    fs::write(other.join("journal.jsonl"), without.join("\n") + "\n").unwrap();
    done(&mut resume(&other, &[]));
    assert!(model(&other) == model(&run), "the changed run, killed and resumed, ends in other bytes");
    assert_eq!(journal(&other).iter().filter(|line| line["event"] == "changed").count(), 1);

    // A run is cut short at the step where it is, not before.
    assert!(ends(&mut resume(&other, &["--steps", "699"]), 2).contains("700 steps are done"));
    done(&mut resume(&other, &["--steps", "700"]));
}

#[test]
fn what_cannot_change_in_a_run_is_refused_and_the_command_that_is_named_works() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("my run");
    done(&mut train(&run, 12, &["--checkpoint-every", "5"]));
    let before = fs::read_dir(&run).unwrap().count();
    let refused: [&[&str]; 6] = [
        &["--seed", "6"],
        &["--batch-size", "16"],
        &["--set", "model.hidden=8"],
        &["--set", "data.dataset=rings"],
        &["--set", "objective.noise.top=5"],
        &["--set", "train.adam.decays=[0.8,0.99]", "--steps", "20"],
    ];
    for change in refused {
        let said = ends(&mut resume(&run, change), 2);
        assert!(said.contains("cannot become"), "{change:?}: {said}");
        let command = said.split('`').nth(1).unwrap();
        assert!(command.starts_with("ebm train "), "{said}");
        let typed = command.replacen("ebm", env!("CARGO_BIN_EXE_ebm"), 1) + " --backend flex";
        done(Command::new("sh").args(["-c", &typed]).current_dir(folder.path()));
    }
    assert_eq!(fs::read_dir(&run).unwrap().count(), before, "a refused change left something");
    // What is the same is no change.
    done(&mut resume(&run, &["--seed", "5", "--set", "model.hidden=16", "--steps", "12"]));
    assert!(!run.join("history.jsonl").exists());
}

#[test]
fn an_energy_whose_loss_leaves_a_parameter_out_goes_on() {
    // Score matching does not see the constant of an energy: the bias of its output has no gradient.
    let folder = tempfile::tempdir().unwrap();
    let (run, whole) = (folder.path().join("run"), folder.path().join("whole"));
    let train = |out: &Path| {
        let mut command = ebm(&["train", "two-moons-ssm", "--backend", "flex", "--steps", "40"]);
        command.args(["--batch-size", "8", "--checkpoint-every", "10", "--set", "record.picture_samples=0"]);
        command.arg("--out").arg(out);
        command
    };
    done(&mut train(&whole));
    done(&mut train(&run));
    for name in ["step-40", "step-30"] {
        let _ = fs::remove_dir_all(run.join("checkpoints").join(name));
    }
    let kept = fs::read_dir(run.join("checkpoints")).unwrap().count();
    assert!(0 < kept, "no checkpoint is left to go on from");
    done(ebm(&["train", "--backend", "flex", "--resume"]).arg(&run));
    assert!(model(&run) == model(&whole), "the resumed run ends in other bytes");
}

#[test]
fn a_run_begins_from_the_weights_of_another_in_their_units() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let table = |name: &str, shift: f64, scale: f64| {
        let draws = Noise::seeded(3).normals(400);
        let rows: Vec<String> = draws
            .chunks(2)
            .map(|p| format!("{},{}\n", shift + scale * f64::from(p[0]), shift - scale * f64::from(p[1])))
            .collect();
        fs::write(at.join(name), rows.concat()).unwrap();
        at.join(name)
    };
    let (first, second) = (table("first.csv", 10.0, 2.0), table("second.csv", 14.0, 4.0));
    let base = at.join("base");
    let small = |preset: &str| {
        let mut command = ebm(&["train", preset, "--steps", "200"]);
        command.args(SMALL).args(["--checkpoint-every", "50"]);
        command
    };
    done(small("table").arg("--data").arg(&first).arg("--out").arg(&base));

    // Of the run itself, on other data of the same shape; no preset is needed.
    let fine = |out: &Path| {
        let mut command =
            ebm(&["train", "--backend", "flex", "--steps", "60", "--checkpoint-every", "20", "--from"]);
        command.arg(&base).arg("--data").arg(&second).arg("--out").arg(out);
        command
    };
    let tuned = at.join("tuned");
    let said = stderr(&done(&mut fine(&tuned)));
    assert!(said.contains("beginning from the weights of") && said.contains("after 200 steps"), "{said}");
    assert!(said.contains("rows are brought to the units of these weights, not to their own"), "{said}");
    let units = |run: &Path| -> Vec<f64> {
        let content: toml::Table = fs::read_to_string(run.join("content.toml")).unwrap().parse().unwrap();
        let units = &content["standardize"];
        let numbers = ["mean", "scale"].map(|key| units[key].as_array().unwrap().clone());
        let number = |value: &toml::Value| match value.as_str() {
            Some(text) => text.parse().unwrap(),
            None => value.as_float().unwrap(),
        };
        numbers.concat().iter().map(number).collect()
    };
    for (found, expected) in units(&tuned).iter().zip(units(&base)) {
        assert!((found - expected).abs() < 1e-12, "the weights expect the units they were trained in");
    }
    let config = fs::read_to_string(tuned.join("config.toml")).unwrap();
    assert!(config.contains("[origin]") && config.contains("step = 200"), "{config}");
    // Before its first step it is the model that it begins from.
    assert_eq!(sampled(&tuned, &["--step", "0"]).0, sampled(&base, &[]).0);
    assert_ne!(sampled(&tuned, &[]).0, sampled(&base, &[]).0);

    // Killed, it goes on to the same bytes, though the weights that it began from are gone.
    let killed = at.join("killed");
    end_at(&mut fine(&killed), &killed, 30, "-KILL");
    let config = tuned.join("config.toml");
    let again = at.join("again");
    done(ebm(&["train", "--backend", "flex", "--out"]).arg(&again).arg(&config));
    assert!(model(&again) == model(&tuned), "the run's own config.toml gives another run");
    fs::rename(&base, at.join("moved")).unwrap();
    done(&mut resume(&killed, &[]));
    assert!(model(&killed) == model(&tuned), "the resumed run ends in other bytes");
    let gone = ends(ebm(&["train", "--backend", "flex"]).arg(&config).arg("--out").arg(at.join("none")), 2);
    assert!(gone.contains("base is no run"), "{gone}");
    fs::rename(at.join("moved"), &base).unwrap();

    // Of a checkpoint, of a model file with a preset, and what does not fit.
    let from = |preset: &[&str], from: PathBuf, more: &[&str]| {
        let mut command = ebm(&["train"]);
        command.args(preset).args(["--backend", "flex", "--steps", "3", "--from"]).arg(from).args(more);
        command.current_dir(at);
        command
    };
    done(&mut from(&[], base.clone(), &["--step", "100"]));
    let said = stderr(&done(&mut from(&["rings"], base.join("model.safetensors"), &[])));
    assert!(said.contains("the network is that of") && said.contains("model.hidden = 16, not 128"), "{said}");
    let said = ends(&mut from(&["rings"], base.clone(), &["--set", "model.hidden=32"]), 2);
    assert!(said.contains("model.hidden is 32, expected 16"), "{said}");
    let said = ends(&mut from(&["glyphs"], base.clone(), &[]), 2);
    assert!(said.contains("the network is for points, the data are images"), "{said}");
    fs::write(at.join("three.csv"), "1,2,3\n4,5,6\n7,8,1\n").unwrap();
    let said = ends(&mut from(&["table"], base.clone(), &["--data", "three.csv"]), 2);
    assert!(
        said.contains("three.csv: 3 columns, the model has 2; `--columns 1,2` reads the first"),
        "{said}"
    );
    assert!(ends(&mut from(&[], base, &["--step", "7"]), 2).contains("there are 50, 100, 150, 200"));
}

#[test]
fn a_picture_whose_step_a_kill_swallowed_is_drawn_after_the_resume() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, run] = ["whole", "run"].map(|name| folder.path().join(name));
    let cadence = ["--checkpoint-every", "100", "--set", "record.picture_every=100"];
    done(&mut train(&whole, 300, &cadence));
    end_at(&mut train(&run, 300, &cadence), &run, 230, "-KILL");
    // As if the kill had come while it was drawn, right after the checkpoint.
    let _ = fs::remove_file(run.join("samples/step-200.png"));
    let said = stderr(&done(&mut resume(&run, &[])));
    assert!(said.contains("step-200") && run.join("samples/step-200.png").is_file(), "{said}");
    let last = |run: &Path| fs::read(run.join("samples/step-300.png")).unwrap();
    assert!(last(&run) == last(&whole));
    // And that of the last step, and the model.
    fs::remove_file(run.join("samples/step-300.png")).unwrap();
    fs::remove_file(run.join("model.safetensors")).unwrap();
    done(&mut resume(&run, &[]));
    assert!(last(&run) == last(&whole));
    assert!(model(&run) == model(&whole));
}

#[test]
fn a_last_picture_that_a_signal_gives_up_is_said_and_drawn_by_a_resume() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // Levels for many minutes.
    let mut command = train(&run, 5, &["--set", "sample.heun.levels=900000"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..6000 {
        if run.join("checkpoints/step-5/manifest.json").is_file() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "all steps are done: {said}");
    assert!(said.contains("the picture of the last step was given up; `ebm train --resume "), "{said}");
    assert!(run.join("model.safetensors").is_file() && !run.join("samples/step-5.png").exists());
    let said = stderr(&done(&mut resume(&run, &["--set", "sample.heun.levels=6"])));
    assert!(run.join("samples/step-5.png").is_file() && !said.contains("given up"), "{said}");
}

#[test]
fn slow_pictures_are_left_out_and_change_nothing_but_the_last_one_comes() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, slow] = ["plain", "slow"].map(|name| folder.path().join(name));
    done(&mut train(&plain, 300, &["--set", "record.picture_samples=0"]));
    let often = ["--set", "record.picture_every=10", "--set", "record.picture_samples=3000"];
    let said = stderr(&done(&mut train(&slow, 300, &often)));
    assert!(model(&slow) == model(&plain), "pictures change the run");
    assert!(slow.join("samples/step-300.png").is_file());
    let n = fs::read_dir(slow.join("samples")).unwrap().count();
    assert!(n < 30, "{n} pictures of a tenth of a second in a run of a second");
    assert_eq!(said.matches("are left out").count(), 1, "{said}");
    assert!(journal(&slow).iter().any(|line| line["event"] == "pictures left out"));
}

/// Runs a command whose standard output, or error, nobody reads.
fn unread(command: &mut Command, error_too: bool) -> Option<i32> {
    let pipe = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    command.stdout(pipe());
    if error_too {
        command.stderr(pipe());
    } else {
        command.stderr(Stdio::null());
    }
    command.status().unwrap().code()
}

#[test]
fn a_pipe_that_closes_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("rows.csv"), "x,y\n".to_owned() + &"1,2\n3,4\n".repeat(5000)).unwrap();
    for (i, error_too) in [false, true].into_iter().enumerate() {
        let run = at.join(format!("run-{i}"));
        assert_eq!(
            unread(
                train(&run, 30, &["--json"]).args(["--set", "model=mlp-energy"]).args([
                    "--set",
                    "objective=sliced",
                    "--set",
                    "sample.sampler=mala",
                    "--set",
                    "sample.chain.steps=5"
                ]),
                error_too
            ),
            Some(0)
        );
        assert!(run.join("model.safetensors").is_file(), "the run did not go on to its end");
        let run = run.to_str().unwrap();
        let lines: [&[&str]; 8] = [
            &["energy", run, "--data", "rows.csv", "--backend", "flex"],
            &["sample", run, "--n", "3", "--backend", "flex"],
            &["sample", "--list"],
            &["train", "--list"],
            &["train", "--keys"],
            &["inspect", run],
            &["eval", run, "--n", "10", "--likelihood", "0", "--backend", "flex"],
            &["--help"],
        ];
        for line in lines {
            assert_eq!(unread(ebm(line).current_dir(at), error_too), Some(0), "{line:?}");
        }
    }
}

#[test]
fn keys_are_listed_with_value_and_meaning_and_near_misses_are_named() {
    let listed = stdout(&done(&mut ebm(&["train", "two-moons", "--keys", "--set", "train.steps=77"])));
    let line = |key: &str| {
        listed
            .lines()
            .find(|line| line.starts_with(&format!("{key} ")))
            .unwrap_or_else(|| panic!("{key}: {listed}"))
    };
    assert!(line("train.steps").contains("77") && line("train.steps").contains("steps of the whole run"));
    assert!(line("objective.noise.top").contains("highest noise level"));
    assert!(line("data.header").contains("not set"));
    let misses: [(&[&str], &str); 7] = [
        (&["train", "mnits"], "did you mean mnist?"),
        (&["train", "--set", "train.leraning_rate=1"], "did you mean learning_rate?"),
        (&["train", "--set", "model=mpl"], "did you mean mlp?"),
        (&["train", "--set", "objective=slicd"], "did you mean sliced?"),
        (&["train", "--set", "data.dataset=two_moons"], "did you mean two-moons?"),
        (&["sample", "--target", "ring", "--sampler", "lagevin"], "did you mean langevin?"),
        (&["train", "two-moons", "--set", "sample.huen.levels=3"], "did you mean heun?"),
    ];
    for (line, expected) in misses {
        let said = ends(&mut ebm(line), 2);
        assert!(said.contains(expected), "{line:?}: {said}");
    }
}

/// A table of two columns, and a run of a few steps on it.
fn run_on_a_table(folder: &Path) -> (PathBuf, PathBuf) {
    let (table, run) = (folder.join("t.csv"), folder.join("run"));
    let row = |i: u32| format!("{},{}\n", (1.3 * f64::from(i)).sin(), (0.7 * f64::from(i)).cos());
    fs::write(&table, format!("x,y\n{}", (0..60).map(row).collect::<String>())).unwrap();
    let mut command = ebm(&["train", "table", "--steps", "8", "--quiet", "--data"]);
    done(command.arg(&table).args(SMALL).arg("--out").arg(&run));
    (table, run)
}

#[test]
fn a_run_does_not_go_on_with_other_data_but_with_the_same_in_another_place() {
    let folder = tempfile::tempdir().unwrap();
    let (table, run) = run_on_a_table(folder.path());
    let text = fs::read_to_string(&table).unwrap();
    done(&mut resume(&run, &["--steps", "10"]));

    fs::write(&table, text.replacen("\n0,", "\n0.5,", 1)).unwrap();
    let message = ends(&mut resume(&run, &["--steps", "12"]), 2);
    assert!(message.contains("the data have changed since") && message.contains("other values"), "{message}");
    fs::write(&table, format!("{text}0.1,0.2\n")).unwrap();
    let message = ends(&mut resume(&run, &["--steps", "12"]), 2);
    assert!(message.contains("61 rows, not 60 rows"), "{message}");
    // The command that is named, on the data as they are now.
    done(
        ebm(&["train", "--from"])
            .arg(&run)
            .args(["--steps", "4", "--backend", "flex", "--out"])
            .arg(folder.path().join("new")),
    );

    fs::remove_file(&table).unwrap();
    let moved = folder.path().join("moved.csv");
    fs::write(&moved, &text).unwrap();
    done(resume(&run, &["--steps", "12", "--data"]).arg(&moved));
    assert!(journal(&run).iter().any(|line| line["event"] == "changed"), "the move is no change of the run");
}

#[test]
fn chains_at_one_noise_level_of_several_are_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    done(&mut train(&run, 3, &["--set", "model=noisy-energy"]));
    let sample = |more: &[&str]| {
        let mut command =
            ebm(&["sample", "--n", "4", "--set", "chain.steps=3", "--backend", "flex", "--out"]);
        command.arg(folder.path().join("s.csv")).arg(&run).args(more);
        command
    };
    let chains = ["--sampler", "mala", "--set", "chain.step_size=1e-5"];
    let output = done(&mut sample(&chains));
    assert!(stderr(&output).contains("warning: chains at the noise level 0.01 alone"), "{}", stderr(&output));
    let json = done(sample(&chains).arg("--json"));
    let line: Value = serde_json::from_str(stdout(&json).lines().last().unwrap()).unwrap();
    assert_eq!(line["warnings"][0]["kind"], "one-level", "{line}");
    ends(sample(&chains).arg("--strict"), 1);
    let descent = done(&mut sample(&["--sampler", "annealed-mala"]));
    assert!(!stderr(&descent).contains("alone"), "{}", stderr(&descent));
}
