//! Samples of a network.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use ebm_model::Capabilities;
use ebm_ops::Noise;
use ebm_sample::diagnostics::Steps;
use ebm_sample::{AnyDescent, AnyKernel, AnySampler, Density, Level, SampleError, Sampler, StepTotals};

use super::asked::Asked;
use super::config::{ChainConfig, SampleConfig};
use super::keys_read::KeysRead;
use super::not_finite::NotFinite;
use super::step_key::StepKey;
use super::views::with_density;
use crate::error::{Error, Result, anyhow, bail, ensure};

/// Samples that descend together. A constant, so that sample `i` does not depend on how many are asked for.
const DESCENTS_TOGETHER: usize = 100;

/// Chains cost little each, and run together in larger numbers.
const CHAINS_TOGETHER: usize = 4000;

/// Segments of a chain; the caller hears of each.
const SEGMENTS: usize = 50;

/// A sampler ready to draw from a network.
#[derive(Clone)]
pub struct Drawing {
    temperature: f64,
    /// The lowest noise level.
    sigma: f64,
    method: Method,
    /// What sets the size of its steps.
    step_key: Option<StepKey>,
    /// The keys on which samples depend.
    keys_read: KeysRead,
    /// The classes that samples are to be of.
    asked: Option<Asked>,
}

#[derive(Clone)]
enum Method {
    Descent(AnyDescent),
    Chain { kernel: AnyKernel, config: ChainConfig },
}

/// Samples, and the way to them if it was asked for.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Row after row, `n · dim` numbers in the model's units.
    pub values: Vec<f32>,
    /// The same at each level on the way, the first one first; empty if not asked for.
    pub film: Vec<Vec<f32>>,
    /// What the steps of chains reported, or steps with a Metropolis test on the way down the noise levels.
    pub steps: Option<Steps>,
}

/// How much of the way to samples is kept: of how many of them, and how often at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The first so many samples.
    pub samples: usize,
    /// Moments on the way, evenly, at most.
    pub moments: usize,
}

impl Keep {
    /// Nothing.
    pub const NOTHING: Self = Self { samples: 0, moments: 1 };
    /// Every moment of every sample.
    pub const ALL: Self = Self { samples: usize::MAX, moments: usize::MAX };
}

impl SampleConfig {
    /// The sampler of that name, or the one of the configuration, for samples of `network` in `dim` dimensions.
    ///
    /// # Errors
    /// A name that is not known, a number out of range, or a sampler that needs what the network does not have, or moves
    /// no chains in so many dimensions.
    pub fn drawing(&self, name: Option<&str>, network: &dyn Capabilities, dim: usize) -> Result<Drawing> {
        self.check()?;
        let conditioned = network.as_noisy_score().is_some();
        let sampler = self.sampler(name.unwrap_or(&self.sampler), conditioned)?;
        let sigma = self.heun.bottom;
        let built = sampler.build()?;
        with_density(network, self.temperature, sigma, |density| fits(&sampler, density, dim))?;
        check_dim(&built, dim).map_err(|error| explained(error, &sampler, dim))?;
        let method = match built {
            AnySampler::Descent(descent) => Method::Descent(descent),
            AnySampler::Kernel(kernel) => Method::Chain { kernel, config: self.chain.clone() },
        };
        let step_key = self.step_key(&sampler);
        let keys_read = self.keys_of_samples(&sampler, conditioned)?;
        let keys_read = if name.is_none() { keys_read.and(["sampler"]) } else { keys_read };
        Ok(Drawing { temperature: self.temperature, sigma, method, step_key, keys_read, asked: None })
    }
}

impl Drawing {
    /// The same for samples of classes, of a network that is conditioned on them.
    #[must_use]
    pub fn of_classes(self, asked: Asked) -> Self {
        Self { asked: Some(asked), ..self }
    }

    /// The classes that samples are of.
    pub fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// Items of a descent, or segments of a chain.
    pub fn n_levels(&self) -> usize {
        match &self.method {
            Method::Descent(descent) => descent.n_items(),
            Method::Chain { config, .. } => config.steps.div_ceil(segment(config)),
        }
    }

    /// The only noise level that chains see of a network that is conditioned on one, the lowest; `None` for a network
    /// that is not, and for a sampler that goes down the levels.
    pub fn only_level(&self, network: &dyn Capabilities) -> Option<f64> {
        let is_chain = matches!(self.method, Method::Chain { .. });
        (is_chain && network.as_noisy_score().is_some()).then_some(self.sigma)
    }

    /// The keys of the configuration on which samples depend.
    pub fn keys_read(&self) -> &KeysRead {
        &self.keys_read
    }

