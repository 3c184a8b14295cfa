//! What is asked of a model about rows and pictures: where they are unlikely, what they are made of, what is near them.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{ebm, stderr, stdout};
use serde_json::Value;

/// A network and a sampler of pictures that take no time.
const SMALL: [&str; 16] = [
    "--set",
    "model.widths=[8,8]",
    "--set",
    "model.blocks=[1,1]",
    "--set",
    "model.groups=4",
    "--set",
    "model.embedding=8",
    "--set",
    "model.frequencies=4",
    "--set",
    "record.picture_samples=0",
    "--set",
    "sample.heun.levels=3",
    "--batch-size",
    "4",
];

fn run(at: &Path, arguments: &[&str]) -> Output {
    ebm(arguments).args(["--backend", "flex"]).current_dir(at).output().unwrap()
}

/// What a command that ends well prints.
fn well(at: &Path, arguments: &[&str]) -> String {
    let output = run(at, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// The last line of a command that ends well with `--json`.
fn report(at: &Path, arguments: &[&str]) -> Value {
    let printed = well(at, &[arguments, &["--json"]].concat());
    serde_json::from_str(printed.lines().last().unwrap()).unwrap()
}

fn refused(at: &Path, arguments: &[&str], part: &str) {
    let output = run(at, arguments);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(message.contains(part), "{arguments:?}: {message}");
}

/// A small network of two moons in the folder `run`.
fn two_moons(at: &Path, steps: &str) {
    let small = ["--set", "model.hidden=16", "--set", "record.picture_samples=0", "--batch-size", "64"];
    well(at, &[&["train", "two-moons", "--steps", steps, "--out", "run"], &small[..]].concat());
}

/// So many pictures of 7×6 in the folder `name`, and a small network of them in the folder `run`.
fn pictures(at: &Path, name: &str, n: u32, more: &[&str]) {
    fs::create_dir(at.join(name)).unwrap();
    for i in 0..n {
        let level = |x: u32, y: u32| image::Luma([(37 * i + 11 * x + 5 * y) as u8]);
        image::GrayImage::from_fn(6, 7, level).save(at.join(format!("{name}/p{i:02}.png"))).unwrap();
    }
    let train = ["train", "images", "--data", name, "--steps", "4", "--out", "run"];
    well(at, &[&train[..], &SMALL[..], more].concat());
}

/// The rows of a table as text, without its header.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// The shape and the numbers of a `.npy` of single precision.
fn array(path: &Path) -> (Vec<usize>, Vec<f32>) {
    let file = fs::read(path).unwrap();
    let begin = file.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let header = String::from_utf8_lossy(&file[10..begin]);
    let inner = header.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let shape = inner.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (shape, file[begin..].chunks_exact(4).map(|n| f32::from_le_bytes(n.try_into().unwrap())).collect())
}

#[test]
fn maps_of_a_score_name_the_column_that_makes_a_row_odd() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    two_moons(at, "300");
    fs::write(at.join("rows.csv"), "0.1,0.4\n0.3,6\n-0.9,0.2\n").unwrap();
    let found = report(at, &["energy", "run", "--data", "rows.csv", "--maps", "maps"]);
    assert_eq!((&found["rows"], &found["oddest_row"]), (&3.into(), &1.into()));
    assert!(found["mean_energy"].is_null(), "a score has none: {found}");
    let table = fs::read_to_string(at.join("maps/columns.csv")).unwrap();
    assert!(table.starts_with("row,sum,odd,x0,x1\n1,"), "{table}");
    let rows = rows(&at.join("maps/columns.csv"));
    assert_eq!(rows[0][2], "x1", "{table}");
    let (shape, maps) = array(&at.join("maps/maps.npy"));
    assert_eq!(shape, [3, 2]);
    // in the file in the order of the data, in the table the oddest first
    assert!((number(&rows[0][4]) - f64::from(maps[3])).abs() < 1e-6 * f64::from(maps[3]));
    assert!((number(&rows[0][1]) - f64::from(maps[2] + maps[3])).abs() < 1e-4 * number(&rows[0][1]));
    assert!(maps.iter().all(|value| 0.0 <= *value), "{maps:?}");
    assert_eq!(array(&at.join("maps/levels.npy")).0, [3, 32]);
    // again over the same folder, with other levels
    well(at, &["energy", "run", "--data", "rows.csv", "--maps", "maps", "--levels", "5"]);
    assert_eq!(array(&at.join("maps/levels.npy")).0, [3, 10]);

    let energy = ["energy", "run", "--data", "rows.csv"];
    refused(at, &energy, "has no energy");
    refused(at, &[&energy[..], &["--levels", "4"]].concat(), "--maps");
    let maps = [&energy[..], &["--maps", "maps"]].concat();
    refused(at, &[&maps[..], &["--levels", "1"]].concat(), "levels: expected at least 2, found 1");
    refused(at, &[&maps[..], &["--sigma", "0.5"]].concat(), "--sigma is the level of an energy");
    refused(at, &[&maps[..], &["--out", "e.csv"]].concat(), "has no energy");
    refused(at, &[&energy[..], &["--maps", "rows.csv"]].concat(), "a file, expected a folder");
    refused(at, &[&energy[..], &["--maps", "run"]].concat(), "a folder with other files in it");
}

#[test]
fn maps_of_an_energy_sum_to_the_energy_above_that_of_the_mean() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let small = ["--set", "model.hidden=[16]", "--set", "record.picture_samples=0", "--batch-size", "64"];
    well(at, &[&["train", "two-moons-nce", "--steps", "100", "--out", "run"], &small[..]].concat());
    fs::write(at.join("rows.csv"), "0.1,0.4\n0,0\n-1.5,2\n").unwrap();
    let energy = ["energy", "run", "--data", "rows.csv", "--out", "e.csv"];
    let found = report(at, &[&energy[..], &["--maps", "maps"]].concat());
    assert!(found["mean_energy"].is_f64() && found["mean_map"].is_f64(), "{found}");
    let by_row = |path: &str, column: usize| {
        let mut found: Vec<(usize, f64)> =
            rows(&at.join(path)).iter().map(|row| (row[0].parse().unwrap(), number(&row[column]))).collect();
        found.sort_by_key(|(row, _)| *row);
        found.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    let (energies, sums) = (by_row("e.csv", 1), by_row("maps/columns.csv", 1));
    for row in 0..3 {
        let exact = energies[row] - energies[1];
        assert!((sums[row] - exact).abs() < 2e-3 * (1.0 + exact.abs()), "{sums:?} of {energies:?}");
    }
    assert!(!at.join("maps/levels.npy").exists(), "it knows no levels");
}

#[test]
fn maps_of_pictures_are_pictures_beside_them_and_arrays_of_their_shape() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(at, "given", 8, &["--set", "model=unet-energy"]);
    let found = report(at, &["energy", "run", "--data", "given", "--maps", "maps", "--out", "e.csv"]);
    assert_eq!(found["rows"], 8);
    let (shape, maps) = array(&at.join("maps/maps.npy"));
    assert!(shape == [8, 7, 6] && maps.iter().all(|value| value.is_finite() && 0.0 <= *value), "{shape:?}");
    assert_eq!(array(&at.join("maps/levels.npy")).0, [8, 16, 7, 6]);
    assert_eq!(array(&at.join("maps/energy.npy")).0, [8, 7, 6]);
    let about: Value = serde_json::from_str(&fs::read_to_string(at.join("maps/maps.json")).unwrap()).unwrap();
    let shown: Vec<usize> =
        about["shown"].as_array().unwrap().iter().map(|row| row.as_u64().unwrap() as usize).collect();
    let sum = |row: usize| maps[42 * row..][..42].iter().sum::<f32>();
    assert!(shown.is_sorted_by(|&a, &b| sum(b) <= sum(a)), "{shown:?}");
    let sheet = image::open(at.join("maps/sheet.png")).unwrap().into_rgb8();
    // three pairs of a picture and its map, twenty times as large
    assert_eq!(sheet.width(), 8 + 6 * (140 + 8));
    let pair = image::open(at.join(format!("maps/pictures/{:05}.png", shown[0]))).unwrap().into_rgb8();
    let first = u32::try_from(shown[0]).unwrap();
    assert_eq!(pair.get_pixel(8, 36).0, [(37 * first) as u8; 3], "the upper left pixel of the picture");
    assert!(pair.pixels().any(|pixel| pixel.0[0] != pixel.0[2]), "a map has colours");
}

