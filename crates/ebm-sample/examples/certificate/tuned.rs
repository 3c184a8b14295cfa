//! Kernels that tune themselves, on a normal law in 100 dimensions of condition number 1,000.

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::diagnostics::{ess_mean, r_hat};
use ebm_sample::{Chain, Chees, Draw, Hmc, Mamclmc, MamclmcWarmUp, Mclmc, MclmcWarmUp};

use super::report::{Row, Section, errors};

const DIM: usize = 100;

const N_CHAINS: usize = 16;

const WARM_UP: usize = 1500;

/// What a chain is asked for.
struct Asked {
    kernel: String,
    /// Evaluations of the score for each draw, on average.
    cost: f64,
    n_draws: usize,
    thinning: usize,
    /// By how much a variance may be off, as a share.
    bias: f64,
}

/// Variances from 1/√1000 to √1000 by equal factors.
fn variance(i: usize) -> f64 {
    1000f64.powf(i as f64 / (DIM - 1) as f64 - 0.5)
}

/// Along the axes, or with coordinates i and 99 − i turned by 45°, so that no diagonal mass helps much.
fn target(is_turned: bool) -> Gaussian {
    if !is_turned {
        return Gaussian::diagonal(vec![0.0; DIM], (0..DIM).map(variance).collect()).expect("variances");
    }
    let mut rows = vec![vec![0.0; DIM]; DIM];
    for (i, row) in rows.iter_mut().enumerate() {
        let pair = DIM - 1 - i;
        row[i] = 0.5 * (variance(i) + variance(pair));
        row[pair] = 0.5 * (variance(i.max(pair)) - variance(i.min(pair)));
    }
    Gaussian::new(vec![0.0; DIM], &rows).expect("a covariance")
}

/// The variance of a coordinate of [`target`].
fn exact(i: usize, is_turned: bool) -> f64 {
    if is_turned { 0.5 * (variance(i) + variance(DIM - 1 - i)) } else { variance(i) }
}

/// Draws, and how their means and variances are: a row.
fn row<I>(asked: &Asked, is_turned: bool, chain: impl Iterator<Item = Draw<I>>) -> Row {
    let mut draws = vec![vec![vec![]; N_CHAINS]; DIM];
    for draw in chain.step_by(asked.thinning).take(asked.n_draws) {
        for (k, x) in draw.position.into_data().iter::<f64>().enumerate() {
            draws[k % DIM][k / DIM].push(x);
        }
    }
    let (mut worst_z, mut worst_r_hat, mut least_ess) = (0f64, 1f64, f64::INFINITY);
    for (i, chains) in draws.iter().enumerate() {
        let variance = exact(i, is_turned);
        let squares: Vec<Vec<f64>> = chains.iter().map(|x| x.iter().map(|x| x * x).collect()).collect();
        let of_squares = (2.0 * variance * variance, asked.bias * variance);
        for (values, mean, (spread, bias)) in
            [(chains, 0.0, (variance, 0.0)), (&squares, variance, of_squares)]
        {
            let n = (N_CHAINS * asked.n_draws) as f64;
            let found = values.iter().flatten().sum::<f64>() / n;
            let ess = ess_mean(values);
            worst_z = worst_z.max((found - mean).abs() / (spread / ess + bias * bias).sqrt());
            worst_r_hat = worst_r_hat.max(r_hat(values));
            least_ess = least_ess.min(ess);
        }
    }
    let evaluations = asked.cost * (N_CHAINS * asked.n_draws * asked.thinning) as f64;
    let along = if is_turned { "pairs turned by 45°" } else { "along the axes" };
    let every = if asked.thinning == 1 { String::new() } else { format!(", every {}th", asked.thinning) };
    let cells = vec![
        along.into(),
        asked.kernel.clone(),
        format!("{N_CHAINS} × {}{every}", asked.n_draws),
        errors(worst_z),
        format!("{worst_r_hat:.4}"),
        format!("{least_ess:.0}"),
        format!("{:.2}", 1000.0 * least_ess / evaluations),
    ];
    Row::new(cells, worst_z < 5.0 && worst_r_hat < 1.01 && 1000.0 <= least_ess)
}

/// The table, with draws divided by `fewer`.
pub fn section(fewer: usize, noise: &Noise) -> Section {
    let mut rows = vec![];
    for is_turned in [false, true] {
        let law = target(is_turned);
        let start = || noise.derive("start").normal::<2>([N_CHAINS, DIM], &Device::flex());
        let n_draws = 2000 / fewer;
        let mut noise = noise.derive("chain");

        let warm = Chees::new(WARM_UP).expect("steps");
        let plain = Hmc::new(0.05, 10).expect("a trajectory");
        let tuned = warm.run(&law, &plain, start(), &mut noise).expect("finite starts");
        let most = tuned.kernel.n_leapfrog();
        let kernel = format!("ChEES: ε = {:.3}, L ≤ {most}", tuned.kernel.step_size());
        let asked = Asked { kernel, cost: 0.5 * (1 + most) as f64, n_draws, thinning: 1, bias: 0.0 };
        rows.push(row(&asked, is_turned, Chain::resume(&law, tuned.kernel, tuned.state, noise.derive("1"))));

        let (warm, plain) =
            (MamclmcWarmUp::new(WARM_UP).expect("steps"), Mamclmc::new(0.05).expect("a step"));
        let tuned = warm.run(&law, &plain, start(), &mut noise).expect("finite starts");
        let most = tuned.kernel.n_steps();
        let kernel = format!("MAMCLMC: h = {:.3}, N ≤ {most}", tuned.kernel.step_size());
        let cost = 0.5 * (1 + most) as f64 * tuned.kernel.integrator().evaluations() as f64;
        let asked = Asked { kernel, cost, n_draws, thinning: 1, bias: 0.0 };
        rows.push(row(&asked, is_turned, Chain::resume(&law, tuned.kernel, tuned.state, noise.derive("2"))));

        let warm = MclmcWarmUp::new(2 * WARM_UP).expect("steps");
        let tuned =
            warm.run(&law, &Mclmc::new(0.05).expect("a step"), start(), &mut noise).expect("finite starts");
        let (h, length) = (tuned.kernel.step_size(), tuned.kernel.length());
        let kernel = format!("MCLMC: h = {h:.3}, ℓ = {length:.2}");
        let cost = tuned.kernel.integrator().evaluations() as f64;
        let thinning = if is_turned { 40 } else { 10 };
        let asked = Asked { kernel, cost, n_draws, thinning, bias: 0.02 };
        rows.push(row(&asked, is_turned, Chain::resume(&law, tuned.kernel, tuned.state, noise.derive("3"))));
    }
    Section {
        title: "Kernels that tune themselves, at condition number 1,000",
        about: format!(
            "A normal law in {DIM} dimensions with variances from 0.03 to 32, along the axes, and with pairs of coordinates turned by \
             45°, where no diagonal mass helps. Each kernel from N(0, I) with its own warm-up ({WARM_UP} trajectories, or twice as \
             many steps of MCLMC): the largest distance of a mean or variance from the exact one, in standard errors (wanted below \
             5), the largest R̂ (below 1.01), and the least effective sample size of x and x² (1,000 or more), in all and of \
             1,000 evaluations of the score. MCLMC has a bias, of which 2 % of a variance are added to its errors."
        ),
        header: &["law", "kernel", "chains × draws", "worst z", "worst R̂", "least ESS", "of 1,000 scores"],
        rows,
    }
}
