//! Chains come with a verdict.

mod common;

use std::fs;
use std::path::Path;

use common::{ebm, stderr, stdout};
use serde_json::Value;

/// `ebm sample …` in `folder`: exit code, standard output, standard error.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = ebm(&["sample", "--backend", "flex"]).args(arguments).current_dir(folder).output().unwrap();
    (output.status.code(), stdout(&output), stderr(&output))
}

/// The kinds of the warnings of `ebm sample … --json`, without repetition.
fn kinds(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let (code, said, told) = run(folder, &[arguments, &["--json", "--out", "kinds.npy"]].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {told}");
    let said: Value = serde_json::from_str(&said).unwrap();
    let mut kinds: Vec<String> = vec![];
    for warning in said["warnings"].as_array().unwrap() {
        let kind = warning["kind"].as_str().unwrap().to_owned();
        assert!(warning["value"].is_number() || warning["value"].is_null(), "{warning}");
        assert!(warning["text"].as_str().unwrap().contains("; try "), "{warning}");
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

#[test]
fn steps_that_are_never_accepted_are_a_warning_and_with_strict_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let long = ["--target", "gaussian", "--kernel", "mala", "--step-size", "100"];
    let (code, said, told) = run(at, &[&long[..], &["--out", "a.zarr"]].concat());
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("warning: chains 0, 1, 2 and 3 do not move in 1000 draws; try --adapt"), "{told}");
    assert!(told.contains("warning: acceptance is 0.000: nearly every proposal is rejected; try"), "{told}");
    assert!(!said.contains("no warnings"), "{said}");
    let attributes = fs::read_to_string(at.join("a.zarr/posterior/.zattrs")).unwrap();
    assert!(attributes.contains("do not move"), "{attributes}");

    assert_eq!(kinds(at, &long), ["stuck", "low-acceptance", "divergences"]);
    let (code, _, told) = run(at, &[&long[..], &["--strict", "--out", "b.npy"]].concat());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("error: --strict: 3 warnings"), "{told}");
    assert!(at.join("b.npy").exists(), "the draws are written all the same");
}

#[test]
fn steps_that_are_too_short_to_move_are_to_be_longer() {
    let folder = tempfile::tempdir().unwrap();
    for kernel in ["langevin", "mala"] {
        let short = ["gaussian", "--sampler", kernel, "--step-size", "1e-30", "--draws", "100"];
        let (code, said, told) = run(folder.path(), &[&short[..], &["--out", "a.npy"]].concat());
        assert_eq!(code, Some(0), "{kernel}: {told}");
        let line = told.lines().find(|line| line.contains("do not move")).unwrap();
        assert!(line.ends_with("--step-size 1e-29"), "{kernel}: {line}");
        assert!(!told.contains("1e-31"), "{kernel}: {told}");
        assert!(said.contains("step size 1.0000e-30"), "{kernel}: {said}");
    }
}

#[test]
fn good_chains_have_no_warning_whatever_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    for (target, sampler, seeds) in [
        ("gaussian", "mala", &["0", "1", "2", "3"][..]),
        ("gaussian", "hmc", &["4"]),
        ("skewed", "hmc", &["5"]),
        ("gaussian", "chees", &["6"]),
        ("correlated", "mamclmc", &["7"]),
    ] {
        for seed in seeds {
            let arguments = [target, "--sampler", sampler, "--seed", seed, "--strict", "--out", "a.npy"];
            let (code, said, told) = run(folder.path(), &arguments);
            assert_eq!((code, told.as_str()), (Some(0), ""), "{target}, {sampler}, seed {seed}: {said}");
            assert!(said.contains("no warnings: R-hat at most 1.00"), "{said}");
            assert!(said.contains("adapted during the burn-in"), "{said}");
        }
    }
}

