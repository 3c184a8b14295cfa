//! Energies from the command line: trained, gone back, asked for numbers, measured.

mod common;

use std::fs;
use std::path::Path;

use common::{ebm, stderr, stdout};
use serde_json::Value;

const SMALL: [&str; 8] = [
    "--set",
    "model.hidden=[16]",
    "--set",
    "record.picture_samples=0",
    "--batch-size",
    "64",
    "--backend",
    "flex",
];

/// A run of a preset in `folder`, with more arguments, which ends well.
fn train(folder: &Path, preset: &str, more: &[&str]) {
    let mut command = ebm(&["train", preset, "--out"]);
    let output = command.arg(folder.join(preset)).args(SMALL).args(more).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_energy_of_every_row_comes_out_the_highest_first_and_far_rows_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, "two-moons-nce", &["--steps", "300"]);
    fs::write(at.join("near.csv"), "0,0.5\n-1,0.2\n1,-0.2\n0.5,-0.5\n").unwrap();
    fs::write(at.join("far.csv"), "4,4\n-5,3\n0,7\n").unwrap();
    let mut command = ebm(&["energy", "two-moons-nce", "--data", "near.csv", "--against", "far.csv"]);
    let output = command.args(["--out", "e.csv", "--json"]).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    // every far row lies above every near one: a reversed sign would give 0
    assert_eq!(lines(&stdout(&output))[0]["auroc"]["value"], 1.0);

    let table = fs::read_to_string(at.join("e.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let energies: Vec<f64> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
    assert!(energies.is_sorted_by(|a, b| b <= a), "{energies:?}");
    let mut order: Vec<usize> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    order.sort_unstable();
    assert_eq!(order, [0, 1, 2, 3]);
}

#[test]
fn an_energy_of_pictures_is_trained_drawn_from_and_knows_noise_from_its_digits() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let settings = [
        "model.widths=[8,16]",
        "model.blocks=[1,1]",
        "train.average_decay=0.9",
        "record.picture_samples=0",
        "sample.heun.levels=8",
    ];
    let mut command = ebm(&["train", "glyphs-energy", "--steps", "60", "--batch-size", "16", "--out", "run"]);
    let output = settings.iter().fold(&mut command, |command, setting| command.args(["--set", setting]));
    let output = output.current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let output = ebm(&["sample", "run", "--n", "6", "--out", "drawn.npy"]).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));

    // a header that ends with its line, and six pictures of 28×28 numbers between 0 and 1
    let file = fs::read(at.join("drawn.npy")).unwrap();
    let begin = file.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let numbers = file[begin..].chunks_exact(4).map(|number| f32::from_le_bytes(number.try_into().unwrap()));
    let drawn: Vec<u8> = numbers.map(|number| (number * 255.0) as u8).collect();
    assert_eq!(drawn.len(), 6 * 28 * 28);
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..drawn.len()).map(|_| next()).collect();
    for (name, pixels) in [("drawn", &drawn), ("noise", &noise)] {
        fs::create_dir(at.join(name)).unwrap();
        for (i, picture) in pixels.chunks(28 * 28).enumerate() {
            let picture = image::GrayImage::from_raw(28, 28, picture.to_vec()).unwrap();
            picture.save(at.join(format!("{name}/{i}.png"))).unwrap();
        }
    }
    let mut command = ebm(&["energy", "run", "--data", "drawn", "--against", "noise", "--out", "e.csv"]);
    let output = command.arg("--json").current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    // the bowl that it begins as finds what is near grey likelier than digits on black
    let found = lines(&stdout(&output))[0]["auroc"]["value"].as_f64().unwrap();
    assert!(0.95 < found, "{found}");
}

#[test]
fn a_run_that_diverges_goes_back_with_half_of_the_step_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // the gap of a few steps is beyond this bound, and that of careful ones is not
    let bound = ["--set", "objective.contrast.gap_bound=0.02", "--steps", "60", "--checkpoint-every", "10"];
    train(folder.path(), "two-moons-cd", &[&bound[..], &["--set", "record.retreats=30"]].concat());
    let journal = fs::read_to_string(folder.path().join("two-moons-cd/journal.jsonl")).unwrap();
    let retreats: Vec<Value> =
        lines(&journal).into_iter().filter(|line| line["event"] == "retreat").collect();
    assert!(!retreats.is_empty(), "{journal}");
    for (i, line) in retreats.iter().enumerate() {
        assert_eq!(line["retreats"], i + 1);
        assert!(line["reason"].as_str().unwrap().contains("expected within ±0.02"), "{line}");
    }
    assert!(folder.path().join("two-moons-cd/model.safetensors").is_file());
}

