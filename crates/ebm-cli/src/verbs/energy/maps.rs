//! The folder of maps: what each pixel or column adds to −log p.

use std::path::Path;

use anyhow::{Error, Result};
use burn::tensor::{Device, Tensor, TensorData};
use ebm_files::FileError;
use ebm_report::{ColourScale, Picture, Samples, Sheet, parameter};
use ebm_run::bounds;
use ebm_run::card::Content;
use ebm_run::maps::{Mapping, odd_columns};
use ebm_run::rows::Rows;
use serde_json::json;

use crate::terminal::work::Work;

/// The file that says what is in the folder, by which it is known.
const REPORT: &str = "maps.json";

/// Most rows with pictures and maps of each level, and most of them on the sheet.
const SHOWN: usize = 100;
const ON_SHEET: usize = 24;

/// Pairs of picture and map beside each other on the sheet.
const PAIRS: usize = 3;

/// Whether a folder is one of maps.
pub fn is_ours(folder: &Path) -> bool {
    folder.join(REPORT).is_file()
}

/// Why a trial of a folder ended.
enum Trial {
    Writable,
    Failed(FileError),
}

impl From<FileError> for Trial {
    fn from(error: FileError) -> Self {
        Self::Failed(error)
    }
}

/// Whether the folder could be written now; nothing is, but the folders that it is in are made.
///
/// # Errors
/// If the disk refuses, or if the folder has other files in it.
pub fn check_writable(folder: &Path) -> Result<()> {
    match ebm_files::write_folder(folder, is_ours, |_| Err(Trial::Writable)) {
        Err(Trial::Failed(error)) => Err(error.into()),
        Ok(()) | Err(Trial::Writable) => Ok(()),
    }
}

/// What is written about maps besides them.
pub struct Summary {
    /// The mean over the rows of what a map sums to, in nats.
    pub mean: f64,
    /// The row with the largest sum, by its number in its file.
    pub oddest: usize,
}

/// Makes the maps of `rows` and writes them, complete or not at all; `sigma` is the level of an energy's own map.
///
/// # Errors
/// A score that is not finite, maps that no memory holds, or a disk that refuses.
pub fn write(
    folder: &Path,
    mapping: &Mapping<'_>,
    rows: &Rows,
    content: &Content,
    sigma: f64,
    device: &Device,
) -> Result<Summary> {
    let n = rows.n_rows();
    let dim = rows.row(0).len();
    bounds::samples("--maps", &[2, n, dim])?;
    bounds::samples("--levels", &[mapping.levels().len().max(1), n.min(SHOWN), dim])?;
    let work = Work::new("mapping", n, 0);
    let totals = mapping.totals(rows, device, |made| work.add(made))?;
    work.finish();
    let sums: Vec<f64> =
        totals.chunks_exact(dim).map(|map| map.iter().map(|&value| f64::from(value)).sum()).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a]));
    let shown = &order[..n.min(SHOWN)];
    let values: Vec<f32> = shown.iter().flat_map(|&row| rows.row(row)).copied().collect();
    let x = Tensor::from_data(TensorData::new(values, [shown.len(), dim]), device);
    let maps = Maps {
        rows,
        content,
        signed: mapping.levels().is_empty(),
        by_level: mapping.by_level(x.clone())?,
        levels: mapping.levels(),
        above_denoised: mapping.above_denoised(x, sigma)?,
        sigma,
        totals,
        sums,
        order,
    };
    ebm_files::write_folder(folder, is_ours, |folder| maps.fill(folder))?;
    let mean = maps.sums.iter().sum::<f64>() / n as f64;
    Ok(Summary { mean, oddest: rows.number(maps.order[0]) })
}

/// All that is written.
struct Maps<'a> {
    rows: &'a Rows,
    content: &'a Content,
    /// Whether numbers may be negative.
    signed: bool,
    /// Of the rows that are shown, in their order.
    by_level: Vec<f32>,
    levels: &'a [f64],
    above_denoised: Vec<f32>,
    sigma: f64,
    /// Of all rows, as they were read.
    totals: Vec<f32>,
    sums: Vec<f64>,
    /// The rows, the largest sum first.
    order: Vec<usize>,
}

