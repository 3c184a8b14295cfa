//! What is written is old or new, whole; what is read is whole or refused by name.
#![cfg(unix)]

#[allow(dead_code, reason = "no test needs all of it")]
mod common;
#[path = "common/tree.rs"]
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{ebm, stderr};
use serde_json::{Value, json};
use tree::tree;

/// The one error of a command that is refused.
fn refusal(arguments: &[&str], folder: &Path, code: i32) -> String {
    let output = ebm(arguments).current_dir(folder).output().unwrap();
    let text = stderr(&output);
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!((output.status.code(), errors.len()), (Some(code), 1), "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{arguments:?}: {text}");
    errors[0].to_owned()
}

fn sample(seed: u64, out: &Path) -> Vec<String> {
    let line =
        format!("sample banana --backend flex --kernel mala --chains 1 --draws 2 --burn-in 0 --seed {seed}");
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    words.extend(["--out".into(), out.display().to_string()]);
    words
}

fn run(arguments: &[String]) {
    let output = ebm(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Runs the command with a fault at the call of that name and number, or `None` where there is no strace.
fn disturbed(inject: &[String], log: &Path, arguments: &[String]) -> Option<Output> {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(log).args(["-e", "trace=file,desc"]);
    for inject in inject {
        command.args(["-e", &format!("inject={inject}")]);
    }
    command.arg(env!("CARGO_BIN_EXE_ebm")).args(arguments).stdin(Stdio::null()).output().ok()
}

#[test]
fn a_sample_is_old_or_new_at_whatever_call_its_writer_is_killed_or_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (log, work) = (folder.path().join("log"), folder.path().join("work"));
    // Calls by name, and every how many of them.
    for (file, calls) in [
        ("a.csv", [("renameat", 1), ("fsync", 1), ("write", 2)].as_slice()),
        ("a.zarr", &[("renameat2", 1), ("unlinkat", 9)]),
    ] {
        let out = work.join(file);
        fs::create_dir(&work).unwrap();
        run(&sample(1, &out));
        let new = tree(&work);
        run(&sample(2, &out));
        let old = tree(&work);
        assert_ne!(old, new);
        for (call, every) in calls {
            for fault in ["signal=KILL", "error=EIO"] {
                for number in (1..).step_by(*every) {
                    let inject = [format!("{call}:{fault}:when={number}")];
                    let Some(output) = disturbed(&inject, &log, &sample(1, &out)) else { return };
                    let found = tree(&work);
                    let is_ours = |path: &&PathBuf| path.starts_with(&out);
                    let found: BTreeMap<_, _> = found
                        .keys()
                        .filter(is_ours)
                        .map(|path| (path.clone(), found[path].clone()))
                        .collect();
                    let what = format!("{file}, {inject:?}: {output:?}");
                    assert!(found == old || found == new, "{what}");
                    let is_done = output.status.success()
                        && (fault == "signal=KILL"
                            || !fs::read_to_string(&log).unwrap().contains("INJECTED"));
                    if output.status.success() {
                        assert!(found == new, "{what}");
                    } else if fault != "signal=KILL" {
                        let error = stderr(&output);
                        let is_named = error.contains(file) || error.contains("standard output");
                        assert!(is_named && !error.contains(".ebm-draft"), "{error}");
                    }
                    run(&sample(2, &out));
                    assert!(tree(&work) == old, "{what}: something is left");
                    if is_done {
                        assert!(1 < number, "{call} is never called: {what}");
                        break;
                    }
                }
            }
        }
        fs::remove_dir_all(&work).unwrap();
    }
}

#[test]
fn a_folder_that_was_replaced_in_two_steps_and_killed_between_them_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (log, work) = (folder.path().join("log"), folder.path().join("work"));
    fs::create_dir(&work).unwrap();
    let out = work.join("a.zarr");
    run(&sample(1, &out));
    let new = tree(&work);
    run(&sample(2, &out));
    // A file system that cannot exchange folders; killed once the old one is set aside.
    let inject = ["renameat2:error=EINVAL".into(), "rename:signal=KILL:when=2".into()];
    let Some(output) = disturbed(&inject, &log, &sample(1, &out)) else { return };
    assert_eq!(output.status.code(), None, "{output:?}");
    assert!(!out.exists());

    run(&sample(1, &out));

    assert_eq!(tree(&work), new);
}

#[test]
fn a_clean_up_that_fails_is_said_and_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (log, work) = (folder.path().join("log"), folder.path().join("work"));
    fs::create_dir(&work).unwrap();
    let out = work.join("a.zarr");
    run(&sample(2, &out));
    let inject = ["unlinkat:error=EACCES".into()];
    let Some(output) = disturbed(&inject, &log, &sample(1, &out)) else { return };
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    // Others are of the chains.
    let is_ours = |line: &&str| line.starts_with("warning:") && line.contains("a.zarr is complete, but");
    assert_eq!(text.lines().filter(is_ours).count(), 1, "{text}");
    run(&sample(1, &out));
    assert_eq!(fs::read_dir(&work).unwrap().count(), 1);
}