#[test]
fn the_example_of_the_readme_mixes() {
    let folder = tempfile::tempdir().unwrap();
    let readme = include_str!("../../../README.md");
    let example = "sample banana --sampler hmc --step-size 0.7 --leapfrog 40 ";
    assert!(readme.contains(example), "the README has another example");
    let arguments: Vec<&str> = example.split_whitespace().skip(1).collect();
    let (code, said, told) =
        run(folder.path(), &[&arguments[..], &["--strict", "--out", "draws.zarr"]].concat());
    assert_eq!((code, told.as_str()), (Some(0), ""), "{said}");
}

#[test]
fn chains_that_have_not_mixed_say_where_and_what_may_help() {
    let folder = tempfile::tempdir().unwrap();
    let short = ["banana", "--sampler", "hmc", "--step-size", "0.05", "--draws", "300", "--burn-in", "100"];
    let (code, _, told) = run(folder.path(), &[&short[..], &["--out", "a.npy"]].concat());
    assert_eq!(code, Some(0), "{told}");
    for part in ["warning: R-hat of x0 is ", "warning: bulk ESS of x0 is ", "--leapfrog 20", "--draws 1200"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let found = kinds(folder.path(), &short);
    assert!(
        found.contains(&"r-hat".to_owned()) && found.contains(&"high-acceptance".to_owned()),
        "{found:?}"
    );
}

#[test]
fn what_diverges_or_is_not_finite_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let long = ["funnel", "--sampler", "hmc", "--step-size", "1.5", "--leapfrog", "20", "--draws", "200"];
    assert!(kinds(at, &long).contains(&"divergences".to_owned()));
    for kernel in ["langevin", "underdamped"] {
        let far = ["gaussian", "--sampler", kernel, "--step-size", "5"];
        assert_eq!(kinds(at, &far), ["non-finite"], "{kernel}");
        let (code, said, told) = run(at, &[&far[..], &["--out", "a.png", "--strict"]].concat());
        assert_eq!(code, Some(1), "{kernel}: {said}{told}");
        assert!(told.contains("draws are not finite: ") && told.contains("--step-size 0.5"), "{told}");
        assert!(told.contains("--sampler mala"), "{told}");
    }
}

/// A run of an energy without noise levels, of a few steps, in `folder/run`.
fn trained_energy(folder: &Path) {
    let mut train = ebm(&["train", "two-moons-ssm", "--steps", "5", "--backend", "flex", "--out", "run"]);
    let output = train.args(["--set", "record.picture_samples=0"]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn steps_of_a_network_that_are_not_finite_are_a_warning_without_a_test_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained_energy(at);
    // The chains stay where they began, which is finite.
    let far = ["run", "--n", "16", "--sampler", "mclmc", "--set", "chain.steps=20"];
    let far = [&far[..], &["--set", "mclmc.step_size=1e30"]].concat();
    assert_eq!(kinds(at, &far), ["non-finite-steps"]);
    // a file that is written as it is drawn, and a picture
    for out in ["a.csv", "a.png"] {
        let (code, said, told) = run(at, &[&far[..], &["--out", out]].concat());
        assert_eq!(code, Some(0), "{said}{told}");
        let expected = "320 of 320 steps were not finite; try --set mclmc.step_size=1e29, or --sampler mala";
        assert!(told.contains(expected), "{told}");
        assert!(!said.contains("acceptance"), "{said}");
        let (code, _, told) = run(at, &[&far[..], &["--out", out, "--strict"]].concat());
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("error: --strict: 1 warning"), "{told}");
    }
    let (code, _, told) = run(at, &[&far[..], &["--part", "1/1", "--out", "part.csv"]].concat());
    assert_eq!(code, Some(0), "{told}");
    let mut merge = ebm(&["merge", "part.csv", "--strict", "--out", "all.csv"]);
    let output = merge.current_dir(at).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("320 of 320 steps were not finite; try --set mclmc.step_size=1e29"));

    let near = ["run", "--n", "16", "--set", "chain.steps=20"];
    for sampler in ["langevin", "underdamped", "mclmc"] {
        assert!(kinds(at, &[&near[..], &["--sampler", sampler]].concat()).is_empty(), "{sampler}");
    }
}

