//! The missing coordinates of a point, drawn from what two of them say about the other two.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::IsotropicMixture;
use ebm_ops::Noise;
use ebm_sample::restoring::{Guidance, LinearGaussian, Mask, Posterior, PosteriorEnergy};
use ebm_sample::{Annealed, AnnealedMala, Descent, NoiseLadder, StochasticHeun};

fn main() -> Result<(), Box<dyn Error>> {
    // two modes, at (1, 1, 1, 1) and at (−1, −1, −1, −1), of deviation 0.5
    let modes = [[1.0; 4], [-1.0; 4]].concat();
    let prior = IsotropicMixture::new(vec![0.0, 0.0], modes, 0.25)?;
    // the first two coordinates were measured, with a deviation of 0.8
    let (device, noise) = (Device::flex(), Noise::seeded(3));
    let measured = Tensor::<2>::from_data([[0.3, 0.2]], &device);
    let mask = Mask::new(&[true, true, false, false])?;
    let likelihood = LinearGaussian::new(mask, measured, 0.8)?;

    // by the scores of the prior, approximately
    let by_score = Posterior::new(&prior, &likelihood, Guidance::pseudoinverse(1.0)?);
    let sampler = StochasticHeun::new(NoiseLadder::karras(20.0, 0.01, 7.0, 100)?, 40.0)?;
    let start = sampler.start(4_000, 4, &mut noise.derive("start"), &device);
    let guided = sampler.run(&by_score, start.clone(), noise.derive("guided"));

    // by its energies, exactly
    let by_energy = PosteriorEnergy::new(&prior, &likelihood);
    let sampler = AnnealedMala::new(NoiseLadder::geometric(20.0, 0.1, 40)?, 40, 0.5)?;
    let tested = sampler.run(&by_energy, start, noise.derive("tested"));

    // the weight of the first mode is 1/(1 + exp(−2 (0.3 + 0.2)/(0.25 + 0.8²)))
    let exact = 1.0 / (1.0 + (-2.0 * 0.5 / (0.25 + 0.64f64)).exp());
    let share = |x: Tensor<2>| x.sum_dim(1).greater_elem(0.0).float().mean().into_scalar::<f32>();
    println!("missing coordinates near (1, 1): {exact:.3} exactly");
    println!("{:.3} by the pseudoinverse, {:.3} by annealed MALA", share(guided), share(tested));
    Ok(())
}