#[test]
fn rows_are_encoded_and_decoded_and_the_way_there_and_back_is_short() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    two_moons(at, "100");
    fs::write(at.join("rows.csv"), "0.1,0.4\n-0.9,0.3\n1.2,-0.4\n").unwrap();
    let encode = ["encode", "run", "--data", "rows.csv"];
    let found = report(at, &[&encode[..], &["--out", "z.npy", "--decode", "back.csv"]].concat());
    let error = found["mean_absolute_error"].as_f64().unwrap();
    assert!(error < 1e-3 && found["largest_error"].as_f64().unwrap() < 1e-2, "{found}");
    let (shape, codes) = array(&at.join("z.npy"));
    assert!(
        shape == [3, 2] && codes.iter().any(|code| 2.0 < code.abs()),
        "noise of the highest level: {codes:?}"
    );
    well(at, &["decode", "run", "z.npy", "--out", "again.csv"]);
    assert_eq!(fs::read(at.join("back.csv")).unwrap(), fs::read(at.join("again.csv")).unwrap());
    for (row, exact) in rows(&at.join("again.csv")).iter().zip([[0.1, 0.4], [-0.9, 0.3], [1.2, -0.4]]) {
        assert!(row.iter().zip(exact).all(|(x, exact)| (number(x) - exact).abs() < 1e-2), "{row:?}");
    }
    // one row of them is the same alone
    well(at, &[&encode[..], &["--n", "1", "--one-way", "--out", "one.npy"]].concat());
    let (_, one) = array(&at.join("one.npy"));
    assert!((one[0] - codes[0]).abs() < 1e-3 * codes[0].abs(), "{one:?} and {codes:?}");

    for out in ["z.png", "z.foo"] {
        refused(at, &[&encode[..], &["--out", out]].concat(), "the extension must be .npy");
    }
    refused(at, &[&encode[..], &["--decode", "b.txt"]].concat(), "the extension must be");
    refused(
        at,
        &[&encode[..], &["--tolerance", "0"]].concat(),
        "tolerance 0: expected a number from 1e-6 to 0.5",
    );
    refused(at, &[&encode[..], &["--set", "heun.top=0.001"]].concat(), "sample.heun");
    refused(at, &["decode", "run", "none.npy", "--out", "a.csv"], "none.npy");
    refused(at, &["decode", "run", "rows.csv", "--out", "a.csv"], "rows.csv");
    let three: Vec<u8> = [1f32, 2.0, 3.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }\n";
    let length = (header.len() as u16).to_le_bytes();
    let file = [b"\x93NUMPY\x01\0".as_slice(), &length, header.as_bytes(), &three].concat();
    fs::write(at.join("three.npy"), file).unwrap();
    refused(
        at,
        &["decode", "run", "three.npy", "--out", "a.csv"],
        "an array of shape [1, 3], expected [n, …] with [2]",
    );

    // ends of a way by their numbers
    let between = ["interpolate", "run", "--data", "rows.csv", "--n", "3", "--out", "way.csv"];
    well(at, &[&between[..], &["1", "2", "--set", "heun.levels=60"]].concat());
    let way = rows(&at.join("way.csv"));
    for (row, exact) in [(&way[0], [-0.9, 0.3]), (&way[2], [1.2, -0.4])] {
        assert!(row.iter().zip(exact).all(|(x, exact)| (number(x) - exact).abs() < 0.02), "{way:?}");
    }
    refused(at, &[&between[..], &["1", "3"]].concat(), "row 3: rows.csv has no such row among its 3");
    refused(at, &[&between[..], &["1", "0.1,0.4"]].concat(), "expected the number of a row of rows.csv");
}

