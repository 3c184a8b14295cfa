//! The folder of restored pictures.

use std::path::Path;

use anyhow::{Error, Result};
use ebm_report::{Grid, Picture, Samples};
use serde_json::Value;

/// The file that says what is in the folder, by which it is known.
const REPORT: &str = "restored.json";

/// The folder of the folders of pictures.
const PICTURES: &str = "pictures";

/// Most pictures on the sheet, and most answers of each.
const ON_SHEET: usize = 24;

/// A picture with its answers, all in [0, 1].
pub struct Restored {
    name: String,
    given: Vec<f32>,
    whole: Option<Vec<f32>>,
    answers: Vec<f32>,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Restored {
    /// `given` is the picture as it was measured, `whole` as it was before, `answers` are one after the other.
    pub fn new(name: String, given: Vec<f32>, whole: Option<Vec<f32>>, answers: Vec<f32>) -> Self {
        let (dim, n) = (given.len(), answers.len() / given.len());
        let pixel = |i: usize| answers[i..].iter().step_by(dim).map(|&value| f64::from(value));
        let mean = |i: usize| pixel(i).sum::<f64>() / n as f64;
        let square = |i: usize| pixel(i).map(|value| (value - mean(i)).powi(2)).sum::<f64>();
        // Of one answer it is zero.
        let deviation = |i: usize| (square(i) / (n.max(2) - 1) as f64).sqrt();
        let (means, deviations) =
            ((0..dim).map(|i| mean(i) as f32).collect(), (0..dim).map(|i| deviation(i) as f32).collect());
        // The mean of equal bytes is that byte, whatever the rounding of a sum.
        let mut restored = Self { name, given, whole, mean: means, deviation: deviations, answers };
        for i in 0..dim {
            let first = restored.answers[i];
            if restored.answers[i..].iter().step_by(dim).all(|value| *value == first) {
                (restored.mean[i], restored.deviation[i]) = (first, 0.0);
            }
        }
        restored
    }

    /// The mean square error of the mean, if the whole picture is known.
    pub fn error_of_mean(&self) -> Option<f64> {
        self.whole.as_ref().map(|whole| mean_square(&self.mean, whole))
    }

    /// The mean square error of an answer, if the whole picture is known.
    pub fn error_of_answers(&self) -> Option<f64> {
        let whole = self.whole.as_ref()?;
        let n = (self.answers.len() / whole.len()) as f64;
        Some(self.answers.chunks_exact(whole.len()).map(|answer| mean_square(answer, whole)).sum::<f64>() / n)
    }
}

fn mean_square(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len() as f64
}

/// Whether a folder is one that this program wrote.
pub fn is_ours(folder: &Path) -> bool {
    folder.join(REPORT).is_file()
}

/// Writes the folder, complete or not at all; `shape` is that of a picture.
///
/// # Errors
/// If the disk refuses, or something else is at `out`.
pub fn write(out: &Path, restored: &[Restored], shape: [usize; 3], report: &Value) -> Result<()> {
    ebm_files::write_folder(out, is_ours, |folder| fill(folder, restored, shape, report))
}

fn fill(
    folder: &Path,
    restored: &[Restored],
    shape @ [channels, height, width]: [usize; 3],
    report: &Value,
) -> Result<(), Error> {
    let array = |name: &str, of: &dyn Fn(&Restored) -> &[f32]| -> Result<(), Error> {
        let values: Vec<f32> = restored.iter().flat_map(of).copied().collect();
        let n = values.len() / (channels * height * width);
        Ok(ebm_report::write(&folder.join(name), &Samples::images(values, [n, channels, height, width])?)?)
    };
    array("answers.npy", &|restored| &restored.answers)?;
    array("mean.npy", &|restored| &restored.mean)?;
    array("deviation.npy", &|restored| &restored.deviation)?;
    if matches!(channels, 1 | 3) {
        ebm_files::write_bytes(&folder.join("sheet.png"), &sheet(restored, shape)?.png()?)?;
        for restored in restored {
            pictures(&folder.join(PICTURES).join(&restored.name), restored, shape)?;
        }
    }
    Ok(ebm_files::write_bytes(&folder.join(REPORT), format!("{report:#}\n").as_bytes())?)
}

/// The pictures of one that was given, each in a file.
fn pictures(folder: &Path, restored: &Restored, shape: [usize; 3]) -> Result<(), Error> {
    std::fs::create_dir_all(folder)?;
    let picture = |name: &str, values: &[f32]| -> Result<(), Error> {
        let bytes = Picture::of_image(values, shape).png()?;
        Ok(ebm_files::write_bytes(&folder.join(format!("{name}.png")), &bytes)?)
    };
    picture("given", &restored.given)?;
    picture("mean", &restored.mean)?;
    picture("deviation", &brightened(&restored.deviation))?;
    for (i, answer) in restored.answers.chunks_exact(restored.given.len()).enumerate() {
        picture(&format!("answer-{:03}", i + 1), answer)?;
    }
    Ok(())
}

/// A row for each picture: as it was given, as it was before if that is known, mean, deviation, answers.
fn sheet(restored: &[Restored], shape: [usize; 3]) -> Result<Picture, Error> {
    let shown = &restored[..restored.len().min(ON_SHEET)];
    let mut values = Vec::new();
    let mut columns = 0;
    for restored in shown {
        let dim = restored.given.len();
        let row: Vec<&[f32]> =
            [Some(&restored.given[..]), restored.whole.as_deref(), Some(&restored.mean[..])]
                .into_iter()
                .flatten()
                .collect();
        let answers = restored.answers.chunks_exact(dim).take(ON_SHEET);
        columns = row.len() + 1 + answers.len();
        values.extend(row.into_iter().flatten().copied());
        values.extend(brightened(&restored.deviation));
        values.extend(answers.flatten().copied());
    }
    Ok(Grid::in_columns(columns * shown.len(), columns, shape)?.draw(&values)?)
}

/// Deviations as pixels: one half, the most that pixels have, is white.
fn brightened(deviation: &[f32]) -> Vec<f32> {
    deviation.iter().map(|value| 2.0 * value).collect()
}
