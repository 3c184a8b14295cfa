//! Some of the chains of a closed form, in a file of their own.

use std::ops::Range;

use anyhow::{Context, Result, anyhow, ensure};
use ebm_files::Growing;
use ebm_sample::Sampler;
use serde_json::json;

use super::arguments::Sample;
use super::closed_form::ClosedForm;
use super::draws::Draws;
use crate::terminal::columns::counted;
use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::verbs::part::{About, OfChains, Part, Request, Slip, sha256_at};

/// A part of chains and where it goes.
pub struct PartOfChains<'a> {
    /// What was typed.
    pub sample: &'a Sample,
    /// Which part.
    pub part: Part,
    /// What is drawn from.
    pub target: ClosedForm,
    /// By what.
    pub sampler: &'a Sampler,
    /// What determines the draws of all parts.
    pub request: Request,
}

impl PartOfChains<'_> {
    /// Which of `n` chains are in it.
    ///
    /// # Errors
    /// If there are fewer chains than parts.
    pub fn chains(&self, n: usize) -> Result<Range<usize>> {
        let (part, of) = (self.part, self.part.of());
        ensure!(
            of <= n,
            usage(anyhow!("--part {part}: there are {n} chains, expected at most as many parts"))
        );
        Ok(part.of_items(n))
    }

    /// Whether it is there already, which is said.
    ///
    /// # Errors
    /// A wrong use of the program if another part is in its place.
    pub fn is_drawn(&self, chains: &Range<usize>) -> Result<bool> {
        let slip = Slip::of_drawn(&self.sample.out, self.part, &self.request)?;
        let slip = slip.filter(|slip| (slip.first, slip.count) == (chains.start, chains.len()));
        let Some(found) = slip.and_then(|slip| slip.chains) else { return Ok(false) };
        let shape = [chains.len(), self.request.count("draws").unwrap_or(0), self.target.dim()];
        // What a damaged one says does not count: the part is drawn again.
        if found.damage(shape, self.sampler.is_descent()).is_some() {
            return Ok(false);
        }
        say(&format!("{} is drawn already", self.sample.out.display()));
        self.report(found.shape, chains);
        Ok(true)
    }

    /// Writes the draws and the slip for `ebm merge`; what is known of each chain goes with them.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, draws: Draws, chains: Range<usize>) -> Result<()> {
        let (out, dims) = (&self.sample.out, draws.shape);
        let runs = if draws.abouts.is_empty() { vec![About::default()] } else { draws.abouts.clone() };
        Growing::clear(out);
        ebm_report::write(out, &draws.samples()?)?;
        let sha256 = sha256_at(out).with_context(|| format!("could not read {}", out.display()))?;
        let mut slip = Slip::new(self.part, [chains.start, chains.len()], sha256, self.request.clone());
        slip.chains = Some(OfChains { shape: dims, runs });
        slip.write(out)?;
        self.report(dims, &chains);
        Ok(())
    }

    fn report(&self, shape: [usize; 3], chains: &Range<usize>) {
        let out = &self.sample.out;
        if self.sample.json {
            let line = json!({
                "event": "done", "target": self.target.name(), "kernel": self.sampler.name(), "shape": shape,
                "seed": self.sample.seed, "part": self.part.to_string(), "first": chains.start,
                "out": out.to_string_lossy(),
            });
            tell!("{line}");
        } else {
            let (part, [n, draws, _], first) = (self.part, shape, chains.start);
            let (n, draws) = (counted(n, "chain"), counted(draws, "draw"));
            tell!(
                "part {part}: {n} of {draws} from chain {first} on: {}; `ebm merge` judges all",
                out.display()
            );
        }
    }
}
