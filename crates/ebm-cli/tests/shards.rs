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
#[cfg_attr(not(feature = "mpi"), ignore = "needs a build with --features mpi, and mpirun")]
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

/// Starts `command` and waits until its run has a checkpoint of this step or a later one; the process of `mpirun`, and those of its ranks.
#[cfg(target_os = "linux")]
fn begun(mut command: Command, run: &Path, step: u64) -> (std::process::Child, Vec<String>) {
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    let mut mpirun = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (began, id) = (Instant::now(), mpirun.id());
    while last_step(run) < step {
        assert!(mpirun.try_wait().unwrap().is_none(), "it has ended before it was disturbed");
        assert!(began.elapsed() < Duration::from_secs(300), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    let ranks = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    (mpirun, ranks.split_whitespace().map(str::to_owned).collect())
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "kills ranks and waits for mpirun to end the others: needs a build with --features mpi, and mpirun"]
fn a_rank_that_is_killed_or_stopped_ends_all_and_the_run_goes_on_with_others() {
    let folder = tempfile::tempdir().unwrap();
    let steps = ["--set", "train.shards=8", "--steps", "200", "--checkpoint-every", "1"];
    let one = folder.path().join("one");
    ran(train(&one, &steps[..4]));
    for (signal, ranks, others, said) in
        [("-KILL", 3, 2, "signal 9"), ("-STOP", 2, 3, "rank 1: it has not been heard of for 8 s")]
    {
        let run = folder.path().join(signal);
        let (mpirun, processes) = begun(on_ranks(ranks, &run, &steps), &run, 10);
        assert_eq!(processes.len(), ranks);
        assert!(Command::new("kill").args([signal, &processes[1]]).status().unwrap().success());
        let output = mpirun.wait_with_output().unwrap();
        assert!(!output.status.success() && stderr(&output).contains(said), "{}", stderr(&output));
        assert!(last_step(&run) < 200, "it has ended before it was disturbed");
        let mut resume = Command::new("mpirun");
        resume.args(["--allow-run-as-root", "--oversubscribe", "-n", &others.to_string()]);
        resume.arg(ebm(&[]).get_program()).args(["train", "--backend", "flex", "--quiet", "--resume"]);
        resume.arg(&run).env("RAYON_NUM_THREADS", "1");
        ran(resume);
        assert!(checkpoint(&run, 200) == checkpoint(&one, 200), "{signal}");
    }
}

/// The step of the last checkpoint of a run; 0 if there is none.
#[cfg(target_os = "linux")]
fn last_step(run: &Path) -> u64 {
    let entries = fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    let step = |name: std::ffi::OsString| name.to_str()?.strip_prefix("step-")?.parse().ok();
    entries.filter_map(|entry| step(entry.file_name())).max().unwrap_or(0)
}

#[test]
#[cfg_attr(not(feature = "mpi"), ignore = "needs a build with --features mpi, and mpirun")]
fn a_rank_that_reads_other_data_is_named_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let places = ["a", "b"].map(|name| folder.path().join(name));
    for (place, last) in places.iter().zip(["0.5", "0.25"]) {
        fs::create_dir(place).unwrap();
        let rows: String = (0..40).map(|i| format!("{i},{}\n", i * i % 7)).collect();
        fs::write(place.join("t.csv"), format!("x,y\n{rows}1,{last}\n")).unwrap();
    }
    let run = folder.path().join("run");
    let mut command = Command::new("mpirun");
    command.args(["--allow-run-as-root", "--oversubscribe"]);
    for (i, place) in places.iter().enumerate() {
        command.args([":"].iter().take(i)).args(["-n", "1", "-wdir"]).arg(place);
        command.arg(ebm(&[]).get_program()).args(["train", "table", "--data", "t.csv", "--steps", "2"]);
        command.args([
            "--set",
            "train.shards=2",
            "--batch-size",
            "8",
            "--backend",
            "flex",
            "--quiet",
            "--out",
        ]);
        command.arg(&run);
    }
    let output = command.env("RAYON_NUM_THREADS", "1").output().unwrap();
    let error = stderr(&output);
    assert!(!output.status.success() && error.contains("rank 1: its data is"), "{error}");
    assert!(!run.exists());
}
