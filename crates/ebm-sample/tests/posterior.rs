//! A real posterior against its exact moments, where the reference files are at hand.

use std::path::{Path, PathBuf};

use ebm_ops::Noise;
use ebm_sample::diagnostics::{ess_mean, mcse_mean, r_hat};
use ebm_sample::{Hmc, WarmUp, slices::SliceChains};
use serde_json::Value;

/// The folder of reference posteriors beside the workspace or above it.
#[allow(clippy::print_stderr, reason = "a test that was not made says so")]
fn reference() -> Option<PathBuf> {
    let folder = |above: &Path| above.join("shared/reference/posteriordb");
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(folder).find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("skipped: no shared/reference/posteriordb beside the workspace");
    }
    found
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Rubin's eight schools: y_j ~ N(θ_j, σ_j), θ_j = μ + τ z_j, z_j ~ N(0, 1), μ ~ N(0, 5), τ half-Cauchy with
/// scale 5; the coordinates are z_1 … z_8, μ and log τ.
struct EightSchools {
    y: Vec<f64>,
    sigma: Vec<f64>,
}

impl EightSchools {
    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (z, mu, tau) = (&x[..8], x[8], x[9].exp());
        let ratio = (tau / 5.0).powi(2);
        let mut value = -mu * mu / 50.0 - ratio.ln_1p() + x[9];
        (gradient[8], gradient[9]) = (-mu / 25.0, 1.0 - 2.0 * ratio / (1.0 + ratio));
        for j in 0..8 {
            let residual = (self.y[j] - mu - tau * z[j]) / self.sigma[j];
            let pull = residual / self.sigma[j];
            value -= 0.5 * (residual * residual + z[j] * z[j]);
            gradient[j] = pull * tau - z[j];
            gradient[8] += pull;
            gradient[9] += pull * tau * z[j];
        }
        value
    }

    /// θ_1 … θ_8, μ and τ.
    fn constrained(x: &[f64]) -> Vec<f64> {
        let (mu, tau) = (x[8], x[9].exp());
        x[..8].iter().map(|z| mu + tau * z).chain([mu, tau]).collect()
    }
}

#[test]
fn a_warm_chain_on_the_eight_schools_has_their_exact_means() {
    let Some(folder) = reference() else { return };
    let data = json(folder.join("data/eight_schools.json"));
    let schools = EightSchools { y: numbers(&data["y"]), sigma: numbers(&data["sigma"]) };
    let name = "eight_schools-eight_schools_noncentered.json";

    // the density is that of the reference, value and gradient
    let points = json(folder.join("logp").join(name));
    let mut first = None;
    for point in points["points"].as_array().unwrap() {
        let mut gradient = [0.0; 10];
        let value = schools.log_density(&numbers(&point["unconstrained"]), &mut gradient);
        let first = *first.get_or_insert(value);
        let expected = point["lp_minus_lp0"].as_f64().unwrap();
        assert!((value - first - expected).abs() < 1e-10, "{} against {expected}", value - first);
        for (found, expected) in gradient.iter().zip(numbers(&point["grad"])) {
            assert!((found - expected).abs() < 1e-10, "{found} against {expected}");
        }
    }

    let exact = numbers(&json(folder.join("summary").join(name))["exact"]["mean"]);
    let (n_chains, noise) = (8, Noise::seeded(131));
    let starts = (0..n_chains).map(|c| noise.derive("start").child(c).normals_f64(10)).collect();
    let density = |x: &[f64], gradient: &mut [f64]| schools.log_density(x, gradient);
    let chains = SliceChains::start(density, Hmc::new(0.1, 8).unwrap(), starts, noise.derive("chains"));
    let (chains, report) = WarmUp::new(500).unwrap().run_on_slices(chains).unwrap();
    assert!((0.6..0.95).contains(&report.acceptance), "{report:?}");

    let mut draws = vec![vec![vec![]; n_chains as usize]; 10];
    for draw in chains.take(4000) {
        for (chain, position) in draw.positions.iter().enumerate() {
            for (i, x) in EightSchools::constrained(position).into_iter().enumerate() {
                draws[i][chain].push(x);
            }
        }
    }
    for (i, (chains, exact)) in draws.iter().zip(exact).enumerate() {
        let total = (n_chains * 4000) as f64;
        let mean = chains.iter().flatten().sum::<f64>() / total;
        let z = (mean - exact) / mcse_mean(chains);
        assert!(z.abs() < 5.0, "{i}: {mean} against {exact}, {z} standard errors");
        assert!(r_hat(chains) < 1.01 && 1000.0 < ess_mean(chains), "{i}: {} draws", ess_mean(chains));
    }
}
