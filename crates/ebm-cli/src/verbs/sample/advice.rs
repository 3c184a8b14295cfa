//! What is wrong with chains, and which flags may help.

use anyhow::{Result, bail};
use ebm_sample::diagnostics::{Steps, Verdict};
use ebm_sample::{AnySampler, Sampler};
use serde_json::{Value, json};

use crate::terminal::say;
use crate::verbs::part::About;

/// What is wrong with these steps; nothing where none has a Metropolis test.
pub fn verdict(steps: Option<&Steps>) -> Verdict {
    steps.map_or_else(Verdict::default, Verdict::of_steps)
}

/// The flags that may help against a warning.
pub struct Advice {
    sampler: &'static str,
    /// Whether it has a Metropolis test, and so an energy to test with.
    is_tested: bool,
    step_size: Option<f64>,
    /// What sets the step size, up to its number.
    step_flag: &'static str,
    /// Whether a warm-up can set its step size.
    can_adapt: bool,
    adapted: bool,
    n_draws: usize,
    burn_in: usize,
    leapfrog: usize,
    /// The only noise level of chains on a network that is conditioned on one.
    level: Option<f64>,
}

impl Advice {
    /// For chains of so many draws of a closed form.
    pub fn new(sampler: &Sampler, about: &About, n_draws: usize, burn_in: usize) -> Self {
        Self {
            sampler: sampler.name(),
            is_tested: about.test.is_some(),
            step_size: about.step_size,
            step_flag: "--step-size ",
            can_adapt: matches!(sampler.build(), Ok(AnySampler::Kernel(kernel)) if kernel.can_adapt()),
            adapted: about.adapted,
            n_draws,
            burn_in,
            leapfrog: sampler.evaluations(),
            level: None,
        }
    }

    /// For samples of a network by chains with a Metropolis test and steps of size η.
    pub fn of_network(eta: f64) -> Self {
        Self {
            // Nothing adapts on a network, whichever it is.
            sampler: "",
            is_tested: true,
            step_size: Some(eta),
            step_flag: "--set chain.step_size=",
            can_adapt: false,
            adapted: false,
            n_draws: 1,
            burn_in: 0,
            leapfrog: 1,
            level: None,
        }
    }

    /// The same for chains that see this noise level only, of a network that has others.
    pub fn at_level(self, level: Option<f64>) -> Self {
        Self { level, ..self }
    }

    /// The same for samples that go down noise levels σ by steps of size r σ² with r = `ratio`, if it is one.
    pub fn at_step_ratio(self, ratio: Option<f64>) -> Self {
        match ratio {
            Some(_) => Self { step_size: ratio, step_flag: "--set langevin.step_ratio=", ..self },
            None => self,
        }
    }

    /// What is wrong whatever the chains did.
    fn of_level(&self) -> Option<String> {
        let level = self.level?;
        Some(format!(
            "chains at the noise level {level} alone, from a start far from the data, seldom find all of them; try \
             --sampler heun, or --sampler annealed-langevin"
        ))
    }

    /// A line for each kind of warning.
    pub fn lines(&self, verdict: &Verdict) -> Vec<String> {
        let groups = verdict.groups().map(|group| format!("{group}; try {}", self.against(group.kind())));
        self.of_level().into_iter().chain(groups).collect()
    }

    /// The same to standard error.
    pub fn say(&self, verdict: &Verdict) {
        self.lines(verdict).iter().for_each(|line| say(&format!("warning: {line}")));
    }

    /// The warnings for programs.
    pub fn entries(&self, verdict: &Verdict) -> Vec<Value> {
        let entry = |warning: &ebm_sample::diagnostics::Warning| {
            json!({
                "kind": warning.kind(), "coordinate": warning.coordinate().map(ebm_report::parameter),
                "chain": warning.chain(), "value": warning.value(),
                "text": format!("{warning}; try {}", self.against(warning.kind())),
            })
        };
        let of_level = self.of_level().map(|text| {
            json!({"kind": "one-level", "coordinate": null, "chain": null, "value": self.level, "text": text})
        });
        of_level.into_iter().chain(verdict.warnings().iter().map(entry)).collect()
    }

    /// # Errors
    /// If there is a warning and none is wanted.
    pub fn check(&self, verdict: &Verdict, strict: bool) -> Result<()> {
        match self.lines(verdict).len() {
            n @ 1.. if strict => bail!("--strict: {n} {}", if n == 1 { "warning" } else { "warnings" }),
            _ => Ok(()),
        }
    }

    /// The flags that may help against a warning of this kind.
    fn against(&self, kind: &str) -> String {
        let parts = match kind {
            "non-finite" | "non-finite-steps" if self.is_tested => vec![self.step_times(0.1)],
            "non-finite" | "non-finite-steps" => vec![self.step_times(0.1), self.tested()],
            "stuck" | "low-acceptance" => self.adapting(0.1),
            "high-acceptance" => self.adapting(10.0),
            // Steps that are set are adapted no more, which costs more than a few divergences do.
            "divergences" if self.adapted => vec![format!("--burn-in {}", 2 * self.burn_in.max(250))],
            "divergences" => self.adapting(0.5),
            "r-hat" => self.mixing(),
            "ess-bulk" | "ess-tail" => vec![self.farther(), self.more_draws()],
            "e-bfmi" => vec![format!("--burn-in {}", 4 * self.burn_in.max(250)), self.more_draws()],
            "one-chain" => vec!["--chains 4".into()],
            _ => vec![format!("--draws {}", 100.max(2 * self.n_draws))],
        };
        parts.join(", or ")
    }

    /// The step size times `factor`.
    fn step_times(&self, factor: f64) -> String {
        let Some(step_size) = self.step_size else { return "shorter steps".into() };
        format!("{}{}", self.step_flag, rounded(step_size * factor))
    }

    fn tested(&self) -> String {
        "--sampler mala".into()
    }

    /// A warm-up where there was none, or the step size times `factor`.
    fn adapting(&self, factor: f64) -> Vec<String> {
        let adapt = match (self.can_adapt, self.adapted) {
            (false, _) => None,
            (true, false) => Some("--adapt".to_owned()),
            (true, true) => Some(format!("--burn-in {}", 2 * self.burn_in)),
        };
        adapt.into_iter().chain([self.step_times(factor)]).collect()
    }

    fn more_draws(&self) -> String {
        format!("--draws {}", 4 * self.n_draws)
    }

    /// Steps that go farther.
    fn farther(&self) -> String {
        match self.sampler {
            "hmc" => format!("--leapfrog {}", 2 * self.leapfrog),
            _ if self.can_adapt && !self.adapted => "--adapt".into(),
            "chees" | "mamclmc" => format!("--burn-in {}", 2 * self.burn_in),
            // a step of these is a short piece of the way
            "mclmc" => "--thin 10".into(),
            _ => "--sampler hmc".into(),
        }
    }

    /// Steps that go farther, more draws, and what crosses between modes.
    fn mixing(&self) -> Vec<String> {
        let mut parts = vec![self.farther(), self.more_draws()];
        if self.sampler != "parallel-tempering" {
            parts.push("--sampler parallel-tempering where there are several modes".into());
        }
        parts
    }
}

/// Two digits of a number, as short as they are written.
fn rounded(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}
