//! `ebm import` and `ebm export`: models that the other verbs take.

mod common;

use std::path::Path;

use common::{ebm, stderr, stdout};

fn checkpoint(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ebm-run/tests/foreign");
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn an_imported_network_is_inspected_sampled_and_exported() {
    let root = tempfile::tempdir().unwrap();
    let (model, torch) = (root.path().join("own.safetensors"), root.path().join("torch"));
    let (model, torch) = (model.to_str().unwrap(), torch.to_str().unwrap());
    let run = |arguments: &[&str]| {
        let output = ebm(arguments).current_dir(root.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    run(&["import", &checkpoint("ncsn.pth"), "--as", "ncsn", "--size", "8x6", "--out", model]);
    let about = run(&["inspect", model]);
    assert!(about.contains("kind = \"ncsn\"") && about.contains("features = 2"), "{about}");
    let images = root.path().join("images.npy");
    let quick = ["--set", "langevin.steps_per_level=2"];
    run(&[&["sample", model, "--n", "3", "--out", images.to_str().unwrap()], quick.as_slice()].concat());
    assert!(images.is_file());
    run(&["export", model, "--to", torch]);
    for file in ["network.py", "config.json", "weights.safetensors"] {
        assert!(Path::new(torch).join(file).is_file(), "{file}");
    }
}

#[test]
fn a_checkpoint_that_asks_for_a_call_is_refused_in_a_line() {
    let root = tempfile::tempdir().unwrap();
    let output =
        ebm(&["import", &checkpoint("evil.pth"), "--as", "ncsn"]).current_dir(root.path()).output().unwrap();
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("which is refused: reading weights calls nothing"), "{error}");
    assert_eq!(error.trim().lines().count(), 1, "{error}");
    assert!(std::fs::read_dir(root.path()).unwrap().next().is_none());
}
