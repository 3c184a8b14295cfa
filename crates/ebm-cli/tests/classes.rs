//! Classes from the command line: trained on labels, asked for, told apart.

mod common;

use std::fs;
use std::path::Path;

use common::{ebm, stderr, stdout};
use serde_json::Value;

/// Runs the program in `at`, which is to end well.
fn run(at: &Path, arguments: &[&str]) -> String {
    let output = ebm(arguments).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// Runs the program in `at`, which is to refuse its arguments, for a reason with each of `parts` in it.
fn refused(at: &Path, arguments: &[&str], parts: &[&str]) {
    let output = ebm(arguments).current_dir(at).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    for part in parts {
        assert!(stderr(&output).contains(part), "{arguments:?}: {part} is not in: {}", stderr(&output));
    }
}

/// The rows of a table: numbers and the class.
fn table(path: &Path) -> Vec<(Vec<f64>, String)> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().ends_with(",class"), "{text}");
    let row = |line: &str| {
        let (numbers, class) = line.rsplit_once(',').unwrap();
        (numbers.split(',').map(|x| x.parse().unwrap()).collect(), class.to_owned())
    };
    lines.map(row).collect()
}

/// The mean of the second coordinate of the rows of a class.
fn height(rows: &[(Vec<f64>, String)], class: &str) -> f64 {
    let of: Vec<f64> = rows.iter().filter(|(_, found)| found == class).map(|(x, _)| x[1]).collect();
    of.iter().sum::<f64>() / of.len() as f64
}

/// An energy of each of the two moons; the first is above, with mean height 0.39, the second below.
const MOONS: [&str; 18] = [
    "train",
    "two-moons",
    "--steps",
    "500",
    "--backend",
    "flex",
    "--set",
    "model=noisy-energy",
    "--set",
    "model.hidden=32",
    "--set",
    "model.classes=2",
    "--set",
    "train.average_decay=0.98",
    "--set",
    "record.picture_samples=0",
    "--set",
    "sample.heun.levels=15",
];

