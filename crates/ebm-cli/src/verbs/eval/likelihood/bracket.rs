//! The likelihood of an energy, between two estimates of its normaliser.

use anyhow::Result;
use burn::tensor::Tensor;
use ebm_eval::{
    AnnealedImportance, Annealing, Bracket, Estimate, Features, LogNormalizer, Protocol, Report, quadrature,
};
use ebm_model::{Gaussian, Potential};
use ebm_ops::Noise;
use ebm_sample::Hmc;

use super::points::{Points, mean};
use crate::verbs::eval::judgement::Judgement;

/// Chains of annealed importance sampling, each way.
const CHAINS: usize = 1000;

/// Inverse temperatures of its path.
const STEPS: usize = 500;

/// Combined standard errors by which estimates of log Z may cross by chance.
const BY_CHANCE: f64 = 3.0;

/// An energy, the step of its chains, and the end of the name of what quadrature finds.
pub struct Bracketed<'a> {
    pub model: &'a dyn Potential,
    pub step_size: f64,
    pub quadrature: &'static str,
}

/// The likelihood of an energy, between annealed importance sampling forward and in reverse; with one or two
/// coordinates also by quadrature.
///
/// # Errors
/// If the model's numbers are not finite.
pub fn bracket(
    report: &mut Report,
    judgement: &mut Judgement,
    protocol: Protocol,
    Bracketed { model, step_size, quadrature: end }: Bracketed<'_>,
    sample: Tensor<2>,
    points: Points<'_>,
    noise: &Noise,
) -> Result<()> {
    let device = points.x.device();
    let values: Vec<f64> =
        model.energy(points.x.clone()).into_data().iter::<f64>().map(|energy| -energy).collect();
    let added = |jacobians: &[f64]| -> Vec<f64> {
        values.iter().zip(jacobians).map(|(value, jacobian)| value + jacobian).collect()
    };
    if let Some(log_z) = by_quadrature(model, &[&sample, &points.x])? {
        let protocol = protocol.clone().with("log_z", "quadrature");
        points.push(report, end, &protocol, |jacobians| {
            let mean = mean(&added(jacobians));
            let standard_error = mean.standard_error.hypot(log_z.standard_error);
            Estimate { value: mean.value - log_z.value, standard_error }
        });
    }
    // The path begins at the Gaussian of the model's own samples, a little wider.
    let start = start(&sample)?;
    let ais = AnnealedImportance::new(Annealing::sigmoid(STEPS, 4.0)?);
    let kernel =
        |_: f64| Hmc::new(step_size, 3).expect("the step of a sampler that was built").with_fixed_length();
    let chains = CHAINS.min(sample.dims()[0]);
    let forward = ais.forward(&start, &model, kernel, chains, &noise.derive("forward"), &device)?;
    let reverse =
        ais.reverse(&start, &model, kernel, sample.narrow(0, 0, chains), &noise.derive("reverse"))?;
    let found = Bracket::of(&values, &forward, &reverse)?;
    if BY_CHANCE < found.crossing {
        judgement.warn(format!(
            "the ends of the likelihood crossed by {:.0} standard errors: the samples are not of the model's density, \
             so neither end is a bound; a longer chain (--set chain.steps=…) brings them nearer",
            found.crossing
        ));
    }
    let protocol = protocol
        .with("chains", chains)
        .with("inverse_temperatures", STEPS)
        .with("points_error", format!("{:.3e}", found.points_error))
        .with("effective_sample_size", format!("{:.1}", forward.effective_sample_size))
        .with("ends", ends(found.crossing, &forward, &reverse));
    for (end, of) in [("_low", low as fn(&Bracket) -> Estimate), ("_high", high)] {
        let bracket = |jacobians: &[f64]| Bracket::of(&added(jacobians), &forward, &reverse).map(|b| of(&b));
        bracket(&points.log_jacobians)?;
        points.push(report, end, &protocol, |jacobians| bracket(jacobians).unwrap_or(of(&found)));
    }
    Ok(())
}

fn low(bracket: &Bracket) -> Estimate {
    bracket.low
}

fn high(bracket: &Bracket) -> Estimate {
    bracket.high
}

/// What the ends of a bracket are, in words.
fn ends(crossing: f64, forward: &LogNormalizer, reverse: &LogNormalizer) -> String {
    let [forward, reverse] = [forward, reverse].map(|found| found.estimate.value);
    match crossing {
        crossing if crossing <= 0.0 => "lower from reverse chains, upper from forward chains".into(),
        crossing if crossing <= BY_CHANCE => {
            format!(
                "crossed within their errors (log Z {forward:.4} forward, {reverse:.4} reverse): both are covered"
            )
        }
        crossing => {
            format!("crossed by {crossing:.1} standard errors: both are covered, neither is a bound")
        }
    }
}

/// log Z by quadrature, if there are one or two coordinates and the density falls off.
fn by_quadrature(model: &dyn Potential, points: &[&Tensor<2>]) -> Result<Option<Estimate>> {
    let dim = points[0].dims()[1];
    if 2 < dim {
        return Ok(None);
    }
    let all = Tensor::cat(points.iter().map(|x| (*x).clone()).collect(), 0);
    let numbers = |x: Tensor<2>| x.into_data().iter::<f64>().collect::<Vec<_>>();
    let (mut low, mut high) = (numbers(all.clone().min_dim(0)), numbers(all.clone().max_dim(0)));
    for (low, high) in low.iter_mut().zip(&mut high) {
        // A column of one value has no extent.
        let widen = 1e-3 * (1.0 + low.abs());
        (*low, *high) = (*low - widen, *high + widen);
    }
    Ok(quadrature(&model, &low, &high, &all.device())?)
}

/// A Gaussian somewhat wider than the samples, also where they do not fill the space.
fn start(sample: &Tensor<2>) -> Result<Gaussian> {
    let [n, dim] = sample.dims();
    let (mean, covariance) = if dim < n {
        let moments = Features::of(sample.clone())?.moments()?;
        (moments.mean().to_vec(), moments.covariance().to_vec())
    } else {
        let mean: Vec<f64> = sample.clone().mean_dim(0).into_data().iter::<f64>().collect();
        let centred = sample.clone() - sample.clone().mean_dim(0);
        let variance: Vec<f64> = centred.square().mean_dim(0).into_data().iter::<f64>().collect();
        let entry = |at: usize| if at / dim == at % dim { variance[at / dim] } else { 0.0 };
        (mean, (0..dim * dim).map(entry).collect())
    };
    let largest = covariance.iter().step_by(dim + 1).copied().fold(0.0, f64::max);
    // Where samples do not vary, the start still does.
    let least = (1e-4 * largest).max(1e-8);
    let entry = |i: usize, k: usize| 1.5 * covariance[i * dim + k] + if i == k { least } else { 0.0 };
    let covariance: Vec<Vec<f64>> = (0..dim).map(|i| (0..dim).map(|k| entry(i, k)).collect()).collect();
    Ok(Gaussian::new(mean, &covariance)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn samples_that_do_not_fill_the_space_have_a_start() {
        let flat = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]], &Device::flex());
        assert_eq!(start(&flat).unwrap().dim(), 2);
        assert_eq!(start(&flat.narrow(0, 0, 2)).unwrap().mean(), [2.0, 2.0]);
    }
}
