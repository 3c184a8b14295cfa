//! Samplers by name, and samples drawn with them.

use std::ops::ControlFlow;

use anyhow::{Result, anyhow, bail};
use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use ebm_model::{
    Capabilities, DirectionalPotential, DirectionalScore, Network, NoisyDirectionalScore, Tempered,
};
use ebm_ops::Noise;
use ebm_sample::{
    AnnealedLangevin, Chain, Hmc, Kernel, Langevin, Level, Mala, NoiseLadder, ParallelTempering,
    ProbabilityFlow, SampleError, StochasticHeun,
};
use serde::{Deserialize, Serialize};

/// Samples that go down the ladder together. A constant, so that sample `i` does not depend on how many
/// are asked for.
const TOGETHER: usize = 100;

/// Chains of a network that is told no noise level, which cost little each, go together in larger numbers.
const CHAINS_TOGETHER: usize = 4000;

/// Stretches of a chain after which one hears of it.
const STRETCHES: usize = 50;

/// Which sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SamplerName {
    /// Langevin dynamics: annealed, with a final denoising, if the network is told the noise level, or else plain.
    Langevin,
    /// The probability-flow equation by Heun's method.
    Heun,
    /// The same with fresh noise on the way.
    StochasticHeun,
    /// Metropolis-adjusted Langevin dynamics, for energies.
    Mala,
    /// Hamiltonian Monte Carlo, for energies.
    Hmc,
    /// Replicas of mala at rising temperatures, for energies.
    ParallelTempering,
}

/// How samples are drawn: which sampler, and the numbers of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleConfig {
    /// The one that is used if none is named.
    pub sampler: SamplerName,
    /// What the score is divided by; 1 is the model as it is.
    pub temperature: f64,
    /// For [`SamplerName::Langevin`].
    pub langevin: LangevinConfig,
    /// For [`SamplerName::Heun`] and [`SamplerName::StochasticHeun`].
    pub heun: HeunConfig,
    /// For networks that are told no noise level.
    #[serde(default)]
    pub chain: ChainConfig,
}

/// The numbers of annealed Langevin dynamics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LangevinConfig {
    /// The highest noise level.
    pub top: f64,
    /// The lowest noise level.
    pub bottom: f64,
    /// Levels, geometric.
    pub levels: usize,
    /// Steps at each level.
    pub steps_per_level: usize,
    /// η/σ² of a step.
    pub step_ratio: f64,
}

impl LangevinConfig {
    /// Its levels.
    ///
    /// # Errors
    /// If they do not go down.
    pub fn ladder(&self) -> Result<NoiseLadder> {
        Ok(NoiseLadder::geometric(self.top, self.bottom, self.levels)?)
    }
}

/// The numbers of the probability flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeunConfig {
    /// The highest noise level.
    pub top: f64,
    /// The lowest noise level but 0.
    pub bottom: f64,
    /// Levels, even in σ^(1/7).
    pub levels: usize,
    /// How much fresh noise [`SamplerName::StochasticHeun`] brings in.
    pub churn: f64,
}

impl HeunConfig {
    /// Its levels.
    ///
    /// # Errors
    /// If they do not go down.
    pub fn ladder(&self) -> Result<NoiseLadder> {
        Ok(NoiseLadder::karras(self.top, self.bottom, 7.0, self.levels)?)
    }
}

/// The numbers of a chain that runs on one energy or score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChainConfig {
    /// The standard deviation of the normal law that chains begin in.
    pub start: f64,
    /// η of a Langevin step; a leapfrog step has ε = √(2η).
    pub step_size: f64,
    /// Steps of a chain.
    pub steps: usize,
    /// Leapfrog steps of one step of [`SamplerName::Hmc`].
    pub leapfrog: usize,
    /// Temperatures of [`SamplerName::ParallelTempering`], from 1 upwards.
    pub temperatures: Vec<f64>,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self { start: 1.0, step_size: 0.01, steps: 500, leapfrog: 10, temperatures: vec![1.0, 2.0, 4.0, 8.0] }
    }
}

/// A sampler ready to draw.
#[derive(Clone, Debug)]
pub struct Sampler {
    temperature: f64,
    method: Method,
}

#[derive(Clone, Debug)]
enum Method {
    Langevin(AnnealedLangevin),
    Heun(ProbabilityFlow),
    StochasticHeun(StochasticHeun),
    Chain { config: ChainConfig, mover: Mover },
}

/// What moves a chain.
#[derive(Clone, Debug)]
enum Mover {
    Langevin(Langevin),
    Mala(Mala),
    Hmc(Hmc),
    ParallelTempering(ParallelTempering<Mala>),
}

