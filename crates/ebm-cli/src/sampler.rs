//! Samplers by name, and samples drawn with them.

use anyhow::{Result, bail};
use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use ebm_model::{NoisyScore, Tempered};
use ebm_ops::Noise;
use ebm_sample::{AnnealedLangevin, Level, NoiseLadder, ProbabilityFlow, SampleError, StochasticHeun};
use serde::{Deserialize, Serialize};

/// Samples that go down the ladder together. A constant, so that sample `i` does not depend on how many
/// are asked for.
const TOGETHER: usize = 100;

/// Which sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SamplerName {
    /// Annealed Langevin dynamics with a final denoising.
    Langevin,
    /// The probability-flow equation by Heun's method.
    Heun,
    /// The same with fresh noise on the way.
    StochasticHeun,
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
}

impl SampleConfig {
    /// The sampler of that name with this configuration's numbers.
    ///
    /// # Errors
    /// If its temperature, its ladder or its steps are none.
    pub fn build(&self, name: SamplerName) -> Result<Sampler> {
        let temperature = self.temperature;
        if !(temperature.is_finite() && 0.0 < temperature) {
            bail!("sample.temperature = {temperature}, expected a positive number");
        }
        Ok(Sampler { temperature, method: self.method(name)? })
    }

    fn method(&self, name: SamplerName) -> Result<Method, SampleError> {
        Ok(match name {
            SamplerName::Langevin => {
                let LangevinConfig { top, bottom, levels, steps_per_level, step_ratio } = self.langevin;
                let ladder = NoiseLadder::geometric(top, bottom, levels)?;
                Method::Langevin(AnnealedLangevin::new(ladder, steps_per_level, step_ratio)?)
            }
            SamplerName::Heun => {
                let HeunConfig { top, bottom, levels, .. } = self.heun;
                Method::Heun(ProbabilityFlow::edm(top, bottom, levels)?)
            }
            SamplerName::StochasticHeun => {
                let HeunConfig { top, bottom, levels, churn } = self.heun;
                let flow = ProbabilityFlow::edm(top, bottom, levels)?;
                Method::StochasticHeun(StochasticHeun::new(flow.ladder().clone(), churn)?)
            }
        })
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
        }
    }

    /// `n` samples in `dim` dimensions; `tick` is told after each level how many samples took part in it.
    ///
    /// The first samples of a larger number are those of a smaller one.
    ///
    /// # Errors
    /// If a sample is not finite.
    pub fn draw<M: NoisyScore>(
        &self,
        model: &M,
        [n, dim]: [usize; 2],
        noise: &Noise,
        device: &Device,
        keep_film: bool,
        mut tick: impl FnMut(usize),
    ) -> Result<Drawn> {
        let model = &Tempered::new(model, self.temperature);
        let mut drawn = Drawn { values: Vec::with_capacity(n * dim), film: Vec::new() };
        for (chunk, first) in (0..n).step_by(TOGETHER).enumerate() {
            let together = TOGETHER.min(n - first);
            let noise = noise.child(chunk as u64);
            let mut end = Vec::new();
            for (i, level) in self.descend(model, [together, dim], &noise, device).enumerate() {
                tick(together);
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
            None => Ok(drawn),
        }
    }

    fn descend<'a, M: NoisyScore>(
        &'a self,
        model: &'a M,
        [n, dim]: [usize; 2],
        noise: &Noise,
        device: &Device,
    ) -> Box<dyn Iterator<Item = Level> + 'a> {
        let (mut start, chain) = (noise.derive("start"), noise.derive("chain"));
        match &self.method {
            Method::Langevin(sampler) => {
                let start = sampler.start(n, dim, &mut start, device);
                Box::new(sampler.descend(model, start, chain))
            }
            Method::Heun(sampler) => {
                let start = sampler.start(n, dim, &mut start, device);
                Box::new(sampler.descend(model, start))
            }
            Method::StochasticHeun(sampler) => {
                let start = sampler.start(n, dim, &mut start, device);
                Box::new(sampler.descend(model, start, chain))
            }
        }
    }
}

fn host(position: Tensor<2>) -> Result<Vec<f32>> {
    let data = position.into_data().convert::<f32>();
    data.try_to_vec().map_err(|error| anyhow::anyhow!("the samples cannot be read back: {error:?}"))
}
