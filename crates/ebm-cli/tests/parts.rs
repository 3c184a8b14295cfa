//! Samples and chains in parts, and the whole that `ebm merge` makes of them.
#![cfg(unix)]

mod common;
#[path = "common/tree.rs"]
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{ebm, stderr, stdout};
use serde_json::{Value, json};
use tree::tree;

/// What a whole and its parts are drawn with: 430 samples are five groups of at most 100.
const WHOLE: &str = "sample run --backend flex --sampler heun --set heun.levels=3 --n 430 --seed 5";

/// The contents of a file, or of all files of a folder by their path in it.
fn contents(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if path.is_file() {
        return [(PathBuf::new(), fs::read(path).unwrap())].into();
    }
    tree(path).into_iter().map(|(file, bytes)| (file.strip_prefix(path).unwrap().into(), bytes)).collect()
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Runs a command line in `folder` that is to succeed.
fn well(folder: &Path, line: &str) -> Output {
    let output = ebm(&words(line)).current_dir(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
    output
}

/// The one error of a command line that is refused.
fn refusal(folder: &Path, line: &str, code: i32) -> String {
    let output = ebm(&words(line)).current_dir(folder).output().unwrap();
    let text = stderr(&output);
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!((output.status.code(), errors.len()), (Some(code), 1), "{line}: {text}");
    errors[0].to_owned()
}

/// A run of a small network of points in the plane.
fn trained(folder: &Path) {
    let set = "--set model.hidden=8 --set record.picture_samples=0";
    well(folder, &format!("train two-moons --backend flex --steps 4 --batch-size 16 {set} --out run"));
}

#[test]
fn parts_in_any_order_are_the_bytes_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    for format in ["npy", "safetensors", "csv"] {
        well(at, &format!("{WHOLE} --out whole.{format}"));
        for part in [2, 3, 1] {
            let output = well(at, &format!("{WHOLE} --json --part {part}/3 --out p-{{part}}.{format}"));
            let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
            // Five groups in three parts: one, two and two.
            let (n, first) = [(100, 0), (200, 100), (130, 300)][part - 1];
            assert_eq!((&said["n"], &said["first"]), (&json!(n), &json!(first)), "{said}");
            assert_eq!(said["part"], format!("{part}/3"));
        }
        let list = [3, 1, 2].map(|part| format!("p-{part}.{format}")).join(" ");
        let output = well(at, &format!("merge {list} --json --out all.{format}"));
        let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!((&said["n"], &said["shape"]), (&json!(430), &json!([430, 2])));
        let whole = fs::read(at.join(format!("whole.{format}"))).unwrap();
        assert!(fs::read(at.join(format!("all.{format}"))).unwrap() == whole, "{format}");
    }
    let hidden = tree(at).into_keys().find(|path| path.to_string_lossy().contains("/.ebm-"));
    assert_eq!(hidden, None);
}

#[test]
fn parts_of_samples_of_classes_are_the_bytes_of_the_whole_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set = "--set model.hidden=8 --set model.classes=2 --set record.picture_samples=0";
    well(at, &format!("train two-moons --backend flex --steps 4 --batch-size 16 {set} --out run"));
    // An odd number, so that the classes of parts do not all begin with the first.
    let line = format!("{WHOLE} --class 1,0 --guidance 0.5");
    for format in ["npy", "safetensors", "csv"] {
        well(at, &format!("{line} --out whole.{format}"));
        for part in [2, 5, 3, 1, 4] {
            well(at, &format!("{line} --part {part}/5 --out p-{part}.{format}"));
        }
        let list = [3, 5, 1, 2, 4].map(|part| format!("p-{part}.{format}")).join(" ");
        well(at, &format!("merge {list} --out all.{format}"));
        let whole = fs::read(at.join(format!("whole.{format}"))).unwrap();
        assert!(fs::read(at.join(format!("all.{format}"))).unwrap() == whole, "{format}");
        // Other classes are another whole.
        well(at, &format!("{WHOLE} --class 0,1 --guidance 0.5 --part 2/5 --out other.{format}"));
        let list = list.replace(&format!("p-2.{format}"), &format!("other.{format}"));
        let error = refusal(at, &format!("merge {list} --out none.{format}"), 2);
        assert!(error.contains("classes"), "{error}");
    }
    // Each sample has its class: the ones are the even ones.
    let text = fs::read_to_string(at.join("all.csv")).unwrap();
    let classes: Vec<&str> = text.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().1).collect();
    let expected: Vec<&str> = (0..430).map(|i| if i % 2 == 0 { "1" } else { "0" }).collect();
    assert_eq!(classes, expected);
    let bytes = fs::read(at.join("all.safetensors")).unwrap();
    let length = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let labels = (0..430i64).flat_map(|i| ((i + 1) % 2).to_le_bytes()).collect::<Vec<_>>();
    assert!(bytes[length..length + 8 * 430] == labels, "the classes stand before the samples");
}

