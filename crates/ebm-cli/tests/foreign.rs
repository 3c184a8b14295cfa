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
fn imported_networks_of_both_processes_are_sampled() {
    let root = tempfile::tempdir().unwrap();
    for (name, size, set) in [("ncsnpp", "4x8", "reverse.levels=3"), ("ddpmpp", "8", "heun.levels=3")] {
        let (model, images) = (format!("{name}.safetensors"), format!("{name}.npy"));
        let checkpoint = checkpoint(&format!("{name}.pth"));
        let import = ["import", &checkpoint, "--as", "score-sde", "--size", size];
        let sample = ["sample", &model, "--n", "2", "--set", set, "--out", &images];
        for arguments in [import.as_slice(), sample.as_slice()] {
            let output = ebm(arguments).current_dir(root.path()).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        }
        assert!(root.path().join(&images).is_file(), "{name}");
    }
}

#[test]
fn levels_that_no_sampler_takes_and_files_that_are_not_there_are_refused_before_anything_is_written() {
    let root = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| {
        let output = ebm(arguments).current_dir(root.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        stderr(&output)
    };
    let file = checkpoint("ncsnpp.pth");
    let error = refused(&["import", &file, "--as", "score-sde", "--top", "1e300", "--bottom", "1e-300"]);
    assert!(error.contains("expected a number from 1e-15 to 1e15"), "{error}");
    let error = refused(&["import", "absent.pth", "--as", "score-sde"]);
    assert!(error.contains("absent.pth does not exist"), "{error}");
    assert!(std::fs::read_dir(root.path()).unwrap().next().is_none());
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
