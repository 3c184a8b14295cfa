//! Tables as people have them: read as they were meant, and said so; numbers come back as precise as they went in.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{ebm, stderr, stdout};
use ebm_ops::Noise;
use serde_json::Value;

/// A small network, which is enough to see what is read and written.
const SMALL: [&str; 8] = [
    "--set",
    "model.hidden=8",
    "--set",
    "record.picture_samples=0",
    "--set",
    "sample.heun.levels=8",
    "--backend",
    "flex",
];

/// A small energy.
const ENERGY: [&str; 12] = [
    "--set",
    "model=mlp-energy",
    "--set",
    "objective=sliced",
    "--set",
    "sample.sampler=mala",
    "--set",
    "model.hidden=[8]",
    "--set",
    "record.picture_samples=0",
    "--backend",
    "flex",
];

fn run(at: &Path, arguments: &[&str]) -> Output {
    let is_asked = arguments[0] != "inspect" && !arguments.contains(&"--backend");
    let backend: &[&str] = if is_asked { &["--backend", "flex"] } else { &[] };
    ebm(arguments).args(backend).current_dir(at).output().unwrap()
}

/// Standard error and standard output of a command that ends well.
fn well(at: &Path, arguments: &[&str]) -> (String, String) {
    let output = run(at, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    (stderr(&output), stdout(&output))
}

/// The message of a command that ends with `code`.
fn refused(at: &Path, arguments: &[&str], code: i32) -> String {
    let output = run(at, arguments);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert_eq!(message.lines().filter(|line| line.starts_with("error:")).count(), 1, "{message}");
    message
}

/// The line of what was read.
fn data_line(stderr: &str) -> &str {
    stderr.lines().find(|line| line.starts_with("data: ")).unwrap_or_else(|| panic!("no data line: {stderr}"))
}

fn train(at: &Path, file: &str, steps: &str, more: &[&str]) -> (String, String) {
    let base = ["train", "table", "--data", file, "--steps", steps, "--out", "run"];
    well(at, &[&base[..], more].concat())
}

/// A table of `columns` as text.
fn table(header: &str, columns: &[Vec<f64>]) -> String {
    let row =
        |i: usize| columns.iter().map(|column| format!("{:?}", column[i])).collect::<Vec<_>>().join(",");
    let rows: String = (0..columns[0].len()).map(|i| row(i) + "\n").collect();
    if header.is_empty() { rows } else { format!("{header}\n{rows}") }
}

fn normal(n: usize, seed: u64) -> Vec<f64> {
    Noise::seeded(seed).normals_f64(n)
}

/// The header and the columns of a table.
fn read(path: &Path) -> (String, Vec<Vec<f64>>) {
    let text = fs::read_to_string(path).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let rows: Vec<Vec<f64>> =
        rows.lines().map(|line| line.split(',').map(|number| number.parse().unwrap()).collect()).collect();
    let column = |i: usize| rows.iter().map(|row| row[i]).collect();
    (header.to_owned(), (0..rows[0].len()).map(column).collect())
}

#[test]
fn coordinates_of_places_stay_distinct_and_constants_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let northing = normal(500, 1).iter().map(|z| 5_530_000.0 + 1e-2 * z).collect();
    fs::write(at.join("stations.csv"), table("northing,k", &[northing, vec![3e-7; 500]])).unwrap();
    let (said, _) = train(at, "stations.csv", "200", &SMALL);
    assert!(data_line(&said).contains("train: 500 rows × 2 columns (northing, k)"), "{said}");
    assert!(data_line(&said).contains("column k is constant (0.0000003)"), "{said}");
    well(at, &["sample", "run", "--n", "300", "--out", "s.csv"]);
    let (header, columns) = read(&at.join("s.csv"));
    assert_eq!(header, "northing,k");
    let mut places = columns[0].clone();
    places.sort_by(f64::total_cmp);
    places.dedup();
    assert_eq!(places.len(), 300);
    let mean = columns[0].iter().sum::<f64>() / 300.0;
    let spread = (columns[0].iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 300.0).sqrt();
    assert!((mean - 5_530_000.0).abs() < 1e-2 && 3e-3 < spread && spread < 3e-2, "{mean}, {spread}");
    assert!(columns[1].iter().all(|&k| k == 3e-7));

    well(at, &["sample", "run", "--n", "300", "--out", "s.npy"]);
    let file = fs::read(at.join("s.npy")).unwrap();
    let doubles: Vec<f64> =
        file[128..].chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(doubles.iter().step_by(2).copied().collect::<Vec<_>>(), columns[0]);
}