#[test]
fn what_is_no_whole_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    for part in 1..=3 {
        well(at, &format!("{WHOLE} --part {part}/3 --out p-{part}.npy"));
    }
    well(at, &format!("{WHOLE} --seed 6 --part 3/3 --out other.npy").replace("--seed 5 ", ""));
    well(at, &format!("{WHOLE} --part 2/4 --out quarter.npy"));
    for (list, part) in [
        ("p-1.npy p-3.npy", "of 3 parts, 1 missing: 2"),
        ("p-1.npy p-2.npy p-3.npy p-2.npy", "part 2/3 is there twice"),
        ("p-1.npy p-2.npy other.npy", "other.npy is of another whole than p-1.npy: seed is \"6\", not \"5\""),
        ("p-1.npy quarter.npy p-3.npy", "quarter.npy is part 2/4, p-1.npy is part 1/3"),
        ("p-1.npy run/model.safetensors", "run/model.safetensors.part.toml is not here"),
    ] {
        let error = refusal(at, &format!("merge {list} --out all.npy"), 2);
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    let all = "merge p-1.npy p-2.npy p-3.npy --out";
    assert!(refusal(at, &format!("{all} all.csv"), 2).contains("the parts are .npy"));
    assert!(refusal(at, &format!("{all} p-2.npy"), 2).contains("it is one of the parts"));
    // As many bytes, and others.
    let path = at.join("p-2.npy");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = refusal(at, &format!("{all} all.npy"), 1);
    assert!(error.contains("p-2.npy is not the file that p-2.npy.part.toml describes"), "{error}");
    bytes.truncate(100);
    fs::write(&path, bytes).unwrap();
    refusal(at, &format!("{all} all.npy"), 1);
    assert!(!at.join("all.npy").exists());
    // Drawn again, and not what is still right.
    let said = stderr(&well(at, &format!("{WHOLE} --part 2/3 --out p-2.npy")));
    assert!(!said.contains("already"), "{said}");
    let said = stderr(&well(at, &format!("{WHOLE} --part 1/3 --out p-1.npy")));
    assert!(said.contains("p-1.npy is drawn already"), "{said}");
    well(at, &format!("{all} all.npy"));
    let error = refusal(at, &format!("{WHOLE} --part 1/3 --out p-2.npy"), 2);
    assert!(
        error.contains("p-2.npy is part 2/3 of the same") && error.contains("part-{part}.npy"),
        "{error}"
    );
    let error = refusal(at, &format!("{WHOLE} --part 1/6 --out q.npy"), 2);
    assert!(error.contains("430 samples are drawn in 5 groups of 100"), "{error}");
    let error = refusal(at, &format!("{WHOLE} --part 1/2 --out q.png"), 2);
    assert!(error.contains("a picture is of all samples"), "{error}");
}

