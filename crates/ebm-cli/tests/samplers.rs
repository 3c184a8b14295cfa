//! Every sampler of the library by name, on trained networks and on closed forms: drawn, or refused with the reason.

mod common;

use std::path::Path;

use common::{ebm, stderr, stdout};

/// A sampler as `ebm sample --list` has it.
struct Named {
    name: String,
    need: String,
}

fn samplers() -> Vec<Named> {
    let output = ebm(&["sample", "--list"]).output().unwrap();
    let text = stdout(&output);
    let named = text.lines().map(|line| {
        let mut parts = line.split("  ").map(str::trim).filter(|part| !part.is_empty());
        let mut part = || parts.next().unwrap().to_owned();
        Named { name: part(), need: part() }
    });
    let named: Vec<Named> = named.collect();
    assert!(15 <= named.len(), "{text}");
    named
}

/// Few steps of every sampler, so that the test is about names and not about quality.
const QUICK: [&str; 10] = [
    "langevin.levels=3",
    "langevin.steps_per_level=1",
    "heun.levels=3",
    "reverse.levels=3",
    "chain.steps=3",
    "chain.leapfrog=2",
    "chain.temperatures=[1.0,2.0]",
    "preconditioned.variances=[1.0,1.0]",
    "underdamped.friction=1.0",
    "temperature=1.0",
];

fn sample(what: &[&str], name: &str, out: &Path) -> Result<(), String> {
    let mut command = ebm(&["sample", "--json", "--backend", "flex", "--sampler", name, "--out"]);
    command.arg(out).args(what);
    QUICK.iter().for_each(|set| {
        command.args(["--set", set]);
    });
    let output = command.output().unwrap();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(2) => Err(stderr(&output)),
        code => panic!("{name}: {code:?}: {}", stderr(&output)),
    }
}

#[test]
fn every_sampler_draws_from_the_networks_that_have_what_it_needs_and_refuses_the_others_with_the_reason() {
    let root = tempfile::tempdir().unwrap();
    let score: [&str; 2] = ["model=mlp-score", "objective=sliced"];
    let (all, plain, energy, noisy) =
        ("an energy at every noise level", "a score", "an energy", "a score at every noise level");
    // What each network offers; one that is conditioned on the noise level also at the lowest level alone.
    let runs: [(&str, &[&str], &[&str]); 4] = [
        ("two-moons", &[], &[plain, noisy]),
        ("two-moons-ncsn", &[], &[plain, noisy, energy, all]),
        ("two-moons-ssm", &[], &[plain, energy]),
        ("two-moons-ssm", &score, &[plain]),
    ];
    let samplers = samplers();
    for (i, (preset, set, offers)) in runs.into_iter().enumerate() {
        let run = root.path().join(format!("run-{i}"));
        let mut train = ebm(&["train", preset, "--steps", "5", "--backend", "flex", "--out"]);
        train.arg(&run).args(["--set", "record.picture_samples=0", "--set", "sample.sampler=langevin"]);
        set.iter().for_each(|set| {
            train.args(["--set", set]);
        });
        let output = train.output().unwrap();
        assert!(output.status.success(), "{preset}: {}", stderr(&output));
        let (run, out) = (run.to_str().unwrap(), root.path().join("out.npy"));
        for Named { name, need } in &samplers {
            let drawn = sample(&[run, "--n", "4"], name, &out);
            match drawn {
                Ok(()) => assert!(offers.contains(&need.as_str()) || name == "langevin", "{preset}: {name}"),
                Err(error) => {
                    assert!(!offers.contains(&need.as_str()), "{preset}: {name}: {error}");
                    assert!(error.contains("needs") && error.contains(need), "{preset}: {name}: {error}");
                }
            }
        }
    }
}

