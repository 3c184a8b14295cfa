//! Kernels on normal distributions, whose moments are known: biases where there are some, and identities.

use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_model::{Gaussian, Score, Skewed};
use ebm_ops::Noise;
use ebm_sample::{Chain, Hmc, Kernel, Langevin, Mala, Mass, State, Underdamped};

use super::report::{Row, Section, errors};

/// The largest distances of found means and variances from exact ones, in standard errors.
#[derive(Clone, Copy, Debug)]
struct Worst {
    mean: f64,
    variance: f64,
    /// How far the variances are from the target's own, and how far they should be.
    from_target: f64,
    bias: f64,
}

impl Worst {
    /// Whether the exact distribution fits, and the target's own does not where the two differ enough to tell.
    fn holds(&self) -> bool {
        self.mean < 5.0 && self.variance < 5.0 && (self.bias < 10.0 || 5.0 < self.from_target)
    }
}

/// Variances of the coordinates of the target.
fn variances(dim: usize) -> Vec<f64> {
    // from 0.5 to 5, by equal factors
    let of = |i: usize| 0.5 * 10f64.powf(i as f64 / (dim.max(2) - 1) as f64);
    (0..dim).map(of).collect()
}

fn target(dim: usize) -> Gaussian {
    let diagonal = variances(dim);
    let row = |i: usize| (0..dim).map(|j| if i == j { diagonal[i] } else { 0.0 }).collect();
    Gaussian::new(vec![1.0; dim], &(0..dim).map(row).collect::<Vec<_>>()).expect("a law")
}

/// What n independent rows `x`, `[n, dim]`, are from rows of independent normal coordinates.
fn compare(x: Tensor<2>, means: &[f64], exact: &[f64], unbiased: &[f64]) -> Worst {
    let [n, dim] = x.dims();
    let rows: Vec<f64> = x.into_data().iter::<f64>().collect();
    let mut worst = Worst { mean: 0.0, variance: 0.0, from_target: 0.0, bias: 0.0 };
    for i in 0..dim {
        let column = || rows.iter().skip(i).step_by(dim);
        let mean = column().sum::<f64>() / n as f64;
        let variance = column().map(|x| (x - mean).powi(2)).sum::<f64>() / (n as f64 - 1.0);
        let relative = (2.0 / n as f64).sqrt();
        let larger = |a: f64, b: f64| if b.is_nan() { f64::INFINITY } else { a.max(b) };
        worst.mean = larger(worst.mean, (mean - means[i]).abs() / (exact[i] / n as f64).sqrt());
        worst.variance = larger(worst.variance, (variance / exact[i] - 1.0).abs() / relative);
        worst.from_target = larger(worst.from_target, (variance / unbiased[i] - 1.0).abs() / relative);
        worst.bias = worst.bias.max((exact[i] / unbiased[i] - 1.0).abs() / relative);
    }
    worst
}

/// The distributions of unadjusted and underdamped Langevin dynamics from `n` chains.
pub fn laws(n: usize, noise: &Noise) -> Section {
    let mut rows = Vec::new();
    for dim in [1, 10] {
        for eta in [0.02, 0.05, 0.1, 0.2, 0.4] {
            for n_steps in [5, 200] {
                let worst = unadjusted(n, dim, eta, n_steps, noise);
                let kernel = format!("Langevin, η = {eta}");
                rows.push(row(kernel, dim, n_steps, worst));
            }
        }
        for h in [0.1, 0.3, 0.6, 0.9, 1.2] {
            let [position, momentum] = underdamped(n, dim, h, noise);
            rows.push(row(format!("BAOAB, h = {h}: position"), dim, 150, position));
            rows.push(row(format!("BAOAB, h = {h}: momentum"), dim, 150, momentum));
        }
    }
    Section {
        title: "The bias is the known one",
        about: format!(
            "{n} chains on a normal law with mean 1 and variances between 0.5 and 5. Means and variances after a \
             number of steps against the exact law of the discretised dynamics, in standard errors, the worst of the \
             coordinates; less than 5 is wanted. From a point, x = 3, 5 steps show the transient, and from the target \
             200 steps the stationary law. Then how far the variance is from the target's own and how far it should be: \
             where that is 10 or more, 5 have to be seen. BAOAB has no bias in the position."
        ),
        header: &["kernel", "dim", "steps", "mean", "variance", "from the target's", "its bias"],
        rows,
    }
}

fn row(kernel: String, dim: usize, n_steps: usize, worst: Worst) -> Row {
    let figures = [worst.mean, worst.variance, worst.from_target, worst.bias].map(errors);
    Row::new([&[kernel, dim.to_string(), n_steps.to_string()], &figures[..]].concat(), worst.holds())
}