#[test]
fn a_job_array_and_ranks_say_the_part_if_they_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    well(at, &format!("{WHOLE} --out whole.npy"));
    let line = format!("{WHOLE} --part auto --out p-{{part}}.npy");
    let part = |variables: &[(&str, &str)]| {
        let mut command = ebm(&words(&line));
        command.envs(variables.iter().copied()).current_dir(at).output().unwrap()
    };
    for task in ["10", "11"] {
        let array =
            [("SLURM_ARRAY_TASK_ID", task), ("SLURM_ARRAY_TASK_MIN", "10"), ("SLURM_ARRAY_TASK_COUNT", "2")];
        assert!(part(&array).status.success());
    }
    well(at, "merge p-1.npy p-2.npy --out all.npy");
    assert!(fs::read(at.join("all.npy")).unwrap() == fs::read(at.join("whole.npy")).unwrap());
    let output = part(&[("PMI_RANK", "4"), ("PMI_SIZE", "5")]);
    assert!(output.status.success() && at.join("p-5.npy").is_file(), "{}", stderr(&output));
    let output = part(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    // Unasked they say nothing: an array may be over seeds.
    let mut command = ebm(&words(WHOLE));
    command.args(["--out", "q.npy"]).env("SLURM_ARRAY_TASK_ID", "1").env("SLURM_ARRAY_TASK_COUNT", "2");
    assert!(command.current_dir(at).output().unwrap().status.success());
    assert!(fs::read(at.join("q.npy")).unwrap() == fs::read(at.join("whole.npy")).unwrap());
}

/// Waits for a mark that is not `before`; the mark.
fn marked(mark: &Path, before: &[u8], child: &mut std::process::Child) -> Vec<u8> {
    let began = Instant::now();
    loop {
        match fs::read(mark) {
            Ok(found) if found != before => return found,
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
        assert!(child.try_wait().unwrap().is_none(), "it has ended before it was disturbed");
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is marked");
    }
}

#[test]
fn a_part_that_is_killed_goes_on_where_it_was_and_has_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    // Some milliseconds for each group, and a mark every second.
    let line = |n: usize, out: &str| {
        format!(
            "sample run --backend flex --sampler heun --set heun.levels=300 --n {n} --part 2/2 --out {out}"
        )
    };
    // As many groups as take some seconds on this machine.
    let began = Instant::now();
    well(at, &line(400, "some.npy"));
    let groups = (9.0 / (began.elapsed().as_secs_f64() / 2.0)).clamp(8.0, 2000.0) as usize;
    let n = 200 * groups;
    let command = line(n, "a.npy");
    let start = || {
        let mut command = ebm(&words(&command));
        command.current_dir(at).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mark = at.join(".ebm-partial-a.npy/mark");
    let mut child = start();
    let first = marked(&mark, b"", &mut child);
    // Another process does not write the same file.
    assert!(refusal(at, &command, 1).contains("a.npy is being written by another process"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!at.join("a.npy").exists());
    // What is written of the same at another place, with one bit of a sample altered.
    let [killed, damaged] = ["a.npy", "undisturbed.npy"].map(|name| at.join(format!(".ebm-partial-{name}")));
    fs::create_dir(&damaged).unwrap();
    fs::copy(killed.join("mark"), damaged.join("mark")).unwrap();
    let mut rows = fs::read(killed.join("rows")).unwrap();
    rows[200] ^= 1;
    fs::write(damaged.join("rows"), rows).unwrap();

    let mut child = start();
    marked(&mark, &first, &mut child);
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(143), "{said}");
    assert!(said.contains("going on from") && said.contains("the same command goes on from there"), "{said}");

    let said = stderr(&well(at, &command));
    assert!(said.contains("going on from"), "{said}");
    let said = stderr(&well(at, &line(n, "undisturbed.npy")));
    assert!(said.contains("what is written of undisturbed.npy is damaged: begun anew"), "{said}");
    assert!(!said.contains("going on from"), "{said}");
    assert!(fs::read(at.join("a.npy")).unwrap() == fs::read(at.join("undisturbed.npy")).unwrap());
    assert!(!mark.exists());
}

#[test]
fn samples_that_are_stopped_before_the_first_group_say_that_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    // Levels for many minutes.
    let line = "sample run --backend flex --sampler heun --set heun.levels=900000 --n 150 --out a.npy";
    let mut command = ebm(&words(line));
    let child = command.current_dir(at).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    let partial = at.join(".ebm-partial-a.npy");
    while !partial.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is begun");
        std::thread::sleep(Duration::from_millis(5));
    }
    // It has listened to signals since before.
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(143), "{said}");
    assert!(said.contains("stopped before the first 100 of 150 samples") && said.contains("nothing is kept"));
    assert!(!said.contains("goes on from there"), "{said}");
    assert!(!partial.exists() && !at.join("a.npy").exists());
}

