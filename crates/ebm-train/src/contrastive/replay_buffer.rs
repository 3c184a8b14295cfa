//! Chains that continue from step to step.

use burn::tensor::{Int, Tensor, TensorData};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::Memory;
use crate::objectives::objective::unknown;
use crate::range::{above, finite};

/// The names of the tensors in a memory.
const POSITIONS: &str = "positions";
const AGES: &str = "ages";

/// Where a chain starts or restarts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Restart {
    /// At a row of the batch, all equally likely.
    Data,
    /// Normal with mean 0, independently in each coordinate.
    Normal {
        /// The standard deviation.
        deviation: f64,
    },
    /// Uniform on an interval, independently in each coordinate.
    Uniform {
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
}

impl Restart {
    /// # Errors
    /// [`OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        match *self {
            Self::Data => {}
            Self::Normal { deviation } => {
                OutOfRange::positive("deviation", deviation)?;
            }
            Self::Uniform { low, high } => {
                finite("low", low)?;
                above("high", high, "low", low)?;
            }
        }
        Ok(())
    }

    /// `n` starting positions, `[n, dim]`, of the device and type of `data`, `[batch, dim]`.
    pub fn draw(&self, n: usize, data: &Tensor<2>, noise: &mut Noise) -> Tensor<2> {
        let [batch, dim] = data.dims();
        let device = data.device();
        match *self {
            Self::Data => data.clone().select(0, indices(&noise.indices(n, batch), data)),
            Self::Normal { deviation } => noise.normal([n, dim], &device).cast(data.dtype()) * deviation,
            Self::Uniform { low, high } => {
                noise.uniform([n, dim], &device).cast(data.dtype()) * (high - low) + low
            }
        }
    }
}

/// The positions and ages of many chains.
///
/// Each training step takes some of them, without repetition, advances them, and puts them back.
/// As a [`Memory`] it is two tensors: `positions`, `[chains, dim]`, and `ages`, `[chains, 1]`.
///
/// # Reference
/// Tieleman (2008), *Training restricted Boltzmann machines using approximations to the likelihood
/// gradient*, for chains that continue; Du and Mordatch (2019), *Implicit generation and modeling with
/// energy-based models*, §3.2, for more chains than rows in a batch.
#[derive(Clone, Debug)]
pub struct ReplayBuffer {
    positions: Tensor<2>,
    ages: Tensor<2>,
}

impl ReplayBuffer {
    /// Chains that start at `positions`, `[chains, dim]`, a plain tensor.
    pub fn new(positions: Tensor<2>) -> Self {
        let ages = Tensor::zeros([positions.dims()[0], 1], (&positions.device(), positions.dtype()));
        Self { positions, ages }
    }

    /// The positions of the chains, `[chains, dim]`.
    pub fn positions(&self) -> &Tensor<2> {
        &self.positions
    }

    /// Sampler steps since each chain restarted, `[chains, 1]`.
    pub fn ages(&self) -> &Tensor<2> {
        &self.ages
    }

    /// The indices of `n` chains, without repetition; of all chains if there are fewer.
    pub fn choose(&self, n: usize, noise: &mut Noise) -> Tensor<1, Int> {
        let order = noise.permutation(self.positions.dims()[0]);
        indices(&order[..n.min(order.len())], &self.positions)
    }

    /// Positions `[n, dim]` and ages `[n, 1]` of these chains.
    pub fn get(&self, chains: Tensor<1, Int>) -> (Tensor<2>, Tensor<2>) {
        (self.positions.clone().select(0, chains.clone()), self.ages.clone().select(0, chains))
    }

    /// The buffer with these chains at `positions`, `[n, dim]`, and `ages`, `[n, 1]`; updated in place if nothing
    /// else holds its tensors.
    pub fn put(self, chains: Tensor<1, Int>, positions: Tensor<2>, ages: Tensor<2>) -> Self {
        let assign = burn::tensor::IndexingUpdateOp::Assign;
        Self {
            positions: self.positions.select_assign(0, chains.clone(), positions, assign),
            ages: self.ages.select_assign(0, chains, ages, assign),
        }
    }

    /// The buffer as a memory.
    pub fn into_memory(self) -> Memory {
        [(POSITIONS.into(), self.positions), (AGES.into(), self.ages)].into()
    }

