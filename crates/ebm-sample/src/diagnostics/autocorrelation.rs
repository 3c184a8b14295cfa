//! Autocorrelation of a chain.

use super::autocovariance::autocovariance;

/// ρ_t = γ_t/γ_0 for t = 0 … n − 1, γ_t = (1/n) Σ (x_i − x̄)(x_{i+t} − x̄), of one chain.
///
/// NaN where a draw is not finite or all are equal.
///
/// # Reference
/// Geyer (1992), *Practical Markov chain Monte Carlo*, §3.1.
pub fn autocorrelation(chain: &[f64]) -> Vec<f64> {
    let says_nothing =
        chain.iter().any(|x| !x.is_finite()) || chain.windows(2).all(|pair| pair[0] == pair[1]);
    if says_nothing {
        return vec![f64::NAN; chain.len()];
    }
    let covariances = autocovariance(chain);
    covariances.iter().map(|gamma| gamma / covariances[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Langevin;
    use crate::slices::SliceChains;
    use ebm_ops::Noise;

    const N: usize = 200_000;

    /// How many standard errors `chain`'s correlations at a few lags are from those of x′ = a x + z, aᵗ, at
    /// the most; the errors are Bartlett's (1946, *On the theoretical specification and sampling properties of
    /// autocorrelated time-series*): n Var ρ_t = (1 + a²)(1 − a²ᵗ)/(1 − a²) − 2t a²ᵗ.
    fn farthest(chain: &[f64], a: f64) -> f64 {
        let rho = autocorrelation(chain);
        assert_eq!((rho.len(), rho[0]), (chain.len(), 1.0));
        let error = |t: i32| {
            let squares = a.powi(2 * t);
            let variance = (1.0 + a * a) * (1.0 - squares) / (1.0 - a * a) - 2.0 * f64::from(t) * squares;
            (rho[t as usize] - a.powi(t)).abs() / (variance / chain.len() as f64).sqrt()
        };
        [1, 2, 5, 10, 30].map(error).into_iter().fold(0.0, f64::max)
    }

    #[test]
    fn of_an_autoregression_it_is_a_power_and_of_another_one_it_is_not() {
        for a in [0.9, -0.5] {
            let mut x = 0.0;
            let z = Noise::seeded(131).normals_f64(N);
            let chain: Vec<f64> = z.into_iter().map(|z| (x = a * x + z, x).1).collect();
            assert!(farthest(&chain, a) < 5.0, "{a}: {}", farthest(&chain, a));
            assert!(5.0 < farthest(&chain, a + 0.02), "{a}: {}", farthest(&chain, a + 0.02));
        }
    }

    #[test]
    fn of_unadjusted_langevin_on_a_gaussian_it_is_a_power_of_one_minus_the_step() {
        let (variance, step) = (2.0, 0.3);
        let log_density = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = -x[0] / variance;
            -0.5 * x[0] * x[0] / variance
        };
        let kernel = Langevin::new(step).unwrap();
        let draws = SliceChains::start(log_density, kernel, vec![vec![0.0]], Noise::seeded(132));
        let chain: Vec<f64> = draws.skip(100).take(N).map(|draw| draw.positions[0][0]).collect();
        let a = 1.0 - step / variance;
        assert!(farthest(&chain, a) < 5.0, "{}", farthest(&chain, a));
        // the other convention of a step would be half as long
        assert!(5.0 < farthest(&chain, 1.0 - 0.5 * step / variance));
    }

    #[test]
    fn what_does_not_move_is_not_a_number() {
        assert!(autocorrelation(&[2.0; 5]).iter().all(|rho| rho.is_nan()));
        assert!(autocorrelation(&[1.0, f64::INFINITY, 0.0]).iter().all(|rho| rho.is_nan()));
        assert!(autocorrelation(&[]).is_empty());
    }
}
