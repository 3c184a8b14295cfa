//! Microcanonical Langevin dynamics without a test, whose bias on a normal law in many dimensions is known.

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Chain, Integrator, Mclmc};

use super::report::{Row, Section, errors};

const DIM: usize = 500;

/// λ of the integrator of minimal norm.
const LAMBDA: f64 = 0.193_183_327_503_783_6;

/// Where `f`, below 0 at `low`, changes its sign before `high`.
fn root(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if f(middle) < 0.0 { low = middle } else { high = middle }
    }
    low
}

/// The stationary variance r² on N(0, I) in many dimensions, where ‖x‖²/d, x·u/√d and ‖u‖² are their means.
///
/// A step of time h is symmetric, and a refresh shrinks x·u, so that it meets x·u = 0. From there kicks and drifts lead to
/// the middle of the step, where x·u is 0 again: a kick of time t turns c = x·u/‖x‖ into tanh(artanh c − t r), a drift adds
/// t to x·u and what belongs to it to ‖x‖².
fn stationary_variance(integrator: Integrator, h: f64) -> f64 {
    let r = match integrator {
        // the middle is that of the drift: r tanh(½hr) = ½h
        Integrator::Leapfrog => root(0.5, 4.0, |r| (0.5 * h * r).tanh() - 0.5 * h / r),
        // the middle is that of the kick between the drifts
        Integrator::MinimalNorm => root(0.5, 4.0, |r| {
            let product = -r * (LAMBDA * h * r).tanh();
            let middle = (r * r + h * product + 0.25 * h * h).sqrt();
            ((0.5 - LAMBDA) * h * middle).tanh() - (product + 0.5 * h) / middle
        }),
    };
    r * r
}

/// The table, of `n` chains.
pub fn section(n: usize, noise: &Noise) -> Section {
    let law = Gaussian::standard(DIM);
    let row = |(integrator, h): (Integrator, f64)| {
        let start = law.sample(n, &mut noise.derive("start"), &Device::flex());
        let kernel = Mclmc::new(h).expect("a step").with_integrator(integrator);
        let last = Chain::start(&law, kernel, start, noise.derive("chain")).nth(39).expect("a step").position;
        let squares = last.into_data().iter::<f64>().map(|x| x * x).sum::<f64>();
        let found = squares / (n * DIM) as f64;
        let (exact, error) = (stationary_variance(integrator, h), (2.0 / (n * DIM) as f64).sqrt());
        // the limit of many dimensions is off by some 1/d of the bias
        let of_limit = 4.0 * (exact - 1.0).abs() / DIM as f64;
        let z = (found - exact).abs() / (error + of_limit);
        let (from_target, bias) = ((found - 1.0).abs() / error, (exact - 1.0).abs() / error);
        let name = match integrator {
            Integrator::Leapfrog => "leapfrog",
            Integrator::MinimalNorm => "minimal norm",
        };
        let [found, exact] = [found, exact].map(|variance| format!("{variance:.4}"));
        let cells = vec![
            format!("MCLMC, {name}, h = {h}"),
            found,
            exact,
            errors(z),
            errors(from_target),
            errors(bias),
        ];
        Row::new(cells, z < 5.0 && (bias < 10.0 || 5.0 < from_target))
    };
    let steps = [0.25, 0.5, 1.0].map(|h| (Integrator::Leapfrog, h));
    let longer = [0.5, 1.0, 2.0].map(|h| (Integrator::MinimalNorm, h));
    Section {
        title: "The bias of microcanonical dynamics is the known one",
        about: format!(
            "{n} chains of 40 steps from exact draws of N(0, I) in {DIM} dimensions: their variance against the stationary one in \
             the limit of many dimensions, in standard errors (less than 5 is wanted), then how far it is from the target's 1 \
             and how far it should be: where that is 10 or more, 5 have to be seen. Leapfrog steps have r² with \
             tanh(½hr) = h/(2r), that is 1 + h²/12 + O(h⁴), and the minimal norm 1 − 0.0108 h² + O(h⁴)."
        ),
        header: &["kernel", "variance", "known", "error", "from the target's", "its bias"],
        rows: steps.into_iter().chain(longer).map(row).collect(),
    }
}