#[test]
fn pictures_are_encoded_in_their_shape() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(at, "given", 4, &[]);
    let found = report(at, &["encode", "run", "--data", "given", "--n", "3", "--out", "z.npy"]);
    assert!(found["mean_absolute_error"].as_f64().unwrap() < 1.0, "{found}");
    assert_eq!((&found["rows"], &found["error_in"]), (&3.into(), &"1/255".into()));
    assert_eq!(array(&at.join("z.npy")).0, [3, 7, 6]);
    well(at, &["decode", "run", "z.npy", "--out", "back.npy"]);
    let (shape, back) = array(&at.join("back.npy"));
    assert_eq!(shape, [3, 7, 6]);
    // pixels of the first picture, within two grey levels
    for y in 0..7 {
        for x in 0..6 {
            let byte = f32::from((11 * x + 5 * y) as u8);
            assert!((255.0 * back[6 * y + x] - byte).abs() < 2.0, "{x}, {y}: {}", 255.0 * back[6 * y + x]);
        }
    }
}

#[test]
fn the_neighbours_of_samples_are_rows_of_the_table_by_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let table: Vec<[f64; 2]> =
        (0..60).map(|i| [100.0 + 3.0 * f64::from(i % 11), 0.01 * f64::from(i * i % 17)]).collect();
    let lines: String = table.iter().map(|[a, b]| format!("{a},{b}\n")).collect();
    fs::write(at.join("rows.csv"), format!("width,share\n{lines}")).unwrap();
    let small =
        ["--set", "model.hidden=8", "--set", "record.picture_samples=0", "--set", "sample.heun.levels=8"];
    let train = ["train", "table", "--data", "rows.csv", "--steps", "20", "--out", "run"];
    well(at, &[&train[..], &small, &["--set", "data.holdout=0.3"]].concat());
    let eval = ["eval", "run", "--n", "8", "--likelihood", "0"];
    let found = report(at, &[&eval[..], &["--neighbours", "near.csv"]].concat());
    let near = rows(&at.join("near.csv"));
    assert_eq!(found["neighbours"].as_array().unwrap().len(), near.len());
    let text = fs::read_to_string(at.join("near.csv")).unwrap();
    let heads = "sample,training_row,training_distance,held_out_row,held_out_distance,sample.width,sample.share,\
                 training.width,training.share,held_out.width,held_out.share\n";
    assert!(text.starts_with(heads), "{text}");
    let of = |row: &[String], columns: [usize; 2]| columns.map(|column| number(&row[column]));
    for row in &near {
        for (place, columns) in [(1, [7, 8]), (3, [9, 10])] {
            let found = of(row, columns);
            let exact = table[row[place].parse::<usize>().unwrap()];
            assert!((0..2).all(|i| (found[i] - exact[i]).abs() < 1e-4 * (1.0 + exact[i])), "{row:?}");
        }
        assert_ne!(row[1], row[3], "a row is for training or held out");
    }
    // a folder for the same, and what cannot be done
    well(at, &[&eval[..], &["--neighbours", "near"]].concat());
    assert_eq!(fs::read_to_string(at.join("near/neighbours.csv")).unwrap(), text);
    refused(at, &[&eval[..], &["--neighbours", "near.png"]].concat(), "samples without a picture");
    refused(at, &[&eval[..], &["--neighbours", "near.txt"]].concat(), "expected a .png, a .csv or a folder");
    refused(at, &[&eval[..], &["--neighbours", "run"]].concat(), "a folder with other files in it");
    let of_file =
        ["eval", "run/model.safetensors", "--data", "rows.csv", "--n", "8", "--neighbours", "a.csv"];
    refused(at, &of_file, "a model file does not say what it was trained on");
}

