//! `ebm sample NAME`: draws from a closed-form energy, as chains with their diagnostics.

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::{Device, Tensor};
use clap::ValueEnum;
use ebm_model::NoisyPotential;
use ebm_ops::Noise;
use ebm_report::{Format, Samples, Traces, parameter};
use ebm_run::bounds;
use ebm_run::config::assign_to;
use ebm_run::sampling::{SampleConfig, host};
use ebm_run::usage::usage;
use ebm_sample::diagnostics::{Summary, Verdict};
use ebm_sample::{AnyInfo, AnyKernel, AnySampler, Density, Draw, SampleError, Sampler, WarmedUp};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::advice::Advice;
use super::arguments::{Chains, Sample};
use super::closed_form::ClosedForm;
use super::draws::{self, Draws, Record};

/// Draws of a chain that are discarded unless said otherwise.
const BURN_IN: usize = 500;

/// The most leapfrog steps unless said otherwise.
const LEAPFROG: usize = 10;

/// Draws that descend together. A constant, so that draw `i` does not depend on how many are asked for.
const TOGETHER: usize = 4000;

impl Chains {
    /// The first flag that was given and is of chains only.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--step-size", self.step_size.is_some()),
            ("--leapfrog", self.leapfrog.is_some()),
            ("--chains", self.chains.is_some()),
            ("--draws", self.draws.is_some()),
            ("--burn-in", self.burn_in.is_some()),
            ("--adapt", self.adapt),
            ("--thin", self.thin.is_some()),
            ("--plots", self.plots.is_some()),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    fn n(&self) -> [usize; 2] {
        [self.chains.unwrap_or(4), self.draws.unwrap_or(1000)]
    }

    /// The sampler by name with its numbers.
    fn sampler(&self, sample: &Sample) -> Result<Sampler> {
        // An older name of the same table.
        let renamed = |set: &String| match set.strip_prefix("tempering.") {
            Some(rest) => format!("chain.{rest}"),
            None => set.clone(),
        };
        let set: Vec<String> = sample.set.iter().map(renamed).collect();
        let config: SampleConfig = assign_to(&SampleConfig::default(), &set)?;
        config.check()?;
        let sampler = config.sampler(sample.sampler.as_deref().unwrap_or("langevin"), false)?;
        let sampler = match self.step_size {
            Some(step_size) => sampler.with_step_size(step_size),
            None if is_set(sample, "chain.step_size") => sampler,
            None => sampler.with_step_size(0.05),
        };
        Ok(match self.leapfrog {
            Some(leapfrog) => sampler.with_leapfrog(leapfrog),
            None if is_set(sample, "chain.leapfrog") || is_set(sample, "hmc.leapfrog") => sampler,
            None => sampler.with_leapfrog(LEAPFROG),
        })
    }

    /// Whether the step size is left to the burn-in: of a kernel that can adapt it, where none was given.
    fn adapts_unasked(&self, sample: &Sample, kernel: &AnyKernel, dim: usize) -> bool {
        let is_given = self.step_size.is_some() || is_set(sample, "chain.step_size");
        !is_given && kernel.can_adapt() && kernel.check(dim).is_ok()
    }

    /// Refuses what cannot be, before anything is drawn.
    fn check(&self, sample: &Sample, target: ClosedForm, sampler: &Sampler) -> Result<()> {
        let [chains, draws] = self.n();
        let counts = [("--chains", chains), ("--draws", draws), ("--thin", self.thin.unwrap_or(1))];
        for (flag, count) in counts {
            ensure!(0 < count, usage(anyhow!("{flag} 0: expected at least 1")));
        }
        let dim = target.dim();
        bounds::samples("--chains × --draws", &[chains, draws, dim])?;
        ensure!(
            !(self.adapt && self.burn_in == Some(0)),
            usage(anyhow!(
                "--adapt --burn-in 0: there are no steps to adapt in; --burn-in {BURN_IN} is the default"
            ))
        );
        bounds::chain(draws, self.thin.unwrap_or(1), self.burn_in.unwrap_or(0), sampler.evaluations())?;
        let format = Format::of(&sample.out).map_err(usage)?;
        format.check(Samples::chains(vec![0.0; dim], [1, 1, dim])?.shape()).map_err(usage)?;
        if let Some(path) = &self.plots {
            Format::of_chart(path).map_err(|error| usage(anyhow!("--plots {error}")))?;
            ensure!(
                *path != sample.out,
                usage(anyhow!("--plots {}: --out is the same file", path.display()))
            );
        }
        Ok(())
    }

