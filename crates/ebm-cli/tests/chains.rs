//! Draws from closed-form energies, as a person asks for them.

mod common;

use std::fs;
use std::path::Path;

use common::{ebm, stderr, stdout};
use serde_json::Value;

/// `ebm sample --target … --json`, in `folder`: what it says.
fn sample(folder: &Path, arguments: &[&str]) -> Value {
    let output = ebm(&["sample", "--json"]).args(arguments).current_dir(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// The numbers of a `.npy` file of single precision.
fn array(path: &Path) -> (String, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let numbers = bytes[end..].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    (String::from_utf8(bytes[10..end].to_vec()).unwrap(), numbers.collect())
}

/// The standard deviation that N(0, 1) has at the end of annealed Langevin dynamics with 20 steps of 0.1 σ² at each of 50
/// levels from 10 to 0.02: v ← v* + a⁴⁰ (v − v*) at each, a = 1 − η/c, c = 1 + σ², v* = c/(1 − η/2c), or v* = c with a
/// Metropolis test.
fn annealed(is_tested: bool) -> f64 {
    let mut v = 100.0;
    for level in 0..50 {
        let sigma = 10.0 * (0.002f64).powf(f64::from(level) / 49.0);
        let (c, eta) = (1.0 + sigma * sigma, 0.1 * sigma * sigma);
        let fixed = if is_tested { c } else { c / (1.0 - 0.5 * eta / c) };
        v = fixed + (1.0 - eta / c).powi(40) * (v - fixed);
    }
    v.sqrt() / (1.0 + 0.02f64.powi(2))
}

/// The same of the reverse diffusion down 100 levels, v ← (1 − Δ/c)² v + Δ from each to the next, Δ = σ² − σ′², with
/// corrections of 0.1 σ′² there.
fn reversed(corrections: i32) -> f64 {
    let level = |i: i32| if i == 100 { 0.0 } else { 10.0 * (0.002f64).powf(f64::from(i) / 99.0) };
    let mut v = 100.0;
    for i in 0..100 {
        let (from, to) = (level(i), level(i + 1));
        let lost = from * from - to * to;
        let fresh = if to == 0.0 { 0.0 } else { lost };
        v = (1.0 - lost / (1.0 + from * from)).powi(2) * v + fresh;
        let (c, eta) = (1.0 + to * to, 0.1 * to * to);
        let fixed = c / (1.0 - 0.5 * eta / c);
        v = fixed + (1.0 - eta / c).powi(2 * corrections) * (v - fixed);
    }
    v.sqrt()
}

#[test]
fn every_kernel_draws_from_the_normal_law_with_its_own_bias() {
    let folder = tempfile::tempdir().unwrap();
    let step = |eta: f64| (1.0 / (1.0 - 0.5 * eta)).sqrt();
    let half = "--step-size=0.5";
    // (kernel, its settings, the standard deviation that it has, how much of it is left open)
    let cases: [(&str, &[&str], f64, f64); 15] = [
        ("langevin", &[half], step(0.5), 0.0),
        ("preconditioned-langevin", &[half, "--set=preconditioned.variances=[1, 1]"], step(0.5), 0.0),
        ("underdamped", &["--step-size=0.8"], 1.0, 0.0),
        ("mala", &["--step-size=0.8"], 1.0, 0.0),
        ("hmc", &["--step-size=0.4", "--leapfrog=3"], 1.0, 0.0),
        ("parallel-tempering", &["--step-size=0.8", "--set=tempering.temperatures=[1, 2]"], 1.0, 0.0),
        ("chees", &["--step-size=0.4", "--leapfrog=3"], 1.0, 0.0),
        // the bias is of the second order in the step, and draws are far from independent
        ("mclmc", &["--step-size=0.3", "--set=mclmc.integrator=\"minimal-norm\"", "--thin=10"], 1.0, 0.005),
        ("mamclmc", &["--step-size=0.7"], 1.0, 0.0),
        ("annealed-langevin", &[], annealed(false), 0.0),
        // of a hundred proposals about one is refused, and each slows the way
        ("annealed-mala", &[], annealed(true), 0.005),
        ("reverse-diffusion", &["--set=reverse.levels=100"], reversed(0), 0.0),
        (
            "predictor-corrector",
            &["--set=reverse.levels=100", "--set=reverse.corrections=2"],
            reversed(2),
            0.0,
        ),
        // of second order in the steps
        ("probability-flow", &[], 1.0, 0.01),
        ("stochastic-heun", &[], 1.0, 0.01),
    ];
    for (kernel, settings, sd, open) in cases {
        let arguments = ["--target", "gaussian", "--kernel", kernel, "--chains", "50", "--draws", "200"];
        let said = sample(folder.path(), &[&arguments[..], &["--out", "a.npy"], settings].concat());
        assert_eq!(said["shape"], serde_json::json!([50, 200, 2]), "{kernel}");
        for coordinate in said["coordinates"].as_array().unwrap() {
            let number = |key: &str| coordinate[key].as_f64().unwrap();
            assert!(number("mean").abs() < 5.0 * number("mcse_mean"), "{kernel}: {coordinate}");
            let tolerance = 5.0 * number("mcse_sd") + open;
            assert!((number("sd") - sd).abs() < tolerance, "{kernel}: {coordinate}, {sd}");
            assert!(number("r_hat") < 1.02, "{kernel}: {coordinate}");
        }
        let has_test = ["mala", "hmc", "parallel-tempering", "chees", "mamclmc"].contains(&kernel);
        assert_eq!(said["test"]["divergences"], if has_test { 0.into() } else { Value::Null }, "{kernel}");
        assert_eq!(said["swaps"].as_array().unwrap().len(), usize::from(kernel == "parallel-tempering"));
    }
}

#[test]
fn a_pair_of_temperatures_that_was_never_tried_has_no_rate() {
    let folder = tempfile::tempdir().unwrap();
    let shape = ["--chains", "2", "--draws", "1", "--burn-in", "3", "--out", "draws.npy"];
    let named = ["--target", "gaussian", "--kernel", "parallel-tempering"];
    let said = sample(folder.path(), &[&named[..], &shape].concat());
    let swaps = said["swaps"].as_array().unwrap();
    assert!(swaps.contains(&Value::Null) && swaps.iter().any(Value::is_number), "{swaps:?}");
}

#[test]
fn the_files_of_one_run_hold_the_same_draws() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let run = |out: &str| {
        let shape = ["--chains", "3", "--draws", "40", "--burn-in", "10", "--thin", "2"];
        let named = ["--target", "banana", "--kernel", "hmc", "--plots", "plots.png", "--out", out];
        sample(at, &[&named[..], &shape].concat())
    };
    let said = run("draws.npy");
    run("draws.csv");
    run("draws.zarr");
    run("draws.zarr");

    let (header, numbers) = array(&at.join("draws.npy"));
    assert!(header.contains("'descr': '<f4'") && header.contains("(3, 40, 2)"), "{header}");
    let table = fs::read_to_string(at.join("draws.csv")).unwrap();
    assert_eq!(table.lines().next(), Some("chain,draw,x0,x1"));
    let rows: Vec<Vec<f32>> =
        table.lines().skip(1).map(|line| line.split(',').map(|n| n.parse().unwrap()).collect()).collect();
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row[..2], [(i / 40) as f32, (i % 40) as f32]);
    }
    assert_eq!(rows.iter().flat_map(|row| row[2..].to_vec()).collect::<Vec<_>>(), numbers);

    let single = |name: &str| -> Vec<f32> {
        let bytes = fs::read(at.join("draws.zarr").join(name).join("0.0")).unwrap();
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    };
    assert_eq!(single("posterior/x1"), numbers.iter().skip(1).step_by(2).copied().collect::<Vec<_>>());
    for (lp, point) in single("sample_stats/lp").into_iter().zip(numbers.chunks(2)) {
        // log p of the banana
        let [x, y] = [0, 1].map(|i| f64::from(point[i]));
        let exact = -0.5 * (x * x / 100.0 + (y - 0.03 * (x * x - 100.0)).powi(2));
        assert!((f64::from(lp) - exact).abs() < 1e-5 * (1.0 + exact.abs()), "{lp}, {exact}");
    }
    let errors = single("sample_stats/energy_error");
    for (chance, error) in single("sample_stats/acceptance_rate").into_iter().zip(errors) {
        assert!((chance - (-error).exp().min(1.0)).abs() < 1e-5, "{chance}, {error}");
    }
    assert_eq!(fs::read(at.join("draws.zarr/sample_stats/diverging/0.0")).unwrap(), [0; 120]);
    // every step after the burn-in but those after the last draw
    assert_eq!(said["test"]["steps"], 3 * (39 * 2 + 1));
    assert!(fs::read(at.join("plots.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn charts_are_drawn_as_svg_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let named = ["--target", "banana", "--kernel", "hmc", "--plots", "plots.svg", "--out", "draws.svg"];
    sample(at, &[&named[..], &["--chains", "2", "--draws", "30"]].concat());
    let [draws, plots] = ["draws.svg", "plots.svg"].map(|name| fs::read_to_string(at.join(name)).unwrap());
    assert!(draws.contains("banana, hmc") && plots.contains("Autocorrelation of x1"));
    assert!(50 < draws.matches("<circle").count(), "{}", draws.matches("<circle").count());
}

#[test]
fn steps_that_are_too_long_are_counted_and_the_chains_stay() {
    let folder = tempfile::tempdir().unwrap();
    let long = ["--target", "funnel", "--kernel", "hmc", "--step-size", "1.5", "--leapfrog", "20"];
    let said = sample(
        folder.path(),
        &[&long[..], &["--chains", "20", "--draws", "200", "--out", "a.zarr"]].concat(),
    );
    assert!(100 < said["test"]["divergences"].as_u64().unwrap(), "{said}");
    let flags = fs::read(folder.path().join("a.zarr/sample_stats/diverging/0.0")).unwrap();
    // none was left out: of every step there is a draw
    let flagged = flags.iter().filter(|flag| **flag == 1).count();
    assert_eq!((flags.len(), said["test"]["divergences"].as_u64()), (20 * 200, Some(flagged as u64)));
}

#[test]
fn rows_of_a_trained_network_are_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let train = ["train", "two-moons", "--steps", "20", "--out", "run", "--backend", "flex"];
    let output = ebm(&train).current_dir(at).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    sample(at, &["run", "--n", "7", "--out", "rows.csv"]);
    let table = fs::read_to_string(at.join("rows.csv")).unwrap();
    assert_eq!((table.lines().next(), table.lines().count()), (Some("x0,x1"), 8));
    let refused = ebm(&["sample", "run", "--out", "rows.zarr"]).current_dir(at).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains(".zarr stores chains"), "{}", stderr(&refused));
}

