//! The distribution of the noise level during training.

use burn::tensor::{Device, Tensor};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use super::chi_square::normal_quantile;
use crate::range::{above, finite, non_negative};

/// The distribution of the noise level σ during training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "law", rename_all = "kebab-case")]
pub enum NoiseLaw {
    /// `n` levels in geometric progression from `top` to `bottom`, all equally likely.
    ///
    /// Song and Ermon (2019), §4.1.
    Geometric {
        /// The highest level.
        top: f64,
        /// The lowest level.
        bottom: f64,
        /// The number of levels, at least 2.
        n: usize,
    },
    /// ln σ uniform between ln `bottom` and ln `top`.
    LogUniform {
        /// The highest level.
        top: f64,
        /// The lowest level.
        bottom: f64,
    },
    /// ln σ ~ N(mean, deviation²).
    ///
    /// Karras et al. (2022), table 1, use −1.2 and 1.2.
    LogNormal {
        /// Mean of ln σ.
        mean: f64,
        /// Standard deviation of ln σ.
        deviation: f64,
    },
}

impl NoiseLaw {
    /// # Errors
    /// [`OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        match *self {
            Self::Geometric { top, bottom, n } => {
                OutOfRange::at_least("n", 2, n)?;
                Self::interval(top, bottom)
            }
            Self::LogUniform { top, bottom } => Self::interval(top, bottom),
            Self::LogNormal { mean, deviation } => {
                finite("mean", mean)?;
                non_negative("deviation", deviation).map(|_| ())
            }
        }
    }

    fn interval(top: f64, bottom: f64) -> Result<(), OutOfRange> {
        OutOfRange::positive("bottom", bottom)?;
        above("top", top, "bottom", bottom).map(|_| ())
    }

    /// The level up to which a network learns: the highest of a law that ends, or else the one above which the law has a
    /// thousandth of its levels.
    pub fn reach(&self) -> f64 {
        match *self {
            Self::Geometric { top, .. } | Self::LogUniform { top, .. } => top,
            Self::LogNormal { .. } => self.quantile(0.999),
        }
    }

    /// The level below which the law has the share `p`, between 0 and 1.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        match *self {
            Self::Geometric { top, bottom, n } => {
                let index = (p * n as f64).floor().min((n - 1) as f64);
                (bottom.ln() + index * (top / bottom).ln() / (n - 1) as f64).exp()
            }
            Self::LogUniform { top, bottom } => (bottom.ln() + p * (top / bottom).ln()).exp(),
            Self::LogNormal { mean, deviation: 0.0 } => mean.exp(),
            Self::LogNormal { mean, deviation } => (mean + deviation * normal_quantile(p)).exp(),
        }
    }

    /// A level for each row of a batch, `[batch]`.
    pub fn sample(&self, batch: usize, noise: &mut Noise, device: &Device) -> Tensor<1> {
        match *self {
            Self::Geometric { top, bottom, n } => {
                let step = (bottom / top).ln() / (n - 1) as f64;
                let index = (noise.uniform([batch], device) * n as f64).floor();
                (index * step + top.ln()).exp()
            }
            Self::LogUniform { top, bottom } => {
                (noise.uniform([batch], device) * (top / bottom).ln() + bottom.ln()).exp()
            }
            Self::LogNormal { mean, deviation } => (noise.normal([batch], device) * deviation + mean).exp(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(law: &NoiseLaw) -> Vec<f64> {
        law.validate().unwrap();
        let sigma = law.sample(100_000, &mut Noise::seeded(5), &Device::flex());
        sigma.into_data().try_to_vec::<f32>().unwrap().into_iter().map(|s| f64::from(s).ln()).collect()
    }

    fn moments(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
    }

    #[test]
    fn log_normal_levels_have_their_mean_and_deviation() {
        let (mean, variance) = moments(&logs(&NoiseLaw::LogNormal { mean: -1.2, deviation: 1.2 }));
        assert!((mean + 1.2).abs() < 5.0 * 1.2 / 1e5f64.sqrt(), "{mean}");
        assert!((variance - 1.44).abs() < 5.0 * 1.44 * (2.0 / 1e5f64).sqrt(), "{variance}");
    }

    #[test]
    fn log_uniform_levels_fill_their_interval_evenly() {
        let logs = logs(&NoiseLaw::LogUniform { top: 10.0, bottom: 0.1 });
        let width = 100f64.ln();
        assert!(logs.iter().all(|l| (0.1f64.ln() - 1e-6..10f64.ln() + 1e-6).contains(l)));
        let (mean, variance) = moments(&logs);
        assert!(mean.abs() < 5.0 * width / (12.0 * 1e5f64).sqrt(), "{mean}");
        // the variance of (u − ½)² is 1/180
        assert!(
            (variance / (width * width) - 1.0 / 12.0).abs() < 5.0 / (180.0 * 1e5f64).sqrt(),
            "{variance}"
        );
    }

    #[test]
    fn quantiles_are_levels_of_the_law_in_order() {
        let laws = [
            (NoiseLaw::Geometric { top: 8.0, bottom: 0.5, n: 5 }, [0.5, 2.0, 8.0]),
            (NoiseLaw::LogUniform { top: 8.0, bottom: 0.5 }, [0.5, 2.0, 8.0]),
            (NoiseLaw::LogNormal { mean: 2f64.ln(), deviation: 0.0 }, [2.0, 2.0, 2.0]),
        ];
        for (law, expected) in laws {
            let found = [1e-12, 0.5, 1.0 - 1e-12].map(|p| law.quantile(p));
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9 * expected, "{law:?}: {found} against {expected}");
            }
        }
        let normal = NoiseLaw::LogNormal { mean: 0.3, deviation: 1.2 };
        assert!((normal.quantile(0.975).ln() - (0.3 + 1.2 * 1.959964)).abs() < 1e-6);
    }

    #[test]
    fn a_network_learns_up_to_the_end_of_a_law_or_to_all_but_a_thousandth_of_it() {
        assert_eq!(NoiseLaw::Geometric { top: 8.0, bottom: 0.5, n: 5 }.reach(), 8.0);
        assert_eq!(NoiseLaw::LogUniform { top: 8.0, bottom: 0.5 }.reach(), 8.0);
        let found = NoiseLaw::LogNormal { mean: -0.4, deviation: 1.2 }.reach();
        assert!((found.ln() - (-0.4 + 1.2 * 3.090232)).abs() < 1e-5, "{found}");
    }

    #[test]
    fn geometric_levels_are_all_met_equally_often() {
        let n = 10;
        let mut counts = vec![0f64; n];
        for log in logs(&NoiseLaw::Geometric { top: 10.0, bottom: 0.01, n }) {
            let place = (10f64.ln() - log) / 1000f64.ln() * (n - 1) as f64;
            assert!((place - place.round()).abs() < 1e-4, "{log} is not a level");
            counts[place.round() as usize] += 1.0;
        }
        let chi_square: f64 = counts.iter().map(|count| (count - 1e4).powi(2) / 1e4).sum();
        assert!(chi_square < 39.4, "{chi_square}"); // P = 1e-5 with 9 degrees of freedom
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for law in [
            NoiseLaw::LogUniform { top: 0.1, bottom: 1.0 },
            NoiseLaw::Geometric { top: 1.0, bottom: 0.1, n: 1 },
            NoiseLaw::LogNormal { mean: f64::NAN, deviation: 1.0 },
        ] {
            assert!(law.validate().is_err(), "{law:?}");
        }
    }
}
