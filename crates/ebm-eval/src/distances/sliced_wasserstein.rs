//! The sliced Wasserstein distance.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use rayon::prelude::*;

use super::sample_distance::{Comparison, SPLITS, SampleDistance};
use crate::error::require;
use crate::host::{Rows, assert_one_space};
use crate::{Estimate, EvalError, Figure, Protocol};

/// The [`sliced_wasserstein`] distance with a number of random directions.
///
/// Sample and fresh draw are projected onto the same directions, from the noise stream `directions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlicedWasserstein {
    /// W₁ (the default) or W₂.
    pub order: Order,
    /// Number of directions, at least 2; 200 by default.
    pub directions: usize,
}

impl Default for SlicedWasserstein {
    fn default() -> Self {
        Self { order: Order::First, directions: 200 }
    }
}

impl SampleDistance for SlicedWasserstein {
    fn name(&self) -> &'static str {
        match self.order {
            Order::First => "sliced_wasserstein_1",
            Order::Second => "sliced_wasserstein_2",
        }
    }

    fn figure(
        &self,
        comparison: &Comparison<'_>,
        protocol: Protocol,
        noise: &Noise,
    ) -> Result<Option<Figure>, EvalError> {
        let Self { order, directions } = *self;
        let distance = |x, y| sliced_wasserstein(x, y, order, directions, &mut noise.derive("directions"));
        let mut found = None;
        let floor = comparison.with_spread(SPLITS, noise, |x, y| {
            let distance = distance(x, y)?;
            // The last one is that of the sample.
            found = Some(distance);
            Ok(distance.value)
        })?;
        let found = found.unwrap_or(floor.value);
        let figure = Figure::estimate(self.name(), found, protocol.with("directions", directions));
        Ok(Some(
            figure.judged(floor.floor.value, floor.floor.standard_error).in_unit("unit of the coordinates"),
        ))
    }
}

/// The cost of moving a unit of mass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// W₁: the cost is the distance.
    First,
    /// W₂: the cost is the squared distance.
    Second,
}

/// The sliced Wasserstein distance between two samples, in the units of the data:
///
/// SW_p = (mean over directions θ of W_p(θᵀx, θᵀy)^p)^(1/p),   θ uniform on the unit sphere.
///
/// `x` is `[n, dim]` and `y` is `[m, dim]`; samples of different size are compared exactly, by their quantile
/// functions.
/// A shift by δ has SW₂ = ‖δ‖/√dim, so values in many dimensions are small.
/// Two samples of the same distribution have a positive distance that falls as n^(−½); compare with
/// [`with_floor`](crate::with_floor).
/// The standard error covers the choice of directions only; it is 0 in one dimension.
///
/// Cost: one projection of each sample onto `n_directions` directions on its device, in its float type; sorting
/// and sums in double precision on all threads.
///
/// # Reference
/// Bonneel, Rabin, Peyré and Pfister (2015), *Sliced and Radon Wasserstein barycenters of measures*.
///
/// # Errors
/// [`EvalError::OutOfRange`] for an empty sample or fewer than two directions, [`EvalError::NotFinite`].
///
/// # Panics
/// If the points of `x` and `y` do not have the same number of coordinates.
pub fn sliced_wasserstein(
    x: Tensor<2>,
    y: Tensor<2>,
    order: Order,
    n_directions: usize,
    noise: &mut Noise,
) -> Result<Estimate, EvalError> {
    assert_one_space(&x, &y);
    require(2 <= n_directions, "directions", "at least 2", n_directions)?;
    let directions = directions(&x, n_directions, noise);
    let sorted = |x: Tensor<2>, what| -> Result<Vec<Vec<f64>>, EvalError> {
        let n = x.dims()[0];
        let rows = Rows::read(x.matmul(directions.clone()), what, 1)?;
        let lines = (0..n_directions).into_par_iter().map(|line| {
            let mut values: Vec<f64> = (0..n).map(|i| rows.row(i)[line]).collect();
            values.sort_unstable_by(f64::total_cmp);
            values
        });
        Ok(lines.collect())
    };
    let (x, y) = (sorted(x, "first sample")?, sorted(y, "second sample")?);
    let costs: Vec<f64> = x.par_iter().zip(&y).map(|(x, y)| cost(x, y, order)).collect();
    let mean = Estimate::mean(&costs);
    Ok(match order {
        Order::First => mean,
        Order::Second => {
            let value = mean.value.sqrt();
            let slope = if value == 0.0 { 0.0 } else { 0.5 / value };
            Estimate { value, standard_error: slope * mean.standard_error }
        }
    })
}

/// Unit vectors in uniformly random directions, `[dim, n]`, on the device of `x` and in its float type.
fn directions(x: &Tensor<2>, n: usize, noise: &mut Noise) -> Tensor<2> {
    let dim = x.dims()[1];
    let z = noise.normal_like(&Tensor::<2>::zeros([n, dim], (&x.device(), x.dtype())));
    let length = z.clone().square().sum_dim(1).sqrt();
    (z / length).transpose()
}