#[test]
fn an_energy_of_each_moon_is_trained_drawn_by_every_kind_of_sampler_and_tells_them_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, &[&MOONS[..], &["--out", "moons"]].concat());
    let config = fs::read_to_string(at.join("moons/config.toml")).unwrap();
    assert!(
        config.contains("classes = [\"0\", \"1\"]") && config.contains("label_dropout = 0.1"),
        "{config}"
    );
    let card: Value =
        serde_json::from_str(&run(at, &["inspect", "moons/model.safetensors", "--json"])).unwrap();
    assert_eq!(card["card"]["classes"]["names"], serde_json::json!(["0", "1"]));
    assert_eq!(card["card"]["classes"]["label_dropout"], 0.1);

    // by descents, and by chains on the energy at one level, the classes in turn
    let all = |sampler: &'static str, n: &'static str, out: &'static str| {
        let bottom = if sampler.ends_with("heun") { "heun.bottom=0.01" } else { "heun.bottom=0.3" };
        let asked = ["sample", "moons", "--class", "all", "--backend", "flex", "--sampler", sampler];
        let numbers = ["chain.step_size=0.05", "chain.steps=200", bottom].map(|set| ["--set", set]).concat();
        run(at, &[&asked[..], &numbers, &["--n", n, "--out", out]].concat());
        table(&at.join(out))
    };
    for sampler in ["heun", "stochastic-heun", "annealed-mala", "mala", "hmc"] {
        let rows = all(sampler, "60", "all.csv");
        assert_eq!(rows.len(), 60);
        assert!(rows.iter().enumerate().all(|(i, (_, class))| *class == (i % 2).to_string()), "{rows:?}");
        let (above, below) = (height(&rows, "0"), height(&rows, "1"));
        assert!(0.15 < above && below < -0.15, "{sampler}: mean heights {above} and {below}");
        if sampler == "heun" {
            // the first of more samples are those of fewer
            assert_eq!(all(sampler, "7", "few.csv")[..], rows[..7]);
        }
    }
    // one class, of which the rows are those that it had among all
    run(
        at,
        &[
            "sample",
            "moons",
            "--class",
            "1",
            "--guidance",
            "1.5",
            "--n",
            "40",
            "--backend",
            "flex",
            "--out",
            "one.csv",
        ],
    );
    let rows = table(&at.join("one.csv"));
    assert!(rows.iter().all(|(_, class)| class == "1") && height(&rows, "1") < -0.15);
    let line =
        run(at, &["sample", "moons", "--class", "1,0", "--n", "4", "--json", "--out", "two.safetensors"]);
    let line: Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!((&line["classes"], &line["guidance"]), (&serde_json::json!([1, 0]), &serde_json::json!(0.0)));
    let bytes = fs::read(at.join("two.safetensors")).unwrap();
    assert!(bytes.windows(8).any(|part| part == b"\"labels\""));

    // the tops of the moons: each is more likely under its own class
    fs::write(at.join("tops.csv"), "-0.5,0.75\n0.5,-0.75\n").unwrap();
    for (class, first) in [("0", "1"), ("1", "0")] {
        let arguments = ["energy", "moons", "--data", "tops.csv", "--class", class, "--sigma", "0.3"];
        let text = run(at, &[&arguments[..], &["--backend", "flex"]].concat());
        assert_eq!(text.lines().nth(1).unwrap().split(',').next(), Some(first), "class {class}: {text}");
    }

    let figures = run(
        at,
        &[
            "eval",
            "moons",
            "--n",
            "50",
            "--likelihood",
            "0",
            "--classify",
            "150",
            "--backend",
            "flex",
            "--json",
        ],
    );
    let figures: Value = serde_json::from_str(figures.trim()).unwrap();
    let find =
        |name: &str| figures["figures"].as_array().unwrap().iter().find(|figure| figure["name"] == name);
    let accuracy = find("classification_accuracy").unwrap();
    assert!(0.85 < accuracy["value"].as_f64().unwrap(), "{accuracy}");
    assert_eq!(
        (&accuracy["protocol"]["n"], &accuracy["protocol"]["settings"]["by"]),
        (&150.into(), &"energies".into())
    );
    assert_eq!(find("mmd2_unbiased").unwrap()["protocol"]["settings"]["classes_asked"], "each equally often");

    let sample = |more: &'static [&'static str]| [&["sample", "moons"][..], more].concat();
    refused(at, &sample(&["--class", "2"]), &["--class 2: expected all, or a number from 0 to 1"]);
    refused(at, &sample(&["--class", "-1"]), &["--class -1"]);
    refused(at, &sample(&["--class", "1,1"]), &["1 is there twice"]);
    refused(at, &sample(&["--guidance", "2"]), &["--guidance is towards a class; --class 0 names one"]);
    refused(
        at,
        &sample(&["--class", "0", "--guidance", "-2"]),
        &["--guidance -2: expected a finite number, 0 or more"],
    );
    refused(
        at,
        &["energy", "moons", "--data", "tops.csv", "--class", "all"],
        &["expected one class, of 0, 1"],
    );
    refused(at, &["sample", "banana", "--class", "0"], &["--class is for networks of classes"]);
}

