//! `ebm eval`: figures with their floor, units and verdict, on small runs of every kind.

mod common;

use std::fs;
use std::path::Path;

use common::{ebm, stderr, stdout};
use serde_json::Value;

/// A small run in `folder/run`, which ends well.
fn train(folder: &Path, arguments: &[&str]) {
    let mut command = ebm(&["train"]);
    command.args(arguments).args(["--set", "record.picture_samples=0", "--backend", "flex"]);
    let output = command.arg("--out").arg("run").current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

/// A small run of points in the plane, by denoising.
fn plane(folder: &Path, steps: &str) {
    let small = ["--set", "model.hidden=32", "--set", "model.layers=1", "--batch-size", "128"];
    train(folder, &[&["two-moons", "--steps", steps][..], &small].concat());
}

fn eval(folder: &Path, arguments: &[&str]) -> Value {
    let mut command = ebm(&["eval", "run", "--json", "--backend", "flex"]);
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    serde_json::from_str(stdout(&output).lines().next().unwrap()).unwrap()
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let mut command = ebm(&["eval", "run", "--backend", "flex"]);
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    stderr(&output)
}

fn figure<'a>(report: &'a Value, name: &str) -> Option<&'a Value> {
    report["figures"].as_array().unwrap().iter().find(|figure| figure["name"] == name)
}

fn number(report: &Value, name: &str, key: &str) -> f64 {
    let figure = figure(report, name).unwrap_or_else(|| panic!("no {name}: {report}"));
    figure[key].as_f64().unwrap_or_else(|| panic!("no {key}: {figure}"))
}

#[test]
fn every_distance_has_a_floor_and_a_verdict_and_the_last_line_sums_up() {
    let folder = tempfile::tempdir().unwrap();
    plane(folder.path(), "30");
    let report = eval(folder.path(), &["--n", "400", "--likelihood", "20"]);
    let distances = [
        "mmd2_unbiased",
        "sliced_wasserstein_1",
        "frechet_distance_coordinates",
        "two_sample_test",
        "classifier_accuracy",
    ];
    for name in distances {
        let figure = figure(&report, name).unwrap_or_else(|| panic!("no {name}: {report}"));
        assert!(figure["floor"].is_f64() && figure["unit"].is_string(), "{figure}");
        // after thirty steps the samples are nothing like the moons
        assert_eq!(figure["standing"], "above-floor", "{figure}");
        assert!(figure["verdict"].is_string(), "{figure}");
    }
    assert!(number(&report, "two_sample_test", "p_value") <= 0.01);
    assert_eq!(report["distances_in"], "units of the data");
    assert!(report["summary"].as_str().unwrap().contains("not at it: mmd2_unbiased"), "{report}");
    assert_eq!(figure(&report, "log_likelihood_nats").unwrap()["unit"], "nats per row in units of the data");
    // endless data cannot be memorised
    assert!(figure(&report, "nearer_to_training_share").is_none());

    let mut command = ebm(&["eval", "run", "--n", "100", "--likelihood", "0", "--backend", "flex"]);
    let output = command.current_dir(folder.path()).output().unwrap();
    let text = stdout(&output);
    assert!(text.lines().next().unwrap().starts_with("distances are in units of the data"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("summary: "), "{text}");
    assert!(!text.contains("log_likelihood"), "{text}");
}

#[test]
fn few_samples_and_points_are_no_error_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    plane(folder.path(), "5");
    for n in ["2", "3", "5"] {
        let report = eval(folder.path(), &["--n", n, "--likelihood", "2"]);
        assert!(figure(&report, "sliced_wasserstein_1").is_some(), "{report}");
        assert!(number(&report, "log_likelihood_nats", "value").is_finite());
    }
    // more points than are compared
    let report = eval(folder.path(), &["--n", "4", "--likelihood", "40"]);
    assert_eq!(figure(&report, "log_likelihood_nats").unwrap()["protocol"]["n"], 40);
    assert!(refused(folder.path(), &["--n", "1"]).contains("--n 1: expected at least 2"));
    assert!(refused(folder.path(), &["--likelihood", "1"]).contains("--likelihood 1: expected 0, or"));
}