/// W_p^p of sorted numbers: ∫ |F⁻¹(t) − G⁻¹(t)|^p dt, summed over intervals on which both quantile functions
/// are constant.
fn cost(x: &[f64], y: &[f64], order: Order) -> f64 {
    let (n, m) = (x.len() as u64, y.len() as u64);
    // t counts multiples of 1/(nm), where every step of either function begins
    let (mut i, mut j, mut t, mut total) = (0, 0, 0, 0.0);
    while i < n && j < m {
        let (next_x, next_y) = ((i + 1) * m, (j + 1) * n);
        let next = next_x.min(next_y);
        let distance = (x[i as usize] - y[j as usize]).abs();
        let price = match order {
            Order::First => distance,
            Order::Second => distance * distance,
        };
        total += price * (next - t) as f64;
        t = next;
        i += u64::from(next == next_x);
        j += u64::from(next == next_y);
    }
    total / (n * m) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};

    fn zeros(n: usize, dim: usize) -> Tensor<2> {
        Tensor::zeros([n, dim], (&Device::flex(), DType::F64))
    }

    #[test]
    fn the_cost_of_samples_of_different_size_is_the_area_between_their_quantiles() {
        // F⁻¹ is 0 then 6 at ½; G⁻¹ is 1, 2, 9 from ⅓ and ⅔ on: pieces ⅓, ⅙, ⅙, ⅓
        let (x, y) = ([0.0, 6.0], [1.0, 2.0, 9.0]);
        let first = (2.0 * 1.0 + 2.0 + 4.0 + 2.0 * 3.0) / 6.0;
        let second = (2.0 * 1.0 + 4.0 + 16.0 + 2.0 * 9.0) / 6.0;
        assert!((cost(&x, &y, Order::First) - first).abs() < 1e-15);
        assert!((cost(&x, &y, Order::Second) - second).abs() < 1e-14);
        assert_eq!(cost(&x, &y, Order::Second), cost(&y, &x, Order::Second));
        // a sample repeated twice is the same distribution
        assert!((cost(&x, &[1.0, 1.0, 2.0, 2.0, 9.0, 9.0], Order::First) - first).abs() < 1e-15);
    }

    #[test]
    fn a_shift_is_its_length_over_the_root_of_the_dimension() {
        let (dim, shift) = (10, 0.7);
        let mut noise = Noise::seeded(51);
        let x = noise.normal_like(&zeros(50, dim));
        let length = shift * (dim as f64).sqrt();
        let second =
            sliced_wasserstein(x.clone(), x.clone() + shift, Order::Second, 4000, &mut noise).unwrap();
        assert!(second.errors_above(shift).abs() < 5.0, "{second:?}");
        // E|θ₁| = Γ(d/2)/(√π Γ((d + 1)/2)), here with Γ(5) = 24 and Γ(11/2) = 945 √π/32
        let mean = 24.0 * 32.0 / (945.0 * std::f64::consts::PI);
        let first = sliced_wasserstein(x.clone(), x + shift, Order::First, 4000, &mut noise).unwrap();
        assert!(first.errors_above(length * mean).abs() < 5.0, "{first:?}");
        assert!(5.0 < second.errors_above(0.9 * shift), "{second:?}");
    }

    #[test]
    fn in_one_dimension_it_is_the_distance_itself() {
        let mut noise = Noise::seeded(52);
        let x = noise.normal_like(&zeros(30, 1));
        for order in [Order::First, Order::Second] {
            let found = sliced_wasserstein(x.clone(), x.clone() + 2.0, order, 8, &mut noise).unwrap();
            assert!((found.value - 2.0).abs() < 1e-14 && found.standard_error < 1e-14, "{found:?}");
            let same = sliced_wasserstein(x.clone(), x.clone(), order, 8, &mut noise).unwrap();
            assert_eq!(same, Estimate { value: 0.0, standard_error: 0.0 });
        }
    }

    #[test]
    fn gaussians_of_different_width_have_the_difference_of_their_deviations() {
        let n = 40_000;
        let mut noise = Noise::seeded(53);
        let x = noise.normal_like(&zeros(n, 1));
        let y = noise.normal_like(&zeros(n, 1)) * 1.5;
        let found = sliced_wasserstein(x, y, Order::Second, 2, &mut noise).unwrap().value;
        // a sample's deviation is σ within σ/√(2n), its mean 0 within σ/√n, and the rest of its quantiles add
        // less than (ln n)/n to the square
        let error = (1.0f64 + 2.25).sqrt() / (2.0 * n as f64).sqrt();
        let rest = 4.0 * (n as f64).ln() / n as f64;
        assert!((found - 0.5).abs() < 5.0 * error + rest, "{found}");
    }

    #[test]
    fn one_direction_and_empty_samples_are_refused() {
        let mut noise = Noise::seeded(54);
        assert!(sliced_wasserstein(zeros(2, 2), zeros(2, 2), Order::First, 1, &mut noise).is_err());
        let error = sliced_wasserstein(zeros(2, 2), zeros(0, 2), Order::First, 2, &mut noise);
        assert_eq!(error.unwrap_err().to_string(), "second sample: expected at least 1 row, found 0");
    }
}
