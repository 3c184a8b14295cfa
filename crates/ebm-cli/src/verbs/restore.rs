//! `ebm restore`: pictures filled in, freed of noise or blur, enlarged or coloured by a trained network.

mod arguments;
mod output;

use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Device;
use ebm_data::Split;
use ebm_data::to_pixel;
use ebm_ops::Noise;
use ebm_run::bounds;
use ebm_run::card::Content;
use ebm_run::config::assign_to;
use ebm_run::model::model;
use ebm_run::restoring::{Degradation, Method, Pictures, Restorer, Task, deviation, known};
use ebm_run::sampling::SampleConfig;
use ebm_sample::diagnostics::Steps;
use serde_json::json;

use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::terminal::work::Work;
use crate::verbs::out_folder;
use crate::verbs::part::Tally;
use crate::verbs::reading::config_of;
use crate::verbs::sample::advice::{Advice, verdict};
use crate::verbs::unread::say_unread;

pub use self::arguments::Restore;
use self::arguments::{By, Do};
use self::output::{Restored, is_ours, write};

/// The standard deviation of pictures in [−1, 1], as networks of pictures take it to be.
const DATA: f64 = 0.5;

impl Restore {
    /// Draws answers and writes them.
    ///
    /// # Errors
    /// Whatever keeps them from being drawn or written; nothing half-written is left.
    pub fn run(self) -> Result<()> {
        self.check()?;
        let device = self.backend.device()?;
        let (card, network) = model(&self.run, self.step, &device, &say)?;
        let Content::Image { channels, height, width } = card.content else {
            bail!(usage(anyhow!(
                "{} is of a table; restoring is for networks of pictures",
                self.run.display()
            )));
        };
        let shape = [channels, height, width];
        let noise = Noise::seeded(self.seed).derive("restore");
        let degradation = self.degradation(shape, &noise)?;
        let tau = self.tau()?;
        let config: SampleConfig = assign_to(&card.sample, &self.set).map_err(usage)?;
        let name = self.sampler.as_deref();
        let of_one = self.classes.of_one(&card, &network)?;
        let restorer = Restorer::new(of_one.model(), &degradation, tau, self.how(), name, &config)?;
        say_unread(restorer.keys_read(), &self.set);

        let wanted = if self.degrade { shape } else { degradation.measured_shape() };
        let split = if self.test { Split::Test } else { Split::Train };
        let like = config_of(&self.run)?.map(|config| config.data);
        let pictures = Pictures::read(&self.image, split, wanted, like.as_ref(), self.images)?;
        say(pictures.about());
        let n_pictures = pictures.names().len();
        bounds::samples("--images × --n", &[n_pictures, self.n, shape.iter().product()])?;

        let began = Instant::now();
        let (restored, steps) = self.answers(&restorer, &degradation, &pictures, &noise, &device)?;
        let seconds = began.elapsed().as_secs_f64();
        let verdict = verdict(steps.as_ref());
        let advice = Advice::of_network(restorer.step_key().cloned(), false);
        let found = Found {
            n_pictures,
            seconds,
            acceptance: steps.as_ref().and_then(Tally::of).and_then(Tally::mean_acceptance),
            of_mean: root_mean_square(&restored, Restored::error_of_mean),
            of_answers: root_mean_square(&restored, Restored::error_of_answers),
        };
        let report = json!({
            "event": "done", "images": n_pictures, "n": self.n, "task": degradation.task().name(),
            "method": self.method_name(), "sampler": restorer.sampler(), "noise": tau / deviation(1.0),
            "seed": self.seed, "seconds": seconds, "acceptance": found.acceptance,
            "error_of_mean": found.of_mean, "error_of_answers": found.of_answers,
            "out": self.out.to_string_lossy(), "warnings": advice.entries(&verdict),
        });
        write(&self.out, &restored, shape, &report)?;
        if self.json {
            tell!("{report}");
        } else {
            self.tell(&found);
            advice.say(&verdict);
        }
        Ok(())
    }

    /// The pictures with their answers, and what the steps to them reported.
    fn answers(
        &self,
        restorer: &Restorer<'_>,
        degradation: &Degradation,
        pictures: &Pictures,
        noise: &Noise,
        device: &Device,
    ) -> Result<(Vec<Restored>, Option<Steps>)> {
        let (tau, n_pictures) = (self.tau()?, pictures.names().len());
        let work = Work::new("restoring", n_pictures * self.n * restorer.n_levels(), 0);
        let mut restored = Vec::with_capacity(n_pictures);
        let mut steps: Option<Steps> = None;
        for (i, picture) in pictures.iter().enumerate() {
            let noise = noise.child(i as u64);
            let measured = match self.degrade {
                true => degradation.applied(picture, tau, &mut noise.derive("degradation"), device)?,
                false => degradation.measured(picture),
            };
            let tick = |answers: usize| work.add(answers);
            let answers = restorer.answers(&measured, self.n, &noise.derive("answers"), device, tick)?;
            steps = match (steps, answers.steps) {
                (Some(before), Some(new)) => Some(before.beside(new)),
                (before, new) => before.or(new),
            };
            let pixels = |values: &[f32]| values.iter().map(|&y| to_pixel(y)).collect::<Vec<_>>();
            let given = pixels(&degradation.shown(&measured));
            let whole = self.degrade.then(|| pixels(picture));
            restored.push(Restored::new(pictures.names()[i].clone(), given, whole, answers.pixels));
        }
        work.finish();
        Ok((restored, steps))
    }

