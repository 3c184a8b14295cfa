//! Noise of a batch whose levels and lengths are spread evenly.

use burn::tensor::{Tensor, TensorData};
use ebm_ops::Noise;
use ebm_ops::row_dot::row_dot;

use super::chi_square::chi_square_quantile;
use crate::NoiseLaw;

/// The fractional part of the golden ratio.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// A level σ, noise z and ‖z‖² for each row of a batch.
pub(super) struct NoisyBatch {
    /// `[batch]`.
    pub sigma: Tensor<1>,
    /// `[batch, dim]`.
    pub z: Tensor<2>,
    /// `[batch]`.
    pub square: Tensor<1>,
}

impl NoisyBatch {
    /// Noise for rows like `data`: each row has σ from `law` and z ~ N(0, I), independent of each other, but the rows of a
    /// batch share out the quantiles of σ and of ‖z‖ among them.
    ///
    /// Row i of n has the quantiles (i + u)/n and the fractional part of i φ + v, with u and v uniform and φ the golden
    /// ratio: a lattice with a random shift, which is uniform on the square for each row and fills it evenly for all.
    /// ‖z‖² is the target of the derivative along the level up to a constant, and its chance, √(2d), outweighs what is
    /// to be learned: means over a batch of what depends on σ and ‖z‖ alone are found to about 1/n and not 1/√n.
    ///
    /// # Reference
    /// Cranley and Patterson (1976), *Randomization of number theoretic methods for multiple integration*, for lattices
    /// with a random shift.
    pub(super) fn draw(law: &NoiseLaw, data: &Tensor<2>, noise: &mut Noise) -> Self {
        let [n, dim] = data.dims();
        let shifts = noise.uniforms(2);
        let [u, v] = [0, 1].map(|i| f64::from(shifts[i]));
        // away from 0 and 1, where quantiles are infinite
        let inside = |share: f64| share.clamp(1e-9, 1.0 - 1e-9);
        let of_level = |i: usize| inside((i as f64 + u) / n as f64);
        let of_length = |i: usize| inside((i as f64 * GOLDEN + v).fract());
        let column = |number: &dyn Fn(usize) -> f64| {
            let values: Vec<f32> = (0..n).map(|i| number(i) as f32).collect();
            Tensor::<1>::from_data(TensorData::new(values, [n]), &data.device().inner()).cast(data.dtype())
        };
        let sigma = column(&|i| law.quantile(of_level(i)));
        let square = column(&|i| chi_square_quantile(of_length(i), dim));
        let direction = noise.normal_like(data);
        let length = row_dot(direction.clone(), direction.clone()).clamp_min(1e-30);
        let z = direction * (square.clone() / length).sqrt().unsqueeze_dim::<2>(1);
        Self { sigma, z, square }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_model::testing;

    fn draws(dim: usize, n: usize, batches: u64) -> Vec<NoisyBatch> {
        let law = NoiseLaw::LogUniform { top: 10.0, bottom: 0.1 };
        let data = Tensor::zeros([n, dim], &Device::flex());
        (0..batches).map(|i| NoisyBatch::draw(&law, &data, &mut Noise::seeded(3).child(i))).collect()
    }

    fn numbers<const D: usize>(x: &Tensor<D>) -> Vec<f64> {
        x.clone().into_data().iter::<f64>().collect()
    }

    #[test]
    fn a_row_has_normal_noise_of_a_level_of_the_law_whichever_row_it_is() {
        let all = draws(3, 4, 20_000);
        for row in [0, 3] {
            let of = |number: &dyn Fn(&NoisyBatch) -> f64| all.iter().map(number).collect::<Vec<_>>();
            let normal = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
            for k in 0..3 {
                testing::assert_distribution(of(&|batch| numbers(&batch.z)[3 * row + k]), 0.1, normal);
            }
            let logs = of(&|batch| (numbers(&batch.sigma)[row] / 0.1).log(100.0));
            // of one row only, the share that its place has
            let share = |x: f64| (4.0 * x - row as f64).clamp(0.0, 1.0);
            testing::assert_distribution(logs.clone(), 0.02, share);
            // level and length are independent: their correlation is zero
            let lengths = of(&|batch| numbers(&batch.square)[row]);
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let (a, b) = (mean(&logs), mean(&lengths));
            let products: Vec<f64> = logs.iter().zip(&lengths).map(|(x, y)| (x - a) * (y - b)).collect();
            let squares = mean(&products.iter().map(|p| p * p).collect::<Vec<_>>());
            assert!(mean(&products).abs() < 5.0 * (squares / products.len() as f64).sqrt());
        }
    }

    #[test]
    fn the_length_beside_the_noise_is_its_own() {
        for batch in draws(5, 64, 3) {
            let found = row_dot(batch.z.clone(), batch.z);
            testing::assert_close(found, batch.square, 1e-5, "‖z‖²");
        }
    }

    #[test]
    fn batches_agree_on_what_depends_on_levels_and_lengths_far_better_than_by_chance() {
        let (n, dim, batches) = (256, 16, 200);
        // ‖z‖² weighted by a smooth function of the level
        let means: Vec<f64> = draws(dim, n, batches)
            .iter()
            .map(|batch| {
                let (levels, squares) = (numbers(&batch.sigma), numbers(&batch.square));
                let pairs = levels.iter().zip(&squares);
                pairs.map(|(s, q)| (q - dim as f64) / (1.0 + s)).sum::<f64>() / n as f64
            })
            .collect();
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count;
        let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (count - 1.0);
        assert!(mean.abs() < 5.0 * (variance / count).sqrt() + 1e-6, "{mean}");
        // by chance, 2d E[(1 + σ)⁻²]/n, of which the expectation is 0.37
        let by_chance = 2.0 * dim as f64 * 0.37 / n as f64;
        assert!(variance < 0.05 * by_chance, "{variance} against {by_chance}");
    }
}
