//! The flags that ask for classes.

use anyhow::{Result, anyhow};
use clap::Args;
use ebm_model::{Capabilities, Network};
use ebm_run::card::ModelCard;
use ebm_run::classes::{self, Classes};
use ebm_run::sampling::{Asked, OfClasses};

use crate::terminal::usage::usage;

/// Which classes are asked for, and how strongly.
#[derive(Clone, Debug, Default, Args)]
pub struct ClassFlags {
    /// The class, of a model that has classes: a name or a number; several with commas between, or `all` for each of them,
    /// where there are several samples.
    #[arg(long, value_name = "CLASS", allow_negative_numbers = true, help_heading = "Classes")]
    pub class: Option<String>,
    /// How much more the class counts than in the model, w of (1 + w) s(x | class) − w s(x) [default: 0].
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true, help_heading = "Classes")]
    pub guidance: Option<f64>,
}

impl ClassFlags {
    /// The flag that was given, if one was.
    pub fn given(&self) -> Option<&'static str> {
        match (&self.class, self.guidance) {
            (Some(_), _) => Some("--class"),
            (None, Some(_)) => Some("--guidance"),
            (None, None) => None,
        }
    }

    /// What is asked of the model of `card`; nothing of a model with classes is what it has learned of no class.
    ///
    /// # Errors
    /// A wrong use of the command line: a model without classes, a class that there is not, guidance that cannot be, or no
    /// class of a model that knows nothing without one.
    pub fn asked(&self, card: &ModelCard) -> Result<Option<Asked>> {
        let asked = classes::asked(card, self.class.as_deref(), self.guidance)?;
        if asked.is_none() {
            classes::check_none(card)?;
        }
        Ok(asked)
    }

    /// The network of the class that is asked for, or the whole network; for what can be of one class only.
    ///
    /// # Errors
    /// As [`asked`](Self::asked), or several classes.
    pub fn of_one<'n>(&self, card: &ModelCard, network: &'n Network) -> Result<OfOne<'n>> {
        let class = self.one(card)?.map(|asked| asked.of(network, 0..1)).transpose()?;
        Ok(OfOne { whole: network, class })
    }

    /// What is asked of the model where only one class can be.
    fn one(&self, card: &ModelCard) -> Result<Option<Asked>> {
        let asked = self.asked(card)?;
        match &asked {
            Some(several) if several.only().is_none() => {
                let text = self.class.as_deref().unwrap_or_default();
                let names = Classes::of(card)?.names().join(", ");
                Err(usage(anyhow!("--class {text}: expected one class, of {names}")))
            }
            _ => Ok(asked),
        }
    }
}

/// A network, or what it is for one of its classes.
pub struct OfOne<'n> {
    whole: &'n Network,
    class: Option<OfClasses<'n>>,
}

impl OfOne<'_> {
    /// What the network, or its class, offers.
    pub fn model(&self) -> &dyn Capabilities {
        match &self.class {
            Some(of_class) => of_class,
            None => self.whole,
        }
    }

    /// Whether it is the network of one class.
    pub fn is_of_class(&self) -> bool {
        self.class.is_some()
    }
}
