//! A warm-up of chains on plain numbers.

use crate::adaptation::mean;
use crate::slices::{SliceChains, SliceKernel};
use crate::{SampleError, Tunable, WarmUp, WarmUpReport};

impl WarmUp {
    /// Warms up chains on plain numbers, which continue with the adapted kernel.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_on_slices<F, K>(
        &self,
        mut chains: SliceChains<F, K>,
    ) -> Result<(SliceChains<F, K>, WarmUpReport), SampleError>
    where
        F: Fn(&[f64], &mut [f64]) -> f64 + Sync,
        K: Tunable + SliceKernel,
    {
        let dim = chains.points().first().map_or(0, |point| point.position.len());
        let mut adapting = self.adapting(chains.kernel(), dim)?;
        for _ in 0..self.n_steps() {
            chains = chains.with_kernel(adapting.trial()?);
            let draw = chains.next().expect("a chain does not end");
            let acceptances: Vec<f64> = draw.steps.iter().map(|step| step.acceptance).collect();
            let n_diverged = draw.steps.iter().filter(|step| step.diverged).count();
            adapting.observe(mean(&acceptances), n_diverged, draw.positions.iter().map(Vec::as_slice))?;
        }
        let (kernel, report) = adapting.finish(chains.points().len())?;
        Ok((chains.with_kernel(kernel), report))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::r_hat;
    use crate::{Hmc, Mala};
    use burn::tensor::{Device, Tensor};
    use ebm_model::Gaussian;
    use ebm_ops::Noise;

    /// R̂ of both coordinates of N(0, diag(1, variance)) after a warm-up from N(0, I), and their variances over the
    /// exact ones.
    fn after_warm_up<K: Tunable + SliceKernel>(kernel: K, variance: f64, seed: u64) -> [(f64, f64); 2] {
        let variances = [1.0, variance];
        let log_density = move |x: &[f64], gradient: &mut [f64]| {
            (0..2).for_each(|i| gradient[i] = -x[i] / variances[i]);
            -0.5 * (0..2).map(|i| x[i] * x[i] / variances[i]).sum::<f64>()
        };
        let starts = Noise::seeded(seed).normals_f64(8).chunks(2).map(<[f64]>::to_vec).collect();
        let chains = SliceChains::start(log_density, kernel, starts, Noise::seeded(seed + 1));
        let (chains, _) = WarmUp::new(1000).unwrap().run_on_slices(chains).unwrap();
        let draws: Vec<_> = chains.take(2000).collect();
        [0, 1].map(|i| {
            let chain = |c: usize| draws.iter().map(|draw| draw.positions[c][i]).collect::<Vec<f64>>();
            let chains: Vec<_> = (0..4).map(chain).collect();
            let squares = chains.concat().iter().map(|x| x * x).sum::<f64>() / 8000.0;
            (r_hat(&chains), squares / variances[i])
        })
    }

    #[test]
    fn coordinates_of_any_scales_mix_after_a_warm_up() {
        for variance in [1e-12, 1e-10, 1e-8, 1e-4, 1e8, 1e12] {
            for seed in [151, 161, 171] {
                let by_hmc = after_warm_up(Hmc::new(0.1, 10).unwrap(), variance, seed);
                let by_mala = after_warm_up(Mala::new(0.1).unwrap(), variance, seed);
                // A thousand single steps do not get from 1 to 1e6, however they are scaled on the way.
                let of_mala = if variance < 1e12 { &by_mala[..] } else { &[] };
                for &(r_hat, ratio) in by_hmc.iter().chain(of_mala) {
                    // of 8,000 draws some 1,000 are worth an independent one by MALA: an error of √(2/1000)
                    assert!(r_hat < 1.01, "{variance:e}: {by_hmc:?}, {by_mala:?}");
                    assert!((ratio - 1.0).abs() < 0.25, "{variance:e}: {by_hmc:?}, {by_mala:?}");
                }
            }
        }
    }

    #[test]
    fn a_warm_up_on_slices_adapts_as_one_on_tensors_of_doubles() {
        let target = Gaussian::new(vec![0.0; 2], &[vec![4.0, 0.0], vec![0.0, 0.25]]).unwrap();
        let log_density = |x: &[f64], gradient: &mut [f64]| {
            (gradient[0], gradient[1]) = (-x[0] / 4.0, -x[1] / 0.25);
            -0.5 * (x[0] * x[0] / 4.0 + x[1] * x[1] / 0.25)
        };
        let (kernel, warm_up) = (Hmc::new(0.3, 3).unwrap(), WarmUp::new(30).unwrap());
        let start = Tensor::zeros([6, 2], (&Device::flex(), burn::tensor::DType::F64));
        let tuned = warm_up.run(&target, &kernel, start, &mut Noise::seeded(115)).unwrap();
        let chains = SliceChains::start(log_density, kernel, vec![vec![0.0; 2]; 6], Noise::seeded(115));
        let (chains, report) = warm_up.run_on_slices(chains).unwrap();
        let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} against {b}");
        near(report.step_size, tuned.report.step_size);
        near(report.acceptance, tuned.report.acceptance);
        let variances = |report: &WarmUpReport| report.mass.variances().unwrap().to_vec();
        variances(&report).into_iter().zip(variances(&tuned.report)).for_each(|(a, b)| near(a, b));
        assert_eq!(chains.kernel().step_size(), report.step_size);
    }
}
