//! Points whose density is measured, in the model's units and in those of the data.

use burn::tensor::Tensor;
use ebm_eval::{BIN, Estimate, Figure, Protocol, Report, bits_per_dim};
use ebm_ops::Noise;
use ebm_run::card::Content;

use crate::verbs::eval::data;

/// Points whose density is measured, and what brings it to the units of the data.
pub struct Points<'a> {
    /// In the model's units, `[n, dim]`; bytes are spread uniformly over their bins.
    pub x: Tensor<2>,
    /// The log Jacobian of each point: log density in the data's units less that in the model's.
    pub log_jacobians: Vec<f64>,
    content: &'a Content,
}

impl<'a> Points<'a> {
    /// `x` are rows in the model's units, a byte in the middle of its bin.
    pub fn new(x: Tensor<2>, content: &'a Content, noise: &Noise) -> Self {
        let x = match content {
            Content::Image { .. } => {
                let u = noise.derive("dequantization").uniform(x.dims(), &x.device());
                x + (u - 0.5) * BIN
            }
            Content::Row { .. } => x,
        };
        let [_, dim] = x.dims();
        let rows: Vec<f32> = x.clone().into_data().iter::<f32>().collect();
        let log_jacobians = rows.chunks_exact(dim).map(|row| content.log_jacobian(row)).collect();
        Self { x, log_jacobians, content }
    }

    /// Adds figures of the mean of log densities in the model's units: `figure(suffix, values)`, once in these and once
    /// in the data's, or in bits.
    pub fn push(
        &self,
        report: &mut Report,
        end: &str,
        protocol: &Protocol,
        mean: impl Fn(&[f64]) -> Estimate,
    ) {
        let dim = self.x.dims()[1];
        let found = mean(&vec![0.0; self.log_jacobians.len()]);
        let figure = |name: &str, estimate, unit: &str| {
            Figure::estimate(name, estimate, protocol.clone()).in_unit(unit.to_owned())
        };
        let name = format!("log_likelihood_nats{end}");
        match self.content {
            Content::Image { .. } => {
                report.push(figure(&name, found, "nats per picture with pixels from -1 to 1"));
                // The most likely end has the fewest bits.
                let end = match end {
                    "_low" => "_high",
                    "_high" => "_low",
                    end => end,
                };
                let bits = bits_per_dim(found, dim);
                let unit = "bits per dimension of 8-bit pictures, uniformly dequantised";
                report.push(figure(&format!("bits_per_dim{end}"), bits, unit));
            }
            Content::Row { .. } => {
                let unit = format!("nats per row in {}", data::units(self.content));
                report.push(figure(&name, found, &unit));
                let name = format!("log_likelihood_nats_data_units{end}");
                report.push(figure(
                    &name,
                    mean(&self.log_jacobians),
                    "nats per row in the units of the data",
                ));
            }
        }
    }
}

/// The mean of log densities, with its standard error.
pub fn mean(values: &[f64]) -> Estimate {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
    Estimate { value, standard_error: (variance / n).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_data::Standardize;

    #[test]
    fn a_log_density_in_the_units_of_the_data_has_the_scales_in_it() {
        // y = (x − 3)/4 is N(0, 1), so x is N(3, 4²), whose log density is that of y less ln 4
        let content = Content::Row {
            transform: Some(Standardize::new(vec![3.0], vec![4.0]).unwrap().into()),
            columns: Vec::new(),
        };
        let y = Tensor::<2>::from_floats([[0.5], [-1.5]], &Device::flex());
        let points = Points::new(y, &content, &Noise::seeded(1));
        let normal = |y: f64| -0.5 * y * y - 0.5 * std::f64::consts::TAU.ln();
        let values = [normal(0.5), normal(-1.5)];
        let mut report = Report::default();
        points.push(&mut report, "", &Protocol::of(2), |jacobians| {
            mean(&values.iter().zip(jacobians).map(|(value, jacobian)| value + jacobian).collect::<Vec<_>>())
        });
        let value = |name: &str| report.get(name).unwrap().value;
        assert!((value("log_likelihood_nats") - 0.5 * (values[0] + values[1])).abs() < 1e-12);
        let apart = value("log_likelihood_nats") - value("log_likelihood_nats_data_units");
        assert!((apart - 4f64.ln()).abs() < 1e-12, "{report:?}");
    }

    #[test]
    fn bytes_are_spread_over_their_bins_for_a_likelihood() {
        let content = Content::Image { channels: 1, height: 1, width: 400 };
        let middle = ebm_data::dequantize(100, 0.5);
        let x = Tensor::<2>::full([2, 400], middle, &Device::flex());
        let points = Points::new(x, &content, &Noise::seeded(2));
        let values = points.x.into_data();
        let places: Vec<f64> = values.iter::<f64>().map(|y| (y - f64::from(middle)) / BIN).collect();
        assert!(places.iter().all(|place| place.abs() <= 0.5 + 1e-4));
        let variance = places.iter().map(|place| place * place).sum::<f64>() / 800.0;
        // of a uniform, 1/12 with standard error √(1/180/800)
        assert!((variance - 1.0 / 12.0).abs() < 5.0 * (1.0f64 / 180.0 / 800.0).sqrt(), "{variance}");
    }
}
