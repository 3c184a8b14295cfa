//! How likely a model finds points that it has not learned from.

use anyhow::Result;
use burn::tensor::Tensor;
use ebm_eval::{
    AnnealedImportance, Annealing, BIN, Bracket, Estimate, Features, Figure, FlowLikelihood, LogNormalizer,
    Protocol, RadialKernel, Report, bits_per_dim, kernel_stein, quadrature,
};
use ebm_model::{
    AtNoise, Capabilities, Gaussian, JointPotential, Network, NoisyDirectional, NoisyScore, Potential,
};
use ebm_ops::Noise;
use ebm_sample::Hmc;

use super::judgement::Judgement;
use super::{Eval, data};
use ebm_run::card::{Content, ModelCard};
use ebm_run::normalization::Normalization;
use ebm_run::normalization_of_run;

/// Chains of annealed importance sampling, each way.
const CHAINS: usize = 1000;

/// Inverse temperatures of its path.
const STEPS: usize = 500;

/// Samples of which the Stein discrepancy is that of all pairs.
const STEIN: usize = 1000;

/// Fewest samples of a Stein discrepancy.
const FEWEST: usize = 4;

/// The tolerance of the probability flow, in nats a coordinate: what single precision carries.
const TOLERANCE: f64 = 1e-3;

/// Coordinates up to which the flow's divergence is exact; beyond, a probe of random signs stands for it.
const EXACT: usize = 16;

/// Points whose energy is evaluated at once.
const TOGETHER: usize = 500;

/// Combined standard errors by which estimates of log Z may cross by chance.
const BY_CHANCE: f64 = 3.0;

/// What an evaluation finds out about.
pub struct Evaluated<'a> {
    /// What the model file says.
    pub card: &'a ModelCard,
    /// The model.
    pub network: &'a Network,
    /// Samples of it, as they were drawn.
    pub sample: Tensor<2>,
    /// Points of the data.
    pub points: Tensor<2>,
}

/// Adds to the report what can be said of a network of this kind.
///
/// # Errors
/// If the model's numbers are not finite.
pub fn measure(
    report: &mut Report,
    judgement: &mut Judgement,
    request: &Eval,
    evaluated: Evaluated<'_>,
    noise: &Noise,
) -> Result<()> {
    let Evaluated { card, network, sample, points } = evaluated;
    let n = request.likelihood.min(points.dims()[0]);
    let protocol = Protocol { seed: Some(request.seed), ..Protocol::of(n) };
    if let Some(model) = network.as_score()
        && FEWEST <= sample.dims()[0]
    {
        let n = STEIN.min(sample.dims()[0]);
        let x = sample.clone().narrow(0, 0, n);
        let kernel = RadialKernel::inverse_multiquadric(1.0, -0.5)?;
        let found = kernel_stein(x.clone(), model.score(x), &kernel)?;
        let settings = Protocol { n, ..protocol.clone() }.with("kernel", "(1 + r^2)^(-1/2)");
        let figure = Figure::estimate("stein_discrepancy_squared", found, settings);
        let figure = figure.judged(0.0, found.standard_error);
        report.push(figure.in_unit("squared score of the model, which the samples are compared with"));
    }
    if n < 2 {
        return Ok(());
    }
    if n < request.likelihood {
        judgement.note(format!("the likelihood is that of {n} points, all that were held out"));
    }
    let points = Points::new(points.narrow(0, 0, n), &card.content, noise);
    if let Some(model) = network.as_energy() {
        let step_size = (2.0 * card.sample.chain.step_size).sqrt();
        let target = Bracketed { model, step_size, quadrature: "" };
        return bracket(report, judgement, protocol, target, sample, points, noise);
    }
    match network.as_noisy_score() {
        None => Ok(()),
        Some(model) => {
            let probes = (EXACT < points.x.dims()[1]).then(|| noise.derive("probes"));
            flow(report, protocol.clone(), &model, card, &points, probes)?;
            let device = points.x.device();
            let Some((model, normalization)) = network.as_joint_energy().zip(normalization_of_run::of_model(
                &request.run,
                card,
                network,
                &device,
            )?) else {
                return Ok(());
            };
            joint(report, judgement, protocol, model, &normalization, sample, points, noise)
        }
    }
}