/// With a = 1 − η/v, after k steps: mean μ + aᵏ(x₀ − μ), variance v∞(1 − a²ᵏ) + a²ᵏv₀, v∞ = v/(1 − η/(2v)).
fn unadjusted(n: usize, dim: usize, eta: f64, n_steps: usize, noise: &Noise) -> Worst {
    let (law, from_point) = (target(dim), n_steps < 50);
    let start = match from_point {
        true => Tensor::full([n, dim], 3.0, &Device::flex()),
        false => law.sample(n, &mut noise.derive("start"), &Device::flex()),
    };
    let kernel = Langevin::new(eta).expect("a step");
    let last = Chain::start(&law, kernel, start, noise.derive("langevin")).nth(n_steps - 1);
    let variances = variances(dim);
    let power = |v: &f64| (1.0 - eta / v).powi(n_steps as i32);
    let mean = |v: &f64| if from_point { 1.0 + 2.0 * power(v) } else { 1.0 };
    let variance = |v: &f64| {
        let (stationary, rest) = (v / (1.0 - 0.5 * eta / v), power(v).powi(2));
        stationary * (1.0 - rest) + if from_point { 0.0 } else { rest * v }
    };
    let means: Vec<f64> = variances.iter().map(mean).collect();
    let exact: Vec<f64> = variances.iter().map(variance).collect();
    compare(last.expect("a step").position, &means, &exact, &variances)
}

/// The position has the target's variance v, the momentum 1 − h²/(4v).
fn underdamped(n: usize, dim: usize, h: f64, noise: &Noise) -> [Worst; 2] {
    let law = target(dim);
    let variances = variances(dim);
    let momentum: Vec<f64> = variances.iter().map(|v| 1.0 - h * h / (4.0 * v)).collect();
    let (kernel, device) = (Underdamped::new(h, 2.0 / h).expect("a step"), Device::flex());
    // from the stationary distribution itself, which it leaves as it is
    let position = law.sample(n, &mut noise.derive("start"), &device);
    let roots: Vec<f32> = momentum.iter().map(|v| v.sqrt() as f32).collect();
    let z = noise.derive("momentum").normal([n, dim], &device);
    let mut state = kernel.init(&law, position);
    state.memo.momentum = z * Tensor::<1>::from_floats(roots.as_slice(), &device).unsqueeze_dim::<2>(0);
    let mut noise = noise.derive("underdamped");
    for _ in 0..150 {
        state = kernel.step(&law, state, &mut noise).0;
    }
    let State { position, memo } = state;
    [
        compare(position, &vec![1.0; dim], &variances, &variances),
        compare(memo.momentum, &vec![0.0; dim], &momentum, &vec![1.0; dim]),
    ]
}

/// Identities in double precision, to 10⁻¹², and one to a standard error.
pub fn identities(n: usize, noise: &Noise) -> Section {
    let worst = |name: String, error: f64| {
        Row::new(vec![name, format!("{error:.1e}"), "1e-12".into()], error <= 1e-12)
    };
    let mut rows = Vec::new();
    for n_leapfrog in [1, 2, 7, 40] {
        let [position, energy] = rotation(n_leapfrog, noise);
        rows.push(worst(format!("leapfrog is a rotation, L = {n_leapfrog}: x_L"), position));
        rows.push(worst(format!("leapfrog, L = {n_leapfrog}: ΔH = ε²ω⁴/8 (x_L² − x₀²)"), energy));
    }
    rows.push(worst("MALA: log ratio η/4 (‖Λ(x − μ)‖² − ‖Λ(y − μ)‖²)".into(), ratio(noise)));
    rows.push(worst("HMC with L = 1 is MALA with η = ε²/2".into(), one_step(noise)));
    let (mean, standard_error) = mean_ratio(n, noise);
    let z = (mean - 1.0).abs() / standard_error;
    let cells =
        vec![format!("E exp(−ΔH) = 1, {n} draws"), format!("{} standard errors", errors(z)), "5".into()];
    rows.push(Row::new(cells, z < 5.0));
    Section {
        title: "Identities hold to rounding",
        about: "In double precision, the largest error relative to 1 + |exact|: on normal laws, and the last on the law of \
                eˣ − x in three dimensions."
            .into(),
        header: &["identity", "largest error", "wanted"],
        rows,
    }
}

fn doubles(rows: Vec<f64>, dim: usize) -> Tensor<2> {
    let n = rows.len() / dim;
    Tensor::from_data(TensorData::new(rows, [n, dim]), (&Device::flex(), DType::F64))
}

fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().iter::<f64>().collect()
}

