//! Diagnostics against the numbers of R's posterior and of Stan, where the reference files are at hand.

use std::path::{Path, PathBuf};

use ebm_sample::diagnostics::{
    ess_basic, ess_bulk, ess_mean, ess_quantile, ess_sd, ess_tail, mcse_mean, mcse_quantile, mcse_sd, r_hat,
    r_hat_basic, split_r_hat,
};

/// The folder of reference chains beside the workspace or above it.
#[allow(clippy::print_stderr, reason = "a test that was not made says so")]
fn reference() -> Option<PathBuf> {
    let folder = |above: &Path| above.join("shared/reference/posteriordb/diagnostics");
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(folder).find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("skipped: no shared/reference/posteriordb/diagnostics beside the workspace");
    }
    found
}

/// Rows of a table with a header, without quotes.
fn table(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let text = std::fs::read_to_string(path).unwrap();
    let cells =
        |line: &str| line.split(',').map(|cell| cell.trim_matches('"').to_owned()).collect::<Vec<_>>();
    let mut lines = text.lines().map(cells);
    (lines.next().unwrap(), lines.collect())
}

/// The draws of a variable, `[chain][draw]`; numbers may be written `np.float64(1.5)`.
fn chains(path: &Path, variable: &str) -> Vec<Vec<f64>> {
    let (header, rows) = table(path);
    let column = header.iter().position(|name| name == variable).unwrap();
    let mut chains = Vec::new();
    for row in rows {
        let chain: usize = row[0].parse().unwrap();
        chains.resize(chains.len().max(chain), vec![]);
        let number = row[column].trim_start_matches("np.float64(").trim_end_matches(')');
        chains[chain - 1].push(number.parse().unwrap());
    }
    chains
}

#[test]
fn on_the_blocker_chains_every_number_is_that_of_posterior() {
    let Some(folder) = reference() else { return };
    let draws = folder.join("blocker_2x1000.csv");
    let (names, rows) = table(&folder.join("blocker_reference_posterior_R_0.1.2.csv"));
    let (variables, _) = table(&draws);
    let mut n_compared = 0;
    for row in rows.iter().filter(|row| variables.contains(&row[0])) {
        let chains = chains(&draws, &row[0]);
        for (name, expected) in names.iter().zip(row).skip(1) {
            let found = match name.as_str() {
                "rhat_rank" => r_hat(&chains),
                "rhat_raw" => r_hat_basic(&chains),
                "ess_bulk" => ess_bulk(&chains),
                "ess_tail" => ess_tail(&chains),
                "ess_mean" => ess_mean(&chains),
                "ess_sd" => ess_sd(&chains),
                "ess_median" => ess_quantile(&chains, 0.5),
                "ess_raw" => ess_basic(&chains),
                "ess_quantile01" => ess_quantile(&chains, 0.01),
                "ess_quantile10" => ess_quantile(&chains, 0.1),
                "ess_quantile30" => ess_quantile(&chains, 0.3),
                "mcse_mean" => mcse_mean(&chains),
                "mcse_sd" => mcse_sd(&chains),
                "mcse_median" => mcse_quantile(&chains, 0.5),
                "mcse_quantile01" => mcse_quantile(&chains, 0.01),
                "mcse_quantile10" => mcse_quantile(&chains, 0.1),
                "mcse_quantile30" => mcse_quantile(&chains, 0.3),
                other => panic!("a statistic of another name: {other}"),
            };
            let expected: f64 = expected.parse().unwrap();
            assert!(
                (found - expected).abs() <= 1e-8 * (1.0 + expected.abs()),
                "{} {name}: {found} against {expected}",
                row[0]
            );
            n_compared += 1;
        }
    }
    assert_eq!(n_compared, 11 * 17);
}

#[test]
fn on_the_bernoulli_chains_the_numbers_are_those_of_stan() {
    let Some(folder) = reference() else { return };
    let text = std::fs::read_to_string(folder.join("bern_expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tolerance = |name: &str| expected["tolerances"][name].as_f64().unwrap();
    for variable in ["lp__", "theta"] {
        let chains = chains(&folder.join("bern_4x1000.csv"), variable);
        let near = |name: &str, found: f64, tolerance: f64| {
            let expected = expected[variable][name].as_f64().unwrap();
            assert!((found - expected).abs() <= tolerance, "{variable} {name}: {found} against {expected}");
        };
        near("rhat_rank", r_hat(&chains), tolerance("rhat_rank"));
        near("ess_bulk", ess_bulk(&chains), tolerance("ess_bulk"));
        near("ess_tail", ess_tail(&chains), tolerance("ess_tail"));
        near("mcse_mean", mcse_mean(&chains), tolerance("mcse"));
        near("rhat_split_basic", split_r_hat(&chains), tolerance("rhat_split_basic"));
        near("ess_basic_nosplit", ess_basic(&chains), tolerance("ess_basic_nosplit"));
    }
}
