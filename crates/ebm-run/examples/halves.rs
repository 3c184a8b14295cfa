//! How well the right half of a digit is filled in, by what a classifier reads.
//!
//! `cargo run --release --example halves RUN MNIST [DIGITS [ANSWERS [METHOD]]]` takes the right half of held-out
//! digits away and draws answers by a network of digits. Printed are the share of answers that are read as the digit,
//! the same of the whole digits and of the left halves alone, and whether every known pixel is what it was.
#![allow(clippy::print_stdout, reason = "a program")]

use std::path::Path;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use ebm_data::{Data, DataSpec, Split, to_pixel};
use ebm_eval::FeatureNetwork;
use ebm_ops::Noise;
use ebm_run::model::model;
use ebm_run::recognition::{classifier, folder_of};
use ebm_run::restoring::{Degradation, Method, Restorer, known};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, digits, more @ ..] = &arguments[..] else { return Err("expected RUN and MNIST".into()) };
    let number = |i: usize, usual: usize| more.get(i).map_or(Ok(usual), |text| text.parse());
    let (n_digits, n) = (number(0, 100)?, number(1, 16)?);
    let (device, run) = (Device::flex(), Path::new(run));
    let (card, network) = model(run, None, &device, &|line| println!("{line}"))?;
    let spec = DataSpec::detect(Path::new(digits))?;
    let noise = Noise::seeded(0);
    let say = |line: &str| println!("{line}");
    let judge = classifier(&spec, &noise, &folder_of(run), &device, &say, &|_| Box::new(()))?.network;
    let data = Data::open(&DataSpec { split: Split::Test, ..spec }, &noise)?;
    let batch = data.read(&(0..n_digits).collect::<Vec<_>>(), None)?;
    let labels = batch.labels.clone().ok_or("digits without labels")?;

    let shape = [1, 28, 28];
    let mask = known("right", [28, 28], &noise)?;
    let degradation = Degradation::inpaint(shape, &mask)?;
    let method = match more.get(2).map(String::as_str) {
        None | Some("pseudoinverse") => Method::Pseudoinverse { deviation: 0.5 },
        Some("posterior-sampling") => Method::PosteriorSampling { strength: 1.0 },
        Some("replacement") => Method::Replacement { resampling: 10 },
        Some("metropolis") => Method::Metropolis,
        Some(other) => return Err(format!("{other}: no such method").into()),
    };
    let restorer = Restorer::new(&network, &degradation, 0.0, method, None, &card.sample)?;
    let began = Instant::now();
    let (mut right, mut n_different, mut kept, mut spread) = (0, 0, true, 0.0);
    for (i, picture) in batch.values.chunks_exact(784).enumerate() {
        let measured = degradation.measured(picture);
        let answers = restorer.answers(&measured, n, &noise.child(i as u64), &device, |_| {})?.pixels;
        for answer in answers.chunks_exact(784) {
            let byte = |value: f32| (value * 255.0).round() as u8;
            let same = |((pixel, &whole), known): ((&f32, &f32), &bool)| {
                !*known || byte(*pixel) == byte(to_pixel(whole))
            };
            kept &= answer.iter().zip(picture).zip(&mask).all(same);
        }
        let centred: Vec<f32> = answers.iter().map(|pixel| 2.0 * pixel - 1.0).collect();
        let read = classes(&judge, &centred, &device);
        right += read.iter().filter(|&&class| class == i64::from(labels[i])).count();
        n_different += usize::from(read.iter().any(|class| *class != read[0]));
        spread += mean_deviation(&answers, &mask);
    }
    let of = |count: usize, all: usize| 100.0 * count as f64 / all as f64;
    let alone = |values: &[f32]| {
        let read = classes(&judge, values, &device);
        of(read.iter().zip(&labels).filter(|(class, label)| **class == i64::from(**label)).count(), n_digits)
    };
    let black = |values: &[f32]| -> Vec<f32> {
        values
            .iter()
            .zip(mask.iter().cycle())
            .map(|(&value, known)| if *known { value } else { -1.0 })
            .collect()
    };
    println!("{n_digits} digits, {n} answers each, {:.0} s", began.elapsed().as_secs_f64());
    println!("read as the digit: {:.1} % of the answers", of(right, n_digits * n));
    println!(
        "{:.1} % of the whole digits, {:.1} % of left halves on black",
        alone(&batch.values),
        alone(&black(&batch.values))
    );
    println!("answers of {n_different} digits are read as more than one digit");
    println!("deviation of a missing pixel over the answers: {:.3} of white", spread / n_digits as f64);
    println!("known pixels {}", if kept { "are what they were, all of them" } else { "were CHANGED" });
    Ok(())
}

/// What the classifier reads in pictures in [−1, 1].
fn classes(judge: &FeatureNetwork, values: &[f32], device: &Device) -> Vec<i64> {
    let shape = [values.len() / 784, 784];
    let x = Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), device);
    judge.logits(x).argmax(1).into_data().iter::<i64>().collect()
}

/// The mean over missing pixels of the standard deviation of the answers.
fn mean_deviation(answers: &[f32], mask: &[bool]) -> f64 {
    let missing: Vec<usize> = (0..784).filter(|&pixel| !mask[pixel]).collect();
    let deviation = |&pixel: &usize| {
        let values: Vec<f64> = answers[pixel..].iter().step_by(784).map(|&v| f64::from(v)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    };
    missing.iter().map(deviation).sum::<f64>() / missing.len() as f64
}
