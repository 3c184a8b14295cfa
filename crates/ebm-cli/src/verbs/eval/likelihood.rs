//! How likely a model finds points that it has not learned from.

mod bracket;
mod points;

use anyhow::Result;
use burn::tensor::Tensor;
use ebm_eval::{Estimate, Figure, FlowLikelihood, Protocol, RadialKernel, Report, kernel_stein};
use ebm_model::{AtNoise, Capabilities, Gaussian, JointPotential, Network, NoisyDirectional, NoisyScore};
use ebm_ops::Noise;
use ebm_run::card::ModelCard;
use ebm_run::normalization::Normalization;
use ebm_run::normalization_of_run;

use self::bracket::{Bracketed, bracket};
use self::points::{Points, mean};
use super::arguments::Eval;
use super::judgement::Judgement;

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