#[test]
fn what_is_not_ours_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("letters.zarr")).unwrap();
    fs::write(at.join("letters.zarr/letter.txt"), "dear").unwrap();
    fs::write(at.join("file.zarr"), "x").unwrap();
    let before = tree(at);
    let chain = ["sample", "banana", "--backend", "flex", "--draws", "2", "--out"];
    for (out, part) in
        [("letters.zarr", "with other files in it"), ("file.zarr", "is a file, expected a folder")]
    {
        let error = refusal(&[&chain[..], &[out]].concat(), at, 2);
        assert!(error.contains(out) && error.contains(part), "{error}");
    }
    assert_eq!(tree(at), before);
}

/// A run of a network of points in the plane, and its model file.
fn trained(at: &Path) -> Vec<u8> {
    let line =
        "train two-moons --backend flex --steps 6 --batch-size 16 --checkpoint-every 2 --seed 1 --out run";
    let set = ["--set", "model.hidden=8", "--set", "record.picture_samples=0"];
    let words: Vec<&str> = line.split(' ').chain(set).collect();
    let output = ebm(&words).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    fs::read(at.join("run/model.safetensors")).unwrap()
}

/// A safetensors file of this header and the numbers of another one.
fn with_header(file: &[u8], header: &str) -> Vec<u8> {
    let (_, numbers) = parts(file);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), numbers].concat()
}

fn parts(file: &[u8]) -> (Value, &[u8]) {
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let (header, numbers) = rest.split_at(u64::from_le_bytes(*length) as usize);
    (serde_json::from_slice(header).unwrap(), numbers)
}

#[test]
fn a_model_file_that_no_sampler_can_take_is_refused_by_its_name_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let whole = trained(at);
    let (header, _) = parts(&whole);
    let refused = |name: &str, bytes: &[u8], reason: &str| {
        fs::write(at.join(name), bytes).unwrap();
        for verb in [&["sample", name, "--backend", "flex", "--n", "1"][..], &["inspect", name]] {
            let began = Instant::now();
            let error = refusal(verb, at, 1);
            let took = began.elapsed();
            assert!(took < Duration::from_secs(2), "{name} takes {took:?}");
            assert!(error.contains(name) && error.contains(reason), "{reason:?} is not in {error}");
        }
    };

    let card = |path: &str, value: Value| {
        let mut header = header.clone();
        let text = header["__metadata__"]["ebm"].as_str().unwrap();
        let mut card: Value = serde_json::from_str(text).unwrap();
        *card.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
        header["__metadata__"]["ebm"] = card.to_string().into();
        with_header(&whole, &header.to_string())
    };
    for (i, (path, value, reason)) in [
        ("/sample/langevin/levels", json!(1_000_000_000_000u64), "sample.langevin.levels = 1000000000000"),
        ("/sample/langevin/steps_per_level", json!(0), "sample.langevin.steps_per_level = 0"),
        ("/sample/langevin/levels", json!(-3), "sample.langevin.levels is -3"),
        ("/sample/heun/levels", json!(1e12), "sample.heun.levels is 1000000000000.0"),
        ("/sample/heun/top", json!(null), "sample.heun.top is null, expected a number"),
        ("/sample/heun/bottom", json!(0.0), "sample.heun.bottom = 0"),
        ("/sample/chain/steps", json!(u64::MAX), "sample.chain.steps"),
        ("/sample/temperature", json!(-1.0), "sample.temperature = -1"),
        ("/architecture/sigma_data", json!(0.0), "architecture.sigma_data = 0"),
        ("/architecture/sigma_data", json!(1e200), "architecture.sigma_data = 1e200"),
        ("/architecture/hidden", json!(-8), "architecture.hidden is -8"),
        ("/architecture/hidden", json!(0), "hidden"),
        ("/architecture/hidden", json!(4_000_000_000u64), "architecture.hidden: expected 1 to 65,536"),
        ("/architecture/kind", json!("transformer"), "architecture.kind is \"transformer\""),
        ("/content/kind", json!("sound"), "sound"),
        ("/sample/sampler", json!("metropolis"), "sample.sampler = metropolis, expected one of"),
    ]
    .into_iter()
    .enumerate()
    {
        refused(&format!("card-{i}.safetensors"), &card(path, value), reason);
    }

    let text = header.to_string();
    let name = "network.input.bias";
    let entry = format!("\"{name}\":{}", header[name]);
    refused(
        "twice.safetensors",
        &with_header(&whole, &text.replacen(&entry, &format!("{entry},{entry}"), 1)),
        "twice",
    );
    let mut other = header.clone();
    other[name]["dtype"] = "F64".into();
    refused(
        "type.safetensors",
        &with_header(&whole, &other.to_string()),
        "network.input.bias is of type F64",
    );
    let mut other = header.clone();
    other[name]["data_offsets"] = json!([0, 32]);
    refused("overlap.safetensors", &with_header(&whole, &other.to_string()), "expected");
    let first = header[name]["data_offsets"][0].as_u64().unwrap() as usize;
    let mut other = whole.clone();
    let numbers = other.len() - parts(&whole).1.len();
    other[numbers + first..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(at.join("nan.safetensors"), &other).unwrap();
    refused("nan.safetensors", &other, "number 0 of network.input.bias is NaN");
    refused("empty.safetensors", b"", "it has 0 bytes");
    refused("long.safetensors", &[&whole[..], b"more"].concat(), "its tensors have");
    refused("claims.safetensors", &[&u64::MAX.to_le_bytes()[..], &whole[8..]].concat(), "its header claims");
    // Sparse: it takes no disk, and must take no memory.
    if fs::File::create(at.join("huge.safetensors")).unwrap().set_len(1 << 32).is_ok() {
        let error = refusal(&["sample", "huge.safetensors", "--backend", "flex"], at, 1);
        assert!(error.contains("huge.safetensors cannot be used"), "{error}");
    }
}

