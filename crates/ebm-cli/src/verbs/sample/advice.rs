//! What is wrong with chains, and which flags may help.

use anyhow::{Result, bail};
use ebm_run::sampling::StepKey;
use ebm_sample::diagnostics::{Group, Steps, Verdict, Warning};
use ebm_sample::{AnySampler, Sampler};
use serde_json::{Value, json};

use crate::terminal::say;
use crate::verbs::part::About;

/// What is wrong with these steps; nothing where none reported anything.
pub fn verdict(steps: Option<&Steps>) -> Verdict {
    steps.map_or_else(Verdict::default, Verdict::of_steps)
}

/// The flags that may help against a warning.
pub struct Advice {
    sampler: &'static str,
    /// What sets the step size, up to its number, and the number; nothing where steps follow from other numbers.
    step: Option<(String, f64)>,
    /// What draws with a Metropolis test, where these steps have none and there is an energy to test with.
    tested: Option<&'static str>,
    /// Whether a warm-up can set its step size.
    can_adapt: bool,
    adapted: bool,
    /// Whether a Metropolis test has accepted nearly every proposal.
    all_accepted: bool,
    n_draws: usize,
    burn_in: usize,
    leapfrog: usize,
    /// The only noise level of chains on a network that is conditioned on one.
    level: Option<f64>,
}

/// Something to try.
enum Try {
    /// Steps so many times as long.
    Step(f64),
    /// So many draws discarded.
    BurnIn(usize),
    /// So many draws kept.
    Draws(usize),
    /// A flag as it is typed.
    Flag(String),
}

/// One number for each flag, whatever the warnings are that it may help against.
struct Numbers {
    step: f64,
    burn_in: usize,
    draws: usize,
    /// Whether chains that do not move make steps that are too short.
    are_short: bool,
}

impl Advice {
    /// For chains of so many draws of a closed form.
    pub fn new(sampler: &Sampler, about: &About, n_draws: usize, burn_in: usize) -> Self {
        Self {
            sampler: sampler.name(),
            step: about.step_size.map(|size| ("--step-size ".into(), size)),
            tested: about.test.is_none().then_some("--sampler mala"),
            can_adapt: matches!(sampler.build(), Ok(AnySampler::Kernel(kernel)) if kernel.can_adapt()),
            adapted: about.adapted,
            all_accepted: about.steps.as_ref().is_some_and(nearly_all_accepted),
            n_draws,
            burn_in,
            leapfrog: sampler.evaluations(),
            level: None,
        }
    }

