//! Trajectories that come full circle on N(0, I).

use ebm_ops::Noise;
use ebm_sample::diagnostics::{ess_mean, r_hat};
use ebm_sample::slices::SliceChains;
use ebm_sample::{Hmc, WarmUp};
use rayon::prelude::*;

use super::report::{Row, Section};

/// The most leapfrog steps.
const MOST: usize = 16;

const N_CHAINS: usize = 16;
const N_DRAWS: usize = 2_000;

/// The worst of the averages of x and of x² of every coordinate.
#[derive(Clone, Copy, Debug)]
pub struct Mixing {
    /// The largest R̂.
    pub r_hat: f64,
    /// The least effective sample size.
    pub ess: f64,
}

impl Mixing {
    fn worse(self, other: Self) -> Self {
        Self { r_hat: self.r_hat.max(other.r_hat), ess: self.ess.min(other.ess) }
    }

    /// Whether it is as it should be.
    pub fn holds(&self) -> bool {
        self.r_hat < 1.01 && 1000.0 < self.ess
    }
}

/// HMC in `dim` dimensions, warmed up in 1,000 steps, of the first `n_coordinates`.
pub fn mixing(kernel: Hmc, dim: usize, n_coordinates: usize, noise: &Noise) -> Mixing {
    let normal = |x: &[f64], gradient: &mut [f64]| {
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = -x);
        -0.5 * x.iter().map(|x| x * x).sum::<f64>()
    };
    let z = noise.derive("start").normals_f64(N_CHAINS * dim);
    let starts = z.chunks_exact(dim).map(<[f64]>::to_vec).collect();
    let chains = SliceChains::start(normal, kernel, starts, noise.derive("chain"));
    let (chains, _) = WarmUp::new(1000).expect("steps").run_on_slices(chains).expect("finite starts");
    let mut draws = vec![vec![vec![]; N_CHAINS]; n_coordinates];
    for draw in chains.take(N_DRAWS) {
        for (c, position) in draw.positions.iter().enumerate() {
            draws.iter_mut().zip(position).for_each(|(draws, x)| draws[c].push(*x));
        }
    }
    let of = |chains: &[Vec<f64>]| Mixing { r_hat: r_hat(chains), ess: ess_mean(chains) };
    let squares = |chains: &[Vec<f64>]| -> Vec<Vec<f64>> {
        chains.iter().map(|chain| chain.iter().map(|x| x * x).collect()).collect()
    };
    let both = draws.iter().map(|chains| of(chains).worse(of(&squares(chains))));
    both.reduce(Mixing::worse).expect("a coordinate")
}

/// The worst of trajectories of up to 1, 2, …, 16 steps, of lengths at random or, as a control, of one length.
pub fn worst(dim: usize, n_coordinates: usize, is_fixed: bool, noise: &Noise) -> Mixing {
    let of = |most: usize| {
        let kernel = Hmc::new(0.1, most).expect("a trajectory");
        let kernel = if is_fixed { kernel.with_fixed_length() } else { kernel };
        mixing(kernel, dim, n_coordinates, &noise.child((most * 100 + dim) as u64))
    };
    (1..=MOST).into_par_iter().map(of).reduce_with(Mixing::worse).expect("a length")
}

/// The table, of the first `n_coordinates` coordinates.
pub fn section(n_coordinates: usize, noise: &Noise) -> Section {
    let row = |dim: usize| {
        let n = n_coordinates.min(dim);
        let (found, fixed) = (worst(dim, n, false, noise), worst(dim, n, true, noise));
        let cells = vec![
            dim.to_string(),
            format!("{:.4}", found.r_hat),
            format!("{:.0}", found.ess),
            format!("{:.4}", fixed.r_hat),
            format!("{:.0}", fixed.ess),
        ];
        Row::new(cells, found.holds() && (!fixed.holds() || 4 < dim))
    };
    Section {
        title: "Trajectories do not resonate",
        about: format!(
            "HMC on N(0, I), warmed up in 1,000 steps, {N_CHAINS} chains of {N_DRAWS} draws: the largest R̂ (wanted below 1.01) \
             and the least effective sample size (above 1,000) of x and x², over trajectories of up to 1, 2, …, {MOST} \
             leapfrog steps. As a control the same with trajectories of one length, which in few dimensions come full \
             circle for some."
        ),
        header: &["dim", "R̂", "ESS", "R̂, fixed length", "ESS, fixed length"],
        rows: [2, 4, 10].into_iter().map(row).collect(),
    }
}