    /// Says in words what was found.
    fn tell(&self, found: &Found) {
        let Found { n_pictures, seconds, .. } = found;
        let s = if *n_pictures == 1 { "" } else { "s" };
        let n = self.n;
        tell!("{n_pictures} picture{s}, {n} answers each, in {seconds:.1} s: {}", self.out.display());
        if let Some(acceptance) = found.acceptance {
            tell!("acceptance {acceptance:.3}");
        }
        if let (Some(of_mean), Some(of_answers)) = (found.of_mean, found.of_answers) {
            tell!(
                "root mean square error of a pixel: {of_mean:.4} of the means, {of_answers:.4} of the answers"
            );
        }
    }

    /// # Errors
    /// Flags that are of another task or method, or numbers that ask for nothing.
    fn check(&self) -> Result<()> {
        let is = |task: Do| self.task == task;
        let of_task = [
            ("--mask", self.mask.is_some(), is(Do::Inpaint), "--task inpaint"),
            ("--factor", self.factor.is_some(), is(Do::Enlarge), "--task enlarge"),
            ("--blur", self.blur.is_some(), is(Do::Deblur), "--task deblur"),
            (
                "--strength",
                self.strength.is_some(),
                self.method == By::PosteriorSampling,
                "--method posterior-sampling",
            ),
            (
                "--resampling",
                self.resampling.is_some(),
                self.method == By::Replacement,
                "--method replacement",
            ),
        ];
        for (flag, is_given, fits, other) in of_task {
            ensure!(!is_given || fits, usage(anyhow!("{flag} is for {other}")));
        }
        ensure!(0 < self.n, usage(anyhow!("--n 0: expected at least 1")));
        ensure!(0 < self.images, usage(anyhow!("--images 0: expected at least 1")));
        ensure!(self.resampling != Some(0), usage(anyhow!("--resampling 0: expected at least 1")));
        out_folder::check("--out", &self.out, is_ours)
    }

    fn degradation(&self, shape: [usize; 3], noise: &Noise) -> Result<Degradation> {
        let [_, height, width] = shape;
        let degradation = match Task::from(self.task) {
            Task::Inpaint => {
                let mask = self.mask.as_deref().unwrap_or("right");
                Degradation::inpaint(shape, &known(mask, [height, width], noise)?)
            }
            Task::Denoise => Degradation::denoise(shape),
            Task::Deblur => Degradation::deblur(shape, self.blur.unwrap_or(1.5)),
            Task::Enlarge => Degradation::enlarge(shape, self.factor.unwrap_or(2)),
            Task::Colour => Degradation::colour(shape),
        };
        Ok(degradation?)
    }

    /// The noise in the model's units.
    fn tau(&self) -> Result<f64> {
        let task = Task::from(self.task);
        let Some(found) = self.noise.or(task.usual_noise()) else {
            bail!(usage(anyhow!(
                "--task denoise needs the deviation of the noise, for instance --noise 0.2"
            )));
        };
        let is_one = found.is_finite() && 0.0 <= found;
        ensure!(is_one, usage(anyhow!("--noise {found}: expected a finite number, 0 or more")));
        ensure!(
            0.0 < found || task == Task::Inpaint || task == Task::Enlarge || task == Task::Colour,
            usage(anyhow!("--noise 0: --task {} needs some", task.name()))
        );
        Ok(deviation(found))
    }

    fn how(&self) -> Method {
        match self.method {
            By::Pseudoinverse => Method::Pseudoinverse { deviation: DATA },
            By::PosteriorSampling => Method::PosteriorSampling { strength: self.strength.unwrap_or(1.0) },
            By::Replacement => Method::Replacement { resampling: self.resampling.unwrap_or(10) },
            By::Metropolis => Method::Metropolis,
        }
    }

    fn method_name(&self) -> String {
        use clap::ValueEnum;
        self.method.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What is said of the answers.
struct Found {
    n_pictures: usize,
    seconds: f64,
    /// The mean acceptance of steps with a Metropolis test.
    acceptance: Option<f64>,
    /// The root mean square errors of a pixel, if the whole pictures are known.
    of_mean: Option<f64>,
    of_answers: Option<f64>,
}

/// The root of the mean over the pictures of their mean square errors, if each has one.
fn root_mean_square(restored: &[Restored], error: impl Fn(&Restored) -> Option<f64>) -> Option<f64> {
    let found: Option<Vec<f64>> = restored.iter().map(error).collect();
    found.map(|found| (found.iter().sum::<f64>() / found.len() as f64).sqrt())
}
