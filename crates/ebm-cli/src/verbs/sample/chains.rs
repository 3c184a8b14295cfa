//! `ebm sample NAME`: draws from a closed-form energy, as chains with their diagnostics.

use std::ops::Range;

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Device;
use clap::ValueEnum;
use ebm_model::{NoisyPotential, Potential};
use ebm_ops::Noise;
use ebm_report::{Format, Samples};
use ebm_run::bounds;
use ebm_run::config::assign_to;
use ebm_run::sampling::{SampleConfig, host};
use ebm_sample::{AnyKernel, AnySampler, Density, SampleError, Sampler, WarmedUp};

use super::arguments::{Chains, Sample};
use super::closed_form::ClosedForm;
use super::draws::{Draws, Record};
use super::part_of_chains::PartOfChains;
use super::report::Report;
use crate::terminal::usage::usage;
use crate::terminal::work::Work;
use crate::verbs::part::Request;

/// Draws of a chain that are discarded unless said otherwise.
const BURN_IN: usize = 500;

/// The most leapfrog steps unless said otherwise.
const LEAPFROG: usize = 10;

/// Chains that move, or draws that descend, together. A constant, so that draw `i` does not depend on how many are asked
/// for, and a part of them has the numbers of the whole.
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
            ("--report", self.report.is_some()),
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
            None if is_step_set(sample, &sampler) => sampler,
            None => sampler.with_step_size(0.05),
        };
        Ok(match self.leapfrog {
            Some(leapfrog) => sampler.with_leapfrog(leapfrog),
            None if is_number_set(sample, &sampler, "leapfrog") => sampler,
            None => sampler.with_leapfrog(LEAPFROG),
        })
    }

    /// Whether the step size is left to the burn-in: of a kernel that can adapt it, where none was given.
    fn adapts_unasked(&self, sample: &Sample, sampler: &Sampler, kernel: &AnyKernel, dim: usize) -> bool {
        let is_given = self.step_size.is_some() || is_step_set(sample, sampler);
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
        if sample.part.is_some() {
            let of_all = [
                ("--plots", self.plots.is_some()),
                ("--report", self.report.is_some()),
                ("--strict", sample.strict),
            ];
            if let Some((flag, _)) = of_all.into_iter().find(|(_, is_given)| *is_given) {
                bail!(usage(anyhow!(
                    "{flag} is of all chains: give it to `ebm merge`, which puts the parts together"
                )));
            }
            ensure!(
                !format.is_picture(),
                usage(anyhow!("--part is for .npy, .safetensors, .csv and .zarr; a picture is of all"))
            );
        }
        if let Some(path) = &self.plots {
            Format::of_chart(path).map_err(|error| usage(anyhow!("--plots {error}")))?;
            ensure!(
                *path != sample.out,
                usage(anyhow!("--plots {}: --out is the same file", path.display()))
            );
        }
        if let Some(path) = &self.report {
            let is_html = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
            let shown = path.display();
            ensure!(is_html, usage(anyhow!("--report {shown}: the extension must be .html")));
            ensure!(!path.is_dir(), usage(anyhow!("--report {shown} is a folder; name a file in it")));
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
        let n_chains = self.n()[0];
        let drawing =
            Drawing { sample, sampler: &sampler, density, energy: &*energy, dim: target.dim(), device };
        let Some(part) = sample.this_part() else {
            let draws = self.draw(&drawing, 0..n_chains)?;
            let report = Report {
                target,
                sampler: &sampler,
                seed: sample.seed,
                burn_in: self.burn_in.unwrap_or(BURN_IN),
                out: &sample.out,
                plots: self.plots.as_deref(),
                page: self.report.as_deref().map(|path| (path, &*energy, device)),
                json: sample.json,
                strict: sample.strict,
            };
            let about = draws.about();
            return report.of(draws.samples()?, &about);
        };
        let place = PartOfChains {
            sample,
            part,
            target,
            sampler: &sampler,
            request: self.request(sample, target, &sampler)?,
        };
        let chains = place.chains(n_chains)?;
        if place.is_drawn(&chains)? {
            return Ok(());
        }
        let draws = self.draw(&drawing, chains.clone())?;
        place.write(draws, chains)
    }

    /// What determines every draw.
    fn request(&self, sample: &Sample, target: ClosedForm, sampler: &Sampler) -> Result<Request> {
        let [chains, draws] = self.n();
        let count = |n: usize| n as i64;
        Request::new()
            .with("kind", "chains")
            .with("target", target.name())
            .with("chains", count(chains))
            .with("together", count(TOGETHER))
            .with("draws", count(draws))
            .with("burn_in", count(self.burn_in.unwrap_or(BURN_IN)))
            .with("thin", count(self.thin.unwrap_or(1)))
            .with("adapt", self.adapt)
            .with("seed", sample.seed.to_string())
            .with("backend", sample.backend.name())
            .with("file", Format::of(&sample.out)?.extension())
            .with_table("sampler", sampler)
    }

    /// Some of the chains; each is the same whichever are.
    fn draw(&self, drawing: &Drawing<'_>, kept: Range<usize>) -> Result<Draws> {
        if drawing.sampler.is_descent() { self.descents(drawing, kept) } else { self.chains(drawing, kept) }
    }

    /// Chains from N(0, I), adapted before if that is asked for.
    ///
    /// Those that move together share a warm-up and a stream of noise, so a part draws all of a group and keeps its own.
    fn chains(&self, drawing: &Drawing<'_>, kept: Range<usize>) -> Result<Draws> {
        let (sampler, n_chains) = (drawing.sampler, self.n()[0]);
        let AnySampler::Kernel(kernel) = sampler.build().map_err(usage)? else {
            bail!("{} moves no chains", sampler.name());
        };
        ensure!(
            !self.adapt || kernel.can_adapt(),
            usage(anyhow!(
                "--adapt needs a kernel with a mass: --sampler mala or hmc, chees, mclmc, mamclmc, or \
                 preconditioned-langevin"
            ))
        );
        let burn_in = self.burn_in.unwrap_or(BURN_IN);
        let adapts =
            0 < burn_in && (self.adapt || self.adapts_unasked(drawing.sample, sampler, &kernel, drawing.dim));
        if !adapts {
            kernel.check(drawing.dim).map_err(|error| usage(with_hint(error, sampler, drawing.dim)))?;
        }
        let groups: Vec<Group> = groups(n_chains, &kept).collect();
        let work = Work::new("drawing", self.steps(adapts).saturating_mul(groups.len()), 0);
        let drawn = groups.into_iter().map(|group| self.together(drawing, &kernel, adapts, group, &work));
        let drawn = drawn.collect::<Result<_>>()?;
        work.finish();
        Ok(Draws::beside(drawn))
    }

    /// Steps after the adaptation, if there is one; otherwise with those of the burn-in.
    fn steps(&self, adapts: bool) -> usize {
        let steps = (self.n()[1] - 1).saturating_mul(self.thin.unwrap_or(1)).saturating_add(1);
        steps.saturating_add(self.discarded(adapts))
    }

    fn discarded(&self, adapts: bool) -> usize {
        if adapts { 0 } else { self.burn_in.unwrap_or(BURN_IN) }
    }

    /// The chains of a group that are kept.
    fn together(
        &self,
        drawing: &Drawing<'_>,
        kernel: &AnyKernel,
        adapts: bool,
        group: Group,
        work: &Work,
    ) -> Result<Draws> {
        let noise = match group.number {
            0 => drawing.noise(),
            number => drawing.noise().child(number),
        };
        let start = noise.derive("start").normal([group.len, drawing.dim], drawing.device);
        let mut noise = noise.derive("chain");
        let (kernel, chain) = if adapts {
            let burn_in = self.burn_in.unwrap_or(BURN_IN);
            let WarmedUp { kernel, state, .. } =
                kernel.warm_up(drawing.density, burn_in, start, &mut noise)?;
            let chain = kernel.resume(drawing.density, state, noise)?;
            (kernel, chain)
        } else {
            (kernel.clone(), kernel.chain(drawing.density, start, noise)?)
        };
        let mut record = Record::default();
        for (step, draw) in chain.take(self.steps(adapts)).enumerate() {
            work.add(1);
            let Some(i) = step.checked_sub(self.discarded(adapts)) else { continue };
            record.add(draw.position, &*draw.info, i.is_multiple_of(self.thin.unwrap_or(1)));
        }
        let mut draws = record.finish(kernel.step_size())?;
        for about in &mut draws.abouts {
            about.trajectory = kernel.trajectory();
            about.adapted = adapts;
        }
        Ok(draws.with_log_density(drawing.energy, drawing.device)?.some(group.kept))
    }

    /// Independent draws, each from high noise to none; those of a chain one after the other.
    fn descents(&self, drawing: &Drawing<'_>, kept: Range<usize>) -> Result<Draws> {
        let of_chains =
            [("--adapt", self.adapt), ("--burn-in", self.burn_in.is_some()), ("--thin", self.thin.is_some())];
        if let Some((flag, _)) = of_chains.into_iter().find(|(_, is_given)| *is_given) {
            bail!(usage(anyhow!(
                "{flag} is for chains; draws of {} are independent of each other, each from high noise to none",
                drawing.sampler.name()
            )));
        }
        let AnySampler::Descent(descent) = drawing.sampler.build().map_err(usage)? else {
            bail!("{} descends no noise levels", drawing.sampler.name());
        };
        let [chains, draws] = self.n();
        let n = chains.checked_mul(draws);
        let n = n.ok_or_else(|| usage(anyhow!("--chains {chains} --draws {draws}: too many")))?;
        let wanted = kept.start * draws..kept.end * draws;
        let work = Work::new("drawing", wanted.len(), 0);
        let mut drawn = vec![];
        for group in groups(n, &wanted) {
            let noise = drawing.noise().derive("chain").child(group.number);
            let start = descent.start(group.len, drawing.dim, &mut noise.derive("start"), drawing.device);
            let last = descent.descend(drawing.density, start, noise.derive("chain"))?.last();
            let all = host(last.expect("a ladder has a level").position)?;
            ensure!(all.len() == group.len * drawing.dim, "{} numbers for {} draws", all.len(), group.len);
            let all = Draws::independent(all, [group.len, 1, drawing.dim]);
            work.add(group.kept.len());
            drawn.push(all.with_log_density(drawing.energy, drawing.device)?.some(group.kept));
        }
        work.finish();
        Ok(Draws { shape: [kept.len(), draws, drawing.dim], ..Draws::beside(drawn) })
    }
}

