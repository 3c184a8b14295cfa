//! The direction in which draws are spread the most.

use crate::Mass;

/// How far the direction turns towards what a step says, and how far the variance.
const TURN: f64 = 0.04;
const MEMORY: f64 = 0.98;

/// The variance along the first principal component of a stream of draws, in the units of a mass, without keeping them.
///
/// With y the draws of a step from their mean in these units, the direction v turns towards the mean of (y·v) y, and the
/// variance follows the mean of (y·v)².
///
/// # Reference
/// Oja (1982), *A simplified neuron model as a principal component analyzer*.
#[derive(Clone, Debug)]
pub(super) struct WidestDirection {
    center: Vec<f64>,
    /// 1/√v of the mass.
    over: Vec<f64>,
    direction: Option<Vec<f64>>,
    square: f64,
    weight: f64,
}

impl WidestDirection {
    /// Of draws around `center`, in the units of `mass`; none seen yet.
    pub(super) fn new(center: &[f64], mass: &Mass) -> Self {
        let over = mass.variances().map_or(vec![1.0; center.len()], |variances| {
            variances.iter().map(|variance| variance.sqrt().recip()).collect()
        });
        Self { center: center.to_vec(), over, direction: None, square: 0.0, weight: 0.0 }
    }

    /// Adds the draws of a step, `[chains, dim]`, row by row.
    pub(super) fn add(&mut self, positions: &[f64]) {
        let dim = self.center.len();
        let in_units = |row: &[f64]| -> Vec<f64> {
            row.iter()
                .zip(&self.center)
                .zip(&self.over)
                .map(|((x, center), over)| (x - center) * over)
                .collect()
        };
        let rows: Vec<Vec<f64>> = positions.chunks_exact(dim).map(in_units).collect();
        let Some(direction) = self.direction.take().or_else(|| unit(rows.first()?.clone())) else { return };
        let (mut square, mut towards) = (0.0, vec![0.0; dim]);
        for row in &rows {
            let along: f64 = row.iter().zip(&direction).map(|(y, v)| y * v).sum();
            square += along * along / rows.len() as f64;
            towards.iter_mut().zip(row).for_each(|(towards, y)| *towards += along * y);
        }
        self.square = MEMORY * self.square + (1.0 - MEMORY) * square;
        self.weight = MEMORY * self.weight + (1.0 - MEMORY);
        let turned = unit(towards).and_then(|towards| {
            unit(direction.iter().zip(towards).map(|(v, towards)| v + TURN * (towards - v)).collect())
        });
        self.direction = Some(turned.unwrap_or(direction));
    }

    /// The variance along the direction; `None` before the first draws.
    pub(super) fn variance(&self) -> Option<f64> {
        let variance = self.square / self.weight;
        variance.is_finite().then_some(variance)
    }
}

/// `x` over its norm, unless that is 0 or not finite.
fn unit(x: Vec<f64>) -> Option<Vec<f64>> {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    (norm.is_finite() && 0.0 < norm).then(|| x.into_iter().map(|x| x / norm).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn it_is_the_largest_eigenvalue_of_the_correlations() {
        // x_i = √v_i (√ρ f + √(1 − ρ) z_i): the correlations have the eigenvalue 1 + (d − 1) ρ
        let (dim, chains, rho) = (6, 5, 0.6f64);
        let variances: Vec<f64> = (0..dim).map(|i| 10f64.powi(i as i32 - 3)).collect();
        let mass = Mass::from_variances(variances.clone()).unwrap();
        let mut widest = WidestDirection::new(&vec![2.0; dim], &mass);
        assert!(widest.variance().is_none());
        let mut noise = Noise::seeded(371);
        for _ in 0..500 {
            let (common, own) = (noise.normals_f64(chains), noise.normals_f64(chains * dim));
            let number = |k: usize| {
                let z = rho.sqrt() * common[k / dim] + (1.0 - rho).sqrt() * own[k];
                2.0 + variances[k % dim].sqrt() * z
            };
            widest.add(&(0..chains * dim).map(number).collect::<Vec<f64>>());
        }
        // of some 50 steps of 5 chains the variance has an error of √(2/250)
        let found = widest.variance().unwrap();
        assert!((found / 4.0 - 1.0).abs() < 5.0 * (2f64 / 250.0).sqrt(), "{found}");
    }

    #[test]
    fn draws_at_the_mean_and_draws_that_are_not_finite_say_nothing() {
        let mut widest = WidestDirection::new(&[1.0, 1.0], &Mass::unit());
        widest.add(&[1.0, 1.0]);
        assert!(widest.variance().is_none());
        widest.add(&[f64::NAN, 1.0]);
        assert!(widest.variance().is_none());
        widest.add(&[3.0, 1.0]);
        assert_eq!(widest.variance(), Some(4.0));
    }
}
