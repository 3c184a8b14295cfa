//! What a user can get wrong is answered in one clear line, and nothing half-written stays.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{ebm, stderr, stdout};

/// Runs the program in `folder` and checks the exit code, a part of the message, and that there is no backtrace.
fn refused(folder: &Path, arguments: &[&str], code: i32, part: &str) {
    let output = ebm(arguments).current_dir(folder).output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(message.contains(part), "{arguments:?}: {part:?} is not in: {message}");
    assert!(!message.contains("panicked") && !message.contains("backtrace"), "{arguments:?}: {message}");
    // A software Vulkan driver adds lines of its own about the desktop session.
    let ours = message.lines().filter(|line| line.starts_with("error:") && !line.contains("XDG_RUNTIME_DIR"));
    assert_eq!(ours.count(), 1, "{message}");
    assert!(!stdout(&output).contains("error"), "errors belong on standard error");
}

#[test]
fn where_nobody_reads_the_results_the_program_ends_well() {
    for arguments in [&["train", "--list"][..], &["bench", "--batch-size", "1", "--width", "8", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = ebm(arguments).stdout(writer).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    }
}

#[test]
fn instructions_that_no_machine_has_are_a_wrong_call() {
    let output = ebm(&["train", "--list"]).env("EBM_SIMD", "sse9").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("sse9") && stderr(&output).contains("expected avx2 or none"));
    for known in ["avx2", "none"] {
        assert!(ebm(&["train", "--list"]).env("EBM_SIMD", known).output().unwrap().status.success());
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// An IDX file of bytes with these dimensions in its header.
fn idx(dims: &[u32], bytes: usize) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|dim| file.extend(dim.to_be_bytes()));
    file.extend(vec![7; bytes]);
    file
}

#[test]
fn calls_and_configurations_that_are_wrong_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("odd.toml"), "name = \"odd\"\nspeed = 3\n").unwrap();
    fs::write(at.join("broken.toml"), "name = [").unwrap();
    let before = entries(at);
    refused(at, &["train", "mnits"], 2, "there is no preset mnits");
    refused(at, &["train", "--set", "train.speed=3"], 2, "there is no key train.speed; known here: adam");
    refused(at, &["train", "--set", "model.depth=3"], 2, "there is no key model.depth");
    refused(
        at,
        &["train", "--set", "train.learning_rate=-1"],
        2,
        "train.learning_rate: expected a positive, finite number, found -1",
    );
    refused(at, &["train", "--set", "train.steps=lots"], 2, "train.steps");
    refused(
        at,
        &["train", "--set", "model.widths=[32,60]"],
        2,
        "model.widths: expected a positive multiple of groups = 8, found 60",
    );
    refused(at, &["train", "--set", "heun.levels=3"], 2, "there is no key heun");
    refused(at, &["train", "--set", "sample.heun.levels=1"], 2, "sample.heun.levels: expected at least 2");
    refused(at, &["train", "--batch-size", "0"], 2, "batch_size = 0");
    refused(at, &["train", "--set", "objective.noise.law=cauchy"], 2, "cauchy");
    refused(at, &["train", "--set", "data.dataset=minst"], 2, "minst");
    refused(at, &["train", "odd.toml"], 2, "odd.toml");
    refused(at, &["train", "broken.toml"], 2, "broken.toml");
    refused(at, &["train", "absent.toml"], 2, "absent.toml");
    refused(at, &["bench", "--batch-size", "0"], 2, "batch_size = 0");
    refused(at, &["bench", "table"], 2, "`--set model.dim=8` sets them");
    refused(at, &["bench", "images"], 2, "--set model.height=32");
    refused(
        at,
        &["bench", "--width", "30"],
        2,
        "widths: expected a positive multiple of groups = 8, found 30",
    );
    refused(at, &["train", "--resume", "nothing"], 2, "nothing is no run");
    refused(at, &["train", "--resume"], 2, "--resume needs the run's folder");
    refused(at, &["sample", "nothing"], 2, "nothing is no run");
    refused(at, &["train", "mnist", "--data", "nowhere"], 2, "nowhere");
    assert_eq!(entries(at), before, "something was left behind");
}

