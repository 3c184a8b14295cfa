//! Samples of a network that are looked at: a picture, a chart or a film of all of them.

use std::time::Instant;

use anyhow::Result;
use burn::tensor::Device;
use ebm_model::NetworkConfig;
use ebm_ops::Noise;
use ebm_report::{Samples, Shape};
use ebm_run::landscape;
use ebm_run::sampling::Drawn;
use serde_json::json;

use super::advice::verdict;
use super::of_network::OfNetwork;
use crate::terminal::columns::counted;
use crate::terminal::work::Work;
use crate::verbs::part::Tally;

impl OfNetwork<'_> {
    /// Draws `n` samples and writes them; the program's exit code.
    ///
    /// # Errors
    /// Whatever keeps them from being drawn or written.
    pub fn draw_shown(&self, n: usize, device: &Device) -> Result<u8> {
        let (seed, out, asked) = (self.sample.seed, &self.sample.out, self.drawing.asked());
        let began = Instant::now();
        let drawn = self.drawn(n, device)?;
        let seconds = began.elapsed().as_secs_f64();
        let tally = drawn.steps.as_ref().and_then(Tally::of);
        let verdict = verdict(drawn.steps.as_ref());
        let samples = self.shown(drawn, n, device)?;
        ebm_report::write(out, &samples)?;

        let acceptance = tally.and_then(Tally::mean_acceptance);
        let advice = self.advice();
        if self.sample.json {
            let mut line = json!({
                "event": "done", "n": n, "seed": seed, "sampler": self.sampler(), "seconds": seconds,
                "shape": Shape::dims(samples.shape()), "out": out.to_string_lossy(), "acceptance": acceptance,
                "warnings": advice.entries(&verdict),
            });
            if let Some(asked) = asked {
                (line["classes"], line["guidance"]) = (json!(asked.classes), json!(asked.guidance));
            }
            tell!("{line}");
        } else {
            tell!("{} in {seconds:.1} s: {}", counted(n, "sample"), out.display());
            if let Some(acceptance) = acceptance {
                tell!("acceptance {acceptance:.3}");
            }
            advice.say(&verdict);
        }
        advice.check(&verdict, self.sample.strict)?;
        Ok(0)
    }

    /// Draws them, with their path from noise for a film.
    fn drawn(&self, n: usize, device: &Device) -> Result<Drawn> {
        let work = Work::new("drawing", n * self.drawing.n_levels(), 0);
        let tick = |samples: usize| work.add(samples);
        let (shape, noise) = ([n, self.card.architecture.dim()], Noise::seeded(self.sample.seed));
        let drawn = self.drawing.draw(self.network, shape, &noise, device, self.format.is_film(), tick)?;
        work.finish();
        Ok(drawn)
    }

    /// The samples with what a picture shows besides: their path, their classes, a title, the energy beneath.
    fn shown(&self, drawn: Drawn, n: usize, device: &Device) -> Result<Samples> {
        let (card, asked) = (self.card, self.drawing.asked());
        let samples = card.content.samples(drawn.values, n)?.with_film(card.content.frames(drawn.film))?;
        let samples = match asked {
            Some(asked) => samples.with_labels(asked.labels(n, &self.class_names()))?,
            None => samples,
        };
        if !self.format.is_picture() {
            return Ok(samples);
        }
        let titled = samples.titled(format!("{}: {n} samples", card.name));
        let level = landscape::level_shown(self.config.heun.bottom);
        Ok(match asked {
            None => landscape::under(titled, self.network, level, &card.content, device)?,
            // The energy of one class; of several there is none for all of them.
            Some(asked) if asked.only().is_some() => {
                landscape::under(titled, &asked.of(self.network, 0..1)?, level, &card.content, device)?
            }
            Some(_) => titled,
        })
    }
}
