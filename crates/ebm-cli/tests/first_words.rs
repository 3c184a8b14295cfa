//! What the program says first, and what makes it at home: completions, manual pages, a report of a bug, event files.

mod common;

use std::fs;
use std::process::Output;

use common::{ebm, stderr, stdout};

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn without_an_argument_in_an_empty_folder_it_says_what_to_begin_with() {
    let folder = tempfile::tempdir().unwrap();
    let said = done(ebm(&[]).current_dir(&folder).env_remove("EBM_PROGRAM").output().unwrap());
    assert!(said.contains("\n  ebm train ") && said.contains("ebm --help"), "{said}");
    assert!(!said.contains("Runs here"), "{said}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is made");
}

#[test]
fn without_an_argument_beside_runs_it_names_them() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("runs/glyphs-1")).unwrap();
    fs::write(folder.path().join("runs/glyphs-1/config.toml"), "").unwrap();
    let said = done(ebm(&[]).current_dir(&folder).env_remove("EBM_PROGRAM").output().unwrap());
    assert!(said.contains("Runs here, the newest first: runs/glyphs-1\n"), "{said}");
    assert!(said.contains("ebm sample runs/glyphs-1 --n 100"), "{said}");
}

#[test]
fn completions_know_the_verbs_and_their_flags() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef ebm"), ("fish", "complete -c ebm")] {
        let script = done(ebm(&["completions", shell]).output().unwrap());
        assert!(script.contains(mark), "{shell}");
        for word in ["train", "restore", "completions", "leapfrog"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    assert_eq!(ebm(&["completions", "tcsh"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("man");
    done(ebm(&["man", place.to_str().unwrap()]).output().unwrap());
    let whole = fs::read_to_string(place.join("ebm.1")).unwrap();
    for verb in ["train", "sample", "eval", "energy", "inspect", "export", "completions", "man"] {
        let page = fs::read_to_string(place.join(format!("ebm-{verb}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{verb}");
        assert!(whole.contains(&format!("ebm\\-{verb}")), "{verb}");
    }
}

#[test]
fn a_report_of_a_bug_has_the_version_and_the_run_and_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("secret-rows.csv");
    fs::write(&data, "salary,age\n1,2\n2,3\n3,5\n4,4\n2,6\n1,1\n3,3\n5,2\n").unwrap();
    let run = folder.path().join("secret-run");
    let [data, run] = [&data, &run].map(|path| path.to_str().unwrap().to_owned());
    let set = ["--set", "record.picture_samples=0", "--set", "data.columns=[\"salary\", \"age\"]"];
    let mut train = ebm(&["train", "table", "--data", &data, "--out", &run, "--steps", "3", "--quiet"]);
    done(train.args(["--batch-size", "4", "--backend", "flex"]).args(set).output().unwrap());
    let report = done(ebm(&["inspect", &run, "--bug-report"]).output().unwrap());
    assert!(report.contains(env!("CARGO_PKG_VERSION")) && report.contains("processor"), "{report}");
    assert!(report.contains("steps = 3") && report.contains("\"event\":\"progress\""), "{report}");
    for secret in ["secret", "salary", folder.path().to_str().unwrap()] {
        assert!(!report.contains(secret), "{secret} is in the report:\n{report}");
    }
    let alone = done(ebm(&["inspect", "--bug-report"]).output().unwrap());
    assert!(alone.contains("backends") && !alone.contains("journal"), "{alone}");
    assert_eq!(ebm(&["inspect"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn the_journal_of_a_run_becomes_an_event_file() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let mut train =
        ebm(&["train", "two-moons", "--out", run, "--steps", "4", "--batch-size", "8", "--quiet"]);
    let set = ["--set", "record.picture_samples=0", "--set", "record.journal_every=2"];
    done(train.args(["--backend", "flex"]).args(set).output().unwrap());
    let said = done(ebm(&["export", run, "--to", "tensorboard", "--json"]).output().unwrap());
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["steps"], 2, "{said}");
    let tags: Vec<&str> = said["tags"].as_array().unwrap().iter().filter_map(|tag| tag.as_str()).collect();
    assert!(tags.contains(&"loss") && tags.contains(&"learning_rate"), "{said}");
    assert!(said["file"].as_str().unwrap().starts_with(&format!("{run}/tensorboard/events.out.tfevents.")));
    let refused = ebm(&["export", run, "--to", "torch", "--out", "elsewhere"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
}
