//! `ebm sample --target NAME --kernel NAME`: draws from a closed-form energy.

mod chains;
mod descents;
mod draws;
mod kernel;
mod law;

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::Device;
use ebm_ops::Noise;
use ebm_report::{Format, Samples, Traces, parameter};
use ebm_sample::diagnostics::Summary;
use serde_json::json;

use self::draws::Draws;
pub use self::kernel::KernelName;
use self::kernel::{KernelConfig, name};
pub use self::law::Target;
use crate::bounds;
use crate::config::assign_to;
use crate::usage::usage;

/// What the command line asks for.
pub struct Request {
    /// The energy.
    pub target: Target,
    /// The kernel.
    pub kernel: KernelName,
    /// η of a Langevin step; ε of a leapfrog or underdamped step.
    pub step_size: f64,
    /// Leapfrog steps of a step of Hamiltonian Monte Carlo.
    pub leapfrog: usize,
    /// Changes to the other numbers of the kernels, `key=value`.
    pub set: Vec<String>,
    /// Chains.
    pub chains: usize,
    /// Draws kept of each chain.
    pub draws: usize,
    /// Draws thrown away at first, if anything was said.
    pub burn_in: Option<usize>,
    /// Whether step size and mass are adapted while they are thrown away.
    pub adapt: bool,
    /// One draw of so many is kept, if anything was said.
    pub thin: Option<usize>,
    /// Of all randomness.
    pub seed: u64,
    /// Where the draws go.
    pub out: PathBuf,
    /// Where a picture of traces, ranks and autocorrelations goes, if anywhere.
    pub plots: Option<PathBuf>,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// Draws from the energy, writes the draws, `[chain, draw, dim]`, and says whether they can be trusted.
///
/// # Errors
/// A wrong use of the command line, a chain that diverges, or a file that cannot be written.
pub fn sample(request: &Request, device: &Device) -> Result<()> {
    request.check()?;
    let config: KernelConfig = assign_to(&KernelConfig::default(), &request.set).map_err(usage)?;
    let law = request.target.law()?;
    let noise = Noise::seeded(request.seed);
    let draws = match request.target.at_noise()? {
        Some(blurred) if request.kernel.descends() => {
            request.descents(&blurred, &config, &noise.derive("chain"), device)?
        }
        _ => {
            let shape = [request.chains, request.target.dim()];
            let start = noise.derive("start").normal(shape, device);
            request.chains(&*law, &config, start, noise.derive("chain"))?
        }
    };
    let title = format!("{}, {}", name(request.target), name(request.kernel));
    ebm_report::write(&request.out, &draws.samples(&*law, device)?.titled(title.as_str()))?;
    if let Some(path) = &request.plots {
        Traces { title: &title, draws: &draws.values, shape: draws.shape }.write(path)?;
    }
    let values: Vec<f64> = draws.values.iter().map(|&value| f64::from(value)).collect();
    request.report(&draws, &Summary::of_each(&values, draws.shape));
    Ok(())
}

impl Request {
    /// Refuses what cannot be, before anything is drawn.
    fn check(&self) -> Result<()> {
        let counts = [("--chains", self.chains), ("--draws", self.draws), ("--thin", self.thin.unwrap_or(1))];
        for (flag, count) in counts {
            ensure!(0 < count, usage(anyhow!("{flag} 0: expected at least 1")));
        }
        let dim = self.target.dim();
        bounds::samples("--chains × --draws", &[self.chains, self.draws, dim])?;
        let evaluations = if self.kernel == KernelName::Hmc { self.leapfrog } else { 1 };
        bounds::chain(self.draws, self.thin.unwrap_or(1), self.burn_in.unwrap_or(0), evaluations)?;
        let format = Format::of(&self.out).map_err(usage)?;
        format.check(Samples::chains(vec![0.0; dim], [1, 1, dim])?.shape()).map_err(usage)?;
        if let Some(path) = &self.plots {
            Format::of_chart(path).map_err(|error| usage(anyhow!("--plots {error}")))?;
            ensure!(*path != self.out, usage(anyhow!("--plots {}: --out is the same file", path.display())));
        }
        self.kernel.check(self.target)
    }

    fn report(&self, draws: &Draws, summaries: &[Summary]) {
        let files = [Some(&self.out), self.plots.as_ref()];
        let files: Vec<String> = files.into_iter().flatten().map(|file| file.display().to_string()).collect();
        if self.json {
            let test = draws.test.as_ref().map(|test| {
                let [mean, largest] = test.mean_and_largest_error();
                let [divergences, steps] = test.n_diverged;
                json!({
                    "acceptance": test.mean_acceptance(), "mean_energy_error": mean,
                    "largest_energy_error": largest, "divergences": divergences, "steps": steps,
                })
            });
            let line = json!({
                "event": "done", "target": name(self.target), "kernel": name(self.kernel),
                "shape": draws.shape, "seed": self.seed, "step_size": draws.step_size,
                "acceptance": draws.test.as_ref().map(draws::Test::mean_acceptance), "test": test,
                "swaps": draws.swaps, "coordinates": summaries, "out": self.out, "plots": self.plots,
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
            tell!("step size {step_size:.4}");
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
        tell!("{} chains of {} draws: {}", self.chains, self.draws, files.join(", "));
    }
}
