//! What each pixel or column of a row adds to its −log p by a trained network.

use burn::tensor::{Device, Tensor};
use ebm_eval::{ScoreMap, path_contributions};
use ebm_model::{AtNoise, Capabilities};

use crate::error::{Result, anyhow, bail, ensure, usage};
use crate::rows::Rows;
use crate::sampling::host;

/// Rows whose scores are on the device at once.
const TOGETHER: usize = 50;

/// Most noise levels.
const MAX_LEVELS: usize = 1000;

/// Segments of a line along which a score is integrated.
const SEGMENTS: usize = 8;

/// How the maps of a network are made.
pub struct Mapping<'a> {
    network: &'a dyn Capabilities,
    /// Of a network that is conditioned on the noise level.
    score_map: Option<ScoreMap>,
}

impl<'a> Mapping<'a> {
    /// By `n` noise levels from `bottom` to `top` for a network that is conditioned on one: a [`ScoreMap`].
    ///
    /// Of a network that is not, what each number adds to E(x) − E(0) on the way from 0, the mean of a table or middle
    /// grey, to x: [`path_contributions`].
    ///
    /// # Errors
    /// A wrong use of the program unless `0 < bottom < top < ∞` and there are from 2 to 1,000 levels.
    pub fn of(network: &'a dyn Capabilities, [bottom, top]: [f64; 2], n: usize) -> Result<Self> {
        ensure!(n <= MAX_LEVELS, usage(anyhow!("levels: expected at most {MAX_LEVELS}, found {n}")));
        let score_map = match network.as_noisy_score() {
            Some(_) => Some(ScoreMap::new(bottom, top, n).map_err(usage)?),
            None => None,
        };
        if score_map.is_none() && network.as_score().is_none() {
            bail!(usage(anyhow!("the network has no score to make maps of")));
        }
        Ok(Self { network, score_map })
    }

    /// The noise levels, from the lowest up; empty for a network that is not conditioned on one.
    pub fn levels(&self) -> &[f64] {
        self.score_map.as_ref().map_or(&[][..], ScoreMap::levels)
    }

    /// The map of every row, one after the other, in nats; `tick` is told how many have been made.
    ///
    /// # Errors
    /// If a score is not finite.
    pub fn totals(&self, rows: &Rows, device: &Device, mut tick: impl FnMut(usize)) -> Result<Vec<f32>> {
        let mut maps = Vec::new();
        for x in rows.batches(TOGETHER, device) {
            let n = x.dims()[0];
            maps.extend(host(self.total(x)?)?);
            tick(n);
        }
        Ok(maps)
    }

    fn total(&self, x: Tensor<2>) -> Result<Tensor<2>> {
        match (&self.score_map, self.network.as_noisy_score(), self.network.as_score()) {
            (Some(map), Some(model), _) => Ok(map.of(model, x)?.total),
            (_, _, Some(model)) => {
                let from = Tensor::zeros([1, x.dims()[1]], (&x.device(), x.dtype()));
                Ok(path_contributions(model, from, x, SEGMENTS)?)
            }
            _ => bail!("the network has no score to make maps of"),
        }
    }

    /// σ² s(x, σ)² of some rows at each level, `[rows, levels, dim]` row by row; nothing without levels.
    ///
    /// # Errors
    /// If a score is not finite.
    pub fn by_level(&self, x: Tensor<2>) -> Result<Vec<f32>> {
        let (Some(map), Some(model)) = (&self.score_map, self.network.as_noisy_score()) else {
            return Ok(Vec::new());
        };
        let dim = x.dims()[1];
        let by_level: Vec<Vec<f32>> =
            map.of(model, x)?.by_level.into_iter().map(host).collect::<Result<_>>()?;
        let n = by_level.first().map_or(0, |level| level.len() / dim);
        Ok((0..n)
            .flat_map(|row| by_level.iter().flat_map(move |level| &level[row * dim..][..dim]))
            .copied()
            .collect())
    }

    /// What each number of some rows adds to E(x, σ) − E(D(x, σ), σ), the energy above that of the denoised row, row by
    /// row; nothing for a network without an energy at noise levels.
    ///
    /// # Errors
    /// If a score is not finite.
    pub fn above_denoised(&self, x: Tensor<2>, sigma: f64) -> Result<Vec<f32>> {
        let Some(model) = self.network.as_noisy_energy() else { return Ok(Vec::new()) };
        let model = AtNoise::new(model, sigma);
        let from = model.denoise(x.clone());
        host(path_contributions(&model, from, x, SEGMENTS)?)
    }
}

/// The columns that make a row odd: the fewest with at least half of what its map has above zero, the largest first.
pub fn odd_columns(map: &[f32]) -> Vec<usize> {
    let above = |i: usize| f64::from(map[i].max(0.0));
    let whole: f64 = (0..map.len()).map(above).sum();
    let mut order: Vec<usize> = (0..map.len()).filter(|&i| 0.0 < above(i)).collect();
    order.sort_by(|&i, &k| map[k].total_cmp(&map[i]));
    let mut sum = 0.0;
    let enough = order.iter().position(|&i| {
        sum += above(i);
        0.5 * whole <= sum
    });
    order.truncate(enough.map_or(0, |last| last + 1));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_columns_are_the_fewest_with_half_of_the_map() {
        assert_eq!(odd_columns(&[1.0, 9.0, 2.0]), [1]);
        assert_eq!(odd_columns(&[3.0, 2.9, 4.0, 0.1]), [2, 0]);
        assert_eq!(odd_columns(&[-5.0, 1.0, 1.0]), [1]);
        assert!(odd_columns(&[0.0, -1.0]).is_empty() && odd_columns(&[]).is_empty());
    }
}