#[test]
fn what_is_called_like_a_checkpoint_and_is_none_stops_nothing_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    let checkpoints = at.join("run/checkpoints");
    fs::remove_dir_all(checkpoints.join("step-6")).unwrap();
    fs::remove_file(at.join("run/model.safetensors")).unwrap();
    for name in ["step-+5", "step-005", "step-5.tmp", "step-"] {
        fs::create_dir(checkpoints.join(name)).unwrap();
        fs::write(checkpoints.join(name).join("kept"), name).unwrap();
    }
    for name in ["step-18446744073709551616", "step-5", "notes.txt"] {
        fs::write(checkpoints.join(name), "kept").unwrap();
    }
    fs::write(checkpoints.join("step-4/extra"), "kept").unwrap();
    // A checkpoint may lie on another disk.
    fs::rename(checkpoints.join("step-4"), at.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(at.join("elsewhere"), checkpoints.join("step-4")).unwrap();
    let before: Vec<PathBuf> =
        tree(&checkpoints).into_keys().filter(|path| !path.to_string_lossy().contains("step-2")).collect();

    let output = ebm(&["train", "--backend", "flex", "--resume", "run"]).current_dir(at).output().unwrap();

    let text = stderr(&output);
    assert!(output.status.success() && text.contains("going on from run/checkpoints/step-4"), "{text}");
    let said: Vec<&str> = text.lines().filter(|line| line.contains("step-005")).collect();
    assert!(said.len() == 1 && said[0].starts_with("warning: run/checkpoints: left alone"), "{text}");
    assert!(
        said[0].ends_with("step-, step-+5, step-005, step-18446744073709551616, step-5, step-5.tmp"),
        "{text}"
    );
    let after = tree(&checkpoints);
    assert!(before.iter().all(|path| after.contains_key(path)), "{after:?}");
    assert!(checkpoints.join("step-6/manifest.json").is_file());
}

#[test]
fn a_damaged_configuration_of_a_run_is_refused_by_its_file_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    let path = at.join("run/config.toml");
    let whole = fs::read_to_string(&path).unwrap();
    let half = whole.find("[train]").unwrap();
    let with = |from: &str, to: &str| whole.replace(from, to).into_bytes();
    let cases: [(Vec<u8>, &str); 7] = [
        (Vec::new(), "missing field"),
        (whole[..half].into(), "missing field"),
        (whole[..half + 4].into(), "line "),
        (b"\x00\xff\xfe binary".into(), "run/config.toml"),
        (with("hidden = 8", "hidden = \"wide\""), "model.hidden is \"wide\""),
        (with("seed = 1", "seed = \"one\""), "seed"),
        (with("[train]", "[train]\nspeed = 3"), "train.speed"),
    ];
    for (bytes, part) in cases {
        fs::write(&path, bytes).unwrap();
        for verb in [
            &["train", "--backend", "flex", "--resume", "run"][..],
            &["sample", "run", "--backend", "flex"],
            &["inspect", "run"],
        ] {
            let error = refusal(verb, at, 2);
            assert!(
                error.contains("run/config.toml") && error.contains(part),
                "{verb:?}: {part:?} is not in {error}"
            );
        }
    }
}
