//! What a model of classes knows of them: whether it tells held-out rows apart, and whether its samples are of the
//! classes that were asked for.

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use ebm_data::{DataSpec, Split};
use ebm_eval::{CalibratedClasses, Estimate, Evidence, FeatureNetwork, Figure, Protocol, Report, recognized};
use ebm_model::{Capabilities, Network};
use ebm_ops::Noise;
use ebm_run::card::ModelCard;
use ebm_run::rows::labelled;
use ebm_run::sampling::Asked;

use super::arguments::Eval;
use super::judgement::Judgement;
use crate::verbs::reading::{config_of, described, own};

/// Pairs of a row and a class that are looked at, unless said otherwise.
const MOST_PAIRS: usize = 4000;

/// Most training rows on which the probabilities of classes are fitted.
const FITTED_ON: usize = 400;

/// Adds the share of held-out rows that the model of classes assigns to their class, by its energies if it has them and
/// otherwise by how well it removes noise; nothing of a model without classes.
///
/// # Errors
/// Rows that cannot be read, or evidence that is not finite.
pub fn classification(
    report: &mut Report,
    judgement: &mut Judgement,
    request: &Eval,
    card: &ModelCard,
    network: &Network,
    device: &Device,
) -> Result<()> {
    let Some(model) = network.as_class_conditional() else { return Ok(()) };
    let n = request.classify.unwrap_or((MOST_PAIRS / model.n_classes()).clamp(20, 200));
    if n == 0 {
        return Ok(());
    }
    let item = card.content.item();
    let mut left_out = |why: &str| judgement.note(format!("classification is not measured: {why}"));
    let Some(config) = config_of(&request.run)? else {
        left_out("a model file does not say what it was trained on");
        return Ok(());
    };
    let noise = Noise::seeded(request.seed).derive("classification");
    let (spec, of_data) = own(&config);
    let read = |spec: DataSpec, of_data: &Noise, n: usize, name: &str| {
        labelled(&spec, of_data, card, n, &noise.derive(name), device)
    };
    let training = DataSpec { split: Split::Train, ..request.reading.applied(spec.clone()) };
    let held_out = match &request.data {
        None => read(DataSpec { split: Split::Test, ..request.reading.applied(spec) }, &of_data, n, "rows")?,
        Some(path) => {
            let (spec, of_data) = described(path, Some(&config), &of_data)?;
            let spec = request.reading.applied(spec);
            let test = DataSpec { split: Split::Test, ..spec.clone() };
            read(test, &of_data, n, "rows").or_else(|_| read(spec, &of_data, n, "rows"))?
        }
    };
    let Some((x, labels)) = held_out else {
        left_out(&format!("the held-out {item}s have no labels"));
        return Ok(());
    };
    let Some((fitted_on, known)) = read(training, &of_data, n.min(FITTED_ON), "fitted")? else {
        left_out(&format!("the training {item}s have no labels"));
        return Ok(());
    };
    let levels = Evidence::levels(&fitted_on)?;
    let evidence = |x: &Tensor<2>, name: &str| {
        let mut noise = noise.derive(name);
        match network.as_class_conditional_energy() {
            Some(energy) => Evidence::of_energies(energy, x, &levels, &mut noise),
            None => Evidence::of_denoising(model, x, &levels, &mut noise),
        }
    };
    let fitted = CalibratedClasses::fit(&evidence(&fitted_on, "noise of fitted")?, &known)?;
    let found = fitted.accuracy(&evidence(&x, "noise of rows")?, &labels)?;
    let by = if network.as_class_conditional_energy().is_some() { "energies" } else { "denoising errors" };
    let protocol = Protocol { seed: Some(request.seed), ..Protocol::of(labels.len()) }
        .with("by", by)
        .with("levels", levels.iter().map(|level| format!("{level:.3}")).collect::<Vec<_>>().join(" "))
        .with("fitted on", known.len());
    let figure = Figure::estimate("classification_accuracy", found, protocol);
    report.push(figure.in_unit(format!("share of held-out {item}s assigned to their class by the {by}")));
    Ok(())
}

/// Adds the share of samples that a classifier, whose classes are those of the model, finds to be of the class that was
/// asked for.
///
/// # Errors
/// Samples that are not finite.
pub fn as_asked(
    report: &mut Report,
    judgement: &mut Judgement,
    classifier: &FeatureNetwork,
    sample: &Tensor<2>,
    asked: &Asked,
    names: &[String],
    protocol: &Protocol,
) -> Result<()> {
    let config = classifier.config();
    let number = |name: &String| config.classes.iter().position(|known| known == name);
    let numbers: Option<Vec<usize>> = names.iter().map(number).collect();
    let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) else {
        judgement.note(
            "the classifier's classes are not those of the model: whether samples are of theirs is not known"
                .into(),
        );
        return Ok(());
    };
    let found = recognized(classifier, sample)?;
    let is_right = |(i, class): &(usize, &usize)| numbers[asked.class(*i)] == **class;
    let right = found.iter().enumerate().filter(is_right).count();
    let share = Estimate::share(right, found.len());
    let mut figure = Figure::estimate("classified_as_asked_share", share, protocol.clone());
    // The same classifier's share of held-out rows of the data.
    figure.floor = config.accuracy;
    report.push(figure.in_unit("share of samples that the classifier finds to be of the class asked for"));
    Ok(())
}
