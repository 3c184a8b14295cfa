//! The parts of chains on a closed form, judged together.

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use ebm_report::{Format, Samples, Statistic, StatisticValues, read_chains};
use ebm_run::bounds;
use ebm_sample::Sampler;

use super::arguments::Merge;
use super::gathered::Gathered;
use crate::terminal::usage::usage;
use crate::verbs::part::{About, Slip};
use crate::verbs::sample::closed_form::ClosedForm;
use crate::verbs::sample::report::Report;

/// Reads all chains, judges and writes them.
///
/// # Errors
/// As [`Merge::run`].
pub fn merge(merge: &Merge, gathered: &Gathered, format: Format) -> Result<()> {
    let (parts, request, out) = (gathered.parts(), gathered.request(), &merge.out);
    let failed = || format!("{} cannot be used", Slip::path(&parts[0].0).display());
    let expected = request.text("file");
    ensure!(
        format != Format::Zarr || expected == format.extension(),
        usage(anyhow!(
            "--out {}: the parts are .{expected}, without what a .zarr says of each draw; draw them as .zarr",
            out.display()
        ))
    );
    if let Some(path) = &merge.plots {
        Format::of_chart(path).map_err(|error| usage(anyhow!("--plots {error}")))?;
        ensure!(path != out, usage(anyhow!("--plots {}: --out is the same file", path.display())));
    }
    let target = ClosedForm::from_str(request.text("target"), false)
        .map_err(|error| anyhow!(error))
        .with_context(failed)?;
    let sampler = request.get("sampler").cloned().with_context(failed)?;
    let sampler: Sampler = sampler.try_into().with_context(failed)?;
    let counts = ["chains", "draws"].map(|key| request.count(key).filter(|&n| 0 < n));
    let [Some(n_chains), Some(n_draws)] = counts else { bail!(failed()) };
    let dim = target.dim();
    bounds::samples("chains × draws", &[n_chains, n_draws, dim])?;

    for (path, slip) in parts {
        let damage = match &slip.chains {
            Some(chains) => chains.damage([slip.count, n_draws, dim], sampler.is_descent()),
            None => Some("chains are missing".into()),
        };
        if let Some(damage) = damage {
            return Err(Gathered::damaged(path, &damage));
        }
    }
    let of_run = |slip: &Slip| slip.chains.as_ref()?.runs.first()?.steps.as_ref().map(|steps| steps.n_steps);
    let n_steps = of_run(&parts[0].1);
    for (path, slip) in parts {
        let runs = slip.chains.iter().flat_map(|chains| &chains.runs);
        for found in runs.filter_map(|run| run.steps.as_ref()).map(|steps| steps.n_steps) {
            let is_possible = Some(found) == n_steps && found.checked_mul(n_chains).is_some();
            ensure!(
                is_possible,
                Gathered::damaged(path, &format!("steps.n_steps is {found}, of {n_chains} chains in all"))
            );
        }
    }

    let (mut values, mut statistics, mut runs) = (vec![], vec![], vec![]);
    for (path, slip) in parts {
        ensure!(
            slip.is_of(path)?,
            "{} is not the file that {} describes; draw the part again",
            path.display(),
            Slip::path(path).display()
        );
        let samples = read_chains(path, [slip.count, n_draws, dim])?;
        values.extend_from_slice(samples.values());
        extend(&mut statistics, samples.statistics());
        runs.extend(slip.chains.iter().flat_map(|chains| chains.runs.clone()));
    }
    let samples = Samples::chains(values, [n_chains, n_draws, dim])?.with_statistics(statistics)?;
    format.check(samples.shape()).map_err(usage)?;
    let report = Report {
        target,
        sampler: &sampler,
        seed: request.text("seed").parse::<u64>().with_context(failed)?,
        burn_in: request.count("burn_in").unwrap_or(0),
        out,
        plots: merge.plots.as_deref(),
        page: None,
        json: merge.json,
        strict: merge.strict,
    };
    report.of(samples, &About::all(&runs))
}

/// Adds the statistics of more draws to those of draws before.
fn extend(all: &mut Vec<Statistic>, more: &[Statistic]) {
    if all.is_empty() {
        all.extend_from_slice(more);
        return;
    }
    for statistic in more {
        let Some(held) = all.iter_mut().find(|held| held.name == statistic.name) else { continue };
        match (&mut held.values, &statistic.values) {
            (StatisticValues::Numbers(all), StatisticValues::Numbers(more)) => all.extend_from_slice(more),
            (StatisticValues::Flags(all), StatisticValues::Flags(more)) => all.extend_from_slice(more),
            _ => {}
        }
    }
}