    /// Draws from the energy, writes the draws, `[chain, draw, dim]`, and prints their diagnostics and what they
    /// come to.
    ///
    /// # Errors
    /// A wrong use of the command line, a file that cannot be written, or, if that is asked for, any warning.
    pub fn run(&self, sample: &Sample, target: ClosedForm, device: &Device) -> Result<()> {
        let sampler = self.sampler(sample).map_err(usage)?;
        self.check(sample, target, &sampler)?;
        let (energy, blurred) = (target.energy()?, target.at_noise()?);
        let density = Density::of_energy(&*energy);
        let density = match &blurred {
            Some(blurred) => density.with_noisy_energy(blurred as &dyn NoisyPotential),
            None => density,
        };
        if !density.offers(sampler.need()) {
            bail!(usage(unfit(&sampler, target)?));
        }
        let noise = Noise::seeded(sample.seed);
        let draws = if sampler.is_descent() {
            self.descents(&sampler, density, target.dim(), &noise.derive("chain"), device)?
        } else {
            let start = noise.derive("start").normal([self.n()[0], target.dim()], device);
            self.chains(sample, &sampler, density, start, noise.derive("chain"))?
        };
        let title = format!("{}, {}", name(target), sampler.name());
        let values: Vec<f64> = draws.values.iter().map(|&value| f64::from(value)).collect();
        let summaries = Summary::of_each(&values, draws.shape);
        let verdict = match &draws.steps {
            Some(steps) => Verdict::with_summaries(&values, draws.shape, &summaries, steps),
            None => Verdict::of_independent(&values, target.dim()),
        };
        let advice = Advice::new(&sampler, &draws, self.burn_in.unwrap_or(BURN_IN));
        let samples = draws.samples(&*energy, device)?.titled(title.as_str());
        ebm_report::write(&sample.out, &samples.with_warnings(advice.lines(&verdict)))?;
        if let Some(path) = &self.plots {
            Traces { title: &title, draws: &draws.values, shape: draws.shape }.write(path)?;
        }
        self.report(sample, target, &sampler, &draws, &summaries, &advice.entries(&verdict));
        if !sample.json {
            advice.say(&verdict);
        }
        advice.check(&verdict, sample.strict)
    }

    /// Chains from N(0, I), adapted before if that is asked for.
    fn chains(
        &self,
        sample: &Sample,
        sampler: &Sampler,
        density: Density<'_>,
        start: Tensor<2>,
        mut noise: Noise,
    ) -> Result<Draws> {
        let burn_in = self.burn_in.unwrap_or(BURN_IN);
        let AnySampler::Kernel(kernel) = sampler.build().map_err(usage)? else {
            bail!("{} moves no chains", sampler.name());
        };
        ensure!(
            !self.adapt || kernel.can_adapt(),
            usage(anyhow!(
                "--adapt needs a kernel with a mass: --sampler mala or hmc, or preconditioned-langevin"
            ))
        );
        let dim = start.dims()[1];
        if 0 < burn_in && (self.adapt || self.adapts_unasked(sample, &kernel, dim)) {
            let WarmedUp { kernel, state, .. } = kernel.warm_up(density, burn_in, start, &mut noise)?;
            let step_size = kernel.step_size();
            let draws = self.record(kernel.resume(density, state, noise)?, step_size, 0)?;
            return Ok(Draws { adapted: true, ..draws });
        }
        kernel.check(dim).map_err(|error| usage(with_hint(error, dim)))?;
        let step_size = kernel.step_size();
        self.record(kernel.chain(density, start, noise)?, step_size, burn_in)
    }

    /// The draws that are kept, and what the kernel reported of its steps.
    fn record(
        &self,
        chain: impl Iterator<Item = Draw<AnyInfo>>,
        step_size: f64,
        burn_in: usize,
    ) -> Result<Draws> {
        let (thin, [_, draws]) = (self.thin.unwrap_or(1), self.n());
        let steps = (draws - 1).saturating_mul(thin).saturating_add(1);
        let bar = ProgressBar::new(draws as u64);
        let mut record = Record::default();
        for (i, draw) in chain.skip(burn_in).take(steps).enumerate() {
            let is_draw = i.is_multiple_of(thin);
            bar.inc(u64::from(is_draw));
            record.add(draw.position, &*draw.info, is_draw);
        }
        bar.finish_and_clear();
        record.finish(step_size)
    }

    /// Independent draws, each from high noise to none; those of a chain one after the other.
    fn descents(
        &self,
        sampler: &Sampler,
        density: Density<'_>,
        dim: usize,
        noise: &Noise,
        device: &Device,
    ) -> Result<Draws> {
        let of_chains =
            [("--adapt", self.adapt), ("--burn-in", self.burn_in.is_some()), ("--thin", self.thin.is_some())];
        if let Some((flag, _)) = of_chains.into_iter().find(|(_, is_given)| *is_given) {
            bail!(usage(anyhow!(
                "{flag} is for chains; draws of {} are independent of each other, each from high noise to none",
                sampler.name()
            )));
        }
        let AnySampler::Descent(descent) = sampler.build().map_err(usage)? else {
            bail!("{} descends no noise levels", sampler.name());
        };
        let [chains, draws] = self.n();
        let n = chains.checked_mul(draws);
        let n = n.ok_or_else(|| usage(anyhow!("--chains {chains} --draws {draws}: too many")))?;
        let bar = ProgressBar::new(n as u64);
        let mut values = Vec::new();
        for (group, first) in (0..n).step_by(TOGETHER).enumerate() {
            let together = TOGETHER.min(n - first);
            let noise = noise.child(group as u64);
            let start = descent.start(together, dim, &mut noise.derive("start"), device);
            let last = descent.descend(density, start, noise.derive("chain"))?.last();
            values.extend(host(last.expect("a ladder has a level").position)?);
            bar.inc(together as u64);
        }
        bar.finish_and_clear();
        ensure!(values.len() == n * dim, "{} numbers for {n} draws", values.len());
        Ok(Draws::independent(values, [chains, draws, dim]))
    }

