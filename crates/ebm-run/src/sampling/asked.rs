//! Samples of classes that were asked for.

use std::ops::Range;

use ebm_model::{
    Capabilities, ClassConditional, ClassConditionalPotential, Given, Guided, NoisyDirectionalScore,
    NoisyPotential,
};
use ebm_report::Labels;

use crate::error::{Result, anyhow, usage};

/// The classes that samples are to be of, one after the other and then from the first again, and how strongly.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Numbers of classes, at least one.
    pub classes: Vec<usize>,
    /// The weight of guidance; 0 is the model as it is.
    pub guidance: f64,
}

impl Asked {
    /// The class of sample `i`, however many there are.
    pub fn class(&self, i: usize) -> usize {
        self.classes[i % self.classes.len()]
    }

    /// The only class, if there is one.
    pub fn only(&self) -> Option<usize> {
        if let [class] = self.classes[..] { Some(class) } else { None }
    }

    /// The labels of `n` samples.
    pub fn labels(&self, n: usize, names: &[String]) -> Labels {
        Labels { classes: (0..n).map(|i| self.class(i)).collect(), names: names.to_vec() }
    }

    /// At least `n` samples, and as many of each class; `n` of them if there are more classes.
    pub fn even(&self, n: usize) -> usize {
        let k = self.classes.len();
        if n < k { n } else { n.next_multiple_of(k) }
    }

    /// What `network` offers to samplers of the samples with these numbers.
    ///
    /// # Errors
    /// A wrong use of the program if the network has no such classes.
    pub fn of<'a>(&self, network: &'a dyn Capabilities, samples: Range<usize>) -> Result<OfClasses<'a>> {
        let classes: Vec<usize> = match self.only() {
            Some(class) => vec![class],
            None => samples.map(|i| self.class(i)).collect(),
        };
        let Some(model) = network.as_class_conditional() else {
            return Err(usage(anyhow!("the network has no classes")));
        };
        let given = Given::rows(model, classes.clone()).map_err(usage)?;
        let score = Guided::new(given, self.guidance).map_err(usage)?;
        let energy = match network.as_class_conditional_energy() {
            None => None,
            Some(model) => {
                let given = Given::rows(model, classes).map_err(usage)?;
                Some(Guided::new(given, self.guidance).map_err(usage)?)
            }
        };
        Ok(OfClasses { score, energy })
    }
}

/// A network of classes for rows of classes that are known: a score, and an energy if the network is one.
pub struct OfClasses<'a> {
    score: Guided<'a, dyn ClassConditional + 'a>,
    energy: Option<Guided<'a, dyn ClassConditionalPotential + 'a>>,
}

impl Capabilities for OfClasses<'_> {
    fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
        Some(&self.score)
    }

    fn as_noisy_energy(&self) -> Option<&dyn NoisyPotential> {
        self.energy.as_ref().map(|energy| energy as &dyn NoisyPotential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_take_the_classes_in_turn_so_that_more_of_them_change_none() {
        let asked = Asked { classes: vec![3, 7, 1], guidance: 0.0 };
        assert_eq!(asked.labels(5, &[]).classes, [3, 7, 1, 3, 7]);
        assert_eq!(asked.labels(8, &[]).classes[..5], asked.labels(5, &[]).classes);
        assert_eq!([asked.even(64), asked.even(3), asked.even(2)], [66, 3, 2]);
        assert_eq!((asked.only(), Asked { classes: vec![4], guidance: 1.0 }.only()), (None, Some(4)));
    }
}