#[test]
fn a_sampler_whose_steps_are_too_large_takes_smaller_ones_and_the_model_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let bound = ["--set", "objective.contrast.acceptance_bound=0.996", "--set", "objective.step_size=0.4"];
    let short = ["--steps", "60", "--checkpoint-every", "10", "--set", "train.warm_up=0"];
    train(folder.path(), "two-moons-cd", &[&bound[..], &short[..]].concat());
    let journal = fs::read_to_string(folder.path().join("two-moons-cd/journal.jsonl")).unwrap();
    let retreats: Vec<Value> =
        lines(&journal).into_iter().filter(|line| line["event"] == "retreat").collect();
    assert!(!retreats.is_empty(), "{journal}");
    let number = |line: &Value, key: &str| line[key].as_f64().unwrap();
    for (i, line) in retreats.iter().enumerate() {
        assert!(line["reason"].as_str().unwrap().contains("expected at least 0.996"), "{line}");
        assert_eq!(number(line, "sampler_step_size"), 0.4 * 0.5f64.powi(i as i32 + 1));
        // that of the schedule: a full one falls to a hundredth in the end
        assert!(4e-4 < number(line, "learning_rate"), "{line}");
    }
    let last = lines(&journal).into_iter().rfind(|line| line["event"] == "progress").unwrap();
    assert!(0.996 <= last["sampler"]["acceptance"].as_f64().unwrap(), "{last}");
}

#[test]
fn an_evaluation_has_each_figure_with_its_protocol_and_a_bracket_of_the_likelihood() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    train(at, "two-moons-ssm", &["--steps", "200"]);
    let mut command = ebm(&["eval", "two-moons-ssm", "--n", "300", "--likelihood", "50", "--json"]);
    let output = command.args(["--set", "chain.steps=100"]).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let report = &lines(&stdout(&output))[0];
    let figure = |name: &str| {
        let figures = report["figures"].as_array().unwrap();
        figures
            .iter()
            .find(|figure| figure["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {report}"))
            .clone()
    };
    let distances =
        ["mmd2_unbiased", "sliced_wasserstein_1", "frechet_distance_coordinates", "classifier_accuracy"];
    for name in distances {
        let figure = figure(name);
        assert!(figure["value"].is_f64() && figure["floor"].is_f64(), "{figure}");
        assert_eq!((&figure["protocol"]["n"], &figure["protocol"]["seed"]), (&300.into(), &0.into()));
    }
    // both ends are of one number, so they lie within a few of their errors of each other
    let [low, high] = ["low", "high"].map(|end| figure(&format!("log_likelihood_nats_{end}")));
    let number = |figure: &Value, key: &str| figure[key].as_f64().unwrap();
    let error = number(&low, "standard_error").hypot(number(&high, "standard_error"));
    let apart = number(&high, "value") - number(&low, "value");
    assert!(0.0 < apart && apart < 5.0 * error + 0.5, "{low} {high}");
}

#[test]
fn what_does_not_fit_together_is_answered_with_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], part: &str| {
        let output = ebm(arguments).current_dir(folder.path()).output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(part), "{arguments:?}: {message}");
    };
    refused(&["train", "two-moons", "--set", "objective=sliced"], "--set model=mlp-energy");
    refused(&["train", "two-moons-ssm", "--set", "objective=denoising"], "--set model=mlp");
    refused(&["train", "two-moons-ssm", "--set", "objective=likelihood"], "known: denoising, denoising-at");
    refused(&["train", "two-moons-ssm", "--set", "model=transformer"], "known: unet, mlp");
    refused(&["train", "two-moons-ssm", "--set", "sample.sampler=heun"], "underdamped, mala, hmc");
    refused(&["train", "two-moons-cd", "--set", "objective.step_size=-1"], "objective.step_size: expected");
    refused(&["sample", "--target", "gaussian", "--adapt"], "--sampler mala or hmc");
    refused(&["energy", "nothing", "--data", "x.csv"], "nothing is no run");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
}
