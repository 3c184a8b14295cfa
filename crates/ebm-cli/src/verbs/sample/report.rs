//! All chains of a closed form: their diagnostics, their files, and what is said of them.

use std::path::Path;

use anyhow::{Result, anyhow};
use burn::tensor::Device;
use ebm_files::Growing;
use ebm_model::Potential;
use ebm_report::{Samples, Traces, parameter};
use ebm_sample::Sampler;
use ebm_sample::diagnostics::{Summary, Verdict};
use serde_json::{Value, json};

use super::advice::Advice;
use super::closed_form::ClosedForm;
use super::page;
use crate::terminal::columns::{Flush, counted, lines, number, visible};
use crate::verbs::part::{About, Slip, Tested};

/// Where all chains go, and how they were drawn.
pub struct Report<'a> {
    /// What was drawn from.
    pub target: ClosedForm,
    /// By what.
    pub sampler: &'a Sampler,
    /// The seed.
    pub seed: u64,
    /// Draws discarded at the start of each chain.
    pub burn_in: usize,
    /// The file of the draws.
    pub out: &'a Path,
    /// The chart of the chains.
    pub plots: Option<&'a Path>,
    /// The page of the chains, and the energy that they are shown on.
    pub page: Option<(&'a Path, &'a dyn Potential, &'a Device)>,
    /// Whether it is for programs.
    pub json: bool,
    /// Whether a warning is an error.
    pub strict: bool,
}

impl Report<'_> {
    /// Judges the draws of all chains, writes them, and says what they come to.
    ///
    /// # Errors
    /// A file that cannot be written, or, if that is asked for, any warning.
    pub fn of(&self, samples: Samples, about: &About) -> Result<()> {
        let shape: [usize; 3] =
            samples.shape().dims().try_into().map_err(|dims| anyhow!("chains of shape {dims:?}"))?;
        let values: Vec<f64> = samples.values().iter().map(|&value| f64::from(value)).collect();
        let summaries = Summary::of_each(&values, shape);
        let verdict = match &about.steps {
            Some(steps) => Verdict::with_summaries(&values, shape, &summaries, steps),
            None => Verdict::of_independent(&values, shape[2]),
        };
        let advice = Advice::new(self.sampler, about, shape[1], self.burn_in);
        let title = format!("{}, {}", self.target.name(), self.sampler.name());
        let samples = samples.titled(title.as_str()).with_warnings(advice.lines(&verdict));
        Growing::clear(self.out);
        ebm_report::write(self.out, &samples)?;
        Slip::remove(self.out)?;
        if let Some(path) = self.plots {
            Traces { title: &title, draws: samples.values(), shape }.write(path)?;
        }
        if let Some((path, energy, device)) = self.page {
            let page = page::Chains {
                target: &self.target.name(),
                sampler: self.sampler.name(),
                seed: self.seed,
                values: samples.values(),
                shape,
                about,
                summaries: &summaries,
                warnings: advice.lines(&verdict),
            };
            ebm_files::write_bytes(path, page.page(energy, device)?.html().as_bytes())?;
        }
        if self.json {
            self.entry(shape, about, &summaries, &advice.entries(&verdict));
        } else {
            self.table(shape, about, &summaries, samples.warnings().is_some_and(<[String]>::is_empty));
            advice.say(&verdict);
        }
        advice.check(&verdict, self.strict)
    }

    /// An object for programs.
    fn entry(&self, shape: [usize; 3], about: &About, summaries: &[Summary], warnings: &[Value]) {
        let test = about.test.as_ref().map(|test| {
            let [mean, largest] = test.mean_and_largest_error();
            let [divergences, steps] = test.n_diverged;
            json!({
                "acceptance": test.mean_acceptance(), "mean_energy_error": mean,
                "largest_energy_error": largest, "divergences": divergences, "steps": steps,
            })
        });
        let line = json!({
            "event": "done", "target": self.target.name(), "kernel": self.sampler.name(),
            "shape": shape, "seed": self.seed, "step_size": about.step_size,
            "trajectory": about.trajectory, "adapted": about.adapted, "warnings": warnings,
            "acceptance": about.test.as_ref().map(Tested::mean_acceptance), "test": test,
            "swaps": about.swaps, "coordinates": summaries, "out": self.out.to_string_lossy(),
            "plots": self.plots.map(Path::to_string_lossy),
        });
        tell!("{line}");
    }

    /// A table for people.
    fn table(&self, shape: [usize; 3], about: &About, summaries: &[Summary], is_clean: bool) {
        coordinates(summaries).iter().for_each(|line| tell!("{line}"));
        if let Some(step_size) = about.step_size {
            let how = if about.adapted { ", adapted during the burn-in" } else { "" };
            let length = about.trajectory.map(|time| format!(", trajectory {}", visible(time, 4)));
            tell!("step size {}{}{how}", visible(step_size, 4), length.unwrap_or_default());
        }
        if let Some(test) = &about.test {
            let (errors, [divergences, steps]) = (test.mean_and_largest_error(), test.n_diverged);
            let ([mean, largest], accepted) = (errors.map(|error| number(error, 3)), test.mean_acceptance());
            tell!("acceptance {accepted:.3}, energy error {mean}, at most {largest}");
            tell!("{divergences} of {steps} proposals diverged");
        }
        if !about.swaps.is_empty() {
            let shares: Vec<String> = about.swaps.iter().map(|share| format!("{share:.2}")).collect();
            tell!("neighbouring temperatures change places: {}", shares.join(", "));
        }
        if is_clean && about.steps.is_some() {
            let worst = |value: fn(&Summary) -> f64| summaries.iter().map(value);
            let r_hat = worst(|s| s.r_hat).fold(1.0, f64::max);
            let ess = worst(|s| s.ess_bulk.min(s.ess_tail)).fold(f64::INFINITY, f64::min);
            tell!("no warnings: R-hat at most {r_hat:.3}, ESS at least {ess:.0}");
        }
        let [chains, draws, _] = shape;
        let files = [Some(self.out), self.plots, self.page.map(|(path, ..)| path)].into_iter().flatten();
        let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
        let (chains, draws) = (counted(chains, "chain"), counted(draws, "draw"));
        tell!("{chains} of {draws}: {}", files.join(", "));
    }
}