/// What is drawn from, and by what.
struct Drawing<'a> {
    sample: &'a Sample,
    sampler: &'a Sampler,
    density: Density<'a>,
    energy: &'a dyn Potential,
    dim: usize,
    device: &'a Device,
}

impl Drawing<'_> {
    fn noise(&self) -> Noise {
        Noise::seeded(self.sample.seed)
    }
}

/// Items that are drawn together.
struct Group {
    number: u64,
    len: usize,
    /// Which of them are kept.
    kept: Range<usize>,
}

/// The groups of `n` items of which some are kept.
fn groups(n: usize, kept: &Range<usize>) -> impl Iterator<Item = Group> {
    let (start, end) = (kept.start, kept.end);
    let first = start / TOGETHER;
    (first..end.div_ceil(TOGETHER)).map(move |number| {
        let before = number * TOGETHER;
        let len = TOGETHER.min(n - before);
        let [start, end] = [start, end].map(|place| place.clamp(before, before + len) - before);
        Group { number: number as u64, len, kept: start..end }
    })
}

/// Whether `--set` gives this key.
fn is_set(sample: &Sample, key: &str) -> bool {
    sample.set.iter().any(|set| set.split_once('=').is_some_and(|(given, _)| given.trim() == key))
}

/// Whether `--set` gives this number of the sampler, in any of the tables that it is read from.
fn is_number_set(sample: &Sample, sampler: &Sampler, number: &str) -> bool {
    ["chain", sampler.section(), sampler.name()]
        .iter()
        .any(|table| is_set(sample, &format!("{table}.{number}")))
}

/// Whether `--set` gives the step size.
fn is_step_set(sample: &Sample, sampler: &Sampler) -> bool {
    is_number_set(sample, sampler, "step_size")
}

/// How the variances are given, where they are missing.
fn with_hint(error: SampleError, sampler: &Sampler, dim: usize) -> anyhow::Error {
    if !matches!(&error, SampleError::OutOfRange(found) if found.what == "variances") {
        return anyhow!("{}: {error}", sampler.name());
    }
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
            targets.push(target.name());
        }
    }
    Ok(anyhow!(
        "{} descends noise levels, at which {} is not known; for it: {}; known at noise levels: {}",
        sampler.name(),
        target.name(),
        kernels.join(", "),
        targets.join(", ")
    ))
}
