//! Many chains on plain numbers, on all threads.

use ebm_ops::Noise;
use rayon::prelude::*;

use super::kernel::SliceKernel;
use super::point::{Point, Room, Step};

/// Markov chains on a log density of plain numbers, as an endless iterator, moved by all threads.
///
/// The noise is that of a [`Chain`](crate::Chain) on tensors of doubles, so the draws are too, to rounding,
/// and do not depend on the number of threads.
///
/// ```
/// use ebm_ops::Noise;
/// use ebm_sample::{Hmc, slices::SliceChains};
///
/// let normal = |x: &[f64], gradient: &mut [f64]| {
///     gradient[0] = -x[0];
///     -0.5 * x[0] * x[0]
/// };
/// let starts = vec![vec![0.0]; 4];
/// let chains = SliceChains::start(normal, Hmc::new(1.0, 2).unwrap(), starts, Noise::seeded(1));
/// let draws: Vec<_> = chains.skip(10).take(100).collect();
/// assert_eq!(draws[0].positions.len(), 4);
/// ```
#[derive(Clone, Debug)]
pub struct SliceChains<F, K> {
    log_density: F,
    kernel: K,
    points: Vec<Point>,
    rooms: Vec<Room>,
    noise: Noise,
}

/// One item of chains on plain numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceDraw {
    /// `[chain][dim]`.
    pub positions: Vec<Vec<f64>>,
    /// What each chain reports about the step.
    pub steps: Vec<Step>,
}

