//! Samples as training goes.

mod allowance;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use ebm_model::Network;
use ebm_ops::Noise;
use ebm_report::Format;
use ebm_train::{BoxError, Event, Observer, TrainState};
use serde_json::json;

use crate::card::Content;
use crate::error::Result;
use crate::film::Film;
use crate::folder::RunFolder;
use crate::journal::Remarks;
use crate::landscape;
use crate::sampling::{Drawing, Keep};

pub use allowance::Allowance;

/// Draws a few samples with the averaged weights, always from the same noise, so that one sees the same
/// pictures grow better.
///
/// Those before the last one take at most a twentieth of the time of training; where they are slower, some are left
/// out. Which ones are drawn does not change the run.
pub struct Pictures {
    /// Where they go.
    pub run: RunFolder,
    /// What draws them.
    pub drawing: Drawing,
    /// What they are.
    pub content: Content,
    /// Samples and numbers in a sample.
    pub shape: [usize; 2],
    /// The names of the classes, if the samples are of classes.
    pub classes: Vec<String>,
    /// What they are drawn from.
    pub noise: Noise,
    /// The noise level of an energy that is told one.
    pub sigma: f64,
    /// Where the network is.
    pub device: Device,
    /// Points of the data to be seen underneath, if it is of points in the plane.
    pub background: Vec<f32>,
    /// Rows of the data in the model's units, beside which the columns of samples are shown; may be empty.
    pub rows: Vec<f32>,
    /// How long they may take.
    pub allowance: Allowance,
    /// Where the journal is told that some are left out.
    pub remarks: Remarks,
    /// Is told the path of each picture.
    pub tell: Box<dyn Fn(&str)>,
    /// Whether a picture that is not done yet is given up.
    pub given_up: Box<dyn Fn() -> bool>,
}

/// What came of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// It is drawn, or the samples are nothing that a picture can show.
    Done,
    /// It was given up, because the program was asked to end.
    GivenUp,
    /// It took too long.
    TooSlow,
}

impl Pictures {
    /// Draws the picture of this step, in no more time than `limit`.
    ///
    /// # Errors
    /// Samples that are not finite, or a file that cannot be written.
    pub fn draw(&self, network: &Network, step: u64, limit: Option<Duration>) -> Result<Picture> {
        let [n, dim] = self.shape;
        if Format::Png.check(self.content.samples(vec![0.0; dim], 1)?.shape()).is_err() {
            // Rows that no picture shows: their columns are counted, once.
            if limit.is_none() && matches!(self.content, Content::Row { .. }) {
                let counted = self.count_columns(network, step);
                counted.unwrap_or_else(|error| {
                    (self.tell)(&format!("warning: no columns for the page: {error:#}"))
                });
            }
            return Ok(Picture::Done);
        }
        let began = Instant::now();
        let is_late = || limit.is_some_and(|limit| limit < began.elapsed());
        let flow = |_| {
            if (self.given_up)() || is_late() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let keep = Film::keep(&self.content, self.shape);
        let drawn = self.drawing.draw_while(network, self.shape, &self.noise, &self.device, keep, flow)?;
        let Some(drawn) = drawn else {
            return Ok(if (self.given_up)() { Picture::GivenUp } else { Picture::TooSlow });
        };
        let mut way = drawn.film;
        way.push(drawn.values[..keep.samples.min(n) * dim].to_vec());
        let samples = self.content.samples(drawn.values, n)?.over(self.background.clone())?;
        let samples = match self.drawing.asked() {
            Some(asked) => samples.with_labels(asked.labels(n, &self.classes))?,
            None => samples,
        };
        let samples = samples.titled(format!("{n} samples after {step} steps"));
        let samples = landscape::under(samples, network, self.sigma, &self.content, &self.device)?;
        // Before the picture, which says that both are there.
        match Film::of(step, &self.content, way, &samples) {
            Ok(film) => film.write(&self.run)?,
            Err(error) => (self.tell)(&format!("warning: no film for the page: {error:#}")),
        }
        let path = self.run.picture(step);
        ebm_report::write(&path, &samples)?;
        (self.tell)(&format!("samples after {step} steps: {}", path.display()));
        Ok(Picture::Done)
    }

    /// Draws samples of a table whose rows no picture shows, and counts their columns.
    fn count_columns(&self, network: &Network, step: u64) -> Result<()> {
        let [n, dim] = self.shape;
        let n = Film::counted(n, dim);
        let flow = |_| if (self.given_up)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let keep = Keep::NOTHING;
        let drawn = self.drawing.draw_while(network, [n, dim], &self.noise, &self.device, keep, flow)?;
        let Some(drawn) = drawn else { return Ok(()) };
        let samples = self.content.samples(drawn.values, n)?;
        let rows = self.rows.len() / dim.max(1);
        let data = if rows == 0 { None } else { Some(self.content.samples(self.rows.clone(), rows)?) };
        Film::of_columns(step, &samples, data.as_ref()).write(&self.run)
    }

    /// Draws the picture of the step at which a run goes on, if it is due, every `every` steps and after the last of
    /// `steps`, and is not there: the run was ended while it drew it.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    pub fn catch_up(&self, state: &TrainState<Network>, every: u64, steps: u64) -> Result<()> {
        let step = state.step();
        let is_due = step == steps || (0 < step && every != 0 && step.is_multiple_of(every));
        if is_due && !self.run.picture(step).exists() {
            self.draw(&state.average(), step, None)?;
        }
        Ok(())
    }
}

impl Observer<Network> for Pictures {
    fn observe(&mut self, event: &Event<'_, Network>) -> Result<ControlFlow<()>, BoxError> {
        let (step, is_last) = (event.state.step(), event.is_last());
        let limit = match is_last {
            true => None,
            false => match self.allowance.limit(step, event.settings.steps) {
                Some(limit) => Some(limit),
                None => {
                    self.leave_out(step);
                    return Ok(ControlFlow::Continue(()));
                }
            },
        };
        let began = Instant::now();
        let picture = self.draw(&event.state.average(), step, limit)?;
        self.allowance.took(began.elapsed(), picture != Picture::TooSlow);
        match picture {
            Picture::GivenUp => return Ok(ControlFlow::Break(())),
            Picture::TooSlow => self.leave_out(step),
            Picture::Done => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Pictures {
    /// Says, once, that pictures are left out.
    fn leave_out(&mut self, step: u64) {
        if !self.allowance.first_left_out() {
            return;
        }
        let seconds = self.allowance.longest().as_secs_f64();
        self.remarks.add(json!({"event": "pictures left out", "step": step, "seconds_each": seconds}));
        (self.tell)(&format!(
            "a picture takes {seconds:.1} s or more: some before the last one are left out, so that they take at most 5 % of \
             the time; fewer samples are faster (record.picture_samples = {})",
            self.shape[0]
        ));
    }
}
