//! `ebm eval`: how good a model's samples are, and how likely it finds data that it has not learned from.

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::{Tensor, TensorData};
use clap::Args;
use ebm_eval::{
    Comparison, FeatureMap, Frechet, Protocol, SampleDistance, compare, halves, memorization, recognition,
    standard_distances,
};
use ebm_model::{Capabilities, NetworkConfig};
use ebm_ops::Noise;

use ebm_run::bounds;
use ebm_run::card::ClassCard;
use ebm_run::classes::{Classes, asked_for_all};
use ebm_run::config::assign_to;
use ebm_run::evaluations::{self, Evaluation};
use ebm_run::folder::RunFolder;
use ebm_run::levels_of_run;
use ebm_run::model::{model, run_and_step};
use ebm_run::page;
use ebm_run::sampling::SampleConfig;

use crate::terminal::backend::Backend;
use crate::terminal::usage::usage;
use crate::verbs::reading::Reading;

mod classes;
mod data;
mod features;
mod judgement;
mod likelihood;
mod neighbours;

use features::Features;
use judgement::Judgement;

/// Fewest rows of the data: two to compare the samples with, and two of the data to compare with them.
const FEWEST: usize = 4;

/// `ebm eval`.
#[derive(Debug, Args)]
pub struct Eval {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// The checkpoint, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    step: Option<u64>,
    /// Samples, and points of the data in each of two halves.
    #[arg(long, default_value_t = 2000)]
    n: usize,
    /// Seed of the random number generator.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The sampler, if not the one that the model was trained with.
    #[arg(long)]
    sampler: Option<String>,
    /// A number of a sampler, for instance chain.steps=1000; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The data, if not those that the run held out.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Points of the data whose likelihood is measured; 0 leaves it out.
    #[arg(long, default_value_t = 200)]
    likelihood: usize,
    /// Held-out rows that a model of classes is to assign to their class; 0 leaves it out [default: 200, fewer with more
    /// than 20 classes].
    #[arg(long, value_name = "ROWS")]
    classify: Option<usize>,
    /// How much more the class of a sample counts than in the model, of a model of classes; see `ebm sample` [default: 0].
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true)]
    guidance: Option<f64>,
    /// Features of pictures: `classifier`, which is trained once on the labels of the run's data (a minute on two cores,
    /// ten of 20,000 pictures in colour or more), or a network's FILE.safetensors; means of 4×4 pixels by default.
    #[arg(long, value_name = "FEATURES")]
    features: Option<String>,
    /// The training row and the held-out row that are nearest to each sample: FILE.png has 24 pictures side by side with
    /// theirs, FILE.csv a line for each row of a table, a folder what it can.
    #[arg(long, value_name = "PATH", alias = "neighbors")]
    neighbours: Option<PathBuf>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

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
        let Self { n, seed, .. } = request;
        ensure!(2 <= *n, usage(anyhow!("--n {n}: expected at least 2")));
        ensure!(
            request.likelihood != 1,
            usage(anyhow!(
                "--likelihood 1: expected 0, or at least 2 points, of which the mean has an error"
            ))
        );
        let (card, network) = model(&request.run, request.step, device, &crate::terminal::say)?;
        let config: SampleConfig = assign_to(&card.sample, &request.set).map_err(usage)?;
        let (config, found) = levels_of_run::of_network(config, &request.run, &card, device)?;
        found.iter().for_each(|line| crate::terminal::say(line));
        let sampler = config.drawing(request.sampler.as_deref(), &network).map_err(usage)?;
        let asked = asked_for_all(&card, request.guidance)?;
        let sampler = match &asked {
            Some(asked) => sampler.of_classes(asked.clone()),
            None => sampler,
        };
        let dim = card.architecture.dim();
        let neighbours = neighbours::Asked::of(request, &card)?;
        bounds::samples("--n", &[2, *n, dim])?;
        bounds::samples("--likelihood", &[2, request.likelihood, dim])?;
        bounds::samples("--classify", &[2, request.classify.unwrap_or(0), dim])?;

        let noise = Noise::seeded(*seed);
        let mut judgement = Judgement::default();
        let features = Features::of(request, &card, device, &mut judgement)?;
        let data::Compared { rows, is_training } = data::compared(request, &card, &noise)?;
        crate::terminal::say(rows.about());
        let held_out = rows.tensor(device);
        let numbers: Vec<usize> = (0..rows.n_rows()).map(|row| rows.number(row)).collect();
        let rows = held_out.dims()[0];
        ensure!(
            FEWEST <= rows,
            usage(anyhow!(
                "{rows} rows to compare samples with, expected at least {FEWEST}; --data PATH names other data"
            ))
        );
        let compared = held_out.clone().narrow(0, 0, rows.min(2 * n));
        let [fresh, reference] = halves(compared, &mut noise.derive("halves"));
        let n = (*n).min(fresh.dims()[0]);
        if n < request.n {
            judgement.note(format!(
                "{n} samples and not {}: there are {rows} rows to compare them with",
                request.n
            ));
        }
        let fresh = fresh.narrow(0, 0, n);
        crate::terminal::say(&format!("drawing {n} samples"));
        let drawn = sampler.draw(&network, [n, dim], &noise.derive("samples"), device, false, |_| {})?;
        let drawn = Tensor::from_data(TensorData::new(drawn.values, [n, dim]), device);
        let sample = data::as_written(&card.content, drawn.clone());
        if let Some(asked) = &neighbours {
            let others = (!is_training).then_some((&held_out, &numbers[..]));
            judgement.neighbours = asked.write(&sample, others, device)?;
            crate::terminal::say(&format!("neighbours: {}", asked.out().display()));
        }

        let protocol = Protocol {
            n_reference: Some(reference.dims()[0]),
            seed: Some(*seed),
            denoised: network.as_noisy_score().map(|_| true),
            ..Protocol::of(n)
        };
        let protocol = protocol
            .with("sampler", request.sampler.as_deref().unwrap_or(&config.sampler))
            .with("units", data::units(&card.content));
        let protocol = match &asked {
            Some(asked) => {
                protocol.with("classes_asked", "each equally often").with("guidance", asked.guidance)
            }
            None => protocol,
        };
        judgement.units = data::units(&card.content).into();
        let [kept, fresh_kept, reference_kept] =
            data::without_constants([&sample, &fresh, &reference], &card.content, &mut judgement);
        let comparison = |features| Comparison {
            sample: kept.clone(),
            fresh: fresh_kept.clone(),
            reference: reference_kept.clone(),
            features,
        };
        let chosen: &dyn FeatureMap = features.chosen();
        let mut report = compare(&comparison(chosen), &standard_distances(), &protocol, &noise)?;
        if let Features { plain, network: Some(network) } = &features {
            let figure = Frechet.figure(&comparison(&**plain), protocol.clone(), &noise)?;
            report.figures.extend(figure);
            if !network.config().classes.is_empty() {
                let [found, data] = [&sample, &fresh].map(|x| recognition(network, x));
                report.figures.extend(found?.figures(&data?, &protocol));
                if let (Some(asked), Some(ClassCard { names, .. })) = (&asked, &card.classes) {
                    classes::as_asked(
                        &mut report,
                        &mut judgement,
                        network,
                        &sample,
                        asked,
                        names,
                        &protocol,
                    )?;
                }
            }
        }
        let training = if is_training {
            judgement.note(
                "samples are compared with the rows that the model was trained on: memorisation is not measured, and \
                 the likelihood is that of training data"
                    .into(),
            );
            None
        } else {
            data::training(request, &card).unwrap_or_else(|error| {
                judgement.note(format!("memorisation is not measured, without the training data: {error:#}"));
                None
            })
        };
        if let Some(training) = training {
            let training = training.tensor(device);
            let rows = data::as_many(&held_out, &training);
            let found = memorization(sample.clone(), training, rows)?;
            if found.is_significant() {
                judgement.warn("the samples repeat training rows: see nearer_to_training_share".into());
            }
            report.figures.extend(found.figures(&protocol));
        }
        if let Err(error) =
            classes::classification(&mut report, &mut judgement, request, &card, &network, device)
        {
            judgement.warn(format!("classification could not be measured: {error:#}"));
        }
        if asked.is_some() {
            let known = Classes::of(&card)?.knows_none();
            judgement.note(
                match known {
                    true => "the likelihood is that of the model without a class",
                    false => "the likelihood is not measured: the model knows nothing without a class",
                }
                .into(),
            );
            if !known {
                judgement.print(&report, request.json);
                return Ok(());
            }
        }
        let points = if reference.dims()[0] < request.likelihood { held_out } else { reference };
        let evaluated = likelihood::Evaluated { card: &card, network: &network, sample: drawn, points };
        // What was measured until here is not lost.
        if let Err(error) = likelihood::measure(&mut report, &mut judgement, request, evaluated, &noise) {
            judgement.warn(format!("the likelihood could not be measured: {error:#}"));
        }
        judgement.print(&report, request.json);
        let name = request.sampler.as_deref().unwrap_or(&config.sampler);
        request.keep(card.step, name, n, judgement.evaluation(&report));
        Ok(())
    }
}

impl Eval {
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
            crate::terminal::say(&format!(
                "warning: the evaluation was not kept in the run's folder: {error:#}"
            ));
        });
    }
}