impl Maps<'_> {
    fn dim(&self) -> usize {
        self.totals.len() / self.sums.len()
    }

    fn shown(&self) -> &[usize] {
        &self.order[..self.order.len().min(SHOWN)]
    }

    fn fill(&self, folder: &Path) -> Result<(), Error> {
        let (n, n_shown) = (self.sums.len(), self.shown().len());
        self.array(&folder.join("maps.npy"), &self.totals, [n, 1])?;
        if !self.by_level.is_empty() {
            self.array(&folder.join("levels.npy"), &self.by_level, [n_shown, self.levels.len()])?;
        }
        if !self.above_denoised.is_empty() {
            self.array(&folder.join("energy.npy"), &self.above_denoised, [n_shown, 1])?;
        }
        match self.content {
            &Content::Image { channels, height, width } if matches!(channels, 1 | 3) => {
                self.pictures(folder, [channels, height, width])?;
            }
            Content::Image { .. } => {}
            Content::Row { columns, .. } => {
                ebm_files::write(&folder.join("columns.csv"), |out| self.columns(out, columns))?;
            }
        }
        let report = json!({
            "rows": n,
            "unit": "nats",
            "map": if self.signed {
                "contributions to E(x) - E(0) on the line from 0, in units of the model"
            } else {
                "integral of sigma^2 s(x, sigma)^2 over ln sigma"
            },
            "levels": self.levels,
            "shown": self.shown().iter().map(|&row| self.rows.number(row)).collect::<Vec<_>>(),
            "sigma_of_energy": (!self.above_denoised.is_empty()).then_some(self.sigma),
        });
        Ok(ebm_files::write_bytes(&folder.join(REPORT), format!("{report:#}\n").as_bytes())?)
    }

    /// An array of `n` times `each` maps, of pictures `[n, height, width]` with channels summed and `[n, each, height,
    /// width]` with several, of tables `[n, dim]` and `[n, each · dim]`.
    fn array(&self, path: &Path, values: &[f32], [n, each]: [usize; 2]) -> Result<(), Error> {
        let samples = match *self.content {
            Content::Image { channels, height, width } => {
                let planes = over_channels(values, channels, height * width);
                Samples::images(planes, [n, each, height, width])?
            }
            Content::Row { .. } => Samples::table(values.to_vec(), [n, each * self.dim()])?,
        };
        Ok(ebm_report::write(path, &samples)?)
    }

    /// The sheet, and a picture with its map for each row that is shown.
    fn pictures(&self, folder: &Path, shape @ [channels, height, width]: [usize; 3]) -> Result<(), Error> {
        let dim = self.dim();
        let map = |row: usize| over_channels(&self.totals[row * dim..][..dim], channels, height * width);
        let most =
            self.shown().iter().flat_map(|&row| map(row)).fold(0.0, |most: f32, value| most.max(value.abs()));
        let scale = match self.signed {
            true => ColourScale::around_zero(most, "nats a pixel"),
            false => ColourScale::up_to(most, "nats a pixel"),
        };
        let pair = |sheet: &mut Sheet, row: usize| -> Result<(), Error> {
            let pixels = self.content.samples(self.rows.row(row).to_vec(), 1)?;
            sheet.push(Picture::of_image(pixels.values(), shape), self.name(row));
            sheet.push(scale.picture(&map(row), [height, width]), format!("{:.1} nats", self.sums[row]));
            Ok(())
        };
        let headings = ["picture", "map"];
        let n_pairs = PAIRS.min(self.shown().len());
        let mut sheet = Sheet::of(headings.repeat(n_pairs)).with_scale(scale.clone());
        for &row in self.shown().iter().take(ON_SHEET) {
            pair(&mut sheet, row)?;
        }
        ebm_files::write_bytes(&folder.join("sheet.png"), &sheet.draw()?.png()?)?;
        for &row in self.shown() {
            let mut sheet = Sheet::of(headings).with_scale(scale.clone());
            pair(&mut sheet, row)?;
            let file = folder.join("pictures").join(format!("{:05}.png", self.rows.number(row)));
            ebm_files::write_bytes(&file, &sheet.draw()?.png()?)?;
        }
        Ok(())
    }

    /// The stem of the file of a row, or its number.
    fn name(&self, row: usize) -> String {
        let stem =
            self.rows.file(row).and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
        stem.unwrap_or_else(|| format!("row {}", self.rows.number(row)))
    }

    /// One line a row, the largest sum first: its number, the sum, the columns that make it odd, and what each adds.
    fn columns(&self, out: &mut dyn std::io::Write, names: &[String]) -> Result<(), Error> {
        let dim = self.dim();
        let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| parameter(i));
        let mut csv = csv::Writer::from_writer(out);
        let heads = ["row", "sum", "odd"].map(String::from).into_iter();
        csv.write_record(heads.chain((0..dim).map(name)))?;
        for &row in &self.order {
            let map = &self.totals[row * dim..][..dim];
            let odd = odd_columns(map).into_iter().map(name).collect::<Vec<_>>().join("; ");
            let begin = [self.rows.number(row).to_string(), self.sums[row].to_string(), odd].into_iter();
            csv.write_record(begin.chain(map.iter().map(f32::to_string)))?;
        }
        Ok(csv.flush()?)
    }
}

/// Maps `[n, channels, pixels]` summed over their channels.
fn over_channels(values: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    let sums = |map: &[f32]| (0..pixels).map(|i| map[i..].iter().step_by(pixels).sum()).collect::<Vec<f32>>();
    values.chunks_exact(channels * pixels).flat_map(sums).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_summed_pixel_by_pixel() {
        let values = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(over_channels(&values, 3, 2), [111.0, 222.0, 0.5, 0.25]);
        assert_eq!(over_channels(&values[..2], 1, 2), [1.0, 2.0]);
    }
}
