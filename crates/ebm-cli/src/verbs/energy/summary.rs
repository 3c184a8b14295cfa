//! What is said at the end.

use std::path::Path;

use ebm_eval::Estimate;
use serde_json::{Value, json};

use super::density::Density;
use super::maps;
use super::numbers::Mean;
use crate::terminal::columns::{counted, number};
use crate::terminal::say;

/// What was found, as words and as an object.
pub struct Summary {
    item: &'static str,
    words: String,
    line: Value,
}

impl Summary {
    /// Of so many rows, each of which is called `item`.
    pub fn of(n: usize, item: &'static str) -> Self {
        Self { item, words: counted(n, item), line: json!({ "event": "done", "rows": n }) }
    }

    /// Adds the mean of the energies, or of the log likelihoods, and how well they tell others apart.
    pub fn add_energies(
        &mut self,
        mean: Mean,
        density: Option<&Density<'_>>,
        out: Option<&Path>,
        contrast: Option<Estimate>,
    ) {
        let (line, value) = (&mut self.line, mean.value());
        line["mean_energy"] = json!(value);
        line["not_finite"] = json!(mean.not_finite);
        line["auroc"] = json!(contrast);
        line["out"] = json!(out.map(Path::to_string_lossy));
        self.words += &match density {
            None => format!(", mean energy {}", number(value, 4)),
            Some(density) => {
                let bits = density.bits(value);
                line["mean_log_likelihood"] = json!(-value);
                line["bits_per_dim"] = json!(bits);
                let bits = bits.map(|bits| format!(", {} bits per dimension", number(bits, 4)));
                format!(", mean log likelihood {} nats{}", number(-value, 4), bits.unwrap_or_default())
            }
        };
        if let Some(auroc) = contrast {
            self.words += &format!(", AUROC {:.4} ± {:.4}", auroc.value, auroc.standard_error);
        }
    }

    /// Adds the maps in `folder`.
    pub fn add_maps(&mut self, folder: &Path, found: &maps::Summary) {
        let maps::Summary { mean, oddest } = found;
        self.line["maps"] = json!(folder.to_string_lossy());
        self.line["mean_map"] = json!(mean);
        self.line["oddest_row"] = json!(oddest);
        let mean = number(*mean, 4);
        self.words += &format!("; maps of {mean} nats on average, {} {oddest} the oddest", self.item);
        self.words += &format!(": {}", folder.display());
    }

    /// Says it, on standard output as an object.
    pub fn tell(&self, json: bool) {
        if json {
            tell!("{}", self.line);
        } else {
            say(&self.words);
        }
    }
}
