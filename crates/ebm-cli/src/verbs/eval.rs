//! `ebm eval`: how good a model's samples are, and how likely it finds data that it has not learned from.

mod arguments;
mod classes;
mod data;
mod features;
mod judgement;
mod likelihood;
mod neighbours;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use ebm_eval::{
    Comparison, FeatureNetwork, Frechet, Protocol, Report, SampleDistance, compare, memorization,
    recognition, standard_distances,
};
use ebm_model::{Capabilities, Network, NetworkConfig};
use ebm_ops::Noise;
use ebm_run::bounds;
use ebm_run::card::{ClassCard, ModelCard};
use ebm_run::classes::{Classes, asked_for_all};
use ebm_run::config::assign_to;
use ebm_run::evaluations::{self, Evaluation};
use ebm_run::folder::RunFolder;
use ebm_run::levels_of_run;
use ebm_run::model::{model, run_and_step};
use ebm_run::page;
use ebm_run::rows::Rows;
use ebm_run::sampling::{Drawing, SampleConfig};

use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::terminal::work::Work;
use crate::verbs::sample::advice::{Advice, verdict};
use crate::verbs::unread::say_unread;

pub use self::arguments::Eval;
use self::data::Halves;
use self::features::Features;
use self::judgement::Judgement;

impl Eval {
    /// Measures and prints.
    ///
    /// # Errors
    /// Whatever keeps samples from being drawn or data from being read.
    pub fn run(self) -> Result<()> {
        let device = &self.backend.device()?;
        // The folder of a checkpoint stands for its run.
        let (run, step) = run_and_step(&self.run, self.step)?;
        let request = &Self { run, step, ..self };
        request.check()?;
        let (card, network) = &model(&request.run, request.step, device, &say)?;
        let subject = Subject::of(request, card, network, device)?;
        let neighbours = neighbours::Asked::of(request, card)?;
        request.check_sizes(card.architecture.dim())?;

        let mut judgement = Judgement { item: card.content.item(), ..Judgement::default() };
        let features = Features::of(request, card, device, &mut judgement)?;
        let halves = Halves::read(request, card, &subject.noise, device, &mut judgement)?;
        let samples = subject.draw(&halves, &mut judgement)?;
        if let Some(asked) = &neighbours {
            let others = (!halves.is_training).then_some((&halves.all, &halves.numbers[..]));
            judgement.neighbours = asked.write(&samples.written, others, device)?;
            say(&format!("neighbours: {}", asked.out().display()));
        }
        let mut report = subject.distances(&features, &halves, &samples, &mut judgement)?;
        subject.memorisation(&halves, &samples, &mut report, &mut judgement)?;
        subject.classification(&mut report, &mut judgement);
        let n = samples.protocol.n;
        if subject.has_likelihood(&mut judgement)? {
            subject.likelihood(halves, samples, &mut report, &mut judgement);
        }
        judgement.print(&report, request.json);
        request.keep(card.step, &subject.sampler, n, judgement.evaluation(&report));
        Ok(())
    }

    /// Whether there are enough samples and points.
    fn check(&self) -> Result<()> {
        ensure!(2 <= self.n, usage(anyhow!("--n {}: expected at least 2", self.n)));
        ensure!(
            self.likelihood != 1,
            usage(anyhow!(
                "--likelihood 1: expected 0, or at least 2 points, of which the mean has an error"
            ))
        );
        Ok(())
    }

    /// Whether samples and points of so many coordinates fit in memory.
    fn check_sizes(&self, dim: usize) -> Result<()> {
        bounds::samples("--n", &[2, self.n, dim])?;
        bounds::samples("--likelihood", &[2, self.likelihood, dim])?;
        Ok(bounds::samples("--classify", &[2, self.classify.unwrap_or(0), dim])?)
    }

