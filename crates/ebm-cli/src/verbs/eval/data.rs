//! What an evaluation compares with what.

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::{Device, Tensor};
use ebm_data::{Data, DataSpec, Split, Transform, dequantize, to_pixel};
use ebm_eval::halves;
use ebm_model::NetworkConfig;
use ebm_ops::Noise;
use ebm_run::card::{Content, ModelCard};
use ebm_run::rows::{Rows, none_held_out};

use super::arguments::Eval;
use super::judgement::Judgement;
use crate::terminal::columns::counted;
use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::verbs::reading::{config_of, described, is_own, own, with_hint};

/// Most training rows, and most held-out rows, among which the nearest of a sample is looked for, and the most numbers
/// in them.
const NEAREST: (usize, usize) = (5000, 6_000_000);

/// Fewest rows of the data: two to compare the samples with, and two of the data to compare with them.
const FEWEST: usize = 4;

/// The rows that samples are compared with, in the units of the model, whole and in two halves.
pub struct Halves {
    /// All of them, `[rows, dim]`.
    pub all: Tensor<2>,
    /// Their numbers in their file.
    pub numbers: Vec<usize>,
    /// Whether they are those that the model was trained on.
    pub is_training: bool,
    /// One half: data to compare with data, as many rows as there are to be samples.
    pub fresh: Tensor<2>,
    /// The other half, with which samples and fresh rows are compared.
    pub reference: Tensor<2>,
}

impl Halves {
    /// Reads and divides them. Fewer rows than were asked for are noted: there are then as many samples as fresh rows.
    ///
    /// # Errors
    /// Rows that cannot be read, or too few of them.
    pub fn read(
        request: &Eval,
        card: &ModelCard,
        noise: &Noise,
        device: &Device,
        judgement: &mut Judgement,
    ) -> Result<Self> {
        let Compared { rows, is_training } = compared(request, card, noise)?;
        say(rows.about());
        let all = rows.tensor(device);
        let numbers = (0..rows.n_rows()).map(|row| rows.number(row)).collect();
        // With more samples there would not be more rows.
        let n_all = rows.n_all().map(|n_all| n_all / 2 * 2).filter(|&n_all| n_all / 2 <= request.n);
        judgement.exhausted = n_all.map(|n_all| counted(n_all, card.content.item()));
        let rows = all.dims()[0];
        let of_data = counted(rows, card.content.item());
        ensure!(
            FEWEST <= rows,
            usage(anyhow!(
                "{of_data} to compare samples with, expected at least {FEWEST}; --data PATH names other data"
            ))
        );
        let divided = all.clone().narrow(0, 0, rows.min(2 * request.n));
        let [fresh, reference] = halves(divided, &mut noise.derive("halves"));
        let n = request.n.min(fresh.dims()[0]);
        if n < request.n {
            judgement
                .note(format!("{n} samples and not {}: there are {of_data} to compare them with", request.n));
        }
        Ok(Self { all, numbers, is_training, fresh: fresh.narrow(0, 0, n), reference })
    }
}

/// The rows that samples are compared with, as they were read.
struct Compared {
    rows: Rows,
    /// Whether they are those that the model was trained on.
    is_training: bool,
}

/// The run's data that were held out, or those that were named: 2n rows or the points of the likelihood, or all there
/// are.
fn compared(request: &Eval, card: &ModelCard, noise: &Noise) -> Result<Compared> {
    let (content, dim) = (&card.content, card.architecture.dim());
    let most = (2 * request.n).max(request.likelihood);
    let config = config_of(&request.run)?;
    let Some(path) = &request.data else {
        let Some(config) = config else {
            bail!(usage(anyhow!("a model file does not say what it was trained on; --data PATH names data")))
        };
        let (spec, noise) = own(&config);
        let spec = DataSpec { split: Split::Test, ..request.reading.applied(spec) };
        let rows = Rows::drawn(&spec, &noise, content, dim, most, &order());
        let rows = rows.map_err(|error| with_hint(error, "--data PATH names other data"))?;
        return Ok(Compared { rows, is_training: false });
    };
    let is_own = config.as_ref().is_some_and(|run| is_own(run, path));
    let (spec, noise) = described(path, config.as_ref(), noise)?;
    let spec = request.reading.applied(spec);
    let open = |split| Rows::drawn(&DataSpec { split, ..spec.clone() }, &noise, content, dim, most, &order());
    // Data without parts are what the samples are compared with, all of them.
    match open(Split::Test) {
        Err(error) if none_held_out(&error) => {
            Ok(Compared { rows: open(Split::Train)?, is_training: is_own })
        }
        rows => Ok(Compared { rows: rows?, is_training: false }),
    }
}

