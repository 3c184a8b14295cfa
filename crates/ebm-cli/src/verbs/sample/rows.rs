//! Samples of a network that go to the disk as they are drawn.

use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use burn::tensor::Device;
use ebm_files::{Found, Growing};
use ebm_model::NetworkConfig;
use ebm_ops::Noise;
use ebm_report::{Labels, Pieces, Samples, Shape};
use ebm_run::sampling::NotFinite;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::advice::verdict;
use super::of_network::OfNetwork;
use crate::terminal::columns::counted;
use crate::terminal::interrupt::Interrupt;
use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::terminal::work::Work;
use crate::verbs::part::{OfSamples, Part, Request, Slip, Tally, differences, sha256_of};

/// How often what was drawn is brought to the disk, if groups are drawn faster.
const PAUSE: Duration = Duration::from_secs(1);

/// Samples whose classes are written at once.
const IN_BLOCK: usize = 1 << 16;

/// The samples of one file: all, or those of a part.
struct Job {
    /// All samples, and the coordinates of each.
    shape: [usize; 2],
    /// The groups in which they are drawn.
    groups: Range<usize>,
    /// Their numbers among all.
    rows: Range<usize>,
    pieces: Pieces,
    request: Request,
}

/// How far the drawing of a file is.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Progress {
    /// Groups that are written.
    groups: usize,
    /// What their chains came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tally: Option<Tally>,
}