#[test]
fn columns_are_matched_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (rate, pressure) =
        (normal(200, 2), normal(200, 3).iter().map(|z| 40.0 + 5.0 * z).collect::<Vec<_>>());
    let write = |name: &str, header: &str, columns: &[&Vec<f64>]| {
        let columns: Vec<Vec<f64>> = columns.iter().map(|&column| column.clone()).collect();
        fs::write(at.join(name), table(header, &columns)).unwrap();
    };
    write("flow.csv", "rate,pressure", &[&rate, &pressure]);
    write("turned.csv", "pressure,rate", &[&pressure, &rate]);
    write("more.csv", "rate,pressure,valve", &[&rate, &pressure, &rate]);
    write("other.csv", "rate,presure", &[&rate, &pressure]);
    write("bare.csv", "", &[&rate, &pressure]);
    train(at, "flow.csv", "30", &ENERGY);
    let energies = |file: &str, more: &[&str]| {
        let (said, table) = well(at, &[&["energy", "run", "--data", file][..], more].concat());
        (data_line(&said).to_owned(), table)
    };
    let (line, expected) = energies("flow.csv", &[]);
    assert!(line.ends_with("200 rows × 2 columns (rate, pressure)"), "{line}");
    let (line, turned) = energies("turned.csv", &[]);
    assert!(line.contains("columns were matched by name"), "{line}");
    assert_eq!(turned, expected);
    let (line, bare) = energies("bare.csv", &[]);
    assert!(line.contains("taken by position as rate, pressure"), "{line}");
    assert_eq!(bare, expected);

    let message = refused(at, &["energy", "run", "--data", "more.csv"], 2);
    assert!(message.contains("valve is no column of the model"), "{message}");
    for (i, hint) in message.split('`').skip(1).step_by(2).enumerate() {
        let flags: Vec<&str> = hint.split_whitespace().collect();
        assert_eq!(flags[0], ["--columns", "--drop"][i]);
        assert_eq!(energies("more.csv", &flags).1, expected, "{hint}");
    }
    assert_eq!(energies("more.csv", &["--columns", "pressure,rate"]).1, expected);
    let message = refused(at, &["energy", "run", "--data", "other.csv"], 2);
    assert!(message.contains("column pressure cannot be found") && message.contains("presure"), "{message}");
    let message = refused(at, &["energy", "run", "--data", "flow.csv", "--drop", "valve"], 2);
    assert!(message.contains("there are rate, pressure"), "{message}");
    let message = refused(at, &["eval", "run", "--data", "more.csv"], 2);
    assert!(message.contains("--drop valve"), "{message}");

    // what the model draws has its names, so it can be scored again
    well(at, &["sample", "run", "--n", "20", "--out", "drawn.csv", "--set", "chain.steps=20"]);
    let (line, _) = energies("drawn.csv", &[]);
    assert!(line.ends_with("20 rows × 2 columns (rate, pressure)"), "{line}");
}

#[test]
fn the_form_of_a_table_is_found_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let z = normal(120, 4);
    let numbers = |i: usize, comma: &str| format!("{:.4}", z[i]).replace('.', comma);
    let rows = |row: &dyn Fn(usize) -> String| (0..60).map(|i| row(i) + "\n").collect::<String>();
    let cases = [
        (
            "frame.csv",
            "0,1\n".to_owned() + &rows(&|i| format!("{},{}", 200.0 + 0.05 * z[i], 200.0 + 0.05 * z[i + 60])),
            ["60 rows × 2 columns (0, 1)", "line 1, 0, 1, was taken for a header"],
        ),
        (
            "indexed.csv",
            ",x,y\n".to_owned() + &rows(&|i| format!("{i},{},{}", z[i], z[i + 60])),
            ["60 rows × 2 columns (x, y)", "column 1, an index without a name, was left out"],
        ),
        (
            "continental.csv",
            "x;y\n".to_owned() + &rows(&|i| format!("{};{}", numbers(i, ","), numbers(i + 60, ","))),
            ["60 rows × 2 columns (x, y)", "the decimal separator is a comma"],
        ),
        (
            "tabs.txt",
            "x\ty\n".to_owned() + &rows(&|i| format!("{}\t{}", numbers(i, "."), numbers(i + 60, "."))),
            ["60 rows × 2 columns (x, y)", "the delimiter is a tab"],
        ),
        (
            "bare.csv",
            rows(&|i| format!("{},{}", numbers(i, "."), numbers(i + 60, "."))),
            ["60 rows × 2 columns", "no header"],
        ),
    ];
    for (name, text, parts) in &cases {
        fs::write(at.join(name), text).unwrap();
        let (said, _) = train(at, name, "1", &SMALL);
        parts.iter().for_each(|part| assert!(data_line(&said).contains(part), "{name}: {said}"));
        let journal = fs::read_to_string(at.join("run/journal.jsonl")).unwrap();
        let line: Value = journal
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .find(|line: &Value| line["event"] == "data")
            .unwrap();
        assert_eq!(
            (&line["rows"], &line["dim"], &line["step"]),
            (&60.into(), &2.into(), &0.into()),
            "{line}"
        );
        fs::remove_dir_all(at.join("run")).unwrap();
    }
    let (said, _) = train(at, "frame.csv", "1", &[&SMALL[..], &["--header", "no"]].concat());
    assert!(data_line(&said).contains("61 rows × 2 columns"), "{said}");
}

