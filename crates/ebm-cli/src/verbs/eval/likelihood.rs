//! How likely a model finds points that it has not learned from.

use anyhow::Result;
use burn::tensor::Tensor;
use ebm_eval::{
    AnnealedImportance, Annealing, Features, Figure, FlowLikelihood, Protocol, RadialKernel, Report,
    kernel_stein, log_likelihood,
};
use ebm_model::{Capabilities, DirectionalPotential, Gaussian, Network, NoisyDirectional, NoisyScore};
use ebm_ops::Noise;
use ebm_sample::Hmc;

use crate::verbs::eval::Eval;
use ebm_run::card::ModelCard;

/// Chains of annealed importance sampling, each way.
const CHAINS: usize = 1000;

/// Inverse temperatures of its path.
const STEPS: usize = 500;

/// Samples of which the Stein discrepancy is that of all pairs.
const STEIN: usize = 1000;

/// The tolerance of the probability flow, in nats a coordinate: what single precision carries.
const TOLERANCE: f64 = 1e-3;

/// Coordinates up to which the flow's divergence is exact; beyond, a probe of random signs stands for it.
const EXACT: usize = 16;

/// Adds to the report what can be said of a network of this kind; `sample` is of the model, `points` of the data.
///
/// # Errors
/// If the model's numbers are not finite.
pub fn measure(
    report: &mut Report,
    request: &Eval,
    card: &ModelCard,
    network: &Network,
    sample: Tensor<2>,
    points: Tensor<2>,
    noise: &Noise,
) -> Result<()> {
    let protocol =
        Protocol { seed: Some(request.seed), ..Protocol::of(request.likelihood.min(points.dims()[0])) };
    let points = points.narrow(0, 0, protocol.n);
    if let Some(model) = network.as_score() {
        let n = STEIN.min(sample.dims()[0]);
        let x = sample.clone().narrow(0, 0, n);
        let kernel = RadialKernel::inverse_multiquadric(1.0, -0.5)?;
        let found = kernel_stein(x.clone(), model.score(x), &kernel)?;
        let settings = Protocol { n, ..protocol.clone() }.with("kernel", "(1 + r^2)^(-1/2)");
        report.push(Figure::estimate("stein_discrepancy_squared", found, settings));
    }
    if protocol.n < 2 {
        return Ok(());
    }
    if let Some(model) = network.as_energy() {
        return bracket(report, protocol, model, card, sample, points, noise);
    }
    match network.as_noisy_score() {
        None => Ok(()),
        Some(model) => {
            let probes = (EXACT < points.dims()[1]).then(|| noise.derive("probes"));
            flow(report, protocol, &model, card, points, probes)
        }
    }
}

/// The likelihood of an energy, between annealed importance sampling forward and in reverse.
fn bracket(
    report: &mut Report,
    protocol: Protocol,
    model: &dyn DirectionalPotential,
    card: &ModelCard,
    sample: Tensor<2>,
    points: Tensor<2>,
    noise: &Noise,
) -> Result<()> {
    // The path begins at the Gaussian of the model's own samples, a little wider.
    let moments = Features::of(sample.clone())?.moments()?;
    let dim = moments.dim();
    let covariance: Vec<Vec<f64>> =
        moments.covariance().chunks(dim).map(|row| row.iter().map(|v| 1.5 * v).collect()).collect();
    let start = Gaussian::new(moments.mean().to_vec(), &covariance)?;
    let ais = AnnealedImportance::new(Annealing::sigmoid(STEPS, 4.0)?);
    let step_size = (2.0 * card.sample.chain.step_size).sqrt();
    let kernel = |_: f64| Hmc::new(step_size, 3).expect("the step of a sampler that was built");
    let device = points.device();
    let chains = CHAINS.min(sample.dims()[0]);
    let forward = ais.forward(&start, &model, kernel, chains, &noise.derive("forward"), &device)?;
    let reverse =
        ais.reverse(&start, &model, kernel, sample.narrow(0, 0, chains), &noise.derive("reverse"))?;
    let found = log_likelihood(&model, points, &forward, &reverse)?;
    let protocol = protocol
        .with("chains", chains)
        .with("inverse_temperatures", STEPS)
        .with("points_error", format!("{:.3e}", found.points_error))
        .with("effective_sample_size", format!("{:.1}", forward.effective_sample_size));
    for (name, end) in [("log_likelihood_nats_low", found.low), ("log_likelihood_nats_high", found.high)] {
        report.push(Figure::estimate(name, end, protocol.clone()));
    }
    Ok(())
}

/// The likelihood of a score, by its probability flow.
fn flow<M: NoisyScore + NoisyDirectional>(
    report: &mut Report,
    protocol: Protocol,
    model: &M,
    card: &ModelCard,
    points: Tensor<2>,
    probes: Option<Noise>,
) -> Result<()> {
    let [bottom, top] = [card.sample.heun.bottom, card.sample.heun.top];
    let prior = Gaussian::isotropic(vec![0.0; points.dims()[1]], top * top)?;
    let flow = FlowLikelihood::new(bottom, top, prior)?.with_tolerance(TOLERANCE)?;
    let protocol = protocol.with("sigma_min", bottom).with("sigma_max", top).with("tolerance", TOLERANCE);
    let (flow, protocol) = match probes {
        Some(noise) => (flow.with_probes(1, noise)?, protocol.with("probes", 1)),
        None => (flow, protocol),
    };
    let found = flow.log_density(model, points)?;
    report.push(Figure::estimate("log_likelihood_nats", found.mean(), protocol.with("calls", found.calls)));
    Ok(())
}
