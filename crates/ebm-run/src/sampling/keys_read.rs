//! Which keys of the `[sample]` table a sampler reads.

use ebm_sample::Sampler;
use toml::Table;

use super::config::{SHARED_BY_CHAINS, SampleConfig};
use crate::error::Result;

/// The keys of the `[sample]` table that something reads, as `ebm sample --set` takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysRead {
    reader: String,
    keys: Vec<String>,
    /// Keys that are read too, and not listed: other names of the same numbers, and what few need.
    silent: Vec<String>,
}

impl KeysRead {
    /// The keys that `reader` reads.
    pub fn new(reader: &str, keys: impl IntoIterator<Item = &'static str>) -> Self {
        let none = Self { reader: reader.to_owned(), keys: vec![], silent: vec![] };
        none.and(keys)
    }

    /// The same with more of them.
    #[must_use]
    pub fn and(mut self, keys: impl IntoIterator<Item = &'static str>) -> Self {
        for key in keys {
            if !self.keys.iter().any(|known| known == key) {
                self.keys.push(key.to_owned());
            }
        }
        self
    }

    /// The same with more of them, which are not listed.
    #[must_use]
    pub fn silently(mut self, keys: impl IntoIterator<Item = &'static str>) -> Self {
        self.silent.extend(keys.into_iter().map(str::to_owned));
        self
    }

    /// A line about those of the `key=value` assignments that change nothing, with the keys that would; nothing if every
    /// key is read.
    pub fn unread(&self, assignments: &[String]) -> Option<String> {
        let keys = assignments.iter().map(|text| text.split_once('=').map_or(text.as_str(), |(key, _)| key));
        let keys = keys.map(str::trim);
        let mut unread: Vec<&str> = keys.filter(|key| !self.reads(key)).collect();
        unread.dedup();
        let change = match unread.len() {
            0 => return None,
            1 => "changes",
            _ => "change",
        };
        let (unread, keys) = (unread.join(", "), self.keys.join(", "));
        Some(format!("--set {unread} {change} nothing: {} reads {keys}", self.reader))
    }

    /// Whether it reads this key, or one within it.
    fn reads(&self, key: &str) -> bool {
        let mut all = self.keys.iter().chain(&self.silent);
        all.any(|read| read == key || is_within(read, key) || is_within(key, read))
    }
}

/// Whether `inner` is a key of the table `outer`.
fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}

impl SampleConfig {
    /// The keys on which the numbers of `sampler` depend, one of this configuration.
    ///
    /// # Errors
    /// If the sampler cannot be written.
    pub fn keys_read(&self, sampler: &Sampler) -> Result<KeysRead> {
        let (name, section) = (sampler.name(), sampler.section());
        let mut read = KeysRead::new(name, []);
        for number in Table::try_from(sampler)?.keys().filter(|number| *number != "kind") {
            let own = format!("{name}.{number}");
            if section == "chain" && !SHARED_BY_CHAINS.contains(&number.as_str()) {
                read.keys.push(own);
                continue;
            }
            read.keys.push(format!("{section}.{number}"));
            // The table `langevin` is that of annealed Langevin dynamics.
            if name != "langevin" {
                read.silent.push(own);
            }
        }
        Ok(match section {
            "langevin" => read.and(["langevin.sigma"]).silently(["langevin.noise", "distances", "reach"]),
            "reverse" => read.and(["langevin.top", "langevin.bottom", "langevin.sigma"]).silently([
                "langevin.steps_per_level",
                "distances",
                "reach",
            ]),
            _ if sampler.is_descent() => read,
            _ => read.and(["chain.step_size"]),
        })
    }

    /// The keys on which samples of a network depend, which is `conditioned` on the noise level or not.
    pub(super) fn keys_of_samples(&self, sampler: &Sampler, conditioned: bool) -> Result<KeysRead> {
        let read = self.keys_read(sampler)?.and(["temperature"]);
        Ok(match (sampler.is_descent(), conditioned) {
            // At the lowest level, which chains see, a page has the landscape.
            (true, _) => read.silently(["heun.bottom"]),
            (false, true) => read.and(["chain.start", "chain.steps", "heun.bottom"]),
            (false, false) => read.and(["chain.start", "chain.steps"]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::assign_to;

    /// One assignment for every number that a sampler has, and some that are of drawing.
    const ASSIGNMENTS: [&str; 26] = [
        "temperature=2.0",
        "chain.start=2.0",
        "chain.steps=7",
        "chain.step_size=0.02",
        "chain.leapfrog=3",
        "chain.temperatures=[1.0, 3.0]",
        "langevin.top=9.0",
        "langevin.bottom=0.03",
        "langevin.levels=7",
        "langevin.step_ratio=0.2",
        "heun.top=19.0",
        "heun.bottom=0.02",
        "heun.levels=7",
        "heun.churn=3.0",
        "reverse.levels=7",
        "reverse.corrections=2",
        "reverse.step_ratio=0.2",
        "mclmc.length=2.0",
        "mamclmc.longest=3.0",
        "underdamped.friction=2.0",
        "preconditioned.variances=[1.0, 2.0]",
        "hmc.fixed_length=true",
        "mala.step_size=0.3",
        "annealed-mala.levels=5",
        "stochastic-heun.churn=1.0",
        "reverse-diffusion.levels=9",
    ];

    fn with(assignments: &[&str]) -> SampleConfig {
        let assignments: Vec<String> = assignments.iter().map(|&text| text.to_owned()).collect();
        assign_to(&SampleConfig::default(), &assignments).unwrap()
    }

    #[test]
    fn a_key_is_read_where_another_value_makes_another_sampler() {
        for (name, _) in Sampler::list() {
            let default = with(&[]).sampler(name, false).unwrap();
            for assignment in ASSIGNMENTS {
                let config = with(&[assignment]);
                let changed = config.sampler(name, false).unwrap();
                let unread = config.keys_read(&changed).unwrap().unread(&[assignment.to_owned()]);
                assert_eq!(unread.is_none(), changed != default, "{name}: {assignment}: {unread:?}");
            }
        }
    }

    #[test]
    fn what_changes_nothing_is_named_with_what_would() {
        let read = KeysRead::new("the flow", ["heun.top", "heun.bottom"]);
        let unread = |set: &[&str]| read.unread(&set.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(unread(&["heun.top=1", " heun.bottom = 2", "heun={top=3}"]), None);
        let one = "--set heun.levels changes nothing: the flow reads heun.top, heun.bottom";
        assert_eq!(unread(&["heun.levels=3", "heun.top=1", "heun.levels=4"]).as_deref(), Some(one));
        let two = "--set heun.topmost, sampler change nothing: the flow reads heun.top, heun.bottom";
        assert_eq!(unread(&["heun.topmost=3", "sampler=heun"]).as_deref(), Some(two));
    }
}