#[test]
fn samples_are_old_or_new_at_whatever_call_their_writer_is_killed_or_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (at, log) = (folder.path(), folder.path().join("log"));
    trained(at);
    let out = at.join("work/a.npy");
    let line = |seed: u64| {
        format!(
            "sample run --backend flex --sampler heun --set heun.levels=2 --n 3 --seed {seed} --part 1/1 --out work/a.npy"
        )
    };
    well(at, &line(1));
    let new = fs::read(&out).unwrap();
    well(at, &line(2));
    let (old, before) = (fs::read(&out).unwrap(), tree(&at.join("work")));
    assert_ne!(old, new);
    for call in ["rename", "renameat", "fsync", "mkdir", "unlinkat"] {
        for fault in ["signal=KILL", "error=EIO"] {
            for number in 1.. {
                let mut command = Command::new("strace");
                command.args(["-f", "-qq", "-o"]).arg(&log).args(["-e", "trace=file,desc", "-e"]);
                command.arg(format!("inject={call}:{fault}:when={number}"));
                command.arg(env!("CARGO_BIN_EXE_ebm")).args(words(&line(1))).current_dir(at);
                let Ok(output) = command.stdin(Stdio::null()).output() else { return };
                let found = fs::read(&out).unwrap();
                let what = format!("{call} {number} {fault}: {output:?}");
                assert!(found == old || found == new, "{what}");
                if output.status.success() {
                    assert!(found == new, "{what}");
                } else if fault != "signal=KILL" {
                    let error = stderr(&output);
                    assert!(error.contains("a.npy") && !error.contains(".ebm-"), "{error}");
                }
                let is_done = output.status.success()
                    && (fault == "signal=KILL" || !fs::read_to_string(&log).unwrap().contains("INJECTED"));
                well(at, &line(2));
                assert!(tree(&at.join("work")) == before, "{what}: something is left");
                if is_done {
                    break;
                }
            }
        }
    }
}