#[test]
fn the_likelihood_of_an_energy_is_that_of_quadrature_and_its_ends_are_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--set", "model.hidden=[16]", "--batch-size", "64"];
    train(folder.path(), &[&["two-moons-ssm", "--steps", "150"][..], &small].concat());
    for seed in ["0", "1", "2"] {
        let arguments = ["--n", "200", "--likelihood", "100", "--seed", seed, "--set", "chain.steps=50"];
        let report = eval(folder.path(), &arguments);
        for suffix in ["", "_data_units"] {
            let end =
                |end: &str, key: &str| number(&report, &format!("log_likelihood_nats{suffix}_{end}"), key);
            assert!(end("low", "value") < end("high", "value"), "{report}");
            let exact = number(&report, &format!("log_likelihood_nats{suffix}"), "value");
            // log Z by chains has an error of its own; the points are the same
            let reach = 0.2 + end("high", "value") - end("low", "value");
            assert!((end("low", "value") - exact).abs() < reach, "{report}");
            // the error of a mean over a hundred points is part of every error
            let points: f64 =
                figure(&report, "log_likelihood_nats_low").unwrap()["protocol"]["settings"]["points_error"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap();
            for end in [end("low", "standard_error"), end("high", "standard_error")] {
                assert!(0.999 * points <= end && 0.0 < points, "{report}");
            }
        }
    }
}

/// A table of `n` rows, a constant column among them, and its training run of a few steps.
fn table(folder: &Path, n: usize, more: &[&str]) {
    let row = |i: usize, phase: f64| {
        let angle = 2.4 * i as f64 + phase;
        format!("{},7,{}\n", 1000.0 + 10.0 * angle.sin() * (i as f64).sqrt(), 0.01 * angle.cos())
    };
    fs::create_dir(folder.join("table")).unwrap();
    for (split, phase) in [("train", 0.0), ("test", 1.0)] {
        let rows: String = (0..n).map(|i| row(i, phase)).collect();
        fs::write(folder.join("table").join(format!("{split}.csv")), format!("a,b,c\n{rows}")).unwrap();
    }
    let small =
        ["--set", "model.hidden=16", "--set", "model.layers=1", "--batch-size", "32", "--steps", "20"];
    let data = ["table", "--set", "data.path=table", "--set", "model.dim=3"];
    train(folder, &[&data[..], &small, more].concat());
}

#[test]
fn a_table_has_its_likelihood_in_its_own_units_and_a_constant_column_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), 60, &[]);
    let report = eval(folder.path(), &["--n", "2000", "--likelihood", "20"]);
    assert_eq!(report["distances_in"], "standardised units");
    let notes = report["notes"].as_array().unwrap();
    assert!(
        notes.iter().any(|note| note.as_str().unwrap().starts_with("30 samples and not 2000")),
        "{notes:?}"
    );
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains("constant columns")), "{notes:?}");
    // More samples would be compared with no more rows.
    let words = [report["summary"].clone(), report["figures"].clone()].map(|words| words.to_string());
    assert!(words.iter().all(|words| !words.contains("larger --n")), "{words:?}");
    // the columns have standard deviations of about 40 and 0.007: the Jacobian is minus the logarithm of their product
    let rows = fs::read_to_string(folder.path().join("table/train.csv")).unwrap();
    let column = |k: usize| -> Vec<f64> {
        rows.lines().skip(1).map(|line| line.split(',').nth(k).unwrap().parse().unwrap()).collect()
    };
    let log_deviation = |k: usize| {
        let values = column(k);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
        0.5 * square.ln()
    };
    let apart = number(&report, "log_likelihood_nats", "value")
        - number(&report, "log_likelihood_nats_data_units", "value");
    assert!((apart - log_deviation(0) - log_deviation(2)).abs() < 1e-6, "{apart}: {report}");
    assert_eq!(
        figure(&report, "nearer_to_training_share").unwrap()["protocol"]["settings"]["training_rows"],
        "60"
    );
}

#[test]
fn one_column_and_a_file_of_few_rows_are_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..200).map(|i| format!("{}\n", (1.7 * f64::from(i)).sin())).collect();
    fs::write(folder.path().join("one.csv"), format!("x\n{rows}")).unwrap();
    let small =
        ["--set", "model.hidden=16", "--set", "model.layers=1", "--batch-size", "32", "--steps", "20"];
    let data = ["table", "--set", "data.path=one.csv", "--set", "model.dim=1"];
    train(folder.path(), &[&data[..], &small].concat());
    let report = eval(folder.path(), &["--data", "one.csv", "--n", "50", "--likelihood", "10"]);
    assert!(figure(&report, "frechet_distance_coordinates").is_some(), "{report}");
    // The run's own file is not held out, and says nothing about memorisation.
    assert!(figure(&report, "nearer_to_training_share").is_none(), "{report}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("data that the model was trained on"), "{notes}");
    fs::write(folder.path().join("few.csv"), "x\n0.1\n0.2\n0.3\n").unwrap();
    let message = refused(folder.path(), &["--data", "few.csv"]);
    assert!(message.contains("3 rows to compare samples with, expected at least 4"), "{message}");
}

