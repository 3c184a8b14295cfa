//! Squared scores at all noise levels, coordinate by coordinate.

use burn::tensor::Tensor;
use ebm_model::{AtNoise, NoisyScore, Score};
use ebm_ops::OutOfRange;

use crate::EvalError;
use crate::error::require;
use crate::host::Rows;

/// Where a point is unlikely: σ² s(x, σ)² of each coordinate, integrated over ln σ between two noise levels.
///
/// The density of noised data obeys the heat equation, ∂p/∂(σ²) = ½ Δp, so that at a fixed point x
///
/// −log p_bottom(x) = −log p_top(x) + ∫ σ² (‖s(x, σ)‖² + ∇·s(x, σ)) d ln σ.
///
/// The first term under the integral is a sum over coordinates, and the map is its part of each: in nats, never
/// negative, and large where the denoiser would move a coordinate by many deviations of the noise, since
/// σ s_i = (D_i(x, σ) − x_i)/σ. The second says how much room there is around x, and is left out.
/// Of a Gaussian N(μ, Σ) the map sums to the part of −log p that depends on x: the integral over all levels is
/// ½ (x − μ)ᵀ Σ⁻¹ (x − μ), and with Σ diagonal the map is the same coordinate by coordinate.
///
/// # Reference
/// Mahmood, Oliva and Styner (2021), *Multiscale score matching for out-of-distribution detection*, who detect outliers
/// by the norms ‖s(x, σ)‖ of a point without noise at several levels; the derivative along σ is that of Guth,
/// Kadkhodaie and Simoncelli (2025), *Learning normalized image densities via dual score matching*.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreMap {
    levels: Vec<f64>,
}

/// The maps of a batch.
#[derive(Clone, Debug)]
pub struct ScoreMaps {
    /// The integral over ln σ, `[batch, dim]`, in nats.
    pub total: Tensor<2>,
    /// σ² s(x, σ)² at each level, from the lowest up, `[batch, dim]` each; its mean over points with noise of that
    /// level is at most 1 a coordinate.
    pub by_level: Vec<Tensor<2>>,
}

impl ScoreMap {
    /// `n` levels from `bottom` to `top`, even in ln σ, over which the trapezoidal rule integrates.
    ///
    /// Levels half a unit of ln σ apart are as good as exact for densities that are smooth on that scale: 16 do from
    /// 0.01 to 20.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] unless `0 < bottom < top < ∞`, or with fewer than 2 levels.
    pub fn new(bottom: f64, top: f64, n: usize) -> Result<Self, EvalError> {
        let valid = 0.0 < bottom && bottom < top && top.is_finite();
        require(valid, "bottom, top", "0 < bottom < top < ∞", (bottom, top))?;
        OutOfRange::at_least("levels", 2, n)?;
        let ratio = (top / bottom).ln() / (n - 1) as f64;
        Ok(Self { levels: (0..n).map(|i| bottom * (ratio * i as f64).exp()).collect() })
    }

    /// The noise levels, from the lowest up.
    pub fn levels(&self) -> &[f64] {
        &self.levels
    }

    /// The maps of the points `x`, `[batch, dim]`. Cost: a score at each level.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] for a point, or where a score is not finite.
    pub fn of<M: NoisyScore + ?Sized>(&self, model: &M, x: Tensor<2>) -> Result<ScoreMaps, EvalError> {
        Rows::read(x.clone(), "points", 0)?;
        let at = |sigma: f64| (AtNoise::new(model, sigma).score(x.clone()) * sigma).square();
        let by_level: Vec<Tensor<2>> = self.levels.iter().map(|&sigma| at(sigma)).collect();
        let total = by_level.iter().enumerate().map(|(i, map)| map.clone() * self.weight(i));
        let total = total.reduce(|sum, map| sum + map).expect("there are at least two levels");
        Rows::read(total.clone(), "squared scores", 0)?;
        Ok(ScoreMaps { total, by_level })
    }