impl OfNetwork<'_> {
    /// Draws `n` samples, or a part of them, and writes them as they come; the exit code of the signal that has ended it.
    ///
    /// # Errors
    /// Whatever keeps them from being drawn or written.
    pub fn draw_rows(&self, n: usize, device: &Device) -> Result<u8> {
        let (began, out, part) = (Instant::now(), &self.sample.out, self.sample.this_part());
        let job = self.job(n)?;
        let drawn = match part {
            // What a damaged one says does not count: the part is drawn again.
            Some(part) => Slip::of_drawn(out, part, &job.request)?.filter(|slip| {
                let tally = slip.samples.as_ref().and_then(|samples| samples.tally);
                slip.samples.is_some()
                    && (slip.first, slip.count) == (job.rows.start, job.rows.len())
                    && tally.and_then(Tally::damage).is_none()
            }),
            None => None,
        };
        let tally = match drawn {
            Some(slip) => {
                say(&format!("{} is drawn already", out.display()));
                slip.samples.and_then(|samples| samples.tally)
            }
            None => match self.write(&job, device)? {
                ControlFlow::Continue(tally) => tally,
                ControlFlow::Break(code) => return Ok(code),
            },
        };
        let seconds = began.elapsed().as_secs_f64();
        let verdict = verdict(tally.map(Tally::steps).as_ref());
        let acceptance = tally.and_then(Tally::mean_acceptance);
        let advice = self.advice();
        let n = job.rows.len();
        if self.sample.json {
            let mut line = json!({
                "event": "done", "n": n, "seed": self.sample.seed, "sampler": self.sampler(), "seconds": seconds,
                "shape": job.pieces.dims(), "out": out.to_string_lossy(), "acceptance": acceptance,
                "warnings": advice.entries(&verdict),
            });
            if let Some(part) = part {
                line["part"] = part.to_string().into();
                line["first"] = job.rows.start.into();
            }
            if let Some(asked) = self.drawing.asked() {
                (line["classes"], line["guidance"]) = (json!(asked.classes), json!(asked.guidance));
            }
            tell!("{line}");
        } else {
            let of = part.map_or(String::new(), |part| format!("part {part}: "));
            tell!("{of}{} in {seconds:.1} s: {}", counted(n, "sample"), out.display());
            if let Some(acceptance) = acceptance {
                tell!("acceptance {acceptance:.3}");
            }
            advice.say(&verdict);
        }
        advice.check(&verdict, self.sample.strict)?;
        Ok(0)
    }

    /// Which of `n` samples are drawn. Parts are cut where groups are, so that they are drawn as among all.
    fn job(&self, n: usize) -> Result<Job> {
        let (part, size) = (self.sample.this_part().unwrap_or(Part::WHOLE), self.drawing.group_size());
        let n_groups = n.div_ceil(size);
        ensure!(
            part.of() <= n_groups,
            usage(anyhow!(
                "--part {part}: {} drawn in {} of {size}, expected at most as many parts",
                if n == 1 { "1 sample is".to_owned() } else { format!("{n} samples are") },
                if n_groups == 1 { "1 group".to_owned() } else { format!("{n_groups} groups") }
            ))
        );
        let groups = part.of_items(n_groups);
        let rows = groups.start * size..(groups.end * size).min(n);
        let pieces = Pieces::new(self.format, &self.like()?, rows.len())?;
        let shape = [n, self.card.architecture.dim()];
        Ok(Job { shape, groups, rows, pieces, request: self.request(n)? })
    }

    /// One sample.
    fn like(&self) -> Result<Samples> {
        self.samples(vec![0.0; self.card.architecture.dim()], 0)
    }

    /// Samples from number `first` on, with their classes if they are of some.
    fn samples(&self, values: Vec<f32>, first: usize) -> Result<Samples> {
        let n = values.len() / self.card.architecture.dim();
        let samples = self.card.content.samples(values, n)?;
        let Some(asked) = self.drawing.asked() else { return Ok(samples) };
        let classes = (first..first + n).map(|i| asked.class(i)).collect();
        Ok(samples.with_labels(Labels { classes, names: self.class_names() })?)
    }

    /// What determines every sample.
    fn request(&self, n: usize) -> Result<Request> {
        let request = Request::new()
            .with("kind", "samples")
            .with("name", self.card.name.as_str())
            .with("step", self.card.step as i64)
            .with("model", self.card.sha256(self.network)?)
            .with("n", n as i64)
            .with("seed", self.sample.seed.to_string())
            .with("sampler", self.sampler())
            .with("backend", self.sample.backend.name())
            .with("file", self.format.extension())
            .with_table("numbers", self.config)?;
        Ok(match self.drawing.asked() {
            None => request,
            Some(asked) => {
                let classes: Vec<i64> = asked.classes.iter().map(|&class| class as i64).collect();
                request.with("classes", classes).with("guidance", asked.guidance)
            }
        })
    }

    /// Draws and writes what is not on the disk yet; the exit code of the signal that has ended it.
    fn write(&self, job: &Job, device: &Device) -> Result<ControlFlow<u8, Option<Tally>>> {
        let (out, part) = (&self.sample.out, self.sample.this_part());
        let own = job.request.clone().with("part", part.unwrap_or(Part::WHOLE).to_string());
        // Before there is anything that a signal could leave behind.
        let interrupt = Interrupt::listen()?;
        let mut file = Growing::open(out, &own.to_text()?)?;
        let mut progress = self.resumed(&file, &own, job)?;
        let is_new = !matches!(file.found(), Found::Same { .. });
        if is_new {
            file.write(&job.pieces.head()?)?;
            if let Some(asked) = self.drawing.asked() {
                for first in job.rows.clone().step_by(IN_BLOCK) {
                    let block = first..job.rows.end.min(first + IN_BLOCK);
                    file.write(&job.pieces.classes(&block.map(|i| asked.class(i)).collect::<Vec<_>>()))?;
                }
            }
        }
        let (size, levels, noise) =
            (self.drawing.group_size(), self.drawing.n_levels(), Noise::seeded(self.sample.seed));
        let work = Work::new("drawing", job.rows.len() * levels, progress.groups * size * levels);
        let tick = |samples: usize| {
            work.add(samples);
            interrupt.flow()
        };
        let mut marked = Instant::now();
        for group in job.groups.clone().skip(progress.groups) {
            let drawn = self.drawing.draw_group(self.network, job.shape, group, &noise, device, &tick);
            let drawn = match drawn {
                // So it would be again.
                Err(error) if error.find::<NotFinite>().is_some() => {
                    file.discard();
                    return Err(error.into());
                }
                other => other?,
            };
            let Some(drawn) = drawn else { break };
            let new = drawn.steps.as_ref().and_then(Tally::of);
            progress.tally = match (progress.tally, new) {
                (Some(before), Some(new)) => Some(before.beside(new)),
                (before, new) => before.or(new),
            };
            file.write(&job.pieces.body(&self.samples(drawn.values, group * size)?)?)?;
            progress.groups += 1;
            if PAUSE <= marked.elapsed() {
                file.mark(&toml::to_string(&progress)?)?;
                marked = Instant::now();
            }
        }
        work.finish();
        if progress.groups < job.groups.len() {
            let all = job.rows.len();
            if 0 < progress.groups {
                file.mark(&toml::to_string(&progress)?)?;
                let done = (progress.groups * size).min(all);
                say(&format!("{done} of {all} samples are drawn; the same command goes on from there"));
            } else {
                let first = size.min(all);
                say(&format!(
                    "stopped before the first {first} of {all} samples, which are drawn together: nothing is kept, \
                     and the same command begins anew"
                ));
            }
            return Ok(ControlFlow::Break(interrupt.exit_code().unwrap_or(1)));
        }
        if let Some(part) = part {
            let failed = || format!("could not read what was written of {}", out.display());
            let sha256 = sha256_of(file.contents()?).with_context(failed)?;
            let numbers = [job.rows.start, job.rows.len()];
            let mut slip = Slip::new(part, numbers, sha256, job.request.clone());
            slip.samples = Some(self.described(progress.tally)?);
            // Before the file: killed in between, what is to become the file is still there.
            slip.write(out)?;
        }
        file.commit()?;
        if part.is_none() {
            Slip::remove(out)?;
        }
        Ok(ControlFlow::Continue(progress.tally))
    }

    /// How far an earlier call came with the same, which is said.
    fn resumed(&self, file: &Growing, request: &Request, job: &Job) -> Result<Progress> {
        let out = self.sample.out.display();
        match file.found() {
            Found::Nothing => Ok(Progress::default()),
            Found::Damaged => {
                say(&format!("what is written of {out} is damaged: begun anew"));
                Ok(Progress::default())
            }
            Found::Other { request: other } => {
                let other = toml::from_str::<Request>(other).unwrap_or_default();
                let different = differences(&other, request).join("; ");
                say(&format!("{out}: an unfinished file of another request is dropped: {different}"));
                Ok(Progress::default())
            }
            Found::Same { note } => {
                let failed = || format!("what is written of {out} cannot be used");
                let progress: Progress = toml::from_str(note).with_context(failed)?;
                ensure!(progress.groups <= job.groups.len(), failed());
                let done = (progress.groups * self.drawing.group_size()).min(job.rows.len());
                say(&format!("going on from {done} of {} samples", job.rows.len()));
                Ok(progress)
            }
        }
    }

    /// What a part is, for `ebm merge`.
    fn described(&self, tally: Option<Tally>) -> Result<OfSamples> {
        let like = self.like()?;
        let (dims, is_image) = match *like.shape() {
            Shape::Images { channels, height, width, .. } => (vec![channels, height, width], true),
            Shape::Table { dim, .. } | Shape::Chains { dim, .. } => (vec![dim], false),
        };
        Ok(OfSamples {
            dims,
            is_image,
            is_double: like.doubles().is_some(),
            columns: like.columns().to_vec(),
            class_names: like.labels().map(|labels| labels.names.clone()),
            step_size: self.drawing.step_key().map(|step| step.value),
            step_key: self.drawing.step_key().map(|step| step.key.clone()),
            step_ratio: None,
            can_test: self.can_test(),
            level: self.level(),
            tally,
        })
    }
}
