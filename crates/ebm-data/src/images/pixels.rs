//! From bytes to the values of a model, and back.

use burn::tensor::Tensor;

/// The value y in [−1, 1) of a byte: y = 2·pixel − 1, pixel = (byte · 255/256 + u)/256.
///
/// With u uniform on [0, 1) the discrete byte becomes a continuous variable. Without that, a density model could reach
/// an infinite likelihood by concentrating on 256 points.
/// The bins of neighbouring bytes are 255/256² apart and 1/256 wide, so they overlap by one part in 256; the greatest
/// value is 2·(255²/256 + 1)/256 − 1 = 0.992….
/// u = ½ gives the mean of each byte's bin.
///
/// # Reference
/// Theis, van den Oord and Bethge (2016), *A note on the evaluation of generative models*, for the noise.
#[inline]
pub fn dequantize(byte: u8, u: f32) -> f32 {
    let pixel = (f32::from(byte) * (255.0 / 256.0) + u) / 256.0;
    2.0 * pixel - 1.0
}

/// byte/255 = `SLOPE` (y + 1)/2 − `SHIFT`, where y is the mean of the byte's bin.
const SLOPE: f32 = 256.0 * 256.0 / (255.0 * 255.0);
const SHIFT: f32 = 0.5 * 256.0 / (255.0 * 255.0);

/// The pixel in [0, 1] of a model's value, clamped; the inverse of [`dequantize`] with u = ½. NaN stays NaN.
///
/// A model learns bytes with noise of mean ½ on them, which is taken off here: (y + 1)/2 alone would turn what is
/// black into a grey of half a level.
pub fn to_pixel(value: f32) -> f32 {
    (SLOPE * (0.5 * (value + 1.0)) - SHIFT).clamp(0.0, 1.0)
}

/// [`to_pixel`] of every value; the shape stays.
pub fn to_pixels<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    ((values + 1.0) * (0.5 * SLOPE) - SHIFT).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;

    #[test]
    fn values_are_in_range_and_increase_with_the_byte() {
        let greatest_u = 1.0 - f32::EPSILON / 2.0;
        assert_eq!(dequantize(0, 0.0), -1.0);
        assert!(dequantize(255, greatest_u) < 1.0);
        let greatest = 2.0 * (255.0 * 255.0 / 256.0 + 1.0) / 256.0 - 1.0;
        assert!((dequantize(255, greatest_u) - greatest).abs() < 1e-6);
        assert!((0..255).all(|byte| dequantize(byte, 0.5) < dequantize(byte + 1, 0.5)));
    }

    #[test]
    fn a_byte_is_spread_uniformly_over_its_bin() {
        let n = 100_000;
        let (low, width) = (2.0 * (100.0 * 255.0 / 256.0) / 256.0 - 1.0, 2.0 / 256.0);
        let mut counts = [0.0; 16];
        for u in Noise::seeded(6).uniforms(n) {
            let place = (f64::from(dequantize(100, u)) - low) / width;
            counts[((place * 16.0) as usize).min(15)] += 1.0;
            assert!((-1e-4..1.0 + 1e-4).contains(&place), "{place}");
        }
        let expected = n as f64 / 16.0;
        let chi_square: f64 = counts.iter().map(|count: &f64| (count - expected).powi(2) / expected).sum();
        assert!(chi_square < 51.1, "{chi_square}"); // P = 1e-5 with 15 degrees of freedom
    }

    #[test]
    fn pixels_are_the_bytes_that_the_values_were_made_of_clamped() {
        let values: Vec<f32> = (0..=255).map(|byte| dequantize(byte, 0.5)).collect();
        let tensor = Tensor::<1>::from_floats(values.as_slice(), &burn::tensor::Device::flex());
        let pixels = to_pixels(tensor).into_data().try_to_vec::<f32>().unwrap();
        for ((byte, &value), pixel) in (0..=255u8).zip(&values).zip(pixels) {
            let expected = f32::from(byte) / 255.0;
            assert!((to_pixel(value) - expected).abs() < 1e-6, "{byte}: {}", to_pixel(value));
            assert!((pixel - expected).abs() < 1e-6, "{byte}: {pixel}");
        }
        assert_eq!([-3.0, -1.0, 1.0, 9.0].map(to_pixel), [0.0, 0.0, 1.0, 1.0]);
        assert!(to_pixel(f32::NAN).is_nan());
    }
}
