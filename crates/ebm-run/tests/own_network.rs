//! A program outside the workspace: its own network and objective as a run that is killed and goes on.
#![allow(clippy::print_stdout, reason = "the example talks to a person")]

#[path = "../examples/own_network.rs"]
mod example;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const STEPS: u64 = 6_000;
const FOLDER: &str = "EBM_OWN_NETWORK";

/// The program that is killed: this test's own, in a process of its own.
#[test]
#[ignore = "another test runs it"]
#[expect(clippy::disallowed_methods, reason = "how the other test tells it the folder")]
fn child() {
    let folder = std::env::var(FOLDER).unwrap();
    example::run(Path::new(&folder), STEPS).unwrap();
}

#[test]
fn a_run_that_is_killed_and_goes_on_ends_in_the_bytes_of_the_whole_one() {
    let root = tempfile::tempdir().unwrap();
    let (whole, killed) = (root.path().join("whole"), root.path().join("killed"));
    example::run(&whole, STEPS).unwrap();

    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child", "--ignored"]).env(FOLDER, &killed);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let has_checkpoint = || {
        let entries = std::fs::read_dir(killed.join("checkpoints")).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
    };
    while !has_checkpoint() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.join("model.safetensors").exists(), "it ended before it was killed");

    example::run(&killed, STEPS).unwrap();
    for file in ["model.safetensors", "samples.png"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(&killed) == read(&whole), "{file}");
    }
    let image = image::open(whole.join("samples.png")).unwrap();
    assert!(image.width() > 100);
}