#[test]
fn chains_in_parts_are_those_of_the_whole_and_are_judged_together() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for format in ["npy", "safetensors", "csv", "zarr"] {
        let line = "sample banana --backend flex --kernel hmc --chains 4 --draws 60 --burn-in 60 --seed 3";
        let part = |number: usize, of: usize| {
            let name = format!("{number}-of-{of}.{format}");
            well(at, &format!("{line} --part {number}/{of} --out {name}"));
            name
        };
        let merged = |parts: &[String], out: &str| {
            let output = well(at, &format!("merge {} --json --out {out}", parts.join(" ")));
            let mut said: Value = serde_json::from_str(&stdout(&output)).unwrap();
            said["out"] = Value::Null;
            said
        };
        let output = well(at, &format!("{line} --json --out one.{format}"));
        let mut one: Value = serde_json::from_str(&stdout(&output)).unwrap();
        one["out"] = Value::Null;
        let three = merged(&[2, 3, 1].map(|number| part(number, 3)), &format!("three.{format}"));
        assert_eq!(one, three, "{format}");
        assert_eq!((&one["shape"], one["coordinates"].as_array().unwrap().len()), (&json!([4, 60, 2]), 2));
        assert!(one["acceptance"].as_f64().unwrap() > 0.3 && one["adapted"] == json!(true), "{one}");
        let [one, three] = ["one", "three"].map(|name| contents(&at.join(format!("{name}.{format}"))));
        assert!(one == three, "{format}");
        assert_eq!(one.keys().any(|path| path.ends_with("energy_error/0.0")), format == "zarr");
        // The second chain of all is the first of the second of four parts.
        let second = part(2, 4);
        if format == "npy" {
            let (all, second) = (one.into_values().next().unwrap(), fs::read(at.join(second)).unwrap());
            let length = 60 * 2 * 4;
            assert!(second.ends_with(&all[all.len() - 3 * length..all.len() - 2 * length]));
        }
    }
    // More chains than move together, so that parts take some of two groups.
    let line = "sample banana --backend flex --kernel mala --chains 4003 --draws 2 --burn-in 20";
    well(at, &format!("{line} --out many.npy"));
    for part in 1..=3 {
        well(at, &format!("{line} --part {part}/3 --out many-{part}.npy"));
    }
    well(at, "merge many-1.npy many-2.npy many-3.npy --out merged.npy");
    assert!(fs::read(at.join("many.npy")).unwrap() == fs::read(at.join("merged.npy")).unwrap());
    let line = "sample banana --backend flex --chains 4 --draws 60 --seed 3 --out p.npy --part";
    assert!(refusal(at, &format!("{line} 1/5"), 2).contains("there are 4 chains"));
    assert!(refusal(at, &format!("{line} 1/2 --plots a.png"), 2).contains("`ebm merge`"));
    let error = refusal(at, "merge 1-of-3.npy 2-of-3.npy 3-of-3.npy --out all.zarr", 2);
    assert!(error.contains("draw them as .zarr"), "{error}");
}

#[test]
fn nothing_is_written_into_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let line = "sample banana --backend flex --kernel hmc --chains 2 --draws 20 --burn-in 20 --seed 3";
    for part in [1, 2] {
        well(at, &format!("{line} --part {part}/2 --out p-{part}.zarr"));
    }
    let attributes = fs::read_to_string(at.join("p-1.zarr/posterior/.zattrs")).unwrap();
    assert!(!attributes.contains("warnings"), "{attributes}");
    std::os::unix::fs::symlink("p-2.zarr", at.join("link")).unwrap();
    fs::create_dir(at.join("other.zarr")).unwrap();
    std::os::unix::fs::symlink("../other.zarr", at.join("p-2.zarr/out.zarr")).unwrap();
    let before = tree(at);
    for output in [
        "--out p-2.zarr/inner.zarr",
        "--out p-2.zarr/posterior/deep/inner.npy",
        "--out p-2.zarr/out.zarr",
        "--out link/inner.zarr",
        "--out new/../p-2.zarr/inner.zarr",
        "--out p-1.zarr/posterior/../../p-2.zarr/inner.zarr",
        "--out all.zarr --plots p-2.zarr/p.svg",
        "--out all.zarr --plots link/new/p.svg",
    ] {
        let error = refusal(at, &format!("merge p-1.zarr p-2.zarr {output}"), 2);
        assert!(error.contains("it is inside the part p-2.zarr"), "{output}: {error}");
        assert!(tree(at) == before, "{output}");
    }
    fs::remove_file(at.join("p-2.zarr/out.zarr")).unwrap();
    well(at, "merge p-1.zarr p-2.zarr --out all.zarr --plots p.svg");
    let attributes = fs::read_to_string(at.join("all.zarr/posterior/.zattrs")).unwrap();
    assert!(attributes.contains("warnings"), "{attributes}");
}