    fn report(
        &self,
        sample: &Sample,
        target: ClosedForm,
        sampler: &Sampler,
        draws: &Draws,
        summaries: &[Summary],
        warnings: &[Value],
    ) {
        let files = [Some(&sample.out), self.plots.as_ref()];
        let files: Vec<String> = files.into_iter().flatten().map(|file| file.display().to_string()).collect();
        if sample.json {
            let test = draws.test.as_ref().map(|test| {
                let [mean, largest] = test.mean_and_largest_error();
                let [divergences, steps] = test.n_diverged;
                json!({
                    "acceptance": test.mean_acceptance(), "mean_energy_error": mean,
                    "largest_energy_error": largest, "divergences": divergences, "steps": steps,
                })
            });
            let line = json!({
                "event": "done", "target": name(target), "kernel": sampler.name(),
                "shape": draws.shape, "seed": sample.seed, "step_size": draws.step_size,
                "adapted": draws.adapted, "warnings": warnings,
                "acceptance": draws.test.as_ref().map(draws::Test::mean_acceptance), "test": test,
                "swaps": draws.swaps, "coordinates": summaries, "out": sample.out.to_string_lossy(),
                "plots": self.plots.as_ref().map(|plots| plots.to_string_lossy()),
            });
            tell!("{line}");
            return;
        }
        tell!("          mean        sd        5 %    median      95 %     r_hat  ess_bulk  ess_tail");
        for (i, s) in summaries.iter().enumerate() {
            tell!(
                "{:<4} {:9.4} {:9.4} {:9.4} {:9.4} {:9.4} {:9.4} {:9.0} {:9.0}",
                parameter(i),
                s.mean,
                s.sd,
                s.q5,
                s.median,
                s.q95,
                s.r_hat,
                s.ess_bulk,
                s.ess_tail
            );
        }
        if let Some(step_size) = draws.step_size {
            let how = if draws.adapted { ", adapted during the burn-in" } else { "" };
            tell!("step size {step_size:.4}{how}");
        }
        if let Some(test) = &draws.test {
            let ([mean, largest], [divergences, steps]) = (test.mean_and_largest_error(), test.n_diverged);
            tell!("acceptance {:.3}, energy error {mean:.3}, at most {largest:.3}", test.mean_acceptance());
            tell!("{divergences} of {steps} proposals diverged");
        }
        if !draws.swaps.is_empty() {
            let shares: Vec<String> = draws.swaps.iter().map(|share| format!("{share:.2}")).collect();
            tell!("neighbouring temperatures change places: {}", shares.join(", "));
        }
        if warnings.is_empty() && draws.steps.is_some() {
            let worst = |value: fn(&Summary) -> f64| summaries.iter().map(value);
            let r_hat = worst(|s| s.r_hat).fold(1.0, f64::max);
            let ess = worst(|s| s.ess_bulk.min(s.ess_tail)).fold(f64::INFINITY, f64::min);
            tell!("no warnings: R-hat at most {r_hat:.3}, ESS at least {ess:.0}");
        }
        let [chains, n] = self.n();
        tell!("{chains} chains of {n} draws: {}", files.join(", "));
    }
}

/// Whether `--set` gives this key.
fn is_set(sample: &Sample, key: &str) -> bool {
    sample.set.iter().any(|set| set.split_once('=').is_some_and(|(given, _)| given.trim() == key))
}

/// How the variances are given, where they are missing.
fn with_hint(error: SampleError, dim: usize) -> anyhow::Error {
    let ones = vec!["1.0"; dim].join(",");
    anyhow!("{error}; `--adapt` finds them, `--set preconditioned.variances=[{ones}]` gives them")
}

/// Why the closed form is not for the sampler, with what is.
fn unfit(sampler: &Sampler, target: ClosedForm) -> Result<anyhow::Error> {
    let kernels: Vec<&str> = Sampler::list()
        .map(|(name, _)| name)
        .filter(|name| Sampler::named(name).is_ok_and(|sampler| !sampler.is_descent()))
        .collect();
    let mut targets = vec![];
    for &target in ClosedForm::value_variants() {
        if target.at_noise()?.is_some() {
            targets.push(name(target));
        }
    }
    Ok(anyhow!(
        "{} descends noise levels, at which {} is not known; for it: {}; known at noise levels: {}",
        sampler.name(),
        name(target),
        kernels.join(", "),
        targets.join(", ")
    ))
}

/// The closed form's name on the command line.
fn name(target: ClosedForm) -> String {
    target.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}
