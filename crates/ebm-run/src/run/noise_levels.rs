//! Noise levels that a configuration leaves to a rule, found from the data.
//!
//! `sample.langevin.sigma = "auto"` stands for the ladder, the step and the noise of annealed Langevin dynamics, and
//! `objective.noise.sigma = "auto"` for the levels of training. What is found takes their place before a run is written
//! down, so that its configuration and its card have numbers only.
//!
//! # Reference
//! Song and Ermon (2020), *Improved techniques for training score-based generative models*, techniques 1, 2 and 4.

use std::sync::Arc;

use burn::tensor::Device;
use ebm_data::Data;
use ebm_ops::Noise;
use ebm_train::ObjectiveConfig;

use crate::config::Config;
use crate::error::{Result, usage};
use crate::rows::data_of;
use crate::sampling::{Distances, design};

/// Whether something is left to a rule.
pub fn is_by_rule(config: &Config) -> bool {
    let of_training = config.objective.noise().is_some_and(|noise| noise.sigma.is_some());
    of_training || config.sample.langevin.sigma.is_some()
}

/// The highest noise level that a network learns, to four digits, if training has a distribution of levels that is known.
pub fn reach(objective: &ObjectiveConfig) -> Option<f64> {
    let reach = objective.noise()?.law().ok()?.reach();
    format!("{reach:.3e}").parse().ok()
}

/// The configuration with what is found from `data` in place of what is left to a rule, and a line about each.
///
/// # Errors
/// If the data cannot be read, or no ladder can be made from them.
pub fn found(config: &Config, data: &Arc<Data>, device: &Device) -> Result<(Config, Vec<String>)> {
    let (mut config, mut lines) = (config.clone(), Vec::new());
    if !is_by_rule(&config) {
        return Ok((config, lines));
    }
    let distances = Distances::of(data, &Noise::seeded(config.seed), device)?;
    let dim = data.dim();
    let langevin = &config.sample.langevin;
    let mut of_levels = None;
    if let Some(noise) = config.objective.noise_mut()
        && noise.sigma.is_some()
    {
        let bottom = noise.bottom().unwrap_or(langevin.bottom);
        let design = design(dim, distances.largest, bottom, langevin.steps_per_level).map_err(usage)?;
        *noise = noise.designed(&design);
        of_levels = Some(format!(
            "training levels by rule: {}; from {} to {bottom}, {} of them",
            distances.about(),
            design.top,
            design.levels
        ));
    }
    if config.sample.langevin.sigma.is_some() {
        config.sample.reach = reach(&config.objective);
    }
    if let Some((sample, line)) = config.sample.by_rule(dim, &distances).map_err(usage)? {
        config.sample = sample;
        lines.push(line);
    }
    lines.extend(of_levels);
    config.sample.distances = Some(distances);
    Ok((config, lines))
}

/// [`found`] with the data that the configuration names.
///
/// # Errors
/// As [`found`], or if the data cannot be opened.
pub fn of_data(config: Config, device: &Device) -> Result<(Config, Vec<String>)> {
    if !is_by_rule(&config) {
        return Ok((config, Vec::new()));
    }
    let data = Arc::new(data_of(&config, None)?);
    found(&config, &data, device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use ebm_sample::LevelNoise;

    fn config(set: &[&str]) -> Config {
        let set = set.iter().map(|&text| text.to_owned()).collect();
        Config::resolve("glyphs", &Overrides { set }).unwrap()
    }

    #[test]
    fn what_is_left_to_a_rule_becomes_numbers_that_are_written_and_read_again() {
        let auto = config(&["sample.langevin.sigma=auto", "objective.noise.sigma=auto"]);
        assert!(auto.to_toml().unwrap().contains("sigma = \"auto\""));
        let (found, lines) = of_data(auto.clone(), &Device::flex()).unwrap();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("predicted variance ratio 1.0"), "{}", lines[0]);
        assert!(!is_by_rule(&found));

        let (langevin, distances) = (&found.sample.langevin, found.sample.distances.clone().unwrap());
        assert_eq!((langevin.top, langevin.bottom), (distances.largest, auto.sample.langevin.bottom));
        assert!(distances.median.unwrap() < distances.largest);
        // ln(top/bottom)/ln γ with γ of 784 dimensions.
        assert!((80..130).contains(&langevin.levels), "{langevin:?}");
        assert_eq!(langevin.noise, Some(LevelNoise::Consistent));
        let text = found.to_toml().unwrap();
        assert!(!text.contains("auto"), "{text}");
        assert!(text.contains("law = \"geometric\"") && text.contains("[sample.distances]"), "{text}");
        assert_eq!(Config::parse(&text, &Overrides::default()).unwrap(), found);
        // The same run again has nothing to find.
        assert_eq!(of_data(found.clone(), &Device::flex()).unwrap(), (found, Vec::new()));
    }

    #[test]
    fn the_top_by_rule_is_no_higher_than_the_network_has_learned() {
        let set = |law: &str| config(&["sample.langevin.sigma=auto", &format!("objective.noise.{law}")]);
        let found = |config| of_data(config, &Device::flex()).unwrap().0.sample;
        // exp(−0.4 + 1.2 · 3.0902) = 27.34, and of a mean of 2 more than the largest distance
        let low = found(set("mean=-0.4"));
        assert!(low.langevin.top == 27.34 && 27.34 < low.distances.unwrap().largest, "{:?}", low.langevin);
        let high = found(set("mean=2.0"));
        assert_eq!(high.langevin.top, high.distances.unwrap().largest);
        assert!(high.langevin.top < high.reach.unwrap());
    }

    #[test]
    fn what_is_not_left_to_a_rule_stays_as_it_was_to_the_byte() {
        let before = config(&[]);
        let (after, lines) = of_data(before.clone(), &Device::flex()).unwrap();
        assert_eq!((before.to_toml().unwrap(), lines.len()), (after.to_toml().unwrap(), 0));
        assert!(!before.to_toml().unwrap().contains("sigma ="));
        assert!(!before.to_toml().unwrap().contains("distances"));
    }

    #[test]
    fn a_sampler_is_not_made_of_levels_that_were_not_found() {
        let auto = config(&["sample.langevin.sigma=auto"]);
        let error = auto.sample.sampler("langevin", true).unwrap_err().to_string();
        assert!(error.contains("sample.langevin.sigma"), "{error}");
        assert!(auto.sample.sampler("heun", true).is_ok());
        let wrong =
            Config::resolve("glyphs", &Overrides { set: vec!["sample.langevin.sigma=automatic".into()] });
        let error = format!("{:#}", wrong.unwrap_err());
        assert!(error.contains("automatic") && error.contains("auto"), "{error}");
    }
}