impl SampleConfig {
    /// The sampler of that name with this configuration's numbers, for samples of `network`.
    ///
    /// # Errors
    /// If its temperature, its ladder or its steps are none, or it is not for a network of this kind.
    pub fn build(&self, name: SamplerName, network: &Network) -> Result<Sampler> {
        let temperature = self.temperature;
        if !(temperature.is_finite() && 0.0 < temperature) {
            bail!("sample.temperature = {temperature}, expected a positive number");
        }
        let method = match network.as_noisy_score() {
            Some(_) => self.annealed(name)?,
            None => self.chain(name, network)?,
        };
        Ok(Sampler { temperature, method })
    }

    fn annealed(&self, name: SamplerName) -> Result<Method> {
        Ok(match name {
            SamplerName::Langevin => {
                let LangevinConfig { steps_per_level, step_ratio, .. } = self.langevin;
                let ladder = self.langevin.ladder()?;
                Method::Langevin(AnnealedLangevin::new(ladder, steps_per_level, step_ratio)?)
            }
            SamplerName::Heun => Method::Heun(ProbabilityFlow::new(self.heun.ladder()?)),
            SamplerName::StochasticHeun => {
                Method::StochasticHeun(StochasticHeun::new(self.heun.ladder()?, self.heun.churn)?)
            }
            SamplerName::Mala | SamplerName::Hmc | SamplerName::ParallelTempering => {
                bail!("the network is told the noise level; for it: langevin, heun, stochastic-heun")
            }
        })
    }

    fn chain(&self, name: SamplerName, network: &Network) -> Result<Method> {
        let config = self.chain.clone();
        let numbers =
            [("start", config.start), ("step_size", config.step_size), ("steps", config.steps as f64)];
        if let Some((field, found)) = numbers.into_iter().find(|(_, n)| !(n.is_finite() && 0.0 < *n)) {
            bail!("sample.chain.{field} = {found}, expected a positive number");
        }
        let known = if network.as_energy().is_some() {
            "langevin, mala, hmc, parallel-tempering"
        } else {
            "langevin"
        };
        let unfit = || anyhow!("the network is told no noise level; for it: {known}");
        let mover = match name {
            SamplerName::Langevin => Mover::Langevin(Langevin::new(config.step_size)?),
            SamplerName::Mala if network.as_energy().is_some() => Mover::Mala(Mala::new(config.step_size)?),
            SamplerName::Hmc if network.as_energy().is_some() => {
                Mover::Hmc(Hmc::new((2.0 * config.step_size).sqrt(), config.leapfrog)?)
            }
            SamplerName::ParallelTempering if network.as_energy().is_some() => {
                Mover::ParallelTempering(replicas(config.step_size, &config.temperatures)?)
            }
            _ => return Err(unfit()),
        };
        Ok(Method::Chain { config, mover })
    }
}

/// Samples, and the way to them if it was asked for.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Row after row, `n · dim` numbers in the model's units.
    pub values: Vec<f32>,
    /// The same at each level on the way, the first one first; empty if not asked for.
    pub film: Vec<Vec<f32>>,
}

impl Sampler {
    /// Items of a descent.
    pub fn n_levels(&self) -> usize {
        match &self.method {
            Method::Langevin(sampler) => sampler.ladder().levels().len() + 1,
            Method::Heun(sampler) => sampler.ladder().levels().len(),
            Method::StochasticHeun(sampler) => sampler.ladder().levels().len(),
            Method::Chain { config, .. } => config.steps.div_ceil(config.stretch()),
        }
    }

    /// `n` samples in `dim` dimensions; `tick` is told after each level how many samples took part in it.
    ///
    /// The first samples of a larger number are those of a smaller one.
    ///
    /// # Errors
    /// If a sample is not finite.
    pub fn draw(
        &self,
        network: &Network,
        [n, dim]: [usize; 2],
        noise: &Noise,
        device: &Device,
        keep_film: bool,
        mut tick: impl FnMut(usize),
    ) -> Result<Drawn> {
        let go_on = |together| {
            tick(together);
            ControlFlow::Continue(())
        };
        let drawn = self.draw_while(network, [n, dim], noise, device, keep_film, go_on)?;
        Ok(drawn.expect("nobody ends it"))
    }