#[test]
fn what_cannot_be_read_is_answered_with_what_can() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let z = normal(200, 5);
    let rows: String = z.chunks(2).map(|pair| format!("{},{}\n", pair[0], pair[1])).collect();
    fs::write(at.join("gaps.csv"), format!("x,y\n,1.0\n1.5,nan\n0.5,0.25\n{rows}")).unwrap();
    let dates: String = (0..60).map(|i| format!("2026-01-{:02},{}\n", 1 + i % 28, z[i])).collect();
    fs::write(at.join("dates.csv"), format!("when,x\n{dates}")).unwrap();

    let message = refused(at, &["train", "table", "--data", "gaps.csv"], 1);
    assert!(
        message.contains("gaps.csv, line 2, column 1 (x)") && message.contains("--missing drop"),
        "{message}"
    );
    let (said, _) = train(at, "gaps.csv", "1", &[&SMALL[..], &["--missing", "drop"]].concat());
    let line = data_line(&said);
    assert!(
        line.contains("101 rows × 2 columns") && line.contains("2 of 103 rows had a missing value"),
        "{line}"
    );
    fs::remove_dir_all(at.join("run")).unwrap();

    let message = refused(at, &["train", "table", "--data", "dates.csv"], 1);
    assert!(message.contains("column when holds dates") && message.contains("`--drop when`"), "{message}");
    let (said, _) = train(at, "dates.csv", "1", &[&SMALL[..], &["--drop", "when"]].concat());
    assert!(data_line(&said).contains("60 rows × 1 column (x)"), "{said}");
    // the run knows how its own table is read
    let (said, _) = well(at, &["inspect", "run"]);
    assert!(said.is_empty(), "{said}");
    let config = fs::read_to_string(at.join("run/config.toml")).unwrap();
    assert!(config.contains("drop = [\"when\"]"), "{config}");
    let message = refused(at, &["train", "table", "--data", "dates.csv", "--drop", "wen"], 2);
    assert!(message.contains("did you mean when?"), "{message}");
    refused(at, &["train", "table", "--data", "dates.csv", "--header", "perhaps"], 2);
    refused(at, &["train", "--resume", "run", "--missing", "drop"], 2);
}

#[test]
fn the_suggestion_of_a_run_of_any_width_can_be_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (header, file) in [("x", "more.csv"), ("x,y", "more.png"), ("x,y,z", "more.csv")] {
        let columns: Vec<Vec<f64>> = (0..header.split(',').count()).map(|i| normal(60, i as u64)).collect();
        fs::write(at.join("t.csv"), table(header, &columns)).unwrap();
        let (_, said) = train(at, "t.csv", "2", &SMALL);
        let line = said.lines().find(|line| line.starts_with("more of them: ")).unwrap();
        let words: Vec<&str> = line.split_whitespace().skip_while(|word| *word != "sample").collect();
        well(at, &words);
        assert!(at.join(file).is_file(), "{header}: {line}");
        fs::remove_dir_all(at.join("run")).unwrap();
        fs::remove_file(at.join(file)).unwrap();
    }
}

#[test]
fn held_out_rows_of_one_file_are_evaluated_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("t.csv"), table("x,y", &[normal(300, 6), normal(300, 7)])).unwrap();
    train(at, "t.csv", "2", &SMALL);
    let message = refused(at, &["eval", "run"], 2);
    assert!(message.contains("--set data.holdout=0.1"), "{message}");
    fs::remove_dir_all(at.join("run")).unwrap();
    let (said, _) = train(at, "t.csv", "2", &[&ENERGY[..], &["--set", "data.holdout=0.2"]].concat());
    let rows = |said: &str| -> usize {
        let line = data_line(said);
        line.split(": ").nth(2).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let n_training = rows(&said);
    let eval = ["eval", "run", "--n", "100", "--likelihood", "10", "--set", "chain.steps=20"];
    let (said, _) = well(at, &eval);
    assert!(data_line(&said).contains("test: "), "{said}");
    assert_eq!(n_training + rows(&said), 300);
    // What is wrong with columns is said as it is: there are rows that are held out.
    for (columns, expected) in [
        ("x,z", "error: --columns z: "),
        ("x", "the model's column y cannot be found; --columns and --drop leave it out"),
    ] {
        for more in [&[][..], &["--neighbours", "near.csv"]] {
            let message = refused(at, &[&["eval", "run", "--columns", columns][..], more].concat(), 2);
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("held-out") && !message.contains("needs the data"), "{message}");
        }
    }
    // the same rows, by their numbers in the file
    let numbers = |more: &[&str]| {
        let (_, table) = well(at, &[&["energy", "run", "--data", "t.csv"][..], more].concat());
        let mut rows: Vec<usize> =
            table.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
        rows.sort_unstable();
        rows
    };
    let (training, held_out) = (numbers(&[]), numbers(&["--test"]));
    assert_eq!((training.len(), held_out.len()), (n_training, 300 - n_training));
    let mut all = [training, held_out].concat();
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<_>>());
}

