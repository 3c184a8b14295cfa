//! Warnings as text: a line for those of one kind.

use std::fmt;

use super::Warning;
use super::thresholds::{DRAWS, ENERGY_FRACTION, ESS, R_HAT};

/// The most names in a line.
const NAMES: usize = 5;

/// The warnings of one kind; their [`Display`](fmt::Display) is one line.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a>(&'a [Warning]);

impl<'a> Group<'a> {
    /// Warnings of one kind, at least one.
    pub(super) fn of(warnings: &'a [Warning]) -> Self {
        Self(warnings)
    }

    /// The warnings.
    pub fn warnings(&self) -> &'a [Warning] {
        self.0
    }

    /// Their kind.
    pub fn kind(&self) -> &'static str {
        self.0[0].kind()
    }

    /// What may help.
    pub fn advice(&self) -> &'static str {
        self.0[0].advice()
    }

    /// What each is, one after the other, and how many more there are.
    fn each(&self, part: impl Fn(&Warning) -> String) -> String {
        list(self.0.iter().map(part))
    }

    /// Which chains never move, and which stay at one point for long, of `of` draws.
    fn stays(&self, of: usize) -> String {
        let (mut still, mut long) = (vec![], vec![]);
        for warning in self.0 {
            let (Some(chain), Warning::Stuck { n, .. }) = (warning.chain(), *warning) else { continue };
            if n == of {
                still.push(chain.to_string());
            } else {
                long.push(format!("chain {chain} stays at one point for {n} of {of} draws"));
            }
        }
        let still = match still.len() {
            0 => None,
            1 => Some(format!("chain {} does not move in {of} draws", still[0])),
            _ => Some(format!("chains {} do not move in {of} draws", list(still.into_iter()))),
        };
        let long = (!long.is_empty()).then(|| list(long.into_iter()));
        still.into_iter().chain(long).collect::<Vec<_>>().join("; ")
    }

    /// "of x0 is 2, of x1 is 3".
    fn coordinates(&self, value: impl Fn(f64) -> String) -> String {
        let name = |w: &Warning| w.coordinate().map_or(String::new(), |i| format!("of x{i} "));
        self.each(|warning| format!("{}is {}", name(warning), value(warning.value())))
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0[0] {
            Warning::NonFinite { of, .. } => {
                let count = |warning: &Warning| match *warning {
                    Warning::NonFinite { coordinate, n, .. } => format!("{n} of x{coordinate}"),
                    _ => String::new(),
                };
                write!(f, "of {of} draws are not finite: {}", self.each(count))
            }
            Warning::NonFiniteSteps { n, of } => write!(f, "{n} of {of} steps were not finite"),
            Warning::Stuck { of, .. } => f.write_str(&self.stays(of)),
            Warning::LowAcceptance { value } => {
                write!(f, "acceptance is {value:.3}: nearly every proposal is rejected")
            }
            Warning::HighAcceptance { value } => {
                write!(
                    f,
                    "acceptance is {value:.4}: the steps are so short that nearly every one is accepted"
                )
            }
            Warning::Divergences { n, of } => {
                write!(f, "{n} of {of} proposals diverged ({})", percent(n as f64 / of as f64))
            }
            Warning::RHat { .. } => {
                let value = |value: f64| format!("{value:.3}");
                write!(f, "R-hat {}, above {R_HAT}: the chains differ", self.coordinates(value))
            }
            Warning::EssBulk { .. } => {
                write!(f, "bulk ESS {} a chain, below {ESS}", self.coordinates(|value| format!("{value:.0}")))
            }
            Warning::EssTail { .. } => {
                write!(f, "tail ESS {} a chain, below {ESS}", self.coordinates(|value| format!("{value:.0}")))
            }
            Warning::EnergyFraction { .. } => {
                let of_chain = |warning: &Warning| {
                    format!("of chain {} is {:.2}", warning.chain().unwrap_or_default(), warning.value())
                };
                write!(f, "E-BFMI {}, below {ENERGY_FRACTION}: the energy moves slowly", self.each(of_chain))
            }
            Warning::OneChain => f.write_str("with one chain nobody knows whether others would agree"),
            Warning::FewDraws { n } => {
                write!(f, "R-hat and ESS cannot be told from {n} draws a chain, expected at least {DRAWS}")
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Group::of(std::slice::from_ref(self)).fmt(f)
    }
}

/// The first few parts, and how many more there are: "a, b and 3 more".
fn list(parts: impl ExactSizeIterator<Item = String>) -> String {
    let n = parts.len();
    let mut named: Vec<String> = parts.take(NAMES).collect();
    if NAMES < n {
        named.push(format!("{} more", n - NAMES));
    }
    match named.pop() {
        Some(last) if !named.is_empty() => format!("{} and {last}", named.join(", ")),
        last => last.unwrap_or_default(),
    }
}

/// A share in percent.
fn percent(share: f64) -> String {
    if share < 0.001 { "below 0.1 %".into() } else { format!("{:.1} %", 100.0 * share) }
}