#[test]
fn a_slip_that_says_what_cannot_be_is_refused_by_name_and_its_part_drawn_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let line = "sample banana --backend flex --kernel hmc --chains 2 --draws 20 --burn-in 20 --seed 3";
    for part in [1, 2] {
        well(at, &format!("{line} --part {part}/2 --out p-{part}.npy"));
    }
    let path = at.join("p-2.npy.part.toml");
    let sound = fs::read_to_string(&path).unwrap();
    let slip: toml::Table = toml::from_str(&sound).unwrap();
    let int = |n: i64| toml::Value::from(n);
    let ints = |list: &[i64]| toml::Value::from(list.to_vec());
    let zeros = |n: usize| toml::Value::from(vec![0.0_f64; n]);
    let chains = toml::Value::Array;
    let steps = ["chains", "runs", "steps"];
    let test = ["chains", "runs", "test"];
    let cases: [(&[&str], &str, toml::Value, &str); 10] = [
        (&["chains"], "shape", ints(&[i64::MAX, 20, 2]), "shape is ["),
        (&steps, "n_steps", int(0), "runs[0].steps.n_steps is 0"),
        (&steps, "n_steps", int(i64::MAX), "runs[0]."),
        (&steps, "acceptance", zeros(2), "runs[0].steps.acceptance are of 2 chains, expected 1"),
        (&steps, "diverged", ints(&[21]), "runs[0].steps.diverged is 21 of 20 steps"),
        (&steps, "diverged", ints(&[i64::MAX]), "runs[0].steps.diverged is"),
        (&steps, "energies", chains(vec![zeros(19)]), "steps.energies are of 19 draws, expected 20"),
        (&steps, "energies", chains(vec![zeros(20), zeros(20)]), "energies are of 2 chains, expected 1"),
        (&test, "n_draws", int(0), "runs[0].test.n_draws is 0"),
        (&test, "n_diverged", ints(&[21, 20]), "runs[0].test.n_diverged is 21 of 20"),
    ];
    for (table, field, value, part) in cases {
        let mut damaged = slip.clone();
        let mut at_field = &mut damaged;
        for key in table {
            at_field = match at_field.get_mut(*key).unwrap() {
                toml::Value::Table(table) => table,
                toml::Value::Array(tables) => tables[0].as_table_mut().unwrap(),
                other => panic!("{key} is {other}"),
            };
        }
        assert!(at_field.insert(field.to_owned(), value).is_some(), "{field}");
        fs::write(&path, toml::to_string(&damaged).unwrap()).unwrap();
        let error = refusal(at, "merge p-1.npy p-2.npy --out all.npy", 1);
        assert!(error.contains("p-2.npy: its slip is damaged: ") && error.contains(part), "{part}: {error}");
        assert!(error.contains("p-2.npy.part.toml") && !at.join("all.npy").exists(), "{error}");
    }
    let said = stderr(&well(at, &format!("{line} --part 2/2 --out p-2.npy")));
    assert!(!said.contains("already"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), sound);
    well(at, "merge p-1.npy p-2.npy --out all.npy");
}

#[test]
fn independent_draws_in_parts_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for format in ["npy", "zarr"] {
        // More draws than descend together, so that a part takes only some of a group's.
        let line =
            "sample two-modes --backend flex --sampler heun --set heun.levels=3 --chains 5 --draws 1700";
        let whole = format!("whole.{format}");
        well(at, &format!("{line} --out {whole}"));
        let parts = [2, 1, 3].map(|part| {
            well(at, &format!("{line} --part {part}/3 --out p-{part}.{format}"));
            format!("p-{part}.{format}")
        });
        well(at, &format!("merge {} --out all.{format}", parts.join(" ")));
        let [whole, all] = [whole, format!("all.{format}")].map(|name| contents(&at.join(name)));
        assert!(whole == all, "{format}");
    }
}