#[test]
fn what_has_to_be_given_to_a_sampler_on_a_network_is_said() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut train = ebm(&["train", "two-moons", "--steps", "5", "--backend", "flex", "--out"]);
    let output = train.arg(&run).args(["--set", "record.picture_samples=0"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let refused = |more: &[&str]| {
        let mut command = ebm(&["sample", "--n", "4", "--backend", "flex", "--sampler"]);
        let output = command.args(more).arg(&run).arg("--out").arg(root.path().join("out.csv")).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", stderr(&output));
        stderr(&output)
    };
    let error = refused(&["preconditioned-langevin"]);
    assert!(error.contains("which has no warm-up, preconditioned.variances gives all 2"), "{error}");
    let error = refused(&["preconditioned-langevin", "--set", "preconditioned.variances=[1.0]"]);
    assert!(error.contains("expected 2 numbers, found 1"), "{error}");
    let error = refused(&["mala"]);
    assert!(
        error.contains("preconditioned-langevin (with preconditioned.variances), underdamped"),
        "{error}"
    );
}

#[test]
fn every_sampler_draws_from_closed_forms_and_descents_only_where_the_noise_levels_are_known() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out.npy");
    let few = ["--chains", "2", "--draws", "3", "--step-size", "0.1"];
    for Named { name, need } in samplers() {
        for target in ["gaussian", "eight-modes", "banana", "funnel"] {
            let drawn = sample(&[&[target], &few[..]].concat(), &name, &out);
            let known = matches!(target, "gaussian" | "eight-modes") || !need.contains("noise level");
            match drawn {
                Ok(()) => assert!(known, "{target}: {name}"),
                Err(error) => {
                    assert!(!known, "{target}: {name}: {error}");
                    assert!(error.contains("noise levels") && error.contains(target), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_sampler_that_moves_no_chains_on_a_line_is_named() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out.npy");
    for name in ["mclmc", "mamclmc"] {
        let error = sample(&["double-well"], name, &out).unwrap_err();
        assert!(error.contains(&format!("{name}: coordinates: expected at least 2, found 1")), "{error}");
    }
}

#[test]
fn a_number_that_nothing_reads_is_said_with_those_that_are() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let said = |arguments: &[&str], set: &[&str]| {
        let mut command = ebm(arguments);
        set.iter().for_each(|set| {
            command.args(["--set", set]);
        });
        let output = command.args(["--backend", "flex"]).current_dir(at).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stderr(&output)
    };
    said(&["train", "two-moons", "--steps", "5", "--out", "run"], &["record.picture_samples=0"]);
    let few = ["langevin.levels=3", "langevin.steps_per_level=1"];
    let network = ["sample", "run", "--n", "4", "--out", "out.npy", "--sampler", "langevin"];
    assert!(!said(&network, &few).contains(" nothing: "));
    let other = said(&network, &[&few[..], &["heun.levels=3"]].concat());
    let expected = "warning: --set heun.levels changes nothing: annealed-langevin reads langevin.";
    assert!(other.contains(expected) && other.contains("langevin.levels, "), "{other}");

    let closed = ["sample", "gaussian", "--draws", "10", "--out", "out.npy", "--sampler", "hmc"];
    assert!(!said(&closed, &["chain.leapfrog=3", "hmc.fixed_length=true"]).contains(" nothing: "));
    let other = said(&closed, &["heun.levels=3", "chain.leapfrog=3", "chain.steps=9"]);
    let expected = "warning: --set heun.levels, chain.steps change nothing: hmc reads ";
    assert!(other.contains(expected) && other.contains("chain.leapfrog"), "{other}");

    let ends = ["interpolate", "run", "0,0", "1,1", "--n", "3", "--out", "way.csv"];
    let other = said(&ends, &["sampler=heun", "heun.levels=60"]);
    assert!(other.contains("--set sampler changes nothing: the flow reads heun.top"), "{other}");
}

#[test]
fn a_number_of_a_sampler_that_cannot_be_is_named_by_its_key() {
    for (sampler, set, expected) in [
        ("heun", "heun.levels=1", "sample.heun.levels: expected at least 2, found 1"),
        ("reverse-diffusion", "reverse.levels=1", "sample.reverse.levels: expected at least 2, found 1"),
        ("stochastic-heun", "stochastic-heun.churn=-1.0", "sample.stochastic-heun.churn: expected"),
        ("parallel-tempering", "chain.temperatures=[2, 3]", "sample.chain.temperatures: temperature 0"),
        ("mclmc", "mclmc.length=long", "sample.mclmc.length: "),
        ("hmc", "hmc.fixed_length=3", "sample.hmc.fixed_length: "),
    ] {
        let arguments = ["sample", "gaussian", "--sampler", sampler, "--set", set, "--backend", "flex"];
        let output = ebm(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{set}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{set}: {}", stderr(&output));
    }
}

#[test]
fn a_closed_form_by_its_name_is_the_same_as_by_target_and_kernel() {
    let root = tempfile::tempdir().unwrap();
    let (new, old) = (root.path().join("new.npy"), root.path().join("old.npy"));
    let run = |arguments: &[&str], out: &Path| {
        let output = ebm(arguments).args(["--draws", "50", "--backend", "flex", "--out"]).arg(out).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        std::fs::read(out).unwrap()
    };
    let new = run(&["sample", "banana", "--sampler", "hmc"], &new);
    assert!(new == run(&["sample", "--target", "banana", "--kernel", "hmc"], &old));
}

#[test]
fn the_list_has_the_other_names_of_samplers_and_so_has_what_is_said_of_an_unknown_one() {
    let text = stdout(&ebm(&["sample", "--list"]).output().unwrap());
    let line = |name: &str| text.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
    assert!(line("probability-flow").ends_with("also called heun"), "{text}");
    assert!(line("annealed-langevin").contains("also called langevin on a network"), "{text}");
    let output = ebm(&["sample", "gaussian", "--sampler", "huen", "--backend", "flex"]).output().unwrap();
    let error = stderr(&output);
    assert!(error.contains("heun is short for probability-flow; did you mean heun?"), "{error}");
}

#[test]
fn lists_start_no_device() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let run = run.to_str().unwrap();
    let train = ["train", "two-moons", "--steps", "2", "--backend", "flex", "--quiet", "--out", run];
    let train = ebm(&train).args(["--set", "record.picture_samples=0"]).output().unwrap();
    assert!(train.status.success(), "{}", stderr(&train));
    let lists: [&[&str]; 8] = [
        &["sample", "--list"],
        &["sample", "--keys"],
        &["sample", "banana", "--keys"],
        &["sample", run, "--keys"],
        &["train", "--list"],
        &["train", "two-moons", "--keys"],
        &["train", "two-moons", "--from", run, "--keys"],
        &["train", "--resume", run, "--keys"],
    ];
    // One of them is not compiled in, or has no device here, which would be an error.
    for backend in ["ndarray", "wgpu", "cuda"] {
        for list in lists {
            let output = ebm(list).args(["--backend", backend]).output().unwrap();
            assert!(output.status.success(), "{list:?} {backend}: {}", stderr(&output));
            assert!(5 < stdout(&output).lines().count(), "{list:?}");
        }
    }
}

#[test]
fn an_unknown_sampler_is_refused_with_the_known_ones() {
    let output = ebm(&["sample", "banana", "--sampler", "hcm"]).output().unwrap();
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("hcm") && samplers().iter().all(|named| error.contains(&named.name)), "{error}");
}