    /// The key that sets the size of its steps, and its value; `None` where steps follow from noise levels.
    pub fn step_key(&self) -> Option<&StepKey> {
        self.step_key.as_ref()
    }

    /// `n` samples in `dim` dimensions; `tick` is told after each level how many samples took part in it.
    ///
    /// The first samples of a larger number are those of a smaller one.
    ///
    /// # Errors
    /// If a sample is not finite.
    pub fn draw(
        &self,
        network: &dyn Capabilities,
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
        let keep = if keep_film { Keep::ALL } else { Keep::NOTHING };
        let drawn = self.draw_while(network, [n, dim], noise, device, keep, go_on)?;
        drawn.ok_or_else(|| anyhow!("the samples were given up"))
    }

    /// As [`draw`](Self::draw), or nothing if `tick` ends it on the way.
    ///
    /// # Errors
    /// If a sample is not finite.
    pub fn draw_while(
        &self,
        network: &dyn Capabilities,
        [n, dim]: [usize; 2],
        noise: &Noise,
        device: &Device,
        keep: Keep,
        mut tick: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Drawn>> {
        let mut all = Drawn { values: Vec::with_capacity(n * dim), film: Vec::new(), steps: None };
        for (group, first) in (0..n).step_by(self.group_size()).enumerate() {
            let together = self.group_size().min(n - first);
            let noise = noise.child(group as u64);
            let drawn = self.together(network, first, [together, dim], &noise, device, keep, &mut tick)?;
            let Some(drawn) = drawn else { return Ok(None) };
            all.values.extend(drawn.values);
            if all.film.is_empty() {
                all.film.resize_with(drawn.film.len(), || Vec::with_capacity(keep.samples.min(n) * dim));
            }
            all.film.iter_mut().zip(drawn.film).for_each(|(frame, new)| frame.extend(new));
            all.steps = match (all.steps.take(), drawn.steps) {
                (Some(before), Some(new)) => Some(before.beside(new)),
                (before, new) => before.or(new),
            };
        }
        finite(&all.values, dim, 0)?;
        Ok(Some(all))
    }

    /// Samples that are drawn together; the last group of all may be smaller.
    pub fn group_size(&self) -> usize {
        match self.method {
            Method::Chain { .. } => CHAINS_TOGETHER,
            Method::Descent(_) => DESCENTS_TOGETHER,
        }
    }

    /// One group, counted from 0, of `n` samples; nothing if `tick` ends it on the way.
    ///
    /// The samples are those that [`draw`](Self::draw) has at their place.
    ///
    /// # Errors
    /// If there is no such group, or [`NotFinite`] if a sample is not finite.
    pub fn draw_group(
        &self,
        network: &dyn Capabilities,
        [n, dim]: [usize; 2],
        group: usize,
        noise: &Noise,
        device: &Device,
        mut tick: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Drawn>> {
        let first = group.saturating_mul(self.group_size());
        ensure!(first < n, "group {group} of {n} samples: expected at most {}", (n - 1) / self.group_size());
        let together = self.group_size().min(n - first);
        let noise = noise.child(group as u64);
        let drawn =
            self.together(network, first, [together, dim], &noise, device, Keep::NOTHING, &mut tick)?;
        if let Some(drawn) = &drawn {
            finite(&drawn.values, dim, first)?;
        }
        Ok(drawn)
    }

    /// Samples that are drawn at once, the first of them the sample `first` of all, or nothing if `tick` ends it on the
    /// way.
    #[allow(clippy::too_many_arguments, reason = "what is drawn, and which part of it")]
    fn together(
        &self,
        network: &dyn Capabilities,
        first: usize,
        [n, dim]: [usize; 2],
        noise: &Noise,
        device: &Device,
        keep: Keep,
        tick: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Drawn>> {
        let stride = self.n_levels().div_ceil(keep.moments.max(1)).max(1);
        let shown = n.min(keep.samples.saturating_sub(first));
        let mut drawn = Drawn { values: Vec::new(), film: Vec::new(), steps: None };
        let mut totals = StepTotals::default();
        let of_classes = self.asked.as_ref().map(|asked| asked.of(network, first..first + n)).transpose()?;
        let network: &dyn Capabilities = match &of_classes {
            Some(of_classes) => of_classes,
            None => network,
        };
        let whole = with_density(network, self.temperature, self.sigma, |density| -> Result<bool> {
            for (i, level) in self.levels(density, [n, dim], noise, device)?.enumerate() {
                if tick(n).is_break() {
                    return Ok(false);
                }
                totals.merge(level.totals);
                if i + 1 == self.n_levels() {
                    drawn.values = host(level.position)?;
                } else if 0 < shown && i.is_multiple_of(stride) {
                    drawn.film.push(host(level.position.narrow(0, 0, shown))?);
                }
            }
            Ok(true)
        })?;
        let steps = totals.read();
        drawn.steps = (0 < steps.n_steps).then_some(steps);
        Ok(whole.then_some(drawn))
    }

    /// The positions each time there is something to see, with what steps of chains, or with a Metropolis test, reported
    /// before it.
    fn levels<'a>(
        &'a self,
        density: Density<'a>,
        [n, dim]: [usize; 2],
        noise: &Noise,
        device: &Device,
    ) -> Result<Box<dyn Iterator<Item = Level> + 'a>> {
        let (mut start, noise) = (noise.derive("start"), noise.derive("chain"));
        Ok(match &self.method {
            Method::Descent(descent) => {
                let start = descent.start(n, dim, &mut start, device);
                descent.descend(density, start, noise)?
            }
            Method::Chain { kernel, config } => {
                let start = start.normal([n, dim], device) * config.start;
                let mut chain = kernel.chain(density, start, noise)?;
                let (steps, segment) = (config.steps, segment(config));
                Box::new((0..steps).step_by(segment).map_while(move |done| {
                    let (mut position, mut totals) = (None, StepTotals::default());
                    for draw in chain.by_ref().take(segment.min(steps - done)) {
                        totals.add(&*draw.info);
                        position = Some(draw.position);
                    }
                    Some(Level { sigma: 0.0, position: position?, totals })
                }))
            }
        })
    }
}

/// # Errors
/// If a number is not finite; `first` is the number of the first sample.
fn finite(values: &[f32], dim: usize, first: usize) -> Result<(), NotFinite> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(NotFinite(first + at / dim)),
        None => Ok(()),
    }
}

