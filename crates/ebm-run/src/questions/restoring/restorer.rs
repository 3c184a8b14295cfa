//! Answers of a network.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_data::to_pixel;
use ebm_model::{Capabilities, Tempered};
use ebm_ops::Noise;
use ebm_sample::diagnostics::Steps;
use ebm_sample::restoring::{Guidance, LinearGaussian, Posterior, PosteriorEnergy};
use ebm_sample::{AnyDescent, AnySampler, Density, Need, Sampler, StepTotals};

use super::degradation::Degradation;
use crate::error::{Result, anyhow, bail, ensure, usage};
use crate::sampling::{KeysRead, SampleConfig, StepKey, host};

/// Answers that are drawn together. A constant, so that answer `i` does not depend on how many are asked for.
const TOGETHER: usize = 64;

/// How a picture's measurements and the network come together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Pseudoinverse guidance, for data of this standard deviation.
    Pseudoinverse {
        /// In the model's units.
        deviation: f64,
    },
    /// Diffusion posterior sampling.
    PosteriorSampling {
        /// About 1.
        strength: f64,
    },
    /// Known pixels are replaced at every level.
    Replacement {
        /// Rounds at each level.
        resampling: usize,
    },
    /// Prior times likelihood as an energy.
    Metropolis,
}

impl Method {
    /// The sampler that is used if none is named.
    pub fn usual_sampler(self) -> &'static str {
        match self {
            Self::Metropolis => "annealed-mala",
            _ => "stochastic-heun",
        }
    }

    /// What its samplers need of a model: at every noise level an energy, which those with a Metropolis test need, or a
    /// score.
    fn need(self) -> Need {
        match self {
            Self::Metropolis => Need::NoisyEnergy,
            _ => Need::NoisyScore,
        }
    }
}

/// A network, what happened to pictures, and how they are restored.
pub struct Restorer<'a> {
    network: &'a dyn Capabilities,
    temperature: f64,
    degradation: &'a Degradation,
    /// τ in the model's units.
    deviation: f64,
    method: Method,
    descent: AnyDescent,
    step_key: Option<StepKey>,
    keys_read: KeysRead,
}

/// Answers for one picture.
pub struct Answers {
    /// Pixels in [0, 1], `[n, channels, height, width]`.
    pub pixels: Vec<f32>,
    /// What steps with a Metropolis test reported.
    pub steps: Option<Steps>,
}

impl<'a> Restorer<'a> {
    /// `deviation` is the noise on what was measured in the model's units; `sampler` is one by name with the numbers of
    /// `config`, or the usual one of the method.
    ///
    /// # Errors
    /// A wrong use of the program for a network, a method or a sampler that do not fit together.
    pub fn new(
        network: &'a dyn Capabilities,
        degradation: &'a Degradation,
        deviation: f64,
        method: Method,
        sampler: Option<&str>,
        config: &SampleConfig,
    ) -> Result<Self> {
        ensure!(
            network.as_noisy_score().is_some(),
            usage(anyhow!("restoring needs a network that is conditioned on the noise level"))
        );
        if method == Method::Metropolis {
            let is_energy = network.as_noisy_energy().is_some();
            ensure!(is_energy, usage(anyhow!("--method metropolis needs an energy, the network is a score")));
        }
        if matches!(method, Method::Replacement { .. }) {
            let is_known = !degradation.known().is_empty() && deviation == 0.0;
            ensure!(
                is_known,
                usage(anyhow!("--method replacement is for missing pixels beside ones without noise"))
            );
        }
        config.check().map_err(usage)?;
        let name = sampler.unwrap_or(method.usual_sampler());
        let sampler = config.sampler(name, true).map_err(usage)?;
        let AnySampler::Descent(descent) = sampler.build().map_err(usage)? else {
            bail!(usage(anyhow!("{}; samplers for it: {}", of_chains(sampler.name()), fitting(method))));
        };
        if descent.need() != method.need() {
            let why = match method {
                Method::Metropolis => "has no Metropolis test, which --method metropolis needs",
                _ => "is for --method metropolis",
            };
            bail!(usage(anyhow!("{name} {why}; samplers for this one: {}", fitting(method))));
        }
        let (temperature, step_key) = (config.temperature, config.step_key(&sampler));
        let keys_read = config.keys_read(&sampler)?.and(["temperature"]);
        Ok(Self { network, temperature, degradation, deviation, method, descent, step_key, keys_read })
    }

    /// The keys of the configuration on which answers depend.
    pub fn keys_read(&self) -> &KeysRead {
        &self.keys_read
    }

    /// The key that sets the size of the sampler's steps, and its value; `None` where steps follow from noise levels.
    pub fn step_key(&self) -> Option<&StepKey> {
        self.step_key.as_ref()
    }