/// The likelihood of an energy whose noise levels compare, read off it at the lowest level; in few coordinates beside that
/// of the same level by quadrature and by annealed importance sampling.
#[expect(clippy::too_many_arguments, reason = "what is measured, of what, and where it is noted")]
fn joint(
    report: &mut Report,
    judgement: &mut Judgement,
    protocol: Protocol,
    model: &dyn JointPotential,
    normalization: &Normalization,
    sample: Tensor<2>,
    points: Points<'_>,
    noise: &Noise,
) -> Result<()> {
    let Normalization { bottom, top, log_normalizer, standard_error, .. } = *normalization;
    let [n, dim] = points.x.dims();
    let batch = |first: usize| {
        let x = points.x.clone().narrow(0, first, TOGETHER.min(n - first));
        let sigma = Tensor::full([x.dims()[0]], bottom, &x.device());
        model.joint_energy_at(x, sigma).into_data().iter::<f64>().collect::<Vec<_>>()
    };
    let energies: Vec<f64> = (0..n).step_by(TOGETHER).flat_map(batch).collect();
    let settings = protocol
        .clone()
        .with("sigma", bottom)
        .with("log_z", format!("{log_normalizer:.4} at sigma = {top}"))
        .with("effective_sample_size", format!("{:.0}", normalization.effective_sample_size));
    points.push(report, "_energy", &settings, |jacobians| {
        let values = energies.iter().zip(jacobians).map(|(energy, jacobian)| jacobian - energy);
        let found = mean(&values.collect::<Vec<_>>());
        Estimate {
            value: found.value - log_normalizer,
            standard_error: found.standard_error.hypot(standard_error),
        }
    });
    if !normalization.is_reliable() {
        judgement.warn(format!(
            "the normaliser of the energies rests on {:.0} effective draws: a higher objective.noise.top makes it certain",
            normalization.effective_sample_size
        ));
    }
    if EXACT < dim {
        return Ok(());
    }
    // Samples are without the noise of the lowest level, and the density is with it.
    let z = noise.derive("lowest").normal_like(&sample);
    let at = AtNoise::new(model, bottom);
    let target = Bracketed { model: &at, step_size: bottom, quadrature: "_quadrature" };
    bracket(report, judgement, protocol, target, sample + z * bottom, points, noise)
}

/// An energy, the step of its chains, and the end of the name of what quadrature finds.
struct Bracketed<'a> {
    model: &'a dyn Potential,
    step_size: f64,
    quadrature: &'static str,
}

/// Points whose density is measured, and what brings it to the units of the data.
struct Points<'a> {
    /// In the model's units, `[n, dim]`; bytes are spread uniformly over their bins.
    x: Tensor<2>,
    /// The log Jacobian of each point: log density in the data's units less that in the model's.
    log_jacobians: Vec<f64>,
    content: &'a Content,
}

impl<'a> Points<'a> {
    /// `x` are rows in the model's units, a byte in the middle of its bin.
    fn new(x: Tensor<2>, content: &'a Content, noise: &Noise) -> Self {
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
    fn push(&self, report: &mut Report, end: &str, protocol: &Protocol, mean: impl Fn(&[f64]) -> Estimate) {
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

/// The likelihood of an energy, between annealed importance sampling forward and in reverse; with one or two
/// coordinates also by quadrature.
fn bracket(
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

fn mean(values: &[f64]) -> Estimate {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
    Estimate { value, standard_error: (variance / n).sqrt() }
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

/// The likelihood of a score, by its probability flow.
fn flow<M: NoisyScore + NoisyDirectional>(
    report: &mut Report,
    protocol: Protocol,
    model: &M,
    card: &ModelCard,
    points: &Points<'_>,
    probes: Option<Noise>,
) -> Result<()> {
    let [bottom, top] = [card.sample.heun.bottom, card.sample.heun.top];
    let prior = Gaussian::isotropic(vec![0.0; points.x.dims()[1]], top * top)?;
    let flow = FlowLikelihood::new(bottom, top, prior)?.with_tolerance(TOLERANCE)?;
    let protocol = protocol.with("sigma_min", bottom).with("sigma_max", top).with("tolerance", TOLERANCE);
    let (flow, protocol) = match probes {
        Some(noise) => (flow.with_probes(1, noise)?, protocol.with("probes", 1)),
        None => (flow, protocol),
    };
    let found = flow.log_density(model, points.x.clone())?;
    let protocol = protocol.with("calls", found.calls);
    points.push(report, "", &protocol, |jacobians| {
        mean(
            &found.values.iter().zip(jacobians).map(|(value, jacobian)| value + jacobian).collect::<Vec<_>>(),
        )
    });
    Ok(())
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

    #[test]
    fn samples_that_do_not_fill_the_space_have_a_start() {
        let flat = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]], &Device::flex());
        assert_eq!(start(&flat).unwrap().dim(), 2);
        assert_eq!(start(&flat.narrow(0, 0, 2)).unwrap().mean(), [2.0, 2.0]);
    }
}