impl<F, K> SliceChains<F, K>
where
    F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
    K: SliceKernel,
{
    /// Chains that start at `positions`, `[chain][dim]`, and draw from `noise`.
    ///
    /// `log_density(x, gradient)` gives log p(x) up to a constant and writes its gradient; where it is not
    /// finite, kernels with a Metropolis test do not go.
    ///
    /// # Panics
    /// If the positions are not of one length.
    pub fn start(log_density: F, kernel: K, positions: Vec<Vec<f64>>, noise: Noise) -> Self {
        let dim = positions.first().map_or(0, Vec::len);
        let odd = positions.iter().find(|position| position.len() != dim);
        assert!(odd.is_none(), "positions have {dim} coordinates, found {:?}", odd.map(Vec::len));
        let points: Vec<Point> =
            positions.into_par_iter().map(|position| Point::at(&log_density, position)).collect();
        let rooms = points.iter().map(Room::beside).collect();
        Self { log_density, kernel, points, rooms, noise }
    }

    /// The same chains, moved by `kernel` from now on.
    pub fn with_kernel(self, kernel: K) -> Self {
        Self { kernel, ..self }
    }

    /// The kernel that moves the chains.
    pub fn kernel(&self) -> &K {
        &self.kernel
    }

    /// The states of the chains.
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

impl<F, K> Iterator for SliceChains<F, K>
where
    F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
    K: SliceKernel,
{
    type Item = SliceDraw;

    fn next(&mut self) -> Option<SliceDraw> {
        let (n, dim) = (self.points.len(), self.points.first().map_or(0, |point| point.position.len()));
        let length = self.kernel.length(&mut self.noise);
        let z = self.noise.normals_f64(n * dim);
        let words = if K::IS_TESTED { self.noise.words(n) } else { vec![0; n] };
        let (kernel, log_density) = (&self.kernel, &self.log_density);
        let step = |(i, (point, room)): (usize, (&mut Point, &mut Room))| {
            let u = f64::from(words[i]) * (-32f64).exp2();
            kernel.step(log_density, point, room, length, &z[i * dim..(i + 1) * dim], u)
        };
        // To hand a chain to another thread takes longer than a step of it may.
        let steps = if n == 1 {
            self.points.iter_mut().zip(&mut self.rooms).enumerate().map(step).collect()
        } else {
            self.points.par_iter_mut().zip(&mut self.rooms).enumerate().map(step).collect()
        };
        let positions = self.points.iter().map(|point| point.position.clone()).collect();
        Some(SliceDraw { positions, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_near, doubles, flags, numbers};
    use crate::{Chain, Hmc, Kernel, Langevin, Mala, Mass, MetropolisInfo};
    use burn::tensor::Tensor;
    use ebm_model::Skewed;

    /// The log density of [`Skewed`].
    fn skewed(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = 1.0 - x.exp());
        x.iter().map(|x| x - x.exp()).sum()
    }

    const STARTS: [[f64; 2]; 5] = [[0.0, 1.0], [-3.0, 0.5], [1.5, -1.0], [0.1, 0.2], [-6.0, 1.0]];

    fn starts() -> Vec<Vec<f64>> {
        STARTS.map(|row| row.to_vec()).to_vec()
    }

    fn assert_same_as_on_tensors<K>(kernel: K)
    where
        K: SliceKernel + Clone + Kernel<Skewed, Info = MetropolisInfo>,
    {
        let target = Skewed::new(2).unwrap();
        let on_tensors = Chain::start(&target, kernel.clone(), doubles(&STARTS), Noise::seeded(121));
        let on_slices = SliceChains::start(skewed, kernel, starts(), Noise::seeded(121));
        let mut n_accepted = 0;
        for (tensor, slice) in on_tensors.zip(on_slices).take(30) {
            assert_near(&slice.positions.concat(), &numbers(tensor.position), 1e-11);
            let errors: Vec<f64> = slice.steps.iter().map(|step| step.energy_error).collect();
            assert_near(&errors, &numbers(tensor.info.energy_error), 1e-10);
            let accepted: Vec<bool> = slice.steps.iter().map(|step| step.accepted).collect();
            assert_eq!(accepted, flags(tensor.info.accepted));
            n_accepted += accepted.iter().filter(|accepted| **accepted).count();
        }
        assert!((1..30 * STARTS.len()).contains(&n_accepted), "{n_accepted} accepted");
    }

    #[test]
    fn the_draws_are_those_on_tensors_of_doubles() {
        let mass = Mass::from_variances(vec![1.5, 0.7]).unwrap();
        assert_same_as_on_tensors(Mala::new(0.6).unwrap());
        assert_same_as_on_tensors(Mala::new(0.6).unwrap().with_mass(mass.clone()));
        assert_same_as_on_tensors(Hmc::new(0.7, 3).unwrap());
        assert_same_as_on_tensors(Hmc::new(0.7, 3).unwrap().with_fixed_length());
        assert_same_as_on_tensors(Hmc::new(0.7, 3).unwrap().with_mass(mass));

        let (target, kernel) = (Skewed::new(2).unwrap(), Langevin::new(0.05).unwrap());
        let on_tensors = Chain::start(&target, kernel, doubles(&STARTS), Noise::seeded(122));
        let on_slices = SliceChains::start(skewed, kernel, starts(), Noise::seeded(122));
        for (tensor, slice) in on_tensors.zip(on_slices).take(30) {
            let position: Tensor<2> = tensor.position;
            assert_near(&slice.positions.concat(), &numbers(position), 1e-11);
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let kernel = Hmc::new(0.7, 3).unwrap();
            pool.install(|| SliceChains::start(skewed, kernel, starts(), Noise::seeded(123)).nth(20).unwrap())
        };
        assert_eq!(run(1), run(4));
    }

    #[test]
    fn a_chain_stays_where_there_are_numbers() {
        let within = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = -x[0];
            if x[0].abs() < 1.0 { -0.5 * x[0] * x[0] } else { f64::NAN }
        };
        let kernel = Mala::new(0.5).unwrap();
        let draws = SliceChains::start(within, kernel, vec![vec![0.0]; 20], Noise::seeded(124)).take(50);
        let mut n_diverged = 0;
        for draw in draws {
            assert!(draw.positions.iter().all(|position| position[0].abs() < 1.0));
            n_diverged += draw.steps.iter().filter(|step| step.diverged && !step.accepted).count();
        }
        assert!(100 < n_diverged, "{n_diverged}");
    }

    #[test]
    #[should_panic(expected = "positions have 2 coordinates, found Some(1)")]
    fn positions_of_unlike_lengths_are_a_panic() {
        let starts = vec![vec![0.0, 1.0], vec![0.0]];
        SliceChains::start(skewed, Mala::new(0.5).unwrap(), starts, Noise::seeded(125));
    }
}
