//! Noise levels by rule, and images flipped, shifted and augmented, from the command line to the files of a run.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{ebm, stderr, stdout};

const SMALL: [&str; 14] = [
    "--set",
    "model.widths=[4,8]",
    "--set",
    "model.groups=2",
    "--set",
    "record.picture_samples=0",
    "--set",
    "sample.heun.levels=3",
    "--batch-size",
    "4",
    "--seed",
    "7",
    "--backend",
    "flex",
];

fn train(out: &Path, steps: u64, more: &[&str]) -> Command {
    let mut command = ebm(&["train", "glyphs"]);
    command.args(SMALL).args(["--steps", &steps.to_string(), "--out"]).arg(out).args(more);
    command
}

fn resume(run: &Path, more: &[&str]) -> Command {
    let mut command = ebm(&["train", "--backend", "flex", "--resume"]);
    command.arg(run).args(more);
    command
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    output
}

fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{command:?}: {}", stderr(&output));
    stderr(&output)
}

fn model(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}

const FLIPS: [&str; 4] = ["--set", "data.flip=true", "--set", "data.shift=2"];
const AUGMENTED: [&str; 2] = ["--set", "data.augment=0.5"];
const LADDER: [&str; 2] = ["--set", "sample.langevin.sigma=auto"];
const LAW: [&str; 2] = ["--set", "objective.noise.sigma=auto"];

#[test]
fn levels_by_rule_are_numbers_of_the_run_that_train_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let said = stderr(&done(&mut train(&run, 3, &[&LADDER[..], &LAW].concat())));
    assert!(said.contains("noise levels by rule: the largest distance between 4000 rows is"), "{said}");
    assert!(said.contains("predicted variance ratio 1.0"), "{said}");
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(!config.contains("auto") && config.contains("law = \"geometric\""), "{config}");
    let again = folder.path().join("again");
    let mut same = ebm(&["train", "--backend", "flex", "--out"]);
    done(same.arg(&again).arg(run.join("config.toml")));
    assert_eq!(model(&again), model(&run));
    // Its card knows the distances, though its data may be gone.
    let alone = folder.path().join("alone.safetensors");
    fs::copy(run.join("model.safetensors"), &alone).unwrap();
    let out = folder.path().join("samples.npy");
    let mut sample = ebm(&["sample", "--n", "1", "--sampler", "langevin", "--backend", "flex", "--out"]);
    sample.arg(&out).args(["--set", "langevin.sigma=auto", "--set", "langevin.bottom=5.0"]).arg(&alone);
    let said = stderr(&done(&mut sample));
    assert!(said.contains("noise levels by rule"), "{said}");
}

#[test]
fn a_run_without_a_rule_is_sampled_by_its_data_and_a_lone_model_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    done(&mut train(&run, 2, &[]));
    let out = folder.path().join("samples.npy");
    let sample = |of: &Path, more: &[&str]| {
        let mut sample = ebm(&["sample", "--n", "1", "--sampler", "langevin", "--backend", "flex", "--out"]);
        sample
            .arg(&out)
            .args(["--set", "langevin.sigma=auto", "--set", "langevin.bottom=5.0"])
            .args(more)
            .arg(of);
        sample
    };
    let said = stderr(&done(&mut sample(&run, &[])));
    assert!(said.contains("the largest distance between 4000 rows"), "{said}");
    let alone = folder.path().join("alone.safetensors");
    fs::copy(run.join("model.safetensors"), &alone).unwrap();
    let said = refused(&mut sample(&alone, &[]));
    assert!(said.contains("set distances.largest=NUMBER") && said.contains("alone.safetensors"), "{said}");
    let said = stderr(&done(&mut sample(&alone, &["--set", "distances.largest=40"])));
    assert!(said.contains("the largest distance is 40"), "{said}");
    let keys = stdout(&done(&mut ebm(&["sample", "--backend", "flex", "--keys"])));
    assert!(keys.lines().any(|key| key.starts_with("langevin.sigma ") && key.contains("not set")), "{keys}");
    let said = refused(&mut sample(&alone, &["--set", "distances.largest=4"]));
    assert!(said.contains("bottom = 5, expected less than 4"), "{said}");
}

