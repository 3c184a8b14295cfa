//! Log likelihoods read off an energy whose noise levels compare.

mod common;

use std::fs;
use std::path::Path;

use common::{ebm, stderr, stdout};
use serde_json::Value;

const SMALL: [&str; 10] = [
    "--set",
    "model.hidden=16",
    "--set",
    "model.layers=1",
    "--set",
    "record.picture_samples=0",
    "--batch-size",
    "64",
    "--backend",
    "flex",
];

/// What a command that ends well prints, as JSON.
fn run(at: &Path, arguments: &[&str]) -> Value {
    let output = ebm(arguments).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    let text = stdout(&output);
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn refused(at: &Path, arguments: &[&str], part: &str) {
    let output = ebm(arguments).current_dir(at).output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(message.contains(part), "{arguments:?}: {message}");
}

#[test]
fn a_density_in_the_units_of_a_table_integrates_to_one_at_every_level_of_training() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // deviations 20 and 0.1 around 100 and −3
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1u32 << 24) - 0.5
    };
    let mut normal = || (0..12).map(|_| next()).sum::<f64>();
    let rows: String =
        (0..400).map(|_| format!("{},{}\n", 100.0 + 20.0 * normal(), -3.0 + 0.1 * normal())).collect();
    fs::write(at.join("data.csv"), rows).unwrap();
    let kind = ["--set", "model=noisy-energy", "--set", "model.normalized=true", "--set", "objective=dual"];
    let levels = ["--set", "objective.noise.bottom=0.3", "--set", "sample.sampler=heun"];
    let train = ["train", "table", "--data", "data.csv", "--out", "run", "--steps", "20", "--json"];
    let done = run(at, &[&train[..], &kind, &levels, &SMALL].concat());
    assert_eq!(done["step"], 20);

    // the density of a grid of six deviations each way, whose cells have the area 4 × 0.02
    let grid: String = (-30..=30)
        .flat_map(|i| (-30..=30).map(move |k| (100.0 + 4.0 * f64::from(i), -3.0 + 0.02 * f64::from(k))))
        .map(|(x, y)| format!("{x},{y}\n"))
        .collect();
    fs::write(at.join("grid.csv"), grid).unwrap();
    for sigma in ["0.3", "0.6"] {
        let energy = ["energy", "run", "--data", "grid.csv", "--normalised", "--sigma", sigma];
        let done = run(at, &[&energy[..], &["--out", "e.csv", "--json"]].concat());
        assert_eq!(done["rows"], 61 * 61);
        assert_eq!(done["bits_per_dim"], Value::Null);
        let table = fs::read_to_string(at.join("e.csv")).unwrap();
        assert!(table.starts_with("row,log_likelihood,file\n"), "{table:.40}");
        let logs = table.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<f64>().unwrap());
        let logs: Vec<f64> = logs.collect();
        assert!(logs.is_sorted(), "the least likely row is the first");
        let total = logs.iter().map(|log| log.exp()).sum::<f64>() * 4.0 * 0.02;
        // twenty steps have barely moved it from a normal distribution; without the Jacobian it would be twice as much
        assert!((0.85..1.15).contains(&total), "σ = {sigma}: {total}");
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        assert!((done["mean_log_likelihood"].as_f64().unwrap() - mean).abs() < 1e-6 * mean.abs());
    }
    let outside = ["energy", "run", "--data", "grid.csv", "--normalised", "--sigma", "0.1"];
    refused(at, &outside, "trained at noise levels from 0.3 to 10");

    // Beside the flow and, in few coordinates, quadrature and the bracket of annealed importance sampling.
    let eval = ["eval", "run", "--data", "data.csv", "--n", "100", "--likelihood", "40", "--json"];
    let report = run(at, &eval);
    let value = |name: &str| {
        let figures = report["figures"].as_array().unwrap();
        let found = figures.iter().find(|figure| figure["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {report}"))["value"].as_f64().unwrap()
    };
    let [flow, energy, quadrature] =
        ["", "_energy", "_quadrature"].map(|end| value(&format!("log_likelihood_nats{end}")));
    assert!((flow - energy).abs() < 0.5 && (energy - quadrature).abs() < 0.2, "{flow} {energy} {quadrature}");
    let [low, high] = ["_low", "_high"].map(|end| value(&format!("log_likelihood_nats{end}")));
    assert!((low - quadrature).abs() < 0.5 && (high - quadrature).abs() < 0.5, "{low} {quadrature} {high}");
    let apart = value("log_likelihood_nats_energy") - value("log_likelihood_nats_data_units_energy");
    assert!((apart - 2f64.ln()).abs() < 0.2, "{apart}");
}

#[test]
fn a_checkpoint_is_normalised_too_and_what_has_no_density_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("points.csv"), "0,0.5\n-1,0.2\n1,-0.2\n").unwrap();
    let train = |preset: &str, more: &[&str]| {
        let arguments = ["train", preset, "--out", preset, "--steps", "20", "--json"];
        run(at, &[&arguments[..], &SMALL, more].concat());
    };
    train("two-moons-dual", &["--checkpoint-every", "10"]);
    let of = |step: &str| {
        let energy = ["energy", "two-moons-dual", "--data", "points.csv", "--normalised", "--step", step];
        run(at, &[&energy[..], &["--sigma", "1", "--out", "e.csv", "--json"]].concat())["mean_log_likelihood"]
            .as_f64()
            .unwrap()
    };
    // a normal distribution of the variance 1 + σ² = 2, nearly
    let standard = -(2.0 * std::f64::consts::TAU).ln() - (0.25 + 1.04 + 1.04) / 12.0;
    assert!(
        (of("10") - standard).abs() < 0.3 && (of("20") - standard).abs() < 0.3,
        "{} {}",
        of("10"),
        of("20")
    );
    // what the model's file says is what its last checkpoint gives
    fs::remove_dir_all(at.join("two-moons-dual/checkpoints")).unwrap();
    let by_file = of("20");
    assert!((by_file - standard).abs() < 0.3, "{by_file}");

    train("two-moons-ncsn", &[]);
    let energy = |run: &'static str| ["energy", run, "--data", "points.csv", "--normalised"];
    refused(at, &energy("two-moons-ncsn"), "--set objective=dual");
    let wrong = ["train", "two-moons", "--set", "objective=dual"];
    refused(at, &wrong, "--set model=noisy-energy --set model.normalized=true --set sample.sampler=heun");
    let plain = ["train", "two-moons-ncsn", "--set", "objective=dual", "--out", "other"];
    refused(at, &plain, "--set objective=denoising");
}