#[test]
fn what_a_kernel_cannot_do_is_answered_with_what_can() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], parts: &[&str]| {
        let output =
            ebm(&["sample", "--target"]).args(arguments).current_dir(folder.path()).output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        parts.iter().for_each(|part| assert!(message.contains(part), "{arguments:?}: {message}"));
    };
    refused(
        &["banana", "--kernel", "probability-flow"],
        &[
            "banana is not known",
            "mala, hmc, parallel-tempering",
            "gaussian, correlated, two-modes, eight-modes",
        ],
    );
    refused(&["gaussian", "--kernel", "reverse-diffusion", "--burn-in", "9"], &["--burn-in is for chains"]);
    refused(&["gaussian", "--kernel", "annealed-mala", "--adapt"], &["--adapt is for chains"]);
    refused(&["gaussian", "--kernel", "parallel-tempering", "--adapt"], &["--sampler mala or hmc"]);
    refused(
        &["gaussian", "--kernel", "preconditioned-langevin"],
        &["--set preconditioned.variances=", "--adapt"],
    );
    refused(
        &["gaussian", "--kernel", "preconditioned-langevin", "--set", "preconditioned.variances=[1.0]"],
        &["expected 2 numbers, found 1"],
    );
    refused(
        &["gaussian", "--kernel", "parallel-tempering", "--set", "tempering.temperatures=[2.0, 3.0]"],
        &["temperature 0: expected 1, found 2"],
    );
    refused(&["gaussian", "--kernel", "underdamped", "--set", "underdamped.friction=0"], &["friction"]);
    refused(&["gaussian", "--kernel", "stochastic-heun", "--set", "heun.churn=-1"], &["churn"]);
    refused(&["gaussian", "--set", "speed=3"], &["there is no key speed; known here: chain, heun, langevin"]);
    refused(&["gaussian", "--plots", "plots.gif"], &["extension must be .png"]);
    refused(&["gaussian", "--plots", "plots.foo"], &["extension must be .png or .svg"]);
    refused(&["gaussian", "--out", "one.png", "--plots", "one.png"], &["the same file"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
}
