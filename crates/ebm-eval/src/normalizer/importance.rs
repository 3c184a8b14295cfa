//! log Z by importance sampling.

use burn::tensor::{Device, Tensor};
use ebm_model::{Energy, Gaussian};
use ebm_ops::Noise;

use crate::error::require_rows;
use crate::host::numbers;
use crate::{EvalError, LogNormalizer};

/// Draws that are on the device at once.
const TOGETHER: usize = 512;

/// log Z = log ∫ exp(−E) by importance sampling: the logarithm of the mean of exp(−E(x))/q(x) over `n` draws x of
/// `proposal`, q.
///
/// For densities that are nearly Gaussian, such as those of a high noise level: there it fixes the one constant that an
/// energy whose levels compare ([`JointPotential`](ebm_model::JointPotential)) leaves open, and log Z so found is that of
/// every level. Elsewhere few weights dominate, which
/// [`effective_sample_size`](LogNormalizer::effective_sample_size) says; for those take
/// [`AnnealedImportance`](crate::AnnealedImportance).
///
/// `energy` is that of a batch, `[batch, dim]` → `[batch]`. It may be infinite; then the weight is zero.
///
/// # Errors
/// [`EvalError::OutOfRange`] with fewer than two draws, [`EvalError::NotFinite`] for an energy that is NaN or −∞.
pub fn importance(
    energy: impl Fn(Tensor<2>) -> Tensor<1>,
    proposal: &Gaussian,
    n: usize,
    noise: &Noise,
    device: &Device,
) -> Result<LogNormalizer, EvalError> {
    require_rows(n, "draws", 2)?;
    let (mut weights, mut places) = (Vec::with_capacity(n), Vec::new());
    for first in (0..n).step_by(TOGETHER) {
        let rows = TOGETHER.min(n - first);
        let x = proposal.sample(rows, &mut noise.child(first as u64), device);
        let (ours, theirs) = (numbers(energy(x.clone())), numbers(proposal.energy(x.clone())));
        for (row, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
            if ours.is_nan() || ours == f64::NEG_INFINITY {
                return Err(EvalError::NotFinite { what: "energy", row: first + row, value: ours });
            }
            weights.push(theirs + proposal.log_normalizer() - ours);
        }
        places.push(x);
    }
    Ok(LogNormalizer::from_chains(weights, 1.0, Tensor::cat(places, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normaliser_of_a_gaussian_is_found_and_its_error_is_of_its_size() {
        let target = Gaussian::new(vec![0.5, -0.2], &[vec![1.2, 0.3], vec![0.3, 0.9]]).unwrap();
        let proposal = Gaussian::isotropic(vec![0.0; 2], 2.0).unwrap();
        let of = |seed: u64| {
            importance(|x| target.energy(x) + 3.0, &proposal, 5_000, &Noise::seeded(seed), &Device::flex())
                .unwrap()
        };
        let exact = target.log_normalizer() - 3.0;
        let found = of(1).estimate;
        assert!((found.value - exact).abs() < 5.0 * found.standard_error, "{found:?} against {exact}");
        assert!((1e-3..0.05).contains(&found.standard_error), "{found:?}");
        // a normaliser that is off by 0.3 nats would be seen
        assert!(5.0 * found.standard_error < 0.3);
        let values: Vec<f64> = (2..42).map(|seed| of(seed).estimate.value).collect();
        let deviation = crate::report::variance(&values).sqrt();
        assert!((0.5..2.0).contains(&(deviation / found.standard_error)), "{deviation} against {found:?}");
    }

    #[test]
    fn a_proposal_that_is_the_density_has_no_error_and_all_of_the_sample_size() {
        let target = Gaussian::isotropic(vec![1.0; 3], 0.5).unwrap();
        let found =
            importance(|x| target.energy(x), &target, 700, &Noise::seeded(3), &Device::flex()).unwrap();
        assert!((found.estimate.value - target.log_normalizer()).abs() < 1e-5);
        assert!((found.effective_sample_size - 700.0).abs() < 1e-3);
        assert_eq!(found.position.dims(), [700, 3]);
    }

    #[test]
    fn an_energy_that_is_no_number_is_an_error_with_its_row() {
        let proposal = Gaussian::standard(1);
        let energy = |x: Tensor<2>| x.squeeze_dim::<1>(1) * f32::NAN;
        let error = importance(energy, &proposal, 10, &Noise::seeded(4), &Device::flex()).unwrap_err();
        assert!(matches!(error, EvalError::NotFinite { what: "energy", row: 0, .. }), "{error}");
    }
}
