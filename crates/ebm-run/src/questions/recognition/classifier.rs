//! A convolutional classifier of labelled pictures, trained once.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use ebm_data::{Augmentation, Batches, Data, DataSpec, Split};
use ebm_eval::FeatureNetwork;
use ebm_model::Init;
use ebm_ops::Noise;
use ebm_train::{Batch, Finish, Memory, Objective, Observer, Outcome, TrainSettings, TrainState, Trainer};
use sha2::{Digest, Sha256};

use super::file::{read, save};
use super::recipe::Recipe;
use crate::digest;
use crate::error::{Context, Result, anyhow, ensure, usage};

/// Seed of the weights and batches. A constant, so that runs on the same data are judged by the same classifier.
const SEED: u64 = 0;

/// Changes with anything that changes the weights of a classifier and is not in its [`Recipe`].
const VERSION: u32 = 2;

/// Most held-out images on which the accuracy is measured.
const TEST_IMAGES: usize = 10_000;

/// Images that are read for the name of a classifier's file.
const IDENTIFYING: usize = 64;

/// A classifier, and where it is kept.
pub struct CachedClassifier {
    /// The classifier.
    pub network: FeatureNetwork,
    /// Its file.
    pub path: PathBuf,
    /// Why it could not be written there, if it was trained now and could not.
    pub unwritten: Option<String>,
}

/// What looks on while a classifier is trained, given the number of steps.
pub type ClassifierObserver<'a> = dyn Fn(u64) -> Box<dyn Observer<FeatureNetwork>> + 'a;

/// The classifier of the data that `spec` names, from `folder` if it was trained before; otherwise it is trained and
/// kept there. On two cores that takes about a minute, and of 20,000 pictures in colour or more about ten.
/// `notice` is told before training, and after it how accurate it is, and `observer` sees each step.
///
/// Its weights are a function of the data alone. `noise` is what the program draws data from.
///
/// # Errors
/// Data that cannot be read, are no images, or have no labels.
pub fn classifier(
    spec: &DataSpec,
    noise: &Noise,
    folder: &Path,
    device: &Device,
    notice: &dyn Fn(&str),
    observer: &ClassifierObserver<'_>,
) -> Result<CachedClassifier> {
    let open = |split| Data::open(&DataSpec { split, ..spec.clone() }, noise);
    let data = Arc::new(open(Split::Train)?);
    let needs = "a classifier needs images with labels";
    let shape = data.image_shape();
    let shape = shape.ok_or_else(|| usage(anyhow!("{needs}, {} has points", spec.dataset)))?;
    let classes = data.classes().to_vec();
    ensure!(
        2 <= classes.len(),
        usage(anyhow!("{needs} of two or more classes, the data have {}", classes.len()))
    );
    let recipe = Recipe::of(shape, data.len(), classes);
    let name = format!("classifier-{}.safetensors", &identity(&data, &recipe)?[..12]);
    let path = folder.join(name);
    if path.is_file() {
        let network = read(&path, device)?;
        return Ok(CachedClassifier { network, path, unwritten: None });
    }
    let (n_classes, steps) = (recipe.config.classes.len(), recipe.steps);
    notice(&format!("training a classifier of {n_classes} classes, once, for {steps} steps"));
    let network = train(&data, recipe, device, &mut *observer(steps))?;
    let network = match open(Split::Test) {
        Ok(data) => {
            let share = accuracy(&network, &data, device)?;
            notice(&format!("the classifier is right for {:.1} % of held-out images", 100.0 * share));
            network.with_accuracy(share)
        }
        Err(_) => network,
    };
    let unwritten = save(&network, &path).err().map(|error| format!("{error:#}"));
    Ok(CachedClassifier { network, path, unwritten })
}

/// SHA-256 of what determines the weights: the network, how it is trained, and how many images there are and how they
/// begin.
fn identity(data: &Data, recipe: &Recipe) -> Result<String> {
    let n = data.len().unwrap_or(usize::MAX);
    let first = data.read(&(0..n.min(IDENTIFYING)).collect::<Vec<_>>(), None)?;
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {SEED} {n} {recipe:?}"));
    digest::add(&mut hash, &first);
    Ok(digest::hex(hash))
}

fn train(
    data: &Arc<Data>,
    recipe: Recipe,
    device: &Device,
    observer: &mut dyn Observer<FeatureNetwork>,
) -> Result<FeatureNetwork> {
    let noise = Noise::seeded(SEED).derive("classifier");
    let network = FeatureNetwork::new(recipe.config, &Init::new(noise.derive("init"), device))?;
    let size = NonZeroUsize::new(recipe.batch).expect("a batch is not empty");
    let mut batches = Batches::new(data.clone(), size, &noise);
    if let Some(shape) = data.image_shape() {
        batches = batches.augmented(Augmentation::new(recipe.flip, recipe.shift, shape)?);
    }
    let settings = TrainSettings {
        steps: recipe.steps,
        learning_rate: recipe.learning_rate,
        warm_up: recipe.warm_up,
        average_decay: recipe.average_decay,
        ..TrainSettings::default()
    };
    let state = TrainState::new(network, noise.derive("objective"));
    let mut trainer = Trainer::new(state, CrossEntropy { smoothing: recipe.smoothing }, settings)?;
    let next = |step| {
        let batch = batches.read(step)?;
        let labels = labels(&batch, device).ok_or("an image of the data has no label")?;
        Ok(Batch { labels: Some(labels), ..Batch::from(batch.tensor(device)) })
    };
    let finish = trainer.run(next, observer).context("the classifier could not be trained")?;
    ensure!(finish == Finish::Complete, "the classifier's training was ended");
    Ok(trainer.state().average())
}