/// At most 5,000 rows that a run was trained on; none for a model file, and none of endless data, of which nothing can
/// be memorised.
pub fn training(request: &Eval, card: &ModelCard) -> Result<Option<Rows>> {
    let Some(config) = config_of(&request.run)? else { return Ok(None) };
    let (spec, noise) = own(&config);
    let spec = DataSpec { split: Split::Train, ..request.reading.applied(spec) };
    if Data::open(&spec, &noise)?.len().is_none() {
        return Ok(None);
    }
    let dim = card.architecture.dim();
    Ok(Some(Rows::drawn(&spec, &noise, &card.content, dim, most_nearest(dim), &order())?))
}

/// By what rows are shuffled, the same for every evaluation.
fn order() -> Noise {
    Noise::seeded(0).derive("compared")
}

/// Rows among which the nearest of a sample is looked for.
fn most_nearest(dim: usize) -> usize {
    let (rows, numbers) = NEAREST;
    (numbers / dim).clamp(100, rows)
}

/// As many held-out rows as training rows, or all there are.
pub fn as_many(held_out: &Tensor<2>, training: &Tensor<2>) -> Tensor<2> {
    let n = held_out.dims()[0].min(training.dims()[0]);
    held_out.clone().narrow(0, 0, n)
}

/// The unit in which distances are, in words.
pub fn units(content: &Content) -> &'static str {
    match content {
        Content::Image { .. } => "pixels from -1 to 1",
        Content::Row { transform: None, .. } => "units of the data",
        Content::Row { transform: Some(units), .. } if units.is_identity() => "units of the data",
        Content::Row { transform: Some(Transform::Standardize(_)), .. } => "standardised units",
        Content::Row { transform: Some(Transform::Quantile(_)), .. } => "normal scores of the columns",
    }
}

/// Samples as a file holds them: pictures have 256 grey values, as the data have.
pub fn as_written(content: &Content, sample: Tensor<2>) -> Tensor<2> {
    match content {
        Content::Row { .. } => sample,
        Content::Image { .. } => {
            let (shape, device) = (sample.dims(), sample.device());
            let byte = |y: f32| dequantize((to_pixel(y) * 255.0).round() as u8, 0.5);
            let values: Vec<f32> = sample.into_data().iter::<f32>().map(byte).collect();
            Tensor::from_data(burn::tensor::TensorData::new(values, shape), &device)
        }
    }
}

/// Sample, fresh draw and reference without the columns of a table that are constant in training and held-out data,
/// which samples have exactly when they are brought back to the table's units.
pub fn without_constants(
    parts: [&Tensor<2>; 3],
    content: &Content,
    judgement: &mut Judgement,
) -> [Tensor<2>; 3] {
    let whole = parts.map(Clone::clone);
    let Content::Row { transform: Some(_), .. } = content else { return whole };
    let dim = whole[0].dims()[1];
    let data = Tensor::cat(vec![whole[1].clone(), whole[2].clone()], 0);
    // In units of training, what is constant there is 0.
    let largest: Vec<f64> = data.abs().max_dim(0).into_data().iter::<f64>().collect();
    let kept: Vec<i64> = (0..dim).filter(|&k| largest[k] != 0.0).map(|k| k as i64).collect();
    if kept.is_empty() || kept.len() == dim {
        return whole;
    }
    let left_out: Vec<String> =
        (0..dim).filter(|&k| largest[k] == 0.0).map(|k| (k + 1).to_string()).collect();
    judgement.note(format!("constant columns are left out of the distances: {}", left_out.join(", ")));
    whole.map(|x| {
        let device = x.device();
        x.select(1, Tensor::from_data(kept.as_slice(), &device))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_are_constant_in_the_data_are_left_out_and_said() {
        let tensor = |rows: [[f32; 3]; 2]| Tensor::<2>::from_floats(rows, &Device::flex());
        let data = tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]]);
        let sample = tensor([[1.0, 0.1, 2.0], [3.0, -0.2, 4.0]]);
        let content = Content::Row { transform: Some(Transform::identity(3)), columns: Vec::new() };
        let mut judgement = Judgement::default();
        let [sample, fresh, _] = without_constants([&sample, &data, &data], &content, &mut judgement);
        assert_eq!(sample.into_data().iter::<f32>().collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(fresh.dims(), [2, 2]);
        assert_eq!(judgement.notes, ["constant columns are left out of the distances: 2"]);
    }

    #[test]
    fn pictures_are_compared_with_the_grey_values_of_a_file() {
        let content = Content::Image { channels: 1, height: 1, width: 3 };
        let sample = Tensor::<2>::from_floats([[-1.2, 0.001, 1.5]], &Device::flex());
        let found: Vec<f32> = as_written(&content, sample).into_data().iter::<f32>().collect();
        assert_eq!(found, [dequantize(0, 0.5), dequantize(128, 0.5), dequantize(255, 0.5)]);
    }
}