    /// The weight of level `i`: half of the way in ln σ from the level before to that after.
    fn weight(&self, i: usize) -> f64 {
        let last = self.levels.len() - 1;
        0.5 * (self.levels[(i + 1).min(last)] / self.levels[i.saturating_sub(1)]).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::numbers;
    use burn::tensor::{DType, Device, TensorData};
    use ebm_model::Gaussian;
    use ebm_ops::Noise;

    const BOTTOM: f64 = 0.01;
    const TOP: f64 = 20.0;

    fn doubles(values: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
    }

    #[test]
    fn the_map_of_a_gaussian_is_its_part_of_minus_log_p_coordinate_by_coordinate() {
        let (mean, variances) = ([0.3, -1.0, 2.0], [0.25, 1.0, 0.04]);
        let target = Gaussian::diagonal(mean.to_vec(), variances.to_vec()).unwrap();
        let x = [0.9, -1.0, 2.5];
        let maps = ScoreMap::new(BOTTOM, TOP, 32).unwrap().of(&target, doubles(x.to_vec(), [1, 3])).unwrap();
        let found = numbers(maps.total);
        for i in 0..3 {
            let square = (x[i] - mean[i]).powi(2);
            let exact =
                0.5 * square * (1.0 / (variances[i] + BOTTOM * BOTTOM) - 1.0 / (variances[i] + TOP * TOP));
            assert!((found[i] - exact).abs() < 1e-4 * (1.0 + exact), "{i}: {} against {exact}", found[i]);
        }
        // at one level it is σ² (x − μ)²/(s² + σ²)²
        let level = numbers(maps.by_level[7].clone());
        let sigma = BOTTOM * (TOP / BOTTOM).powf(7.0 / 31.0);
        let exact = (sigma * (x[0] - mean[0]) / (variances[0] + sigma * sigma)).powi(2);
        assert!((level[0] - exact).abs() < 1e-12 * (1.0 + exact), "{} against {exact}", level[0]);
        assert_eq!(maps.by_level.len(), 32);
    }

    #[test]
    fn the_map_of_correlated_coordinates_sums_to_the_quadratic_form() {
        let covariance = [vec![1.0, 0.8], vec![0.8, 1.0]];
        let target = Gaussian::new(vec![0.0; 2], &covariance).unwrap();
        let x = doubles(vec![1.0, -1.0], [1, 2]);
        let maps = ScoreMap::new(BOTTOM, TOP, 48).unwrap().of(&target, x).unwrap();
        // (1, −1) has the eigenvalue 0.2: ½ · 2 · (1/(0.2 + bottom²) − 1/(0.2 + top²))
        let exact = 1.0 / (0.2 + BOTTOM * BOTTOM) - 1.0 / (0.2 + TOP * TOP);
        let found: f64 = numbers(maps.total).iter().sum();
        assert!((found - exact).abs() < 1e-4 * exact, "{found} against {exact}");
    }

    #[test]
    fn a_picture_with_one_altered_pixel_has_its_maximum_there() {
        const SIDE: usize = 6;
        // pixels that are near each other are alike
        let place = |i: usize| [(i / SIDE) as f64, (i % SIDE) as f64];
        let covariance = |i: usize, k: usize| {
            let ([a, b], [c, d]) = (place(i), place(k));
            0.25 * (-(a - c).hypot(b - d) / 3.0).exp()
        };
        let n = SIDE * SIDE;
        let rows: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|k| covariance(i, k)).collect()).collect();
        let target = Gaussian::new(vec![0.0; n], &rows).unwrap();
        let x = numbers(target.sample(1, &mut Noise::seeded(301), &Device::flex()));
        let map = ScoreMap::new(BOTTOM, TOP, 16).unwrap();
        for altered in [0, 8, 21, 35] {
            let mut picture = x.clone();
            picture[altered] += 2.0;
            let found = numbers(map.of(&target, doubles(picture, [1, n])).unwrap().total);
            let before = numbers(map.of(&target, doubles(x.clone(), [1, n])).unwrap().total);
            let largest = (0..n).max_by(|&i, &k| found[i].total_cmp(&found[k])).unwrap();
            assert_eq!(largest, altered);
            assert!(5.0 * before[altered] < found[altered], "{} before {}", found[altered], before[altered]);
        }
    }

    #[test]
    fn points_and_scores_that_are_not_finite_and_wrong_levels_are_errors() {
        let target = Gaussian::standard(2);
        let map = ScoreMap::new(BOTTOM, TOP, 4).unwrap();
        let error = map.of(&target, doubles(vec![0.0, 1.0, f64::NAN, 0.0], [2, 2])).unwrap_err();
        assert_eq!(error.to_string(), "points: expected finite numbers, found NaN in row 1");
        assert!(map.of(&target, doubles(vec![1e300, 0.0], [1, 2])).is_err());
        assert!(ScoreMap::new(TOP, BOTTOM, 4).is_err() && ScoreMap::new(BOTTOM, TOP, 1).is_err());
    }
}