#[test]
fn the_neighbours_of_pictures_are_seen_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(at, "given", 24, &["--set", "data.holdout=0.5"]);
    let eval = ["eval", "run", "--n", "2", "--likelihood", "0", "--neighbours"];
    let found = report(at, &[&eval[..], &["near.png"]].concat());
    let near = image::open(at.join("near.png")).unwrap().into_rgb8();
    // twice a sample, a training picture and a held-out one
    assert_eq!(near.width(), 8 + 6 * (140 + 8));
    assert!(near.pixels().all(|pixel| pixel.0[0] == pixel.0[2]), "grey pictures and words");
    let nearest = found["neighbours"].as_array().unwrap();
    assert_eq!(nearest.len(), 2);
    assert!(nearest.iter().all(|one| 0.0 < one["training_distance"].as_f64().unwrap()), "{found}");
    let printed = well(at, &[&eval[..], &["near"]].concat());
    assert!(printed.contains("sample 0: training picture "), "{printed}");
    assert!(printed.contains(", held-out picture ") && !printed.contains(" row"), "{printed}");
    assert!(at.join("near/neighbours.png").is_file() && at.join("near/neighbours.csv").is_file());

    let toy = tempfile::tempdir().unwrap();
    two_moons(toy.path(), "2");
    refused(toy.path(), &["eval", "run", "--n", "20", "--neighbours", "n.csv"], "endless");
}