/// The largest error of `found`, relative to 1 + |exact|.
fn largest(found: &[f64], exact: &[f64]) -> f64 {
    assert_eq!(found.len(), exact.len());
    let error = |(f, e): (&f64, &f64)| (f - e).abs() / (1.0 + e.abs());
    found.iter().zip(exact).map(error).fold(0.0, f64::max)
}

/// The exact rotation of a harmonic oscillator by leapfrog steps: x_L of the accepted rows, and ΔH of all.
fn rotation(n_leapfrog: usize, noise: &Noise) -> [f64; 2] {
    let (sigma, epsilon): (f64, f64) = (1.7, 0.6);
    let law = Gaussian::isotropic(vec![0.0], sigma * sigma).expect("a law");
    let x = doubles(noise.derive("rotation").normals_f64(50), 1);
    let momentum = numbers(noise.derive("step").normal_like(&x));
    let kernel = Hmc::new(epsilon, n_leapfrog).expect("a trajectory").with_fixed_length();
    let (end, info) = kernel.step(&law, kernel.init(&law, x.clone()), &mut noise.derive("step"));

    let square = (epsilon / sigma).powi(2);
    let angle = (1.0 - 0.5 * square).acos() * n_leapfrog as f64;
    let g = (1.0 - 0.25 * square).sqrt() / sigma;
    let place = |(x, p): (&f64, &f64)| x * angle.cos() + p / g * angle.sin();
    let x = numbers(x);
    let ends: Vec<f64> = x.iter().zip(&momentum).map(place).collect();
    let error = |(end, x): (&f64, &f64)| square / (8.0 * sigma * sigma) * (end * end - x * x);
    let energies: Vec<f64> = ends.iter().zip(&x).map(error).collect();
    let accepted = info.accepted.into_data().iter::<bool>().collect::<Vec<_>>();
    assert!(accepted.iter().filter(|accepted| **accepted).count() > 25, "most are accepted");
    let exact = |row: usize| if accepted[row] { ends[row] } else { x[row] };
    let exact: Vec<f64> = (0..x.len()).map(exact).collect();
    [largest(&numbers(end.position), &exact), largest(&numbers(info.energy_error), &energies)]
}

fn tilted() -> Gaussian {
    Gaussian::new(vec![1.0, -2.0], &[vec![2.0, 0.6], vec![0.6, 0.5]]).expect("a law")
}

fn ratio(noise: &Noise) -> f64 {
    let (law, eta) = (tilted(), 0.4);
    let x = doubles(noise.derive("ratio").normals_f64(100), 2);
    let kernel = Mala::new(eta).expect("a step");
    let (_, info) = kernel.step(&law, kernel.init(&law, x.clone()), &mut noise.derive("step"));
    let z = noise.derive("step").normal_like(&x);
    let y = x.clone() + law.score(x.clone()) * eta + z * (2.0 * eta).sqrt();
    let square = |x: Tensor<2>| law.score(x).square().sum_dim(1);
    let exact = numbers((square(x) - square(y)) * (0.25 * eta));
    largest(&numbers(info.energy_error.neg()), &exact)
}

fn one_step(noise: &Noise) -> f64 {
    let (law, epsilon) = (tilted(), 0.9);
    let mass = Mass::from_variances(vec![3.0, 0.5]).expect("a mass");
    let hmc = Hmc::new(epsilon, 1).expect("a trajectory").with_mass(mass.clone());
    let mala = Mala::new(0.5 * epsilon * epsilon).expect("a step").with_mass(mass);
    let x = doubles(noise.derive("one step").normals_f64(100), 2);
    let (left, by_hmc) = hmc.step(&law, hmc.init(&law, x.clone()), &mut noise.derive("step"));
    let (right, by_mala) = mala.step(&law, mala.init(&law, x), &mut noise.derive("step"));
    let positions = largest(&numbers(left.position), &numbers(right.position));
    positions.max(largest(&numbers(by_hmc.energy_error), &numbers(by_mala.energy_error)))
}

/// The mean of exp(−ΔH) over trajectories from exact draws, and its standard error.
fn mean_ratio(n: usize, noise: &Noise) -> (f64, f64) {
    let (law, kernel) = (Skewed::new(3).expect("a law"), Hmc::new(0.3, 4).expect("a trajectory"));
    let draws = law.sample(n, &mut noise.derive("ratios"), &Device::flex()).cast(DType::F64);
    let (_, info) = kernel.step(&law, kernel.init(&law, draws), &mut noise.derive("step"));
    let ratios: Vec<f64> = numbers(info.energy_error).iter().map(|error| (-error).exp()).collect();
    let mean = ratios.iter().sum::<f64>() / n as f64;
    let variance = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / n as f64;
    (mean, (variance / n as f64).sqrt())
}