    /// The buffer of `capacity` chains that a memory is.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn from_memory(mut memory: Memory, capacity: usize) -> Result<Self, String> {
        Self::check(&memory, capacity, None)?;
        match (memory.remove(POSITIONS), memory.remove(AGES)) {
            (Some(positions), Some(ages)) => Ok(Self { positions, ages }),
            _ => Err("a replay buffer has positions and ages".into()),
        }
    }

    /// The buffer that a memory is, of however many chains.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub(crate) fn of_any_capacity(memory: Memory) -> Result<Self, String> {
        let capacity = memory.get(POSITIONS).map_or(0, |positions| positions.dims()[0]);
        Self::from_memory(memory, capacity)
    }

    /// Whether `memory` is a buffer of `capacity` chains in `dim` dimensions, if those are known.
    ///
    /// # Errors
    /// A message that lists what is missing, unknown, or of another shape.
    pub fn check(memory: &Memory, capacity: usize, dim: Option<usize>) -> Result<(), String> {
        let mut wrong = unknown(memory.keys().filter(|name| ![POSITIONS, AGES].contains(&name.as_str())));
        for (name, columns) in [(POSITIONS, dim), (AGES, Some(1))] {
            match memory.get(name).map(Tensor::dims) {
                None => wrong.push(format!("{name} of the replay buffer are missing")),
                Some([chains, _]) if chains != capacity => {
                    wrong.push(format!("{name} are of {chains} chains, expected {capacity}"));
                }
                Some([_, found]) => {
                    if let Some(expected) = columns.filter(|expected| *expected != found) {
                        wrong.push(format!(
                            "{name} of the replay buffer have {found} columns, expected {expected}"
                        ));
                    }
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }
}

/// The numbers as a tensor on the device of `like`.
fn indices(numbers: &[usize], like: &Tensor<2>) -> Tensor<1, Int> {
    let numbers: Vec<i64> = numbers.iter().map(|&number| number as i64).collect();
    let n = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [n]), &like.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn numbers(tensor: Tensor<2>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    fn counted(rows: usize) -> Tensor<2> {
        let numbers: Vec<f32> = (0..rows).map(|row| row as f32).collect();
        Tensor::from_data(TensorData::new(numbers, [rows, 1]), &Device::flex())
    }

    #[test]
    fn chosen_chains_are_distinct_and_only_they_move() {
        let buffer = ReplayBuffer::new(counted(10));
        let mut noise = Noise::seeded(1);
        let chosen = buffer.choose(4, &mut noise);
        let mut names: Vec<i64> = chosen.clone().into_data().iter::<i64>().collect();
        let (position, age) = buffer.get(chosen.clone());
        let held: Vec<f64> = names.iter().map(|&name| name as f64).collect();
        assert_eq!(numbers(position.clone()), held);

        let moved = buffer.put(chosen, position + 100.0, age + 7.0);
        let (positions, ages) = (numbers(moved.positions().clone()), numbers(moved.ages().clone()));
        for row in 0..10 {
            let (far, old) = if names.contains(&row) { (100.0, 7.0) } else { (0.0, 0.0) };
            assert_eq!((positions[row as usize], ages[row as usize]), (row as f64 + far, old));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 4);
        assert_eq!(moved.choose(11, &mut noise).dims(), [10], "it chooses at most all of them");
        // every chain is chosen at some time: the chance that one is not in 100 times is 0.6^100
        let mut met = [false; 10];
        for _ in 0..100 {
            moved.choose(4, &mut noise).into_data().iter::<i64>().for_each(|name| met[name as usize] = true);
        }
        assert_eq!(met, [true; 10]);
    }

    #[test]
    fn chains_restart_where_the_settings_say() {
        let (data, mut noise) = (counted(5) + 20.0, Noise::seeded(2));
        let from_data = numbers(Restart::Data.draw(200, &data, &mut noise));
        for row in 20..25 {
            assert!(from_data.contains(&f64::from(row)), "row {row} in 200 draws of 5");
        }
        assert!(from_data.iter().all(|x| x.fract() == 0.0 && (20.0..25.0).contains(x)));

        let n = 10_000;
        let moments = |values: Vec<f64>| {
            let mean = values.iter().sum::<f64>() / n as f64;
            (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64)
        };
        let root = (n as f64).sqrt();
        let (mean, variance) =
            moments(numbers(Restart::Normal { deviation: 3.0 }.draw(n, &data, &mut noise)));
        assert!(mean.abs() < 5.0 * 3.0 / root, "{mean}");
        assert!((variance - 9.0).abs() < 5.0 * 9.0 * 2f64.sqrt() / root, "{variance}");
        let even = Restart::Uniform { low: -1.0, high: 5.0 }.draw(n, &data, &mut noise);
        assert!(numbers(even.clone()).iter().all(|x| (-1.0..=5.0).contains(x)));
        let (mean, variance) = moments(numbers(even));
        // of width 6: variance 3, that of (x − mean)² is 6⁴/180
        assert!((mean - 2.0).abs() < 5.0 * 3f64.sqrt() / root, "{mean}");
        assert!((variance - 3.0).abs() < 5.0 * (1296.0f64 / 180.0).sqrt() / root, "{variance}");
    }

    #[test]
    fn restart_settings_out_of_range_are_refused_by_field() {
        for (restart, field) in [
            (Restart::Normal { deviation: 0.0 }, "deviation: "),
            (Restart::Uniform { low: 1.0, high: 1.0 }, "high: "),
            (Restart::Uniform { low: f64::NEG_INFINITY, high: 1.0 }, "low: "),
        ] {
            let error = restart.validate().unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
