//! A convolutional classifier of labelled pictures, trained once.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use ebm_data::{Batches, Data, DataSpec, Split};
use ebm_eval::{FeatureLayer, FeatureNetwork, FeatureNetworkConfig, PixelRange};
use ebm_model::Init;
use ebm_ops::Noise;
use ebm_train::{Batch, Memory, Objective, Outcome, TrainSettings, TrainState, Trainer};
use sha2::{Digest, Sha256};

use super::{read, save};
use crate::digest;
use crate::usage::usage;

/// Seed of the weights and batches. A constant, so that runs on the same data are judged by the same classifier.
const SEED: u64 = 0;

/// Changes with anything that changes the weights of a classifier.
const VERSION: u32 = 1;

/// Images in a batch.
const BATCH: usize = 128;

/// Steps of training.
const STEPS: u64 = 900;

/// Most held-out images on which the accuracy is measured.
const TEST_IMAGES: usize = 5000;

/// Height and width up to which the first convolution keeps the resolution.
const FULL_RESOLUTION: usize = 32;

/// Height and width before the dense layers.
const COARSE: usize = 7;

/// Features.
const FEATURES: usize = 64;

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

/// The classifier of the data that `spec` names, from `folder` if it was trained before; otherwise it is trained, which
/// takes about a minute, and kept there. `notice` is told before training, and after it how accurate it is.
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
    let config = config([shape.channels, shape.height, shape.width], classes);
    let name = format!("classifier-{}.safetensors", &identity(&data, &config)?[..12]);
    let path = folder.join(name);
    if path.is_file() {
        let network = read(&path, device)?;
        return Ok(CachedClassifier { network, path, unwritten: None });
    }
    notice(&format!("training a classifier of {} classes, once, for {STEPS} steps", config.classes.len()));
    let network = train(&data, config, device)?;
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

/// Convolutions down to 7×7 pixels or fewer, then 64 features.
fn config(input: [usize; 3], classes: Vec<String>) -> FeatureNetworkConfig {
    let mut side = input[1].max(input[2]);
    let mut layers = Vec::new();
    let mut outputs = 16;
    if side <= FULL_RESOLUTION {
        layers.extend([FeatureLayer::Conv { outputs, size: 3, stride: 1 }, FeatureLayer::Silu]);
        outputs *= 2;
    }
    while COARSE < side {
        layers.extend([FeatureLayer::Conv { outputs, size: 3, stride: 2 }, FeatureLayer::Silu]);
        outputs = (2 * outputs).min(64);
        side = side.div_ceil(2);
    }
    layers.extend([FeatureLayer::Flatten, FeatureLayer::Dense { outputs: FEATURES }, FeatureLayer::Silu]);
    let features = layers.len();
    layers.push(FeatureLayer::Dense { outputs: classes.len() });
    let (name, range) = ("classifier".into(), PixelRange::default());
    FeatureNetworkConfig { name, input, range, features, classes, accuracy: None, layers }
}

/// SHA-256 of what determines the weights: the network, and how many images there are and how they begin.
fn identity(data: &Data, config: &FeatureNetworkConfig) -> Result<String> {
    let n = data.len().unwrap_or(usize::MAX);
    let first = data.read(&(0..n.min(IDENTIFYING)).collect::<Vec<_>>(), None)?;
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {SEED} {BATCH} {STEPS} {n} {}", serde_json::to_string(config)?));
    digest::add(&mut hash, &first);
    Ok(digest::hex(hash))
}

fn train(data: &Arc<Data>, config: FeatureNetworkConfig, device: &Device) -> Result<FeatureNetwork> {
    let noise = Noise::seeded(SEED).derive("classifier");
    let network = FeatureNetwork::new(config, &Init::new(noise.derive("init"), device))?;
    let size = NonZeroUsize::new(BATCH).expect("a batch is not empty");
    let mut batches = Batches::new(data.clone(), size, &noise);
    let settings = TrainSettings {
        steps: STEPS,
        learning_rate: 3e-3,
        warm_up: 50,
        average_decay: 0.98,
        ..TrainSettings::default()
    };
    let state = TrainState::new(network, noise.derive("objective"));
    let mut trainer = Trainer::new(state, CrossEntropy, settings)?;
    let next = |step| {
        let batch = batches.read(step)?;
        let labels = labels(&batch, device).ok_or("an image of the data has no label")?;
        Ok(Batch { rows: batch.tensor(device), labels: Some(labels) })
    };
    trainer.run(next, &mut ()).context("the classifier could not be trained")?;
    Ok(trainer.state().average())
}

fn labels(batch: &ebm_data::Batch, device: &Device) -> Option<Tensor<1, Int>> {
    let labels: Vec<i64> = batch.labels.as_ref()?.iter().map(|label| i64::from(*label)).collect();
    let n = labels.len();
    Some(Tensor::from_data(TensorData::new(labels, [n]), device))
}

/// The mean of −log p(class) over a batch.
struct CrossEntropy;

impl Objective<FeatureNetwork> for CrossEntropy {
    fn loss(&self, model: &FeatureNetwork, batch: &Batch, _: Memory, _: &mut Noise) -> Outcome {
        let labels = batch.labels.clone().expect("a classifier is trained on labels");
        let log_p = activation::log_softmax(model.logits(batch.rows.clone()), 1);
        log_p.gather(1, labels.unsqueeze_dim::<2>(1)).mean().neg().into()
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

    #[test]
    fn pictures_of_any_size_have_a_classifier() {
        for input in [[1, 28, 28], [3, 32, 32], [1, 13, 15], [3, 128, 96], [1, 2, 2], [1, 1, 1]] {
            let config = config(input, vec!["a".into(), "b".into()]);
            config.validate().unwrap();
            assert_eq!(config.layers[config.features - 1], FeatureLayer::Silu);
        }
    }

    #[test]
    fn data_without_labels_are_refused() {
        let refused = |name: &str, path: Option<PathBuf>, part: &str| {
            let spec = DataSpec::new(name.parse().unwrap(), path);
            let folder = tempfile::tempdir().unwrap();
            let found =
                classifier(&spec, &Noise::seeded(0), folder.path(), &Device::flex(), &|_| panic!("trained"));
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
