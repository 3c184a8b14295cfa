//! Which key sets the size of a sampler's steps.

use ebm_sample::Sampler;
use toml::Table;

use super::config::SampleConfig;

/// The key that sets the size of a sampler's steps, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct StepKey {
    /// As `ebm sample --set` takes it, without `sample.` in front.
    pub key: String,
    /// Its value, in the units of the key.
    pub value: f64,
}

impl SampleConfig {
    /// The key that sets the size of the steps of `sampler`, one of this configuration: that of the table which has the
    /// last word. `None` for a sampler whose steps follow from its noise levels.
    pub fn step_key(&self, sampler: &Sampler) -> Option<StepKey> {
        let number = sampler.step_name()?;
        let (name, section) = (sampler.name(), sampler.section());
        let has_own = name != section && self.other(name).contains_key(number);
        if section == "chain" && !has_own {
            // In units of a Langevin step, whatever those of the sampler are.
            return Some(StepKey { key: format!("chain.{number}"), value: self.chain.step_size });
        }
        let value = Table::try_from(sampler).ok()?.get(number)?.as_float()?;
        let table = if has_own { name } else { section };
        Some(StepKey { key: format!("{table}.{number}"), value })
    }
}

/// The key that sets the step size of chains of the sampler of this name in the sampler's own units, whatever another
/// key says.
pub fn own_step_key(name: &str) -> String {
    let chains = Sampler::named(name).ok().filter(|sampler| !sampler.is_descent());
    match chains.and_then(|sampler| sampler.step_name()) {
        // The table `langevin` is that of annealed Langevin dynamics.
        Some(number) if name != "langevin" => format!("{name}.{number}"),
        _ => "chain.step_size".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::assign_to;

    #[test]
    fn the_key_is_that_of_the_table_that_has_the_last_word() {
        let found = |name: &str, set: &[&str]| {
            let set: Vec<String> = set.iter().map(|&set| set.to_owned()).collect();
            let config: SampleConfig = assign_to(&SampleConfig::default(), &set).unwrap();
            let sampler = config.sampler(name, false).unwrap();
            config.step_key(&sampler).map(|StepKey { key, value }| (key, value))
        };
        let key = |key: &str, value: f64| Some((key.to_owned(), value));
        assert_eq!(found("langevin", &["chain.step_size=0.5"]), key("chain.step_size", 0.5));
        assert_eq!(found("hmc", &["chain.step_size=0.5"]), key("chain.step_size", 0.5));
        let both = ["chain.step_size=0.5", "hmc.step_size=0.25"];
        assert_eq!(found("hmc", &both), key("hmc.step_size", 0.25));
        assert_eq!(found("mala", &both), key("chain.step_size", 0.5));
        // ε = √(2η) where the sampler's own table says nothing
        assert_eq!(found("mclmc", &["chain.step_size=0.5"]), key("mclmc.step_size", 1.0));
        assert_eq!(found("mamclmc", &["mamclmc.step_size=2"]), key("mamclmc.step_size", 2.0));
        assert_eq!(found("annealed-mala", &["langevin.step_ratio=2.0"]), key("langevin.step_ratio", 2.0));
        let own = ["annealed-mala.step_ratio=3.0"];
        assert_eq!(found("annealed-mala", &own), key("annealed-mala.step_ratio", 3.0));
        assert_eq!(found("heun", &[]), None);
    }

    #[test]
    fn a_sampler_with_a_table_has_a_key_in_it() {
        assert_eq!(own_step_key("hmc"), "hmc.step_size");
        assert_eq!(own_step_key("mclmc"), "mclmc.step_size");
        for name in ["langevin", "heun", "annealed-mala", "nothing"] {
            assert_eq!(own_step_key(name), "chain.step_size", "{name}");
        }
    }
}
