//! The published datasets, if the environment variable `EBM_DATA` names a folder with `mnist/` and `cifar10/`.
//!
//! A dataset that is missing is skipped, with a message.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::disallowed_methods, reason = "the only way to give a test the path of the data")]

use std::path::PathBuf;

use ebm_data::{Data, DataSpec, DatasetName, ImageShape, Split};
use ebm_ops::Noise;

fn folder(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("EBM_DATA").map(|root| PathBuf::from(root).join(name));
    let found = folder.filter(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("skipped: EBM_DATA names no folder with {name}/");
    }
    found
}

fn open(spec: &DataSpec) -> Data {
    Data::open(spec, &Noise::seeded(0)).unwrap()
}

#[test]
fn mnist_is_as_its_authors_describe_it() {
    let Some(folder) = folder("mnist") else { return };
    let mut spec = DataSpec::detect(&folder).unwrap();
    assert_eq!(spec.dataset, DatasetName::Mnist);
    let train = open(&spec);
    assert_eq!((train.len(), train.dim()), (Some(60_000), 784));
    let first = train.read(&[0, 1, 2, 3, 4], None).unwrap();
    assert_eq!(first.labels.unwrap(), [5, 0, 4, 1, 9]);
    let all: Vec<usize> = (0..60_000).collect();
    let batch = train.read(&all, None).unwrap();
    // The published mean of the training pixels is 0.1307 of white, in bytes/255.
    let mean = batch.values.iter().map(|&y| f64::from(y)).sum::<f64>() / batch.values.len() as f64;
    let bytes = ((mean + 1.0) / 2.0 * 256.0 - 0.5) * 256.0 / 255.0;
    assert!((bytes / 255.0 - 0.1307).abs() < 5e-5, "{}", bytes / 255.0);
    let ones = batch.labels.unwrap().iter().filter(|&&label| label == 1).count();
    assert_eq!(ones, 6742);
    spec.split = Split::Test;
    assert_eq!(open(&spec).len(), Some(10_000));
}

#[test]
fn cifar10_has_fifty_and_ten_thousand_images_of_ten_classes() {
    let Some(folder) = folder("cifar10") else { return };
    let mut spec = DataSpec::detect(&folder).unwrap();
    for (split, n) in [(Split::Train, 50_000), (Split::Test, 10_000)] {
        spec.split = split;
        let data = open(&spec);
        assert_eq!(data.len(), Some(n));
        assert_eq!(data.image_shape(), Some(ImageShape { channels: 3, height: 32, width: 32 }));
        assert_eq!(data.classes()[..3], ["airplane", "automobile", "bird"]);
        let labels = data.read(&(0..n).collect::<Vec<_>>(), None).unwrap().labels.unwrap();
        assert_eq!(labels.iter().filter(|&&label| label == 3).count(), n / 10);
    }
}