    /// Keeps what was measured in the run's folder, where its page shows it. That it cannot be is no failure: it has
    /// been printed.
    fn keep(&self, step: u64, sampler: &str, n: usize, evaluation: Evaluation) {
        let Ok(folder) = RunFolder::open(&self.run) else { return };
        let mut asked = evaluation.asked;
        let mut ask = |name: &str, value: Option<String>| {
            asked.extend(value.map(|value| (name.to_owned(), value)));
        };
        ask("samples", Some(n.to_string()));
        ask("seed", Some(self.seed.to_string()));
        ask("sampler", Some(sampler.to_owned()));
        ask("set", Some(self.set.join(" ")).filter(|set| !set.is_empty()));
        ask("data", self.data.as_ref().map(|path| path.to_string_lossy().into_owned()));
        ask("features", self.features.clone());
        let kept = evaluations::add(&folder, &Evaluation { step, asked, ..evaluation });
        let shown =
            kept.and_then(|()| if folder.page().exists() { page::write(&folder, None) } else { Ok(()) });
        shown.unwrap_or_else(|error| {
            say(&format!("warning: the evaluation was not kept in the run's folder: {error:#}"));
        });
    }
}

/// The model that is evaluated, and how its samples are drawn.
struct Subject<'a> {
    request: &'a Eval,
    card: &'a ModelCard,
    network: &'a Network,
    drawing: Drawing,
    /// The sampler's name.
    sampler: String,
    /// What may help where its steps went wrong.
    advice: Advice,
    device: &'a Device,
    noise: Noise,
}

/// Samples of the model.
struct Samples {
    /// As they were drawn.
    drawn: Tensor<2>,
    /// As a file holds them.
    written: Tensor<2>,
    /// How they were drawn, and with how many rows they are compared.
    protocol: Protocol,
}

impl<'a> Subject<'a> {
    /// The model with the sampler that is asked for.
    fn of(request: &'a Eval, card: &'a ModelCard, network: &'a Network, device: &'a Device) -> Result<Self> {
        let config: SampleConfig = assign_to(&card.sample, &request.set).map_err(usage)?;
        let (config, found) = levels_of_run::of_network(config, &request.run, card, device)?;
        found.iter().for_each(|line| say(line));
        let drawing =
            config.drawing(request.sampler.as_deref(), network, card.architecture.dim()).map_err(usage)?;
        say_unread(drawing.keys_read(), &request.set);
        let drawing = match asked_for_all(card, request.guidance)? {
            Some(asked) => drawing.of_classes(asked),
            None => drawing,
        };
        let advice = Advice::of_network(drawing.step_key().cloned(), network.as_energy().is_some());
        let sampler = request.sampler.clone().unwrap_or(config.sampler);
        let noise = Noise::seeded(request.seed);
        Ok(Self { request, card, network, drawing, sampler, advice, device, noise })
    }

    /// Draws as many samples as there are fresh rows; what its steps warn of is a warning.
    fn draw(&self, halves: &Halves, judgement: &mut Judgement) -> Result<Samples> {
        let [n, dim] = halves.fresh.dims();
        say(&format!("drawing {n} samples"));
        let noise = self.noise.derive("samples");
        let work = Work::new("drawing", n * self.drawing.n_levels(), 0);
        let tick = |samples: usize| work.add(samples);
        let drawn = self.drawing.draw(self.network, [n, dim], &noise, self.device, false, tick)?;
        work.finish();
        let verdict = verdict(drawn.steps.as_ref());
        self.advice.lines(&verdict).into_iter().for_each(|line| judgement.warn(line));
        let drawn: Tensor<2> = Tensor::from_data(TensorData::new(drawn.values, [n, dim]), self.device);
        let written = data::as_written(&self.card.content, drawn.clone());
        Ok(Samples { drawn, written, protocol: self.protocol(n, halves.reference.dims()[0]) })
    }

    /// How `n` samples are drawn and with how many rows of data they are compared.
    fn protocol(&self, n: usize, n_reference: usize) -> Protocol {
        let protocol = Protocol {
            n_reference: Some(n_reference),
            seed: Some(self.request.seed),
            denoised: self.network.as_noisy_score().map(|_| true),
            ..Protocol::of(n)
        };
        let protocol = protocol.with("sampler", &self.sampler).with("units", data::units(&self.card.content));
        match self.drawing.asked() {
            Some(asked) => {
                protocol.with("classes_asked", "each equally often").with("guidance", asked.guidance)
            }
            None => protocol,
        }
    }

