//! Chains on energies that are no numbers somewhere.

use burn::tensor::{Device, Tensor};
use ebm_ops::Noise;
use ebm_sample::slices::{SliceChains, SliceEnergy, SliceKernel};
use ebm_sample::{Chain, Hmc, Kernel, Mala, MetropolisInfo};

use super::report::{Row, Section};

/// Where the numbers end.
const RADIUS: f64 = 1.2;

const N_CHAINS: usize = 100;

const N_STEPS: usize = 100;

/// log density and gradient beyond the radius.
const KINDS: [(f64, f64); 6] = [
    (f64::NAN, f64::NAN),
    (f64::NAN, 0.0),
    (f64::NEG_INFINITY, 0.0),
    (f64::INFINITY, 0.0),
    (0.0, f64::NAN),
    (0.0, f64::INFINITY),
];

/// N(0, I) within the radius; beyond it these two numbers.
fn fenced(log_density: f64, slope: f64) -> impl Fn(&[f64], &mut [f64]) -> f64 + Sync + Copy {
    move |x, gradient| {
        let square = x.iter().map(|x| x * x).sum::<f64>();
        let within = square <= RADIUS * RADIUS;
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = if within { -x } else { slope });
        if within { -0.5 * square } else { log_density }
    }
}

/// What chains did, step by step.
#[derive(Default)]
struct Seen {
    n_flagged: usize,
    /// Positions that were no numbers or beyond the radius.
    n_outside: usize,
    /// Flagged steps after which the chain was not where it had been.
    n_moved: usize,
    n_steps: usize,
}

impl Seen {
    fn add(&mut self, before: &[f64], after: &[f64], flagged: bool) {
        self.n_steps += 1;
        self.n_flagged += usize::from(flagged);
        self.n_moved += usize::from(flagged && before != after);
        let within = after.iter().map(|x| x * x).sum::<f64>().sqrt() <= RADIUS + 1e-6;
        self.n_outside += usize::from(!within);
    }

    fn row(&self, kernel: &str, kind: (f64, f64)) -> Row {
        let kind = format!("log p = {}, ∇ = {}", kind.0, kind.1);
        let counts = [self.n_steps, self.n_flagged, self.n_moved, self.n_outside].map(|n| n.to_string());
        let holds = 0 < self.n_flagged && self.n_moved == 0 && self.n_outside == 0;
        Row::new([&[kernel.into(), kind], &counts[..]].concat(), holds)
    }
}

/// The table.
pub fn section(noise: &Noise) -> Section {
    let (mala, hmc) = (Mala::new(0.5).expect("a step"), Hmc::new(0.4, 3).expect("a trajectory"));
    let mut rows = Vec::new();
    for kind in KINDS {
        let density = fenced(kind.0, kind.1);
        rows.push(on_slices(&mala, density, noise).row("MALA, plain numbers", kind));
        rows.push(on_slices(&hmc, density, noise).row("HMC, plain numbers", kind));
        rows.push(on_tensors(mala.clone(), density, noise).row("MALA, tensors", kind));
        rows.push(on_tensors(hmc.clone(), density, noise).row("HMC, tensors", kind));
        #[cfg(feature = "nuts")]
        rows.push(by_nuts(density, noise).row("NUTS, plain numbers", kind));
    }
    Section {
        title: "Where there are no numbers",
        about: format!(
            "{N_CHAINS} chains of {N_STEPS} steps on a normal law that has no numbers beyond a radius of {RADIUS}. \
             Steps that met such a place are flagged; after them the chain has to be where it was, and never outside. (NUTS \
             may go to a point of its trajectory before that place, so that its moves are not counted.)"
        ),
        header: &["kernel", "beyond", "steps", "flagged", "moved though flagged", "outside"],
        rows,
    }
}

fn starts() -> Vec<Vec<f64>> {
    (0..N_CHAINS).map(|c| vec![0.3 + 0.001 * c as f64, -0.2]).collect()
}

fn on_slices<K, F>(kernel: &K, density: F, noise: &Noise) -> Seen
where
    K: SliceKernel + Clone,
    F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
{
    let (mut seen, mut before) = (Seen::default(), starts());
    let chains = SliceChains::start(density, kernel.clone(), starts(), noise.derive("slices"));
    for draw in chains.take(N_STEPS) {
        for ((before, after), step) in before.iter().zip(&draw.positions).zip(&draw.steps) {
            seen.add(before, after, step.diverged);
        }
        before = draw.positions;
    }
    seen
}

fn on_tensors<K, F>(kernel: K, density: F, noise: &Noise) -> Seen
where
    K: Kernel<SliceEnergy<F>, Info = MetropolisInfo>,
    F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
{
    let model = SliceEnergy::new(density);
    let start = starts().concat().into_iter().map(|x| x as f32).collect::<Vec<_>>();
    let start = Tensor::<1>::from_floats(start.as_slice(), &Device::flex()).reshape([N_CHAINS, 2]);
    let numbers = |x: Tensor<2>| x.into_data().iter::<f64>().collect::<Vec<_>>();
    let (mut seen, mut before) = (Seen::default(), numbers(start.clone()));
    for draw in Chain::start(&model, kernel, start, noise.derive("tensors")).take(N_STEPS) {
        let after = numbers(draw.position);
        let flags = draw.info.diverged.into_data();
        for (row, flagged) in flags.iter::<bool>().enumerate() {
            let of = 2 * row..2 * row + 2;
            seen.add(&before[of.clone()], &after[of], flagged);
        }
        before = after;
    }
    seen
}

#[cfg(feature = "nuts")]
fn by_nuts(density: impl Fn(&[f64], &mut [f64]) -> f64 + Sync, noise: &Noise) -> Seen {
    let nuts = ebm_sample::Nuts::new(50).expect("a warm-up");
    let run = nuts.run(density, starts(), N_STEPS, &noise.derive("nuts")).expect("a start");
    let mut seen = Seen::default();
    for draw in &run.draws {
        for (after, step) in draw.positions.iter().zip(&draw.steps) {
            seen.add(after, after, step.diverged);
        }
    }
    seen
}
