//! `ebm sample`: new samples from a trained network, or chains on a closed-form energy.

mod advice;
mod arguments;
mod chains;
mod closed_form;
mod draws;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Device;
use clap::ValueEnum;
use ebm_model::NetworkConfig;
use ebm_ops::Noise;
use ebm_report::{Format, Shape};
use ebm_run::config::assign_to;
use ebm_run::hint::{quoted, quoted_text};
use ebm_run::model::model;
use ebm_run::sampling::SampleConfig;
use ebm_run::usage::usage;
use ebm_run::{bounds, keys, landscape, levels_of_run};
use ebm_sample::Sampler;
use ebm_sample::diagnostics::Verdict;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::terminal::say;

use self::advice::Advice;
use self::arguments::Chains;
pub use self::arguments::Sample;
use self::closed_form::ClosedForm;

impl Sample {
    /// Draws samples and writes them.
    ///
    /// # Errors
    /// Whatever keeps them from being drawn or written; nothing half-written is left.
    pub fn run(self) -> Result<()> {
        if self.list {
            for (name, what) in Sampler::list() {
                tell!("{name:24}  {:30}  {what}", Sampler::named(name)?.need().to_string());
            }
            return Ok(());
        }
        let device = self.backend.device()?;
        if let Some(target) = self.closed_form().filter(|_| !self.keys) {
            if self.n.is_some() {
                bail!(usage(anyhow!("--n is for networks; of a closed form, --chains and --draws")));
            }
            return self.chains.run(&self, target, &device);
        }
        if self.keys {
            let config = match &self.run {
                Some(run) => model(run, self.step, &device, &say)?.0.sample,
                None => SampleConfig::default(),
            };
            keys::of_sample(&config)?.iter().for_each(|key| tell!("{key}"));
            return Ok(());
        }
        let Some(run) = &self.run else { bail!(usage(anyhow!("expected a run or --target"))) };
        if let Some(flag) = self.chains.given() {
            let instead = self.for_a_network(run).unwrap_or_default();
            bail!(usage(anyhow!("{flag} is for closed-form energies{instead}")));
        }
        self.network(run, &device)
    }

    /// The closed form that is named, by `--target` or in place of a run that is not there.
    fn closed_form(&self) -> Option<ClosedForm> {
        let by_name = || {
            let run = self.run.as_ref()?;
            if run.exists() { None } else { ClosedForm::from_str(run.to_str()?, false).ok() }
        };
        self.chains.target.or_else(by_name)
    }

    /// The command that means for a network what was given for chains on a closed form, if there is one.
    fn for_a_network(&self, run: &Path) -> Option<String> {
        let Chains { step_size, leapfrog, chains, draws, burn_in, .. } = &self.chains;
        let set = |key: &str, value: String| format!(" --set chain.{key}={value}");
        let sampler = self.sampler.iter().map(|name| format!(" --sampler {}", quoted_text(name)));
        let steps =
            burn_in.or(draws.filter(|_| chains.is_some())).map(|n| set("steps", n.max(1).to_string()));
        let given = [
            step_size.map(|size| set("step_size", size.to_string())),
            leapfrog.map(|n| set("leapfrog", n.to_string())),
            steps,
            chains.or(*draws).map(|n| format!(" --n {n}")),
        ];
        let words: String = sampler.chain(given.into_iter().flatten()).collect();
        let is_other = self.chains.adapt || self.chains.thin.is_some() || self.chains.plots.is_some();
        (!is_other)
            .then(|| format!("; of a network, `ebm sample {}{words}{}`", quoted(run), self.backend.flag()))
    }

    fn network(&self, run: &Path, device: &Device) -> Result<()> {
        let (n, seed, out) = (self.n.unwrap_or(64), self.seed, &self.out);
        ensure!(0 < n, usage(anyhow!("--n 0: expected at least 1")));
        let format = Format::of(out).map_err(usage)?;
        let (card, network) = model(run, self.step, device, &say)?;
        let config: SampleConfig = assign_to(&card.sample, &self.set).map_err(usage)?;
        let (config, found) = levels_of_run::of_network(config, run, &card, device)?;
        found.iter().for_each(|line| say(line));
        let name = self.sampler.as_deref();
        let drawing = config.drawing(name, &network).map_err(usage)?;
        let dim = card.architecture.dim();
        bounds::samples("--n", &[n, dim, if format.is_film() { drawing.n_levels() } else { 1 }])?;
        format.check(card.content.samples(vec![0.0; dim], 1)?.shape()).map_err(usage)?;

        let began = Instant::now();
        let bar = ProgressBar::new((n * drawing.n_levels()) as u64);
        bar.set_style(ProgressStyle::with_template("{bar:30} {percent} %  {elapsed} gone, {eta} left")?);
        let tick = |samples: usize| bar.inc(samples as u64);
        let drawn = drawing.draw(&network, [n, dim], &Noise::seeded(seed), device, format.is_film(), tick)?;
        bar.finish_and_clear();
        let seconds = began.elapsed().as_secs_f64();
        let samples = card.content.samples(drawn.values, n)?.with_film(card.content.frames(drawn.film))?;
        let samples = if format.is_picture() {
            let titled = samples.titled(format!("{}: {n} samples", card.name));
            landscape::under(
                titled,
                &network,
                landscape::level_shown(config.heun.bottom),
                &card.content,
                device,
            )?
        } else {
            samples
        };
        ebm_report::write(out, &samples)?;

        let verdict = drawn.steps.as_ref().map_or_else(Verdict::default, Verdict::of_steps);
        let advice = Advice::of_network(config.chain.step_size).at_level(drawing.only_level(&network));
        let shape = Shape::dims(samples.shape());
        if self.json {
            let sampler = name.unwrap_or(&config.sampler);
            let line = json!({
                "event": "done", "n": n, "seed": seed, "sampler": sampler, "seconds": seconds, "shape": shape,
                "out": out.to_string_lossy(), "warnings": advice.entries(&verdict),
            });
            tell!("{line}");
        } else {
            tell!("{n} samples in {seconds:.1} s: {}", out.display());
            advice.say(&verdict);
        }
        advice.check(&verdict, self.strict)
    }
}