#[test]
fn a_rule_on_resume_is_a_change_of_numbers_and_of_the_law_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    done(&mut train(&run, 2, &[]));
    let said = refused(&mut resume(&run, &LAW));
    assert!(said.contains("objective.noise") && said.contains("cannot become"), "{said}");
    let said = stderr(&done(&mut resume(&run, &[&LADDER[..], &["--steps", "4"]].concat())));
    assert!(said.contains("sample.langevin.top: 10.0 → "), "{said}");
    let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
    assert!(history.contains("sample.distances.largest") && !history.contains("auto"), "{history}");
}

#[test]
fn flips_and_shifts_resume_to_the_last_bit_and_are_of_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, whole, halves] = ["plain", "whole", "halves"].map(|name| folder.path().join(name));
    done(&mut train(&plain, 6, &[]));
    done(&mut train(&whole, 6, &FLIPS));
    assert_ne!(model(&plain), model(&whole));
    // In two halves under one schedule: stopped after three steps by a checkpoint that is gone on from.
    done(&mut train(&halves, 6, &[&FLIPS[..], &["--checkpoint-every", "3"]].concat()));
    fs::remove_dir_all(halves.join("checkpoints/step-6")).unwrap();
    fs::remove_file(halves.join("model.safetensors")).unwrap();
    done(&mut resume(&halves, &[]));
    assert_eq!(model(&halves), model(&whole));
    let said = refused(&mut resume(&plain, &FLIPS[..2]));
    assert!(said.contains("data.flip is not set and cannot become true"), "{said}");
    assert!(said.contains("--from") && said.contains("--set data.flip=true"), "{said}");
}

#[test]
fn augmentations_resume_to_the_last_bit_in_shards_and_their_network_is_sampled() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, whole, halves] = ["plain", "whole", "halves"].map(|name| folder.path().join(name));
    let shards = ["--set", "train.shards=2"];
    done(&mut train(&plain, 6, &shards));
    done(&mut train(&whole, 6, &[&AUGMENTED[..], &shards].concat()));
    let config = |run: &Path| fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config(&whole).contains("\naugmentations = 9\n"), "{}", config(&whole));
    assert!(!config(&plain).contains("augment"), "{}", config(&plain));
    done(&mut train(&halves, 6, &[&AUGMENTED[..], &shards, &["--checkpoint-every", "3"]].concat()));
    fs::remove_dir_all(halves.join("checkpoints/step-6")).unwrap();
    fs::remove_file(halves.join("model.safetensors")).unwrap();
    done(&mut resume(&halves, &[]));
    assert_eq!(model(&halves), model(&whole));
    // The complete configuration alone trains it again.
    let again = folder.path().join("again");
    let mut same = ebm(&["train", "--backend", "flex", "--out"]);
    done(same.arg(&again).arg(whole.join("config.toml")));
    assert_eq!(model(&again), model(&whole));

    let out = folder.path().join("samples.npy");
    done(ebm(&["sample", "--n", "2", "--backend", "flex", "--out"]).arg(&out).arg(&whole));
    assert!(out.is_file());
    let said = refused(&mut resume(&plain, &AUGMENTED));
    assert!(said.contains("data.augment is not set and cannot become 0.5"), "{said}");
    let mut from =
        ebm(&["train", "--steps", "1", "--backend", "flex", "--set", "data.augment=0.5", "--from"]);
    let said = refused(from.arg(&plain).arg("--out").arg(folder.path().join("begun")));
    assert!(said.contains("the network is to be told of augmentations, which the weights of"), "{said}");
}

#[test]
fn flips_and_shifts_are_refused_where_they_mean_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut points = ebm(&["train", "two-moons", "--steps", "1", "--set", "data.flip=true", "--out"]);
    let said = refused(points.arg(&run));
    assert!(said.contains("data.flip is for images; the dataset is \"two-moons\""), "{said}");
    let mut points = ebm(&["train", "two-moons", "--steps", "1", "--set", "data.augment=0.1", "--out"]);
    let said = refused(points.arg(&run));
    assert!(said.contains("data.augment is for images; the dataset is \"two-moons\""), "{said}");
    let said = refused(&mut train(&run, 1, &["--set", "data.augment=2"]));
    assert!(said.contains("data.augment: expected a probability, from 0 to 1, found 2"), "{said}");
    let said = refused(&mut train(&run, 1, &["--set", "data.shift=28"]));
    assert!(
        said.contains("data.shift: expected less than the sides of the images, 28×28, found 28"),
        "{said}"
    );
    assert!(!run.exists());
}