/// # Errors
/// If the network does not have what the sampler needs; the message lists the samplers for it in `dim` dimensions.
fn fits(sampler: &Sampler, density: Density<'_>, dim: usize) -> Result<()> {
    if density.offers(sampler.need()) {
        return Ok(());
    }
    let (sampler, need, offers) = (sampler.name(), sampler.need(), density.to_string());
    let named = Sampler::list().filter_map(|(name, _)| Sampler::named(name).ok());
    let others = named.filter(|other| density.offers(other.need())).filter_map(|other| in_list(&other, dim));
    let others = others.collect::<Vec<_>>().join(", ");
    bail!("{}; samplers for it: {others}", SampleError::Unfit { sampler, need, offers })
}

/// The sampler's name, with the setting that it has to be given; nothing if it moves no chains in `dim` dimensions.
fn in_list(sampler: &Sampler, dim: usize) -> Option<String> {
    match check_dim(&sampler.build().ok()?, dim) {
        Ok(()) => Some(sampler.name().to_owned()),
        Err(error) => variances_key(&error, sampler).map(|key| format!("{} (with {key})", sampler.name())),
    }
}

/// # Errors
/// If it moves no chains in `dim` dimensions.
fn check_dim(sampler: &AnySampler, dim: usize) -> Result<(), SampleError> {
    match sampler {
        AnySampler::Kernel(kernel) => kernel.check(dim),
        AnySampler::Descent(_) => Ok(()),
    }
}

/// Why a sampler moves no chains of a network in `dim` dimensions, with the setting that would let it.
fn explained(error: SampleError, sampler: &Sampler, dim: usize) -> Error {
    match variances_key(&error, sampler) {
        Some(key) => {
            anyhow!("{}: {error}; for a network, which has no warm-up, {key} gives all {dim}", sampler.name())
        }
        None => anyhow!("{}: {error}", sampler.name()),
    }
}

/// The key of the variances that a sampler lacks, if it is these.
fn variances_key(error: &SampleError, sampler: &Sampler) -> Option<String> {
    match error {
        SampleError::OutOfRange(found) if found.what == "variances" => {
            Some(format!("{}.{}", sampler.section(), found.what))
        }
        _ => None,
    }
}

/// Steps of a segment; the last one may be shorter.
fn segment(config: &ChainConfig) -> usize {
    config.steps.div_ceil(SEGMENTS)
}

/// Numbers on the host, as 32-bit floats.
///
/// # Errors
/// If they cannot be read back from the device.
pub fn host<const D: usize>(numbers: Tensor<D>) -> Result<Vec<f32>> {
    let data = numbers.into_data().convert::<f32>();
    data.try_to_vec().map_err(|error| anyhow!("the samples cannot be read back: {error:?}"))
}
