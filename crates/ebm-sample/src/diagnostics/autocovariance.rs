//! How draws of one chain go together.

use std::f64::consts::TAU;

/// γ_t = (1/n) Σ (x_i − x̄)(x_{i+t} − x̄) for t = 0 … n − 1, by Fourier transform.
pub(super) fn autocovariance(chain: &[f64]) -> Vec<f64> {
    let n = chain.len();
    let mean = chain.iter().sum::<f64>() / n as f64;
    // room for all lags, so that the end does not meet the beginning
    let size = (2 * n).next_power_of_two();
    let mut spectrum: Vec<Complex> = chain.iter().map(|x| Complex(x - mean, 0.0)).collect();
    spectrum.resize(size, Complex(0.0, 0.0));
    transform(&mut spectrum);
    for Complex(real, imaginary) in &mut spectrum {
        (*real, *imaginary) = (*real * *real + *imaginary * *imaginary, 0.0);
    }
    // of real, even numbers the transform and its inverse are the same but for the factor
    transform(&mut spectrum);
    spectrum[..n].iter().map(|sum| sum.0 / (size * n) as f64).collect()
}

#[derive(Clone, Copy)]
struct Complex(f64, f64);

/// Σ_j x_j exp(−2πi jk/n) for every k, in place; n is a power of two.
///
/// # Reference
/// Cooley and Tukey (1965), *An algorithm for the machine calculation of complex Fourier series*.
fn transform(x: &mut [Complex]) {
    let n = x.len();
    let bits = n.trailing_zeros();
    for i in 0..n {
        let mirrored = if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - bits) };
        if i < mirrored {
            x.swap(i, mirrored);
        }
    }
    let root = |k: usize| {
        let (sine, cosine) = (-TAU * k as f64 / n as f64).sin_cos();
        Complex(cosine, sine)
    };
    let roots: Vec<Complex> = (0..n / 2).map(root).collect();
    let mut half = 1;
    while half < n {
        for block in x.chunks_exact_mut(2 * half) {
            let (left, right) = block.split_at_mut(half);
            for (j, (a, b)) in left.iter_mut().zip(right).enumerate() {
                let w = roots[j * (n / (2 * half))];
                let turned = Complex(w.0 * b.0 - w.1 * b.1, w.0 * b.1 + w.1 * b.0);
                (*a, *b) = (Complex(a.0 + turned.0, a.1 + turned.1), Complex(a.0 - turned.0, a.1 - turned.1));
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_gives_the_sums_themselves() {
        for n in [1, 2, 5, 64, 301] {
            let x: Vec<f64> =
                (0..n).map(|i| (i as f64 * 0.7).sin() + 0.01 * (i * i % 17) as f64 + 3.0).collect();
            let mean = x.iter().sum::<f64>() / n as f64;
            for (t, found) in autocovariance(&x).into_iter().enumerate() {
                let sum: f64 = (0..n - t).map(|i| (x[i] - mean) * (x[i + t] - mean)).sum();
                assert!((found - sum / n as f64).abs() < 1e-13, "n = {n}, lag {t}: {found}");
            }
        }
    }
}