    /// The sampler's name.
    pub fn sampler(&self) -> &'static str {
        self.descent.name()
    }

    /// How often `tick` is called for each answer.
    pub fn n_levels(&self) -> usize {
        self.descent.n_items()
    }

    /// `n` answers for what was measured of a picture, in the model's units; `tick` is told after each level how many
    /// answers took part in it.
    ///
    /// Where pixels are missing and the others are without noise, those are in every answer what they were.
    ///
    /// # Errors
    /// Measurements that do not fit, or an answer that is not finite.
    pub fn answers(
        &self,
        measured: &[f32],
        n: usize,
        noise: &Noise,
        device: &Device,
        mut tick: impl FnMut(usize),
    ) -> Result<Answers> {
        let dim: usize = self.degradation.shape().iter().product();
        let (mut pixels, mut steps): (Vec<f32>, Option<Steps>) = (Vec::with_capacity(n * dim), None);
        for (chunk, first) in (0..n).step_by(TOGETHER).enumerate() {
            let together = TOGETHER.min(n - first);
            let mut totals = StepTotals::default();
            let noise = noise.child(chunk as u64);
            let values = self.drawn(measured, [together, dim], &noise, &mut totals, device, &mut tick)?;
            ensure!(
                values.iter().all(|value| value.is_finite()),
                "an answer is not finite: the steps are too large, or the model is broken"
            );
            pixels.extend(values.into_iter().map(to_pixel));
            let read = totals.read();
            if read.acceptance.is_some() {
                steps = Some(match steps.take() {
                    Some(before) => before.beside(read),
                    None => read,
                });
            }
        }
        if self.deviation == 0.0 && !self.degradation.known().is_empty() {
            // The byte that was read, as it would be read from this picture again.
            let bytes: Vec<f32> = measured.iter().map(|&y| (to_pixel(y) * 255.0).round() / 255.0).collect();
            for answer in pixels.chunks_exact_mut(dim) {
                let held = answer.iter_mut().zip(self.degradation.known()).filter(|(_, known)| **known);
                held.zip(&bytes).for_each(|((pixel, _), byte)| *pixel = *byte);
            }
        }
        Ok(Answers { pixels, steps })
    }

    /// Answers in the model's units; steps with a Metropolis test add what they report to `totals`.
    fn drawn(
        &self,
        measured: &[f32],
        [n, dim]: [usize; 2],
        noise: &Noise,
        totals: &mut StepTotals,
        device: &Device,
        tick: &mut dyn FnMut(usize),
    ) -> Result<Vec<f32>> {
        let y = Tensor::from_data(TensorData::new(measured.to_vec(), [1, measured.len()]), device);
        let likelihood =
            LinearGaussian::new(self.degradation.operator(), y, self.deviation).map_err(usage)?;
        let score = self.network.as_noisy_score().expect("checked when it was built");
        let prior = Tempered::new(score, self.temperature);
        let mut run =
            |density: Density<'_>, descent: &AnyDescent, tick: &mut dyn FnMut(usize)| -> Result<Vec<f32>> {
                let start = descent.start(n, dim, &mut noise.derive("start"), device);
                let mut last = None;
                for level in descent.descend(density, start, noise.derive("chain"))? {
                    tick(n);
                    totals.merge(level.totals);
                    last = Some(level.position);
                }
                host(last.expect("a descent has a level"))
            };
        match self.method {
            Method::Pseudoinverse { deviation } => {
                let guidance = Guidance::pseudoinverse(deviation).map_err(usage)?;
                let posterior = Posterior::new(&prior, &likelihood, guidance);
                run(Density::of_noisy_score(&posterior), &self.descent, tick)
            }
            Method::PosteriorSampling { strength } => {
                let guidance = Guidance::posterior_sampling(strength).map_err(usage)?;
                let posterior = Posterior::new(&prior, &likelihood, guidance);
                run(Density::of_noisy_score(&posterior), &self.descent, tick)
            }
            Method::Replacement { resampling } => {
                let mut values = measured.iter();
                let value = |known: &bool| known.then(|| values.next().map(|&y| f64::from(y))).flatten();
                let known: Vec<Option<f64>> = self.degradation.known().iter().map(value).collect();
                let descent = self.descent.replacing(&known, resampling).map_err(usage)?;
                run(Density::of_noisy_score(&prior), &descent, tick)
            }
            Method::Metropolis => {
                let energy = self.network.as_noisy_energy().expect("checked when it was built");
                let prior = Tempered::new(energy, self.temperature);
                let posterior = PosteriorEnergy::new(&prior, &likelihood);
                run(Density::of_noisy_energy(&posterior), &self.descent, tick)
            }
        }
    }
}

fn of_chains(name: &str) -> String {
    format!("{name} moves chains, restoring goes down noise levels")
}

/// The samplers that a method takes.
fn fitting(method: Method) -> String {
    let names = Sampler::list().map(|(name, _)| name);
    let names =
        names.filter(|name| Sampler::named(name).is_ok_and(|sampler| sampler.need() == method.need()));
    names.collect::<Vec<_>>().join(", ")
}