/// Pictures of two classes, bright above or below, with `labels` or without, and a run of a few steps on them.
fn pictures(folder: &Path, labels: bool) {
    for split in ["train", "test"] {
        for i in 0..40u32 {
            let class = if i % 2 == 0 { "above" } else { "below" };
            let at = folder.join("pictures").join(split);
            let at = if labels { at.join(class) } else { at };
            fs::create_dir_all(&at).unwrap();
            let grey = |_: u32, y: u32| {
                let bright = (y < 4) == (class == "above");
                let value = if bright { 200 + i } else { 20 + i + u32::from(split == "test") };
                image::Luma([value as u8])
            };
            image::GrayImage::from_fn(8, 8, grey).save(at.join(format!("{i}.png"))).unwrap();
        }
    }
    let small = ["--set", "model.widths=[8]", "--set", "model.blocks=[1]", "--set", "model.groups=4"];
    let shape = ["--set", "model.height=8", "--set", "model.width=8", "--set", "model.channels=1"];
    let data = ["images", "--set", "data.path=pictures", "--steps", "4", "--batch-size", "8"];
    train(folder, &[&data[..], &small, &shape].concat());
}

#[test]
fn a_classifier_is_trained_once_and_its_features_are_in_the_name_of_the_distance() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), true);
    let arguments = ["--n", "20", "--likelihood", "4", "--set", "heun.levels=4", "--sampler", "heun"];
    let with = |more: &[&str]| eval(folder.path(), &[&arguments[..], more].concat());
    let first = with(&["--features", "classifier"]);
    let names = ["frechet_distance_pooled_4x4", "classifier_confident_share", "class_entropy_nats"];
    for name in names {
        assert!(figure(&first, name).unwrap_or_else(|| panic!("no {name}: {first}"))["floor"].is_f64());
    }
    // two classes that differ everywhere are told apart, and the data have both
    assert!(0.9 <= number(&first, "classifier_confident_share", "floor"), "{first}");
    assert!((number(&first, "class_entropy_nats", "floor") - 2f64.ln()).abs() < 0.2, "{first}");
    let features =
        figure(&first, "two_sample_test").unwrap()["protocol"]["settings"]["features"].as_str().unwrap();
    assert!(
        features.starts_with("classifier, result of layer") && features.contains("100.0 % accurate"),
        "{features}"
    );
    let bits = number(&first, "bits_per_dim", "value");
    let nats = number(&first, "log_likelihood_nats", "value");
    assert!((bits - 7.0 + nats / (64.0 * 2f64.ln())).abs() < 1e-9, "{bits} bits, {nats} nats");

    let files = || -> Vec<_> {
        let all = fs::read_dir(folder.path().join("run")).unwrap().map(|entry| entry.unwrap());
        let kept = all.filter(|entry| entry.file_name().to_string_lossy().starts_with("classifier-"));
        kept.map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap())).collect()
    };
    let kept = files();
    assert_eq!(kept.len(), 1);
    assert_eq!(with(&["--features", "classifier"]), first);
    assert_eq!(files(), kept);
    // the file may be given by name, to this run or to another
    let path = kept[0].0.to_str().unwrap();
    assert_eq!(with(&["--features", path]), first);
    let message = refused(folder.path(), &["--features", "nothing.safetensors"]);
    assert!(message.contains("expected `classifier` or a file of weights"), "{message}");
}

#[test]
fn pictures_without_labels_have_no_classifier_and_points_no_features() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), false);
    let message = refused(folder.path(), &["--features", "classifier"]);
    assert!(message.contains("a classifier needs images with labels"), "{message}");
    let report = eval(
        folder.path(),
        &["--n", "20", "--likelihood", "0", "--set", "heun.levels=4", "--sampler", "heun"],
    );
    assert!(figure(&report, "frechet_distance_pooled_4x4").is_some(), "{report}");

    let points = tempfile::tempdir().unwrap();
    plane(points.path(), "2");
    let message = refused(points.path(), &["--features", "classifier"]);
    assert!(message.contains("features are of pictures, this model is of points"), "{message}");
}