#[test]
fn data_that_are_damaged_end_with_1_and_leave_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let make = |name: &str, bytes: &[u8]| {
        let folder = at.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("train-images-idx3-ubyte"), bytes).unwrap();
    };
    make("short", &idx(&[3, 28, 28], 100));
    make("lying", &idx(&[u32::MAX, 28, 28], 100));
    make("magic", b"not an IDX file at all");
    fs::create_dir_all(at.join("empty")).unwrap();
    fs::create_dir_all(at.join("gz")).unwrap();
    fs::write(at.join("gz/train-images-idx3-ubyte.gz"), [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2]).unwrap();
    fs::write(at.join("ragged.csv"), "1,2\n3\n").unwrap();
    fs::write(at.join("words.csv"), "1,2\n3,four\n").unwrap();
    let before = entries(at);
    for name in ["short", "lying", "magic", "gz"] {
        refused(at, &["train", "mnist", "--data", name], 1, "train-images-idx3-ubyte");
    }
    refused(at, &["train", "images", "--data", "empty"], 1, "empty");
    refused(at, &["train", "table", "--data", "ragged.csv"], 1, "ragged.csv");
    refused(at, &["train", "table", "--data", "words.csv"], 1, "four");
    refused(at, &["train", "mnist"], 1, "ebm fetch mnist");
    assert_eq!(entries(at), before, "something was left behind");
}

#[test]
fn a_table_in_a_folder_is_answered_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir_all(at.join("tables")).unwrap();
    fs::write(at.join("tables/data.csv"), "x,y\n1,2\n3,4\n").unwrap();
    let train = ["train", "table", "--data", "tables"];
    let expected = "no table named train; name the file, tables/data.csv";
    refused(at, &train, 2, expected);
    refused(at, &[&train[..], &["--columns", "x"]].concat(), 2, expected);
}

#[test]
fn images_of_another_size_are_answered_with_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("small")).unwrap();
    fs::write(folder.path().join("small/train-images-idx3-ubyte"), idx(&[5, 8, 12], 5 * 96)).unwrap();
    refused(
        folder.path(),
        &["train", "mnist", "--data", "small"],
        2,
        "--set model.height=8 --set model.width=12",
    );
}

#[test]
fn model_files_that_are_not_whole_or_not_ours_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let trained = ebm(&[
        "train",
        "rings",
        "--steps",
        "2",
        "--set",
        "model.hidden=8",
        "--out",
        "run",
        "--backend",
        "flex",
    ])
    .args(["--set", "record.picture_samples=0"])
    .current_dir(at)
    .output()
    .unwrap();
    assert!(trained.status.success(), "{}", stderr(&trained));
    let whole = fs::read(at.join("run/model.safetensors")).unwrap();
    fs::write(at.join("cut.safetensors"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at.join("noise.safetensors"), [9; 300]).unwrap();
    // the header says another width of the hidden layers: weights of another architecture
    let key = br#"\"hidden\":8"#;
    let place = whole.windows(key.len()).position(|bytes| bytes == key).expect("the card names the width");
    let mut other = whole.clone();
    other[place + key.len() - 1] = b'9';
    fs::write(at.join("other.safetensors"), other).unwrap();
    refused(at, &["sample", "cut.safetensors", "--backend", "flex"], 1, "cut.safetensors cannot be used");
    refused(at, &["sample", "noise.safetensors", "--backend", "flex"], 1, "noise.safetensors cannot be used");
    refused(
        at,
        &["sample", "other.safetensors", "--backend", "flex"],
        1,
        "the weights do not fit the network",
    );
    refused(at, &["inspect", "cut.safetensors"], 1, "cut.safetensors cannot be used");
    refused(at, &["sample", "run", "--backend", "flex", "--out", "a.jpg"], 2, "the extension must be");
    refused(at, &["sample", "run", "--backend", "flex", "--n", "0"], 2, "--n 0");
    for verb in ["encode", "eval"] {
        let absent = [verb, "run", "--data", "nowhere", "--backend", "flex"];
        refused(at, &absent, 2, "nowhere does not exist");
    }
    refused(
        at,
        &["sample", "run", "--backend", "flex", "--set", "heun.speed=1"],
        2,
        "there is no key heun.speed",
    );
    refused(at, &["train", "rings", "--out", "run"], 2, "run holds a run already");
    assert!(!at.join("samples.png").exists() && !at.join("a.jpg").exists());
}

#[cfg(unix)]
#[test]
fn a_place_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "not a folder").unwrap();
    refused(folder.path(), &["train", "rings", "--out", "file/run"], 1, "file/run");
}