/// What is known of each coordinate, a line each below a head.
fn coordinates(summaries: &[Summary]) -> Vec<String> {
    let head = ["", "mean", "sd", "5 %", "median", "95 %", "r_hat", "ess_bulk", "ess_tail"].map(String::from);
    let row = |(i, s): (usize, &Summary)| {
        let [mean, sd, q5, median, q95, r_hat] =
            [s.mean, s.sd, s.q5, s.median, s.q95, s.r_hat].map(|value| number(value, 4));
        let [ess_bulk, ess_tail] = [s.ess_bulk, s.ess_tail].map(|size| number(size, 0));
        [parameter(i), mean, sd, q5, median, q95, r_hat, ess_bulk, ess_tail]
    };
    let rows: Vec<[String; 9]> = std::iter::once(head).chain(summaries.iter().enumerate().map(row)).collect();
    let mut columns = [Flush::Right; 9];
    columns[0] = Flush::Left;
    lines(&rows, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_coordinates_hold_for_chains_that_have_run_away() {
        let [chains, draws, dim] = [2, 50, 3];
        let scales = [1.0, 1e12, 1e300];
        let value = |i: usize| ((i * 7919) % 101) as f64 / 101.0 * scales[i % dim];
        let values: Vec<f64> = (0..chains * draws * dim).map(value).collect();
        let lines = coordinates(&Summary::of_each(&values, [chains, draws, dim]));
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{lines:#?}");
        assert!(lines[0].len() < 120 && lines[2].contains("e11"), "{lines:#?}");
    }
}
