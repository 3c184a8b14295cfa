//! Data that are read as they are wanted: the same runs and the same numbers as from memory.

mod common;

use std::fs;
use std::path::Path;

use common::{ebm, stderr, stdout};
use ebm_ops::Noise;
use image::RgbImage;

/// Data that take no memory.
const WANTED: [&str; 2] = ["--set", "data.memory=0"];

/// A network that takes no time.
const ROWS: [&str; 8] =
    ["--steps", "30", "--batch-size", "16", "--set", "model.hidden=8", "--set", "record.picture_samples=0"];

/// What the program says and prints as it ends well.
fn run(at: &Path, arguments: &[&str]) -> [String; 2] {
    let output = ebm(arguments).args(["--backend", "flex"]).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    [stderr(&output), stdout(&output)]
}

fn bytes(at: &Path, name: &str) -> Vec<u8> {
    fs::read(at.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// An array of single precision, `[n, 3]`.
fn array(path: &Path, n: usize) {
    let z = Noise::seeded(4).normals(3 * n);
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, 3), }}     \n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(z.iter().enumerate().flat_map(|(i, z)| (z * (i % 3 + 1) as f32).to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_run_on_images_that_are_decoded_as_they_are_wanted_ends_in_the_bytes_of_one_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for i in 0..40u32 {
        let pixel = |x: u32, y: u32| image::Rgb([(13 * i + x) as u8, (7 * i + 3 * y) as u8, (x * y) as u8]);
        let file = at.join(format!("images/{}/{i}.png", ["a", "b"][i as usize % 2]));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        RgbImage::from_fn(8, 8, pixel).save(file).unwrap();
    }
    let small = ["model.widths=[8]", "model.blocks=[1]", "model.groups=4", "model.embedding=8"];
    let more =
        ["model.frequencies=4", "record.picture_samples=0", "record.checkpoint_every=5", "data.shift=2"];
    let set: Vec<&str> = small.iter().chain(&more).flat_map(|set| ["--set", set]).collect();
    let train = ["train", "images", "--data", "images", "--steps", "12", "--batch-size", "8"];
    let train = [&train[..], &set].concat();
    run(at, &[&train[..], &["--out", "memory"]].concat());
    let [said, _] = run(at, &[&train[..], &WANTED, &["--out", "wanted"]].concat());
    assert!(said.contains("decoded as they are wanted, 40 of them looked at before"), "{said}");
    assert_eq!(bytes(at, "memory/model.safetensors"), bytes(at, "wanted/model.safetensors"));

    // From a checkpoint in the middle it goes on to the same end.
    let checkpoints = at.join("wanted/checkpoints");
    let middle = |name: &str| name.contains('5') && !name.contains("10");
    let names: Vec<String> =
        fs::read_dir(&checkpoints).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| middle(name)), "{names:?}");
    for name in names.iter().filter(|name| !middle(name)) {
        fs::remove_dir_all(checkpoints.join(name)).unwrap();
    }
    fs::remove_file(at.join("wanted/model.safetensors")).unwrap();
    let [said, _] = run(at, &["train", "--resume", "wanted"]);
    assert!(said.contains("going on from"), "{said}");
    assert_eq!(bytes(at, "memory/model.safetensors"), bytes(at, "wanted/model.safetensors"));

    // It goes on with these images only.
    fs::remove_file(at.join("images/a/0.png")).unwrap();
    let output = ebm(&["train", "--resume", "wanted", "--steps", "20", "--backend", "flex"]);
    let output = { output }.current_dir(at).output().unwrap();
    assert!(
        !output.status.success() && stderr(&output).contains("39 rows, not 40 rows"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_table_that_is_not_in_memory_gives_the_same_run_energies_and_codes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    array(&at.join("t.npy"), 1200);
    let train =
        ["train", "table", "--data", "t.npy", "--set", "model=noisy-energy", "--set", "data.holdout=0.2"];
    let train = [&train[..], &ROWS].concat();
    run(at, &[&train[..], &["--out", "memory"]].concat());
    let [said, _] = run(at, &[&train[..], &WANTED, &["--out", "wanted"]].concat());
    assert!(said.contains("of 1200 rows are held out"), "{said}");
    assert_eq!(bytes(at, "memory/model.safetensors"), bytes(at, "wanted/model.safetensors"));

    // Each with its own way to the table: that of its run.
    for name in ["memory", "wanted"] {
        let energy = ["energy", name, "--data", "t.npy", "--test"];
        run(at, &[&energy[..], &["--out", &format!("{name}.csv")]].concat());
        run(at, &[&energy[..], &["--in-order", "--out", &format!("{name}-in-order.csv")]].concat());
        let encode = ["encode", name, "--data", "t.npy", "--test", "--out"];
        let (codes, back) = (format!("{name}.npy"), format!("{name}-back.csv"));
        run(at, &[&encode[..], &[&codes, "--decode", &back]].concat());
    }
    for file in [".csv", "-in-order.csv", ".npy", "-back.csv"] {
        assert_eq!(bytes(at, &format!("memory{file}")), bytes(at, &format!("wanted{file}")), "{file}");
    }
    let lines = |name: &str| -> Vec<String> {
        String::from_utf8(bytes(at, name)).unwrap().lines().map(str::to_owned).collect()
    };
    let (sorted, in_order) = (lines("memory.csv"), lines("memory-in-order.csv"));
    let numbers: Vec<usize> =
        in_order[1..].iter().map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert!(numbers.is_sorted() && 150 < numbers.len() && sorted != in_order, "{numbers:?}");
    let same = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(same(sorted), same(in_order));
}

#[test]
fn the_column_of_classes_of_a_table_is_learned_as_classes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let z = Noise::seeded(9).normals_f64(1200);
    let kind = |i: usize| ["setosa", "virginica", "versicolor"][i % 3];
    let center = |i: usize| [0.0, 8.0, 4.0][i % 3];
    let line = |i: usize| format!("{},{},{}\n", center(i) + 0.5 * z[2 * i], kind(i), 0.3 * z[2 * i + 1]);
    let lines: String = (0..600).map(line).collect();
    fs::write(at.join("flowers.csv"), format!("petal,species,sepal\n{lines}")).unwrap();
    let train = ["train", "table", "--data", "flowers.csv", "--label", "species", "--steps", "400"];
    let set =
        ["model=noisy-energy", "model.hidden=32", "train.average_decay=0.98", "record.picture_samples=0"];
    let set: Vec<&str> = set.iter().chain(&["data.holdout=0.3"]).flat_map(|set| ["--set", set]).collect();
    let [said, _] = run(at, &[&train[..], &set, &["--out", "run"]].concat());
    assert!(said.contains("× 2 columns (petal, sepal), 3 classes (setosa "), "{said}");
    let config = fs::read_to_string(at.join("run/config.toml")).unwrap();
    assert!(config.contains("label = \"species\"") && config.contains("classes = 3"), "{config}");

    for (class, expected) in [("setosa", 0.0), ("versicolor", 4.0), ("virginica", 8.0)] {
        run(at, &["sample", "run", "--class", class, "--n", "60", "--out", "s.csv"]);
        let text = fs::read_to_string(at.join("s.csv")).unwrap();
        let petals: Vec<f64> =
            text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
        let mean = petals.iter().sum::<f64>() / petals.len() as f64;
        assert!((mean - expected).abs() < 1.0, "{class}: {mean}, {text}");
    }

    // The same table, another with the column, and one without it.
    run(at, &["energy", "run", "--data", "flowers.csv", "--class", "setosa", "--out", "e.csv"]);
    fs::write(at.join("other.csv"), "species,sepal,petal\nversicolor,0,4\nsetosa,0,0\n").unwrap();
    fs::write(at.join("without.csv"), "petal,sepal\n4,0\n0,0\n").unwrap();
    let energies = |data: &str| {
        run(at, &["energy", "run", "--data", data, "--class", "setosa", "--out", "e.csv", "--in-order"]);
        fs::read_to_string(at.join("e.csv")).unwrap()
    };
    assert_eq!(energies("other.csv"), energies("without.csv"));
    let eval = ["eval", "run", "--n", "50", "--classify", "60", "--json"];
    let [_, report] = run(at, &eval);
    let accuracy = |report: &str| {
        let report: serde_json::Value = serde_json::from_str(report.trim()).unwrap();
        let figures = report["figures"].as_array().unwrap();
        let found = figures.iter().find(|figure| figure["name"] == "classification_accuracy").unwrap();
        found["value"].as_f64().unwrap()
    };
    assert!(0.9 < accuracy(&report), "{report}");
    // Classes that are fewer and in another order are found by their names.
    let some: String = (0..600).filter(|i| i % 3 != 0).map(line).collect();
    fs::write(at.join("some.csv"), format!("petal,species,sepal\n{some}")).unwrap();
    let [_, report] = run(at, &[&eval[..], &["--data", "some.csv"]].concat());
    assert!(0.9 < accuracy(&report), "{report}");

    // A network that knows no classes says so.
    let output =
        ebm(&[&train[..], &["--set", "model=mlp-energy", "--set", "objective=sliced", "--backend", "flex"]]
            .concat());
    let output = { output }.current_dir(at).output().unwrap();
    assert!(stderr(&output).contains("data.label: the network knows no classes"), "{}", stderr(&output));
}