#[test]
fn a_hint_names_the_key_that_sets_the_step_size_of_its_sampler() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained_energy(at);
    for (sampler, set, expected) in [
        ("mala", &["chain.step_size=1e-5"][..], "chain.step_size=1e-4"),
        ("mala", &["mala.step_size=1e-5"], "mala.step_size=1e-4"),
        ("hmc", &["hmc.step_size=1e-3"], "hmc.step_size=0.01"),
        ("hmc", &["chain.step_size=1e-6"], "chain.step_size=1e-5"),
        ("mamclmc", &["mamclmc.step_size=1e-3", "mamclmc.longest=0.01"], "mamclmc.step_size=0.01"),
    ] {
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", *set]).collect();
        let chains = ["run", "--n", "8", "--set", "chain.steps=20", "--sampler", sampler, "--out", "a.csv"];
        let (code, said, told) = run(at, &[&chains[..], &set].concat());
        assert_eq!(code, Some(0), "{sampler}: {said}{told}");
        assert!(told.contains("so short that nearly every one is accepted"), "{sampler}: {said}{told}");
        assert!(told.contains(&format!("; try --set {expected}\n")), "{sampler}: {told}");
    }
    let (code, _, told) = run(at, &["run", "--sampler", "hmc", "--step-size", "0.1"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--sampler hmc --set hmc.step_size=0.1"), "{told}");
}

#[test]
fn samples_of_an_energy_down_its_noise_levels_come_with_their_acceptance() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut train = ebm(&["train", "two-moons-ncsn", "--steps", "5", "--backend", "flex", "--out", "run"]);
    let output = train.args(["--set", "record.picture_samples=0"]).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));

    let few = ["run", "--n", "16", "--set", "langevin.levels=3", "--set", "langevin.steps_per_level=2"];
    let mala = [&few[..], &["--sampler", "annealed-mala"]].concat();
    let (code, said, told) = run(at, &[&mala[..], &["--out", "a.csv"]].concat());
    assert_eq!(code, Some(0), "{told}");
    let number = said.lines().find_map(|line| line.strip_prefix("acceptance ")).unwrap();
    let printed: f64 = number.parse().unwrap();
    // a file that is written as it is drawn, and a picture
    for out in ["b.csv", "b.png"] {
        let (_, said, told) = run(at, &[&mala[..], &["--json", "--out", out]].concat());
        let acceptance = serde_json::from_str::<Value>(&said).unwrap()["acceptance"].as_f64();
        let acceptance = acceptance.unwrap_or_else(|| panic!("{out}: {said}{told}"));
        assert!(0.0 < acceptance && (acceptance - printed).abs() < 6e-4, "{out}: {acceptance}, {printed}");
    }
    let (_, said, _) = run(at, &[&few[..], &["--sampler", "heun", "--json", "--out", "c.csv"]].concat());
    assert!(serde_json::from_str::<Value>(&said).unwrap()["acceptance"].is_null(), "{said}");

    let long = ["langevin.top=8.0", "langevin.bottom=4.0", "langevin.step_ratio=100.0"];
    let long = [&mala[..], &long.map(|set| ["--set", set]).concat()].concat();
    assert!(kinds(at, &long).contains(&"low-acceptance".to_owned()));
    let (code, _, told) = run(at, &[&long[..], &["--strict", "--out", "d.csv"]].concat());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("nearly every proposal is rejected; try --set langevin.step_ratio=10"), "{told}");
}

#[test]
fn what_cannot_be_judged_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let hmc = |more: &[&'static str]| kinds(at, &[&["gaussian", "--sampler", "hmc"], more].concat());
    assert_eq!(hmc(&["--chains", "1"]), ["one-chain"]);
    assert_eq!(hmc(&["--draws", "5"]), ["few-draws"]);
    let (code, _, told) =
        run(at, &["gaussian", "--sampler", "hmc", "--adapt", "--burn-in", "0", "--out", "a.npy"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--adapt --burn-in 0") && told.contains("--burn-in 500"), "{told}");
    assert!(!at.join("a.npy").exists());
}
