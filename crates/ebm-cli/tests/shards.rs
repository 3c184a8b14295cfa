//! Batches in shards through the program, on one process and, where there is MPI, on two.

#[allow(dead_code, reason = "no test needs all of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{ebm, stderr};

const SMALL: [&str; 11] = [
    "--batch-size",
    "32",
    "--set",
    "model.hidden=[16]",
    "--set",
    "record.picture_samples=0",
    "--set",
    "objective.contrast.sampler_steps=3",
    "--backend",
    "flex",
    "--quiet",
];

/// A run of persistent contrastive divergence, which remembers its chains.
fn train(out: &Path, more: &[&str]) -> Command {
    let mut command = ebm(&["train", "two-moons-pcd", "--out"]);
    command.arg(out).args(SMALL).args(more);
    command
}

fn ran(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    stderr(&output)
}

/// Weights, moments and chains of the checkpoint of a step.
fn checkpoint(run: &Path, step: u64) -> [Vec<u8>; 3] {
    let folder = run.join(format!("checkpoints/step-{step}"));
    ["weights", "optimizer", "objective"]
        .map(|file| fs::read(folder.join(format!("{file}.safetensors"))).unwrap())
}

#[test]
fn a_run_in_shards_stops_and_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, again, uncut] = ["whole", "again", "uncut"].map(|name| folder.path().join(name));
    let shards = ["--set", "train.shards=3", "--steps", "12"];
    ran(train(&whole, &shards));
    ran(train(&again, &[&shards[..], &["--checkpoint-every", "4"]].concat()));
    assert!(checkpoint(&again, 12) == checkpoint(&whole, 12), "the same run twice");
    fs::remove_dir_all(again.join("checkpoints/step-12")).unwrap();
    let mut resume = ebm(&["train", "--backend", "flex", "--quiet", "--resume"]);
    resume.arg(&again);
    ran(resume);
    assert!(checkpoint(&again, 12) == checkpoint(&whole, 12), "it goes on from step 8 to other bytes");

    ran(train(&uncut, &["--steps", "12"]));
    assert!(checkpoint(&uncut, 12) != checkpoint(&whole, 12), "shards have noise of their own");
    let text = fs::read_to_string(uncut.join("config.toml")).unwrap();
    assert!(text.contains("shards = 1\n"), "{text}");
    // A configuration from before there were shards.
    let before = folder.path().join("before.toml");
    fs::write(&before, text.replace("shards = 1\n", "")).unwrap();
    let old = folder.path().join("old");
    let mut command = ebm(&["train", "--backend", "flex", "--quiet", "--out"]);
    command.arg(&old).arg(&before);
    ran(command);
    assert!(checkpoint(&old, 12) == checkpoint(&uncut, 12), "what it does not say means what it meant");
}

#[test]
fn shards_that_cannot_be_are_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let error = refused(train(&run, &["--set", "train.shards=33"]));
    assert!(error.contains("train.shards: expected at most the 32 rows of a batch, found 33"), "{error}");
    let error = refused(train(&run, &["--set", "train.shards=0"]));
    assert!(error.contains("train.shards: expected at least 1, found 0"), "{error}");
    let error = refused(train(&run, &["--set", "train.accumulate=4"]));
    assert!(error.contains("there is no key train.accumulate") && error.contains("shards"), "{error}");
    assert!(!run.exists());

    ran(train(&run, &["--steps", "2"]));
    let mut resume = ebm(&["train", "--backend", "flex", "--set", "train.shards=2", "--resume"]);
    resume.arg(&run);
    let error = refused(resume);
    assert!(error.contains("train.shards is 1 and cannot become 2 in this run"), "{error}");
}

#[test]
fn processes_that_were_to_train_together_do_not_train_apart() {
    if cfg!(feature = "mpi") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut command = train(&run, &["--steps", "2"]);
    command.env("OMPI_COMM_WORLD_SIZE", "4");
    let error = refused(command);
    assert!(error.contains("4 processes were started") && error.contains("--features mpi"), "{error}");
    assert!(!run.exists());
}

/// `ebm train` on `n` ranks.
fn on_ranks(n: usize, run: &Path, more: &[&str]) -> Command {
    let alone = train(run, more);
    let mut command = Command::new("mpirun");
    command.args(["--allow-run-as-root", "--oversubscribe", "-n", &n.to_string()]);
    command.arg(alone.get_program()).args(alone.get_args()).env("RAYON_NUM_THREADS", "1");
    command
}

#[test]
#[ignore = "needs a build with --features mpi, and mpirun"]
fn two_ranks_come_to_the_bytes_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let steps = ["--set", "train.shards=8", "--steps", "8"];
    let one = folder.path().join("one");
    ran(train(&one, &steps));
    for n in [2, 3] {
        let run = folder.path().join(n.to_string());
        ran(on_ranks(n, &run, &steps));
        assert!(checkpoint(&run, 8) == checkpoint(&one, 8), "{n} ranks");
        assert!(
            fs::read(run.join("model.safetensors")).unwrap()
                == fs::read(one.join("model.safetensors")).unwrap()
        );
    }
    // More ranks than shards, and a rank with another configuration.
    let run = folder.path().join("few");
    let output = on_ranks(3, &run, &["--set", "train.shards=2", "--steps", "8"]).output().unwrap();
    let error = stderr(&output);
    assert!(error.contains("train.shards: expected at least one for each of 3 ranks, found 2"), "{error}");

    let other = folder.path().join("other");
    let mut command = on_ranks(1, &other, &steps);
    let alone = train(&other, &["--set", "train.shards=8", "--steps", "9"]);
    command.args([":", "-n", "1"]).arg(alone.get_program()).args(alone.get_args());
    let output = command.output().unwrap();
    let error = stderr(&output);
    assert!(!output.status.success() && error.contains("rank 1: its configuration is"), "{error}");
    assert!(!other.exists());
}