    /// As [`draw`](Self::draw), or nothing if `tick` ends it on the way.
    ///
    /// # Errors
    /// If a sample is not finite.
    pub fn draw_while(
        &self,
        network: &Network,
        [n, dim]: [usize; 2],
        noise: &Noise,
        device: &Device,
        keep_film: bool,
        mut tick: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Drawn>> {
        let target = self.target(network);
        let group = if matches!(self.method, Method::Chain { .. }) { CHAINS_TOGETHER } else { TOGETHER };
        let mut drawn = Drawn { values: Vec::with_capacity(n * dim), film: Vec::new() };
        for (chunk, first) in (0..n).step_by(group).enumerate() {
            let together = group.min(n - first);
            let noise = noise.child(chunk as u64);
            let mut end = Vec::new();
            for (i, level) in self.way(&target, [together, dim], &noise, device).enumerate() {
                if tick(together).is_break() {
                    return Ok(None);
                }
                let is_last = i + 1 == self.n_levels();
                if keep_film && !is_last {
                    let values = host(level.position)?;
                    if drawn.film.len() <= i {
                        drawn.film.push(Vec::with_capacity(n * dim));
                    }
                    drawn.film[i].extend(values);
                } else if is_last {
                    end = host(level.position)?;
                }
            }
            drawn.values.extend(end);
        }
        match drawn.values.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                bail!("sample {} is not finite: the steps are too large, or the model is broken", at / dim)
            }
            None => Ok(Some(drawn)),
        }
    }

    fn target<'a>(&self, network: &'a Network) -> Target<'a> {
        if let Some(model) = network.as_noisy_score() {
            return Target::Noisy(Tempered::new(model, self.temperature));
        }
        if let Some(model) = network.as_energy() {
            return Target::Energy(Tempered::new(model, self.temperature));
        }
        let model = network.as_score().expect("a network without noise levels is a score or an energy");
        Target::Score(Tempered::new(model, self.temperature))
    }

    /// The positions on the way, each time there is something to see.
    fn way<'a>(
        &'a self,
        target: &'a Target<'a>,
        [n, dim]: [usize; 2],
        noise: &Noise,
        device: &Device,
    ) -> Box<dyn Iterator<Item = Level> + 'a> {
        let (mut start, noise) = (noise.derive("start"), noise.derive("chain"));
        match (&self.method, target) {
            (Method::Langevin(sampler), Target::Noisy(model)) => {
                let start = sampler.start(n, dim, &mut start, device);
                Box::new(sampler.descend(model, start, noise))
            }
            (Method::Heun(sampler), Target::Noisy(model)) => {
                let start = sampler.start(n, dim, &mut start, device);
                Box::new(sampler.descend(model, start))
            }
            (Method::StochasticHeun(sampler), Target::Noisy(model)) => {
                let start = sampler.start(n, dim, &mut start, device);
                Box::new(sampler.descend(model, start, noise))
            }
            (Method::Chain { config, mover: Mover::Langevin(kernel) }, Target::Score(model)) => {
                let start = start.normal([n, dim], device) * config.start;
                config.stretches(Chain::start(model, *kernel, start, noise))
            }
            (Method::Chain { config, mover }, Target::Energy(model)) => {
                let start = start.normal([n, dim], device) * config.start;
                match mover {
                    Mover::Langevin(kernel) => config.stretches(Chain::start(model, *kernel, start, noise)),
                    Mover::Mala(kernel) => {
                        config.stretches(Chain::start(model, kernel.clone(), start, noise))
                    }
                    Mover::Hmc(kernel) => config.stretches(Chain::start(model, kernel.clone(), start, noise)),
                    Mover::ParallelTempering(kernel) => {
                        config.stretches(Chain::start(model, kernel.clone(), start, noise))
                    }
                }
            }
            _ => unreachable!("a sampler is built for its network"),
        }
    }
}

/// Replicas of mala at these temperatures, with steps of η at the first and longer ones as they are hotter.
///
/// # Errors
/// If the step is none, or the temperatures do not rise from 1.
pub fn replicas(step_size: f64, temperatures: &[f64]) -> Result<ParallelTempering<Mala>> {
    let rung = |&temperature: &f64| Ok((temperature, Mala::new(step_size * temperature)?));
    let rungs = temperatures.iter().map(rung).collect::<Result<_, SampleError>>()?;
    Ok(ParallelTempering::new(rungs)?)
}

/// What is drawn from: the network at the sampler's temperature.
enum Target<'a> {
    Noisy(Tempered<&'a dyn NoisyDirectionalScore>),
    Score(Tempered<&'a dyn DirectionalScore>),
    Energy(Tempered<&'a dyn DirectionalPotential>),
}

impl ChainConfig {
    /// Steps of a stretch; the last one may be shorter.
    fn stretch(&self) -> usize {
        self.steps.div_ceil(STRETCHES)
    }

    /// The positions after each stretch of a chain.
    fn stretches<'a, M: ?Sized, K: Kernel<M> + 'a>(
        &self,
        mut chain: Chain<'a, M, K>,
    ) -> Box<dyn Iterator<Item = Level> + 'a> {
        let (steps, stretch) = (self.steps, self.stretch());
        Box::new((0..steps).step_by(stretch).map(move |done| {
            let draw = chain.nth(stretch.min(steps - done) - 1).expect("a chain does not end");
            Level { sigma: 0.0, position: draw.position }
        }))
    }
}

fn host(position: Tensor<2>) -> Result<Vec<f32>> {
    let data = position.into_data().convert::<f32>();
    data.try_to_vec().map_err(|error| anyhow::anyhow!("the samples cannot be read back: {error:?}"))
}
