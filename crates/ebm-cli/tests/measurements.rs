//! `ebm bench` from the command line: what it prints, with kernels and without.

mod common;

use common::{ebm, stderr, stdout};
use serde_json::Value;

/// The profile of a training step of a small network, and the speeds.
fn bench(more: &[&str]) -> [Value; 2] {
    let mut command = ebm(&["bench", "--profile", "--json", "--batch-size", "2", "--width", "8"]);
    let output = command.args(["--backend", "flex"]).args(more).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let lines: Vec<_> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.try_into().expect("two objects")
}

#[test]
fn the_parts_of_a_profile_are_its_whole_and_the_same_without_kernels() {
    let [ours, plain] = [&[][..], &["--plain"]].map(|more| {
        let [profile, speed] = bench(more);
        for key in ["train_images_per_second", "score_images_per_second"] {
            assert!(0.0 < speed[key].as_f64().unwrap(), "{speed}");
        }
        assert_eq!(speed["event"], "done");
        let parts = profile["parts"].as_object().unwrap().clone();
        let sum: f64 = parts.values().map(|part| part["ms"].as_f64().unwrap()).sum();
        let whole = profile["step_ms"].as_f64().unwrap();
        assert!((sum - whole).abs() <= 1e-3 * whole, "{sum} of {whole} ms");
        let calls = parts.into_iter().map(|(name, part)| (name, part["calls"].as_u64().unwrap()));
        (calls.collect::<Vec<_>>(), speed["parameters"].as_u64().unwrap())
    });
    assert!(ours.0.iter().any(|(name, calls)| name == "convolution" && 0 < *calls));
    assert_eq!(ours, plain);
}

#[test]
fn rows_that_are_no_images_are_called_rows_and_the_order_of_set_does_not_matter() {
    let bench = |set: &[&str]| -> Value {
        let mut command = ebm(&["bench", "table", "--json", "--batch-size", "2", "--backend", "flex"]);
        set.iter().for_each(|set| {
            command.args(["--set", set]);
        });
        let output = command.output().unwrap();
        assert!(output.status.success(), "{set:?}: {}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    let [whole_first, whole_last] =
        [["model=mlp", "model.dim=3", "model.hidden=8"], ["model.hidden=8", "model.dim=3", "model=mlp"]]
            .map(|set| bench(&set));
    for speed in [&whole_first, &whole_last] {
        for key in ["train_rows_per_second", "score_rows_per_second"] {
            assert!(0.0 < speed[key].as_f64().unwrap(), "{speed}");
        }
        assert!(!speed.to_string().contains("images"), "{speed}");
    }
    assert_eq!(whole_first["parameters"], whole_last["parameters"]);
}

#[test]
fn the_network_is_that_of_a_run_with_what_it_is_told_of_augmentations() {
    let folder = tempfile::tempdir().unwrap();
    let set = ["model.widths=[8,16]", "model.blocks=[1,1]", "data.augment=0.1"];
    let typed = |arguments: &[&str]| {
        let mut command = ebm(arguments);
        set.iter().for_each(|set| {
            command.args(["--set", set]);
        });
        let command = command.args(["--batch-size", "8", "--backend", "flex"]).current_dir(&folder);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        output
    };
    let measured: Value = serde_json::from_str(&stdout(&typed(&["bench", "glyphs", "--json"]))).unwrap();
    let train = ["train", "glyphs", "--steps", "1", "--set", "record.picture_samples=0", "--out", "run"];
    let trained = stderr(&typed(&train));
    let expected = format!("run run: {} parameters", measured["parameters"]);
    assert!(trained.contains(&expected), "{expected}: {trained}");
}
