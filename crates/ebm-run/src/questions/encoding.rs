//! Rows as the noise that a network makes them of, and back.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::{Capabilities, Network};
use ebm_sample::flow::AdaptiveFlow;

use crate::card::Content;
use crate::error::{Result, anyhow, ensure, usage};
use crate::rows::Rows;
use crate::sampling::{SampleConfig, host};

/// Rows that flow together; each has steps of its own.
const TOGETHER: usize = 100;

/// The tolerances that single precision carries to an end in reasonable time.
const TOLERANCES: std::ops::RangeInclusive<f64> = 1e-6..=0.5;

/// The standard deviation of pixels from −1 to 1, as networks of pictures take it to be, and of standardised rows.
const OF_PIXELS: f64 = 0.5;
const OF_ROWS: f64 = 1.0;

/// A network with the flow between its levels.
pub struct Encoder<'a> {
    network: &'a Network,
    flow: AdaptiveFlow,
    deviation: f64,
}

/// Rows and what the flow makes of them.
#[derive(Clone, Debug)]
pub struct Flowed {
    /// Row after row.
    pub values: Vec<f32>,
    /// Evaluations of the score, of all rows that flow together.
    pub calls: usize,
}

/// How far the way there and back leads from where it began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundTrip {
    /// The mean of the absolute errors of all numbers.
    pub mean: f64,
    /// The largest of them.
    pub largest: f64,
}

impl<'a> Encoder<'a> {
    /// A network that is conditioned on the noise level, with the levels of `config.heun` as the ends of its flow.
    ///
    /// # Errors
    /// A wrong use of the program for another network, or levels or a tolerance out of range.
    pub fn new(
        network: &'a Network,
        content: &Content,
        config: &SampleConfig,
        tolerance: f64,
    ) -> Result<Self> {
        if network.as_noisy_score().is_none() {
            return Err(usage(anyhow!("encoding needs a network that is conditioned on the noise level")));
        }
        let is_right = TOLERANCES.contains(&tolerance);
        ensure!(is_right, usage(anyhow!("tolerance {tolerance}: expected a number from 1e-6 to 0.5")));
        let deviation = match content {
            Content::Image { .. } => OF_PIXELS,
            Content::Row { .. } => OF_ROWS,
        };
        let flow = AdaptiveFlow::new(config.heun.top, config.heun.bottom).map_err(usage)?;
        let flow = flow.with_tolerance(tolerance).map_err(usage)?.with_deviation(deviation)?;
        Ok(Self { network, flow, deviation })
    }

    /// The noise of each row at the highest level; `tick` is told how many rows have arrived.
    ///
    /// # Errors
    /// If the score is not finite, or too rough for the tolerance.
    pub fn encode(&self, rows: &Rows, device: &Device, tick: impl FnMut(usize)) -> Result<Flowed> {
        self.flowed(rows.batches(TOGETHER, device), true, tick)
    }

    /// The rows that codes become, `dim` numbers each; `tick` is told how many have arrived.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn decode(
        &self,
        codes: &[f32],
        dim: usize,
        device: &Device,
        tick: impl FnMut(usize),
    ) -> Result<Flowed> {
        let batches = codes.chunks(TOGETHER * dim.max(1)).map(|codes| {
            let shape = [codes.len() / dim.max(1), dim];
            Tensor::from_data(TensorData::new(codes.to_vec(), shape), device)
        });
        self.flowed(batches, false, tick)
    }

    /// What the standard deviation of codes is about.
    pub fn deviation_of_codes(&self) -> f64 {
        self.flow.top().hypot(self.deviation)
    }

    fn flowed(
        &self,
        batches: impl Iterator<Item = Tensor<2>>,
        up: bool,
        mut tick: impl FnMut(usize),
    ) -> Result<Flowed> {
        let score = self.network.as_noisy_score().ok_or_else(|| anyhow!("a network without noise levels"))?;
        let mut flowed = Flowed { values: Vec::new(), calls: 0 };
        let mut before = 0;
        for x in batches {
            let n = x.dims()[0];
            let carried = match up {
                true => self.flow.encode(score, x),
                false => self.flow.decode(score, x),
            };
            let carried =
                carried.map_err(|error| anyhow!(error).context(format!("rows from {before} on")))?;
            flowed.values.extend(host(carried.position)?);
            flowed.calls += carried.calls;
            before += n;
            tick(n);
        }
        Ok(flowed)
    }
}

/// The errors of numbers as they come: the same whatever blocks they come in.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundTripErrors {
    sum: f64,
    largest: f64,
    n: usize,
}

impl RoundTripErrors {
    /// Adds numbers and what came back, as many; in units of 1/255 of the grey scale for pictures, of the model for rows.
    pub fn add(&mut self, content: &Content, began: &[f32], came_back: &[f32]) {
        let unit = match content {
            // Bins of bytes are 2 · 255/256² apart, see `ebm_data::dequantize`.
            Content::Image { .. } => 0.5 * 256.0 * 256.0 / 255.0,
            Content::Row { .. } => 1.0,
        };
        for (a, b) in began.iter().zip(came_back) {
            let error = unit * (f64::from(*a) - f64::from(*b)).abs();
            self.sum += error;
            self.largest = self.largest.max(error);
        }
        self.n += began.len();
    }

    /// Their mean and the largest.
    pub fn round_trip(&self) -> RoundTrip {
        RoundTrip { mean: self.sum / self.n.max(1) as f64, largest: self.largest }
    }
}

impl RoundTrip {
    /// Of numbers and what came back, as [`RoundTripErrors::add`] takes them.
    pub fn of(content: &Content, began: &[f32], came_back: &[f32]) -> Self {
        let mut errors = RoundTripErrors::default();
        errors.add(content, began, came_back);
        errors.round_trip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_pictures_are_counted_in_grey_levels_and_those_of_rows_as_they_are() {
        let picture = Content::Image { channels: 1, height: 1, width: 2 };
        let found = RoundTrip::of(&picture, &[-1.0, 0.0], &[-1.0, 2.0 * 255.0 / 65536.0]);
        assert!((found.mean - 0.5).abs() < 1e-6 && (found.largest - 1.0).abs() < 1e-6, "{found:?}");
        let row = Content::Row { transform: None, columns: Vec::new() };
        assert_eq!(RoundTrip::of(&row, &[1.0, 2.0], &[1.5, 2.0]), RoundTrip { mean: 0.25, largest: 0.5 });
        let mut errors = RoundTripErrors::default();
        errors.add(&row, &[1.0], &[1.5]);
        errors.add(&row, &[2.0, 3.0, 0.1], &[2.0, 3.7, 0.3]);
        assert_eq!(errors.round_trip(), RoundTrip::of(&row, &[1.0, 2.0, 3.0, 0.1], &[1.5, 2.0, 3.7, 0.3]));
    }
}