fn labels(batch: &ebm_data::Batch, device: &Device) -> Option<Tensor<1, Int>> {
    let labels: Vec<i64> = batch.labels.as_ref()?.iter().map(|label| i64::from(*label)).collect();
    let n = labels.len();
    Some(Tensor::from_data(TensorData::new(labels, [n]), device))
}

/// The mean of −Σ q log p over a batch, where q is 1 − `smoothing` for the row's class and `smoothing` spread evenly over
/// all classes.
///
/// # Reference
/// Szegedy et al. (2016), *Rethinking the inception architecture for computer vision*, §7.
struct CrossEntropy {
    smoothing: f64,
}

impl Objective<FeatureNetwork> for CrossEntropy {
    fn loss(&self, model: &FeatureNetwork, batch: &Batch, _: Memory, _: &mut Noise) -> Outcome {
        let labels = batch.labels.clone().expect("a classifier is trained on labels");
        let log_p = activation::log_softmax(model.logits(batch.rows.clone()), 1);
        let of_class = log_p.clone().gather(1, labels.unsqueeze_dim::<2>(1)).mean();
        if self.smoothing == 0.0 {
            return of_class.neg().into();
        }
        (of_class * (self.smoothing - 1.0) - log_p.mean() * self.smoothing).into()
    }
}

/// The share of held-out images that are assigned to their class; of many some that are spread evenly over them.
fn accuracy(network: &FeatureNetwork, data: &Data, device: &Device) -> Result<f64> {
    let all_images = data.len().unwrap_or(TEST_IMAGES);
    let n = all_images.min(TEST_IMAGES);
    let (mut right, mut all) = (0, 0);
    for first in (0..n).step_by(500) {
        let places: Vec<usize> = (first..n.min(first + 500)).map(|i| i * all_images / n).collect();
        let batch = data.read(&places, None)?;
        let labels = batch.labels.clone().context("a held-out image has no label")?;
        let found = network.logits(batch.tensor(device)).argmax(1).into_data();
        right +=
            found.iter::<i64>().zip(&labels).filter(|(found, label)| *found == i64::from(**label)).count();
        all += labels.len();
    }
    Ok(right as f64 / all.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_eval::{FeatureLayer, FeatureNetworkConfig, PixelRange};

    #[test]
    fn smoothed_labels_are_of_all_classes() {
        let config = FeatureNetworkConfig {
            name: "logits".into(),
            input: [1, 1, 3],
            range: PixelRange::default(),
            features: 1,
            classes: ["a", "b", "c"].map(String::from).to_vec(),
            accuracy: None,
            layers: vec![FeatureLayer::Flatten],
        };
        let device = Device::flex();
        let network = FeatureNetwork::new(config, &Init::new(Noise::seeded(0), &device)).unwrap();
        let rows = Tensor::<2>::from_floats([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]], &device);
        let labels = Some(Tensor::from_ints([0, 2], &device));
        let loss = |smoothing| {
            let batch = Batch { labels: labels.clone(), ..Batch::from(rows.clone()) };
            let outcome =
                CrossEntropy { smoothing }.loss(&network, &batch, Memory::new(), &mut Noise::seeded(0));
            f64::from(outcome.loss.into_scalar::<f32>())
        };
        // log Z of a row less the logit of its class, 1 and 0; over all classes the logits have the mean 0
        let log_z = (1f64.exp() + 1.0 + (-1f64).exp()).ln() + 3f64.ln();
        for (smoothing, logit) in [(0.0, 1.0), (0.3, 0.7)] {
            let (found, expected) = (loss(smoothing), 0.5 * (log_z - logit));
            assert!((found - expected).abs() < 1e-6, "{smoothing}: {found} against {expected}");
        }
    }

    #[test]
    fn data_without_labels_are_refused() {
        let refused = |name: &str, path: Option<PathBuf>, part: &str| {
            let spec = DataSpec::new(name.parse().unwrap(), path);
            let folder = tempfile::tempdir().unwrap();
            let found = classifier(
                &spec,
                &Noise::seeded(0),
                folder.path(),
                &Device::flex(),
                &|_| panic!("trained"),
                &|_| Box::new(()),
            );
            let error = format!("{:#}", found.err().unwrap());
            assert!(error.contains(part), "{error}");
        };
        refused("two-moons", None, "a classifier needs images with labels, two-moons has points");
        let folder = tempfile::tempdir().unwrap();
        for i in 0..3u8 {
            let picture = image::GrayImage::from_pixel(4, 4, image::Luma([i]));
            picture.save(folder.path().join(format!("{i}.png"))).unwrap();
        }
        refused("folder", Some(folder.path().into()), "two or more classes, the data have");
    }
}