    /// Distances from the samples to the data, and, with a classifier, what it recognises in both.
    fn distances(
        &self,
        features: &Features,
        halves: &Halves,
        samples: &Samples,
        judgement: &mut Judgement,
    ) -> Result<Report> {
        let (content, protocol, noise) = (&self.card.content, &samples.protocol, &self.noise);
        judgement.units = data::units(content).into();
        let [sample, fresh, reference] =
            data::without_constants([&samples.written, &halves.fresh, &halves.reference], content, judgement);
        let comparison = |features| Comparison {
            sample: sample.clone(),
            fresh: fresh.clone(),
            reference: reference.clone(),
            features,
        };
        let mut report = compare(&comparison(features.chosen()), &standard_distances(), protocol, noise)?;
        if let Some(network) = &features.network {
            let figure = Frechet.figure(&comparison(&*features.plain), protocol.clone(), noise)?;
            report.figures.extend(figure);
            if !network.config().classes.is_empty() {
                self.recognition(network, halves, samples, &mut report, judgement)?;
            }
        }
        Ok(report)
    }

    /// Adds what a classifier recognises in samples and in data, and whether samples are of the classes asked for.
    fn recognition(
        &self,
        classifier: &FeatureNetwork,
        halves: &Halves,
        samples: &Samples,
        report: &mut Report,
        judgement: &mut Judgement,
    ) -> Result<()> {
        let Samples { written, protocol, .. } = samples;
        let [found, data] = [written, &halves.fresh].map(|x| recognition(classifier, x));
        report.figures.extend(found?.figures(&data?, protocol));
        if let (Some(asked), Some(ClassCard { names, .. })) = (self.drawing.asked(), &self.card.classes) {
            classes::as_asked(report, judgement, classifier, written, asked, names, protocol)?;
        }
        Ok(())
    }

    /// Adds whether the samples repeat training rows, where there are any to compare with.
    fn memorisation(
        &self,
        halves: &Halves,
        samples: &Samples,
        report: &mut Report,
        judgement: &mut Judgement,
    ) -> Result<()> {
        let Some(training) = self.training(halves, judgement) else { return Ok(()) };
        let training = training.tensor(self.device);
        let rows = data::as_many(&halves.all, &training);
        let found = memorization(samples.written.clone(), training, rows)?;
        if found.is_significant() {
            judgement.warn("the samples repeat training data: see nearer_to_training_share".into());
        }
        report.figures.extend(found.figures(&samples.protocol));
        Ok(())
    }

    /// The training rows, unless samples are compared with these or they cannot be read, which is noted.
    fn training(&self, halves: &Halves, judgement: &mut Judgement) -> Option<Rows> {
        if halves.is_training {
            judgement.note(
                "samples are compared with the data that the model was trained on: memorisation is not measured, and \
                 the likelihood is that of training data"
                    .into(),
            );
            return None;
        }
        data::training(self.request, self.card).unwrap_or_else(|error| {
            judgement.note(format!("memorisation is not measured, without the training data: {error:#}"));
            None
        })
    }

    /// Adds how well a model of classes assigns held-out rows to theirs; that it cannot be measured is a warning.
    fn classification(&self, report: &mut Report, judgement: &mut Judgement) {
        let Self { request, card, network, device, .. } = self;
        if let Err(error) = classes::classification(report, judgement, request, card, network, device) {
            judgement.warn(format!("classification could not be measured: {error:#}"));
        }
    }

    /// Whether the model has a likelihood, which is that without a class; of a model of classes it is noted.
    fn has_likelihood(&self, judgement: &mut Judgement) -> Result<bool> {
        if self.drawing.asked().is_none() {
            return Ok(true);
        }
        let known = Classes::of(self.card)?.knows_none();
        judgement.note(
            match known {
                true => "the likelihood is that of the model without a class",
                false => "the likelihood is not measured: the model knows nothing without a class",
            }
            .into(),
        );
        Ok(known)
    }

    /// Adds how likely the model finds the data; that it cannot be measured is a warning, and what was measured before is
    /// not lost.
    fn likelihood(&self, halves: Halves, samples: Samples, report: &mut Report, judgement: &mut Judgement) {
        let Halves { all, reference, .. } = halves;
        let points = if reference.dims()[0] < self.request.likelihood { all } else { reference };
        let (card, network) = (self.card, self.network);
        let evaluated = likelihood::Evaluated { card, network, sample: samples.drawn, points };
        if let Err(error) = likelihood::measure(report, judgement, self.request, evaluated, &self.noise) {
            judgement.warn(format!("the likelihood could not be measured: {error:#}"));
        }
    }
}
