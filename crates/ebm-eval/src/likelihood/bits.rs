//! Bits per dimension of pictures with 256 grey values.

use crate::Estimate;

/// Grey values of a byte.
const GREYS: f64 = 256.0;

/// The width in [−1, 1] of the bin of one grey value.
pub const BIN: f64 = 2.0 / GREYS;

/// The bits per dimension of pictures of `dim` numbers from the mean log density of y = 2v/256 − 1, in nats.
///
/// v = byte · 255/256 + u, with u uniform on [0, 1), spreads each byte over its bin (uniform dequantisation). With
/// dv = 128 dy the density of v is p(y) (2/256)^dim, and the mean of its logarithm bounds that of the probability of
/// the bytes from below, by Jensen's inequality:
///
/// bits per dimension = −(log p(y) + dim ln(2/256)) / (dim ln 2).
///
/// The uniform density on the cube [−1, 1]^dim has 8 bits. Neighbouring bins overlap by one part in 256, so the
/// result is a bound up to log₂(256/255) = 0.006 bits.
///
/// # Reference
/// Theis, van den Oord and Bethge (2016), *A note on the evaluation of generative models*, §3.1.
pub fn bits_per_dim(log_density: Estimate, dim: usize) -> Estimate {
    bits(log_density, dim, BIN)
}

/// −log₂ p per coordinate for the density of y/`scale`.
pub(super) fn bits(log_density: Estimate, dim: usize, scale: f64) -> Estimate {
    let bit = dim as f64 * std::f64::consts::LN_2;
    Estimate {
        value: -log_density.value / bit - scale.log2(),
        standard_error: log_density.standard_error / bit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};
    use ebm_model::{Energy, Gaussian};
    use ebm_ops::Noise;

    #[test]
    fn the_uniform_density_on_the_cube_has_eight_bits() {
        for dim in [1, 784] {
            let log_density = -(dim as f64) * 2f64.ln();
            let found = bits_per_dim(Estimate { value: log_density, standard_error: 0.0 }, dim);
            assert!((found.value - 8.0).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn a_broad_gaussian_has_its_discrete_entropy() {
        // a Gaussian of standard deviation 20 grey values has log₂(20 √(2πe)) bits, as have its rounded values
        let (n, deviation) = (20_000, 20.0 * BIN);
        let target = Gaussian::isotropic(vec![0.0], deviation * deviation).unwrap();
        let mut noise = Noise::seeded(221);
        let (z, u) = (noise.normals_f64(n), noise.uniforms(n));
        let spread = |(z, u): (f64, f32)| (((z * deviation / BIN).floor() + f64::from(u)) * BIN) as f32;
        let y: Vec<f32> = z.into_iter().zip(u).map(spread).collect();
        let y = Tensor::<1>::from_floats(y.as_slice(), &Device::flex()).reshape([n, 1]);
        let values: Vec<f64> = crate::host::numbers(target.energy(y))
            .into_iter()
            .map(|energy| -energy - target.log_normalizer())
            .collect();
        let found = bits_per_dim(Estimate::mean(&values), 1);
        let exact = (20.0 * (std::f64::consts::TAU * std::f64::consts::E).sqrt()).log2();
        // uniform noise adds 1/12 to a variance of 400
        assert!((found.value - exact).abs() < 5.0 * found.standard_error + 1.0 / (24.0 * 400.0), "{found:?}");
    }
}