#[test]
fn heavy_tails_are_said_and_quantiles_bring_them_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let euro: Vec<f64> = normal(1000, 8).iter().map(|z| (10.0 + 2.5 * z).exp()).collect();
    let mut sorted = euro.clone();
    sorted.sort_by(f64::total_cmp);
    fs::write(at.join("income.csv"), table("euro", &[euro])).unwrap();
    let (said, _) = train(at, "income.csv", "1", &SMALL);
    assert!(data_line(&said).contains("column euro has heavy tails"), "{said}");
    let hint = data_line(&said).split('`').nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
    fs::remove_dir_all(at.join("run")).unwrap();
    let (said, _) = train(at, "income.csv", "150", &[&SMALL[..], &hint].concat());
    assert!(!data_line(&said).contains("heavy"), "{said}");
    well(at, &["sample", "run", "--n", "1000", "--out", "s.csv"]);
    let mut drawn = read(&at.join("s.csv")).1.remove(0);
    drawn.sort_by(f64::total_cmp);
    // a small network after a few steps is right within a third of a deviation, which is a factor of e^0.8
    for share in [0.25, 0.5, 0.75] {
        let [found, expected] = [&drawn, &sorted].map(|values| values[(1000.0 * share) as usize]);
        assert!((found / expected).ln().abs() < 0.8, "{share}: {found} against {expected}");
    }
}

#[test]
fn score_matching_without_noise_says_which_column_has_no_density() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let is_positive = normal(400, 9).iter().map(|z| f64::from(u8::from(0.5 < *z))).collect();
    fs::write(at.join("t.csv"), table("x,flag", &[normal(400, 8), is_positive])).unwrap();
    fs::write(at.join("smooth.csv"), table("x,y", &[normal(400, 8), normal(400, 9)])).unwrap();
    let warning = |said: &str| said.lines().find(|line| line.starts_with("warning: ")).map(str::to_owned);
    let trained = |file: &str, more: &[&str]| {
        let (said, _) = train(at, file, "1", &[&ENERGY[..], more].concat());
        let journal = fs::read_to_string(at.join("run/journal.jsonl")).unwrap();
        let mut lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let data = lines.find(|line| line["event"] == "data").unwrap();
        fs::remove_dir_all(at.join("run")).unwrap();
        (warning(&said), data["warnings"].clone())
    };
    for objective in ["sliced", "implicit", "finite-difference"] {
        let set = ["--set", &format!("objective={objective}")];
        assert_eq!(trained("smooth.csv", &set), (None, Value::Null), "{objective}");
        let (said, journalled) = trained("t.csv", &set);
        let said = said.unwrap_or_else(|| panic!("{objective} says nothing of a column of 0 and 1"));
        assert!(
            said.starts_with("warning: column flag has one value in ") && said.contains(objective),
            "{said}"
        );
        assert_eq!(format!("warning: {}", journalled[0].as_str().unwrap()), said);
        let hint: Vec<&str> = said.split('`').nth(1).unwrap().split(' ').collect();
        assert_eq!(trained("t.csv", &hint), (None, Value::Null), "{hint:?}");
    }
}

#[test]
fn text_without_an_end_is_refused_soon_and_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let long = 40_000_000;
    fs::write(at.join("commas.csv"), vec![b','; long]).unwrap();
    fs::write(at.join("field.csv"), vec![b'7'; long]).unwrap();
    fs::write(at.join("quote.csv"), [b"1,\"".to_vec(), vec![b'\n'; long]].concat()).unwrap();
    fs::write(at.join("wide.csv"), "1,".repeat(1_000_000)).unwrap();
    for name in ["commas.csv", "field.csv", "quote.csv", "wide.csv"] {
        let message = refused(at, &["train", "table", "--data", name], 1);
        assert!(message.contains(name) && message.contains("the most that are read"), "{message}");
    }
}
