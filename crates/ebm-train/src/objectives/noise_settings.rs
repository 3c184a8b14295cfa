//! A distribution of noise levels in a configuration, where it may be left to a rule.

use ebm_ops::OutOfRange;
use ebm_sample::{NoiseDesign, SigmaRule};
use serde::{Deserialize, Serialize};

use crate::NoiseLaw;

/// The distribution of the noise level, or the rule by which it is found from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseSettings {
    /// The distribution.
    #[serde(flatten)]
    pub law: NoiseLaw,
    /// The rule by which it is still to be found, in place of the numbers of `law`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<SigmaRule>,
}

impl NoiseSettings {
    /// The lowest level that the law has, if it has one.
    pub fn bottom(&self) -> Option<f64> {
        match self.law {
            NoiseLaw::Geometric { bottom, .. } | NoiseLaw::LogUniform { bottom, .. } => Some(bottom),
            _ => None,
        }
    }

    /// The distribution over the levels of `design`: any of them (geometric), or, of a law that was log-uniform, anything
    /// between its ends.
    pub fn designed(&self, design: &NoiseDesign) -> Self {
        let NoiseDesign { top, bottom, levels, .. } = *design;
        Self::from(match self.law {
            NoiseLaw::LogUniform { .. } => NoiseLaw::LogUniform { top, bottom },
            _ => NoiseLaw::Geometric { top, bottom, n: levels },
        })
    }

    /// The distribution, if it is known.
    ///
    /// # Errors
    /// [`OutOfRange`] with the field, of a number or of a rule that was not applied.
    pub fn law(&self) -> Result<NoiseLaw, OutOfRange> {
        if self.sigma.is_some() {
            return Err(OutOfRange::new(
                "sigma",
                "auto",
                "levels, which are found from data before training",
            ));
        }
        self.law.validate()?;
        Ok(self.law.clone())
    }
}

impl From<NoiseLaw> for NoiseSettings {
    fn from(law: NoiseLaw) -> Self {
        Self { law, sigma: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_becomes_a_law_of_its_own_kind() {
        let design = NoiseDesign::new(784, 40.0, 0.02, 5).unwrap();
        let auto = |law: NoiseLaw| NoiseSettings { law, sigma: Some(SigmaRule::Auto) };
        let uniform = auto(NoiseLaw::LogUniform { top: 9.0, bottom: 0.1 });
        assert_eq!(uniform.bottom(), Some(0.1));
        assert_eq!(uniform.law().unwrap_err().what, "sigma");
        let found = uniform.designed(&design).law().unwrap();
        assert_eq!(found, NoiseLaw::LogUniform { top: 40.0, bottom: 0.02 });
        let normal = auto(NoiseLaw::LogNormal { mean: 0.2, deviation: 1.2 });
        assert_eq!(normal.bottom(), None);
        let found = normal.designed(&design).law().unwrap();
        assert_eq!(found, NoiseLaw::Geometric { top: 40.0, bottom: 0.02, n: design.levels });
    }
}