#[test]
fn a_model_without_classes_or_without_label_dropout_refuses_what_it_cannot_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let small =
        ["--steps", "3", "--backend", "flex", "--set", "model.hidden=8", "--set", "record.picture_samples=0"];
    let train = |out: &str, more: &[&str]| {
        run(at, &[&["train", "two-moons", "--out", out][..], &small, more].concat());
    };
    train("plain", &["--set", "model.classes=0"]);
    refused(at, &["sample", "plain", "--class", "0"], &["two-moons is a model without classes"]);
    refused(at, &["eval", "plain", "--guidance", "1"], &["a model without classes"]);
    train("certain", &["--set", "model.classes=2", "--set", "objective.label_dropout=0.0"]);
    run(at, &["sample", "certain", "--class", "1", "--n", "2", "--out", "a.csv"]);
    refused(
        at,
        &["sample", "certain"],
        &["knows nothing without a class; --class names one: all, or a number"],
    );
    refused(at, &["sample", "certain", "--class", "1", "--guidance", "1"], &["objective.label_dropout"]);
    run(at, &["eval", "certain", "--n", "8", "--classify", "0", "--backend", "flex"]);
    assert!(at.join("certain/evaluations.jsonl").is_file(), "what is measured without a likelihood is kept");

    let train = |more: &'static [&'static str]| {
        [&["train", "two-moons", "--steps", "2", "--backend", "flex"][..], more].concat()
    };
    for (more, parts) in [
        (&["--set", "model.classes=1"][..], &["the data have the label 1; `--set model.classes=2`"][..]),
        (
            &["--set", "objective.label_dropout=0.2"],
            &["objective.label_dropout", "not conditioned on classes"],
        ),
        (&["--set", "model.classes=2", "--set", "objective.label_dropout=1.0"], &["at least 0 and below 1"]),
        (&["--set", "classes=[\"a\"]"], &["names for a network without classes"]),
        (&["--set", "model.classes=2", "--set", "classes=[\"a\"]"], &["classes: expected 2 names"]),
        (&["--set", "model=mlp-energy", "--set", "model.classes=2"], &["there is no key model.classes"]),
        (
            &[
                "--set",
                "model=noisy-energy",
                "--set",
                "model.normalized=true",
                "--set",
                "model.classes=2",
                "--set",
                "objective=dual",
            ],
            &["dual trains networks without classes", "`denoising` trains those with classes"],
        ),
    ] {
        refused(at, &train(more), parts);
    }
    fs::write(at.join("t.csv"), "a,b\n1,2\n3,4\n5,6\n0,1\n").unwrap();
    let of_table = [
        "train",
        "table",
        "--data",
        "t.csv",
        "--steps",
        "2",
        "--backend",
        "flex",
        "--set",
        "model.classes=2",
    ];
    refused(at, &of_table, &["trained on labels, which the data do not have"]);
    assert!(!at.join("runs").exists(), "a run that cannot begin leaves no folder");
}

/// Width and height of a PNG.
fn size(path: &Path) -> [u32; 2] {
    let bytes = fs::read(path).unwrap();
    [16, 20].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()))
}

#[test]
fn pictures_of_classes_have_a_row_for_each_while_training_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let settings = [
        "model.widths=[8]",
        "model.blocks=[1]",
        "train.average_decay=0.9",
        "record.picture_samples=18",
        "sample.heun.levels=3",
    ];
    let mut train = vec![
        "train",
        "glyphs-classes",
        "--steps",
        "12",
        "--batch-size",
        "8",
        "--backend",
        "flex",
        "--out",
        "run",
    ];
    settings.iter().for_each(|setting| train.extend(["--set", setting]));
    run(at, &train);
    // two digits of 56 pixels and a gap of 2 in each of ten rows
    let rows = [2 + 2 * 58, 2 + 10 * 58];
    assert_eq!(size(&at.join("run/samples/step-12.png")), rows, "18 samples become as many of each class");
    run(at, &["sample", "run", "--class", "all", "--n", "20", "--backend", "flex", "--out", "all.png"]);
    assert_eq!(size(&at.join("all.png")), rows);
    run(at, &["sample", "run", "--class", "7,3", "--n", "6", "--backend", "flex", "--out", "some.png"]);
    assert_eq!(size(&at.join("some.png")), [2 + 3 * 58, 2 + 2 * 58]);
    let mut command =
        ebm(&["sample", "run", "--class", "7,3", "--n", "4", "--backend", "flex", "--out", "some.npy"]);
    let output = command.current_dir(at).output().unwrap();
    assert!(output.status.success() && stderr(&output).contains("a .npy has no place for classes"));
    refused(
        at,
        &["sample", "run", "--class", "all", "--n", "25"],
        &["--n 25: a picture has a row for each of the 10"],
    );
}