    /// For samples of a network whose steps have the size that `step` sets; `can_test` says whether chains with a
    /// Metropolis test could draw the same.
    pub fn of_network(step: Option<StepKey>, can_test: bool) -> Self {
        Self {
            // Nothing adapts on a network, whichever it is.
            sampler: "",
            step: step.map(|StepKey { key, value }| (format!("--set {key}="), value)),
            tested: can_test.then_some("--sampler mala"),
            can_adapt: false,
            adapted: false,
            all_accepted: false,
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
        let numbers = self.numbers(verdict);
        let line = |group: Group<'_>| format!("{group}; try {}", self.against(group.kind(), &numbers));
        let groups = verdict.groups().map(line);
        self.of_level().into_iter().chain(groups).collect()
    }

    /// The same to standard error.
    pub fn say(&self, verdict: &Verdict) {
        self.lines(verdict).iter().for_each(|line| say(&format!("warning: {line}")));
    }

    /// The warnings for programs.
    pub fn entries(&self, verdict: &Verdict) -> Vec<Value> {
        let numbers = self.numbers(verdict);
        let entry = |warning: &Warning| {
            json!({
                "kind": warning.kind(), "coordinate": warning.coordinate().map(ebm_report::parameter),
                "chain": warning.chain(), "value": warning.value(),
                "text": format!("{warning}; try {}", self.against(warning.kind(), &numbers)),
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

    /// The flags that may help against a warning of this kind, with these numbers.
    fn against(&self, kind: &str, numbers: &Numbers) -> String {
        let shown = |tried: Try| match tried {
            // The steps are too long for another warning.
            Try::Step(factor) if 1.0 < factor && numbers.step < 1.0 => None,
            Try::Step(_) => Some(self.step_times(numbers.step)),
            Try::BurnIn(_) => Some(format!("--burn-in {}", numbers.burn_in)),
            Try::Draws(_) => Some(format!("--draws {}", numbers.draws)),
            Try::Flag(flag) => Some(flag),
        };
        let parts: Vec<String> = self.tries(kind, numbers.are_short).into_iter().filter_map(shown).collect();
        if parts.is_empty() { "first what helps against the others".into() } else { parts.join(", or ") }
    }

    /// The numbers that help against all warnings: the shortest steps and the most draws that any asks for.
    fn numbers(&self, verdict: &Verdict) -> Numbers {
        let are_short = self.are_short(verdict);
        let mut numbers = Numbers { step: f64::INFINITY, burn_in: 0, draws: 0, are_short };
        for tried in verdict.groups().flat_map(|group| self.tries(group.kind(), are_short)) {
            match tried {
                Try::Step(factor) => numbers.step = numbers.step.min(factor),
                Try::BurnIn(n) => numbers.burn_in = numbers.burn_in.max(n),
                Try::Draws(n) => numbers.draws = numbers.draws.max(n),
                Try::Flag(_) => {}
            }
        }
        numbers
    }

    /// Whether chains that do not move make steps that are too short: nearly all proposals are accepted, or none is
    /// tested and all are finite.
    fn are_short(&self, verdict: &Verdict) -> bool {
        let has = |kind: &str| verdict.groups().any(|group| group.kind() == kind);
        has("high-acceptance")
            || self.all_accepted
            || (self.tested.is_some() && !has("low-acceptance") && !has("non-finite-steps"))
    }

    /// What may help against a warning of this kind alone; `are_short` is of [`Numbers`].
    fn tries(&self, kind: &str, are_short: bool) -> Vec<Try> {
        match kind {
            "stuck" if are_short => self.adapting(10.0),
            "non-finite" | "non-finite-steps" => [Try::Step(0.1)].into_iter().chain(self.tested()).collect(),
            "stuck" | "low-acceptance" => self.adapting(0.1),
            "high-acceptance" => self.adapting(10.0),
            // Steps that are set are adapted no more, which costs more than a few divergences do.
            "divergences" if self.adapted => vec![Try::BurnIn(2 * self.burn_in.max(250))],
            "divergences" => self.adapting(0.5),
            "r-hat" => self.mixing(),
            "ess-bulk" | "ess-tail" => vec![self.farther(), self.more_draws()],
            "e-bfmi" => vec![Try::BurnIn(4 * self.burn_in.max(250)), self.more_draws()],
            "one-chain" => vec![Try::Flag("--chains 4".into())],
            _ => vec![Try::Draws(100.max(2 * self.n_draws))],
        }
    }

    /// The step size times `factor`.
    fn step_times(&self, factor: f64) -> String {
        match &self.step {
            Some((flag, step_size)) => format!("{flag}{}", typed(step_size * factor)),
            None if factor < 1.0 => "shorter steps".into(),
            None => "longer steps".into(),
        }
    }

    /// Steps with a Metropolis test; none at one noise level, where chains are not what helps.
    fn tested(&self) -> Option<Try> {
        self.tested.filter(|_| self.level.is_none()).map(|flag| Try::Flag(flag.into()))
    }

    /// A warm-up where there was none, or the step size times `factor`.
    fn adapting(&self, factor: f64) -> Vec<Try> {
        let adapt = match (self.can_adapt, self.adapted) {
            (false, _) => None,
            (true, false) => Some(Try::Flag("--adapt".into())),
            (true, true) => Some(Try::BurnIn(2 * self.burn_in)),
        };
        adapt.into_iter().chain([Try::Step(factor)]).collect()
    }

    fn more_draws(&self) -> Try {
        Try::Draws(4 * self.n_draws)
    }

    /// Steps that go farther.
    fn farther(&self) -> Try {
        match self.sampler {
            "hmc" => Try::Flag(format!("--leapfrog {}", 2 * self.leapfrog)),
            _ if self.can_adapt && !self.adapted => Try::Flag("--adapt".into()),
            "chees" | "mamclmc" => Try::BurnIn(2 * self.burn_in),
            // a step of these is a short piece of the way
            "mclmc" => Try::Flag("--thin 10".into()),
            _ => Try::Flag("--sampler hmc".into()),
        }
    }

    /// Steps that go farther, more draws, and what crosses between modes.
    fn mixing(&self) -> Vec<Try> {
        let mut tries = vec![self.farther(), self.more_draws()];
        if self.sampler != "parallel-tempering" {
            tries.push(Try::Flag("--sampler parallel-tempering where there are several modes".into()));
        }
        tries
    }
}

fn nearly_all_accepted(steps: &Steps) -> bool {
    let Some(acceptance) = &steps.acceptance else { return false };
    0.99 < acceptance.iter().sum::<f64>() / acceptance.len() as f64
}

/// Two digits of a number, as a person types it.
fn typed(x: f64) -> String {
    let rounded: f64 = format!("{x:.1e}").parse().unwrap_or(x);
    if (1e-3..1e6).contains(&rounded) { rounded.to_string() } else { format!("{rounded:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of chains with this acceptance, of which so many steps diverged, on a network.
    fn lines(key: &str, acceptance: f64, n_diverged: usize) -> Vec<String> {
        let steps = Steps {
            n_steps: 1000,
            acceptance: Some(vec![acceptance]),
            diverged: Some(vec![n_diverged]),
            energies: None,
        };
        let advice = Advice::of_network(Some(StepKey { key: key.into(), value: 2.0 }), true);
        advice.lines(&Verdict::of_steps(&steps))
    }

    #[test]
    fn warnings_agree_on_the_number_of_a_flag() {
        let both = lines("hmc.step_size", 0.001, 900);
        assert_eq!(both.len(), 2);
        assert!(both.iter().all(|line| line.ends_with("; try --set hmc.step_size=0.2")), "{both:?}");
        let alone = lines("hmc.step_size", 0.5, 900);
        assert!(alone[0].ends_with("; try --set hmc.step_size=1"), "{alone:?}");
    }

    #[test]
    fn no_warning_asks_for_longer_steps_where_another_asks_for_shorter_ones() {
        let long = lines("mamclmc.step_size", 0.9999, 0);
        assert!(long[0].ends_with("; try --set mamclmc.step_size=20"), "{long:?}");
        let both = lines("mamclmc.step_size", 0.9999, 1);
        assert!(both[0].ends_with("; try first what helps against the others"), "{both:?}");
        assert!(both[1].ends_with("; try --set mamclmc.step_size=1"), "{both:?}");
    }

    #[test]
    fn numbers_are_typed_in_two_digits() {
        let found = [0.05, 12.34, 1e39, 2.5e-7].map(typed);
        assert_eq!(found, ["0.05", "12", "1e39", "2.5e-7"]);
    }
}
