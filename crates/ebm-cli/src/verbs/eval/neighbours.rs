//! The training row and the held-out row that are nearest to each sample.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result, anyhow, bail, ensure};
use burn::tensor::{Device, Tensor};
use ebm_data::{Data, DataSpec, Split};
use ebm_eval::{Neighbour, Neighbours};
use ebm_model::NetworkConfig;
use ebm_report::{Picture, Sheet, parameter};
use ebm_run::card::{Content, ModelCard};
use ebm_run::neighbours::{among, nearest};
use ebm_run::rows;
use ebm_run::sampling::host;
use serde::Serialize;

use super::arguments::Eval;
use crate::terminal::columns::number;
use crate::terminal::usage::usage;
use crate::verbs::out_folder;
use crate::verbs::reading::{config_of, own, with_hint};

/// The files of a folder; by the table it is known.
const PICTURE: &str = "neighbours.png";
const TABLE: &str = "neighbours.csv";

/// Pictures that are looked at; of tables it is all samples.
const PICTURES: usize = 24;

/// Samples beside each other on the sheet.
const ACROSS: usize = 2;

/// What was asked for: neighbours, and where they go.
pub struct Asked<'a> {
    out: Out<'a>,
    training: Data,
    content: &'a Content,
}

enum Out<'a> {
    Picture(&'a Path),
    Table(&'a Path),
    Folder(&'a Path),
}

/// A sample with its nearest rows, by their numbers in their files.
#[derive(Debug, Serialize)]
pub struct Nearest {
    /// The number of the sample.
    pub sample: usize,
    /// The nearest training row.
    pub training_row: usize,
    /// Its distance.
    pub training_distance: f64,
    /// Rows among which it is the nearest.
    pub training_rows: usize,
    /// The distance of the nearest among as many training rows as there are held-out rows, if there are any: of more rows
    /// the nearest is nearer.
    pub training_distance_of_as_many: Option<f64>,
    /// The nearest held-out row, if there are any.
    pub held_out_row: Option<usize>,
    /// Its distance.
    pub held_out_distance: Option<f64>,
    /// Rows among which it is the nearest.
    pub held_out_rows: Option<usize>,
}

impl Nearest {
    /// In words; `item` is what a row is called.
    pub fn line(&self, item: &str) -> String {
        let Self { sample, training_row, training_distance, training_rows, .. } = self;
        let of_as_many = match (self.training_distance_of_as_many, self.held_out_rows) {
            (Some(distance), Some(n)) if n < *training_rows => {
                format!(" of {training_rows}, of {n} of them at {}", number(distance, 4))
            }
            _ => format!(" of {training_rows}"),
        };
        let held_out = match (self.held_out_row, self.held_out_distance, self.held_out_rows) {
            (Some(row), Some(distance), Some(n)) => {
                format!(", held-out {item} {row} at {} of {n}", number(distance, 4))
            }
            _ => String::new(),
        };
        let distance = number(*training_distance, 4);
        format!("sample {sample}: training {item} {training_row} at {distance}{of_as_many}{held_out}")
    }
}

/// The rows that were held out, `[rows, dim]`, and their numbers in their file; none if there are none.
pub type HeldOut<'a> = Option<(&'a Tensor<2>, &'a [usize])>;

impl<'a> Asked<'a> {
    /// What `--neighbours` asks for, if it was given.
    ///
    /// # Errors
    /// A wrong use of the command line for a place that cannot be written to or shown, a model without its training
    /// data, or endless data.
    pub fn of(request: &'a Eval, card: &'a ModelCard) -> Result<Option<Self>> {
        let Some(path) = &request.neighbours else { return Ok(None) };
        let (content, shown) = (&card.content, path.display());
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let is_drawn = matches!(content, Content::Image { channels: 1 | 3, .. });
        let out = match extension.as_str() {
            "png" if is_drawn => Out::Picture(path),
            "png" => bail!(usage(anyhow!("--neighbours {shown}: samples without a picture; name a .csv"))),
            "csv" => Out::Table(path),
            "" => Out::Folder(path),
            _ => bail!(usage(anyhow!("--neighbours {shown}: expected a .png, a .csv or a folder"))),
        };
        match out {
            Out::Folder(folder) => out_folder::check("--neighbours", folder, is_ours)?,
            Out::Picture(file) | Out::Table(file) => {
                ensure!(!file.is_dir(), usage(anyhow!("--neighbours {shown}: a folder, expected a file")));
            }
        }
        let Some(config) = config_of(&request.run)? else {
            bail!(usage(anyhow!(
                "--neighbours: a model file does not say what it was trained on; name the folder of its run"
            )))
        };
        let (spec, noise) = own(&config);
        let spec = DataSpec { split: Split::Train, ..request.reading.applied(spec) };
        let training = rows::open(&spec, &noise, content, card.architecture.dim());
        let needed = "--neighbours needs the data that the model was trained on";
        let training = training.map_err(|error| with_hint(error, needed))?;
        ensure!(
            training.len().is_some(),
            usage(anyhow!("--neighbours: the run's data are endless, and no row of them is the nearest"))
        );
        Ok(Some(Self { out, training, content }))
    }

    /// Finds and writes the neighbours of samples in the units of the model, `[samples, dim]`.
    ///
    /// # Errors
    /// Rows that cannot be read, or a disk that refuses.
    pub fn write(&self, sample: &Tensor<2>, held_out: HeldOut<'_>, device: &Device) -> Result<Vec<Nearest>> {
        let n = match self.content {
            Content::Image { .. } => PICTURES.min(sample.dims()[0]),
            Content::Row { .. } => sample.dims()[0],
        };
        let sample = sample.clone().narrow(0, 0, n);
        let training = nearest(&sample, &self.training, device)?;
        let outside = match held_out {
            Some((rows, _)) => {
                let mut neighbours = Neighbours::of(sample.clone())?;
                neighbours.see(rows.clone())?;
                Some(neighbours.nearest().to_vec())
            }
            None => None,
        };
        let numbers = held_out.map(|(_, numbers)| numbers);
        let of_as_many = match held_out {
            Some((rows, _)) => Some(among(&sample, &self.training, rows.dims()[0], device)?),
            None => None,
        };
        let found = (0..n)
            .map(|i| {
                let outside = outside.as_ref().map(|outside| outside[i]);
                Nearest {
                    sample: i,
                    training_row: self.training.number(training[i].row),
                    training_distance: training[i].distance,
                    training_rows: self.training.len().unwrap_or_default(),
                    training_distance_of_as_many: of_as_many.as_ref().map(|nearest| nearest[i].distance),
                    held_out_row: outside.zip(numbers).map(|(outside, numbers)| numbers[outside.row]),
                    held_out_distance: outside.map(|outside| outside.distance),
                    held_out_rows: held_out.map(|(rows, _)| rows.dims()[0]),
                }
            })
            .collect();
        let rows_of =
            |neighbours: &[Neighbour]| neighbours.iter().map(|nearest| nearest.row).collect::<Vec<_>>();
        let mut parts = vec![
            Part { name: "sample", values: host(sample)? },
            Part { name: "training", values: self.training.read(&rows_of(&training), None)?.values },
        ];
        if let (Some((rows, _)), Some(outside)) = (held_out, &outside) {
            let places: Vec<i64> = outside.iter().map(|nearest| nearest.row as i64).collect();
            let places = Tensor::from_data(places.as_slice(), &rows.device());
            parts.push(Part { name: "held_out", values: host(rows.clone().select(0, places))? });
        }
        let files = Files { found, parts, content: self.content };
        match self.out {
            Out::Picture(path) => ebm_files::write_bytes(path, &files.sheet()?)?,
            Out::Table(path) => ebm_files::write(path, |out| files.table(out))?,
            Out::Folder(folder) => ebm_files::write_folder(folder, is_ours, |folder| -> Result<(), Error> {
                if matches!(self.content, Content::Image { channels: 1 | 3, .. }) {
                    ebm_files::write_bytes(&folder.join(PICTURE), &files.sheet()?)?;
                }
                ebm_files::write(&folder.join(TABLE), |out| files.table(out))
            })?,
        }
        Ok(files.found)
    }

    /// Where they go.
    pub fn out(&self) -> PathBuf {
        let (Out::Picture(path) | Out::Table(path) | Out::Folder(path)) = self.out;
        path.to_owned()
    }
}

fn is_ours(folder: &Path) -> bool {
    folder.join(TABLE).is_file()
}

/// Rows side by side: the samples, or the nearest rows of each, in the units of the model.
struct Part {
    name: &'static str,
    values: Vec<f32>,
}

struct Files<'a> {
    found: Vec<Nearest>,
    parts: Vec<Part>,
    content: &'a Content,
}

impl Files<'_> {
    fn dim(&self) -> usize {
        self.parts[0].values.len() / self.found.len()
    }

    /// Samples and nearest rows side by side, as a file.
    fn sheet(&self) -> Result<Vec<u8>> {
        let &Content::Image { channels, height, width } = self.content else { bail!("rows have no picture") };
        let dim = self.dim();
        let headings: Vec<String> = self.parts.iter().map(|part| part.name.replace('_', " ")).collect();
        let n_columns = headings.len() * ACROSS.min(self.found.len());
        let mut sheet = Sheet::of(headings.iter().cycle().take(n_columns).cloned());
        for (i, nearest) in self.found.iter().enumerate() {
            let at = |row: usize, distance: f64| format!("row {row} at {distance:.2}");
            let texts = [
                format!("sample {}", nearest.sample),
                at(nearest.training_row, nearest.training_distance),
                at(nearest.held_out_row.unwrap_or_default(), nearest.held_out_distance.unwrap_or_default()),
            ];
            for (part, text) in self.parts.iter().zip(texts) {
                let pixels = self.content.samples(part.values[i * dim..][..dim].to_vec(), 1)?;
                sheet.push(Picture::of_image(pixels.values(), [channels, height, width]), text);
            }
        }
        Ok(sheet.draw()?.png()?)
    }

    /// A line for each sample; of tables with the rows themselves, in the units of the table.
    fn table(&self, out: &mut dyn std::io::Write) -> Result<(), Error> {
        let dim = self.dim();
        let mut heads = ["sample", "training_row", "training_distance", "held_out_row", "held_out_distance"]
            .map(String::from)
            .to_vec();
        let mut rows: Vec<Vec<String>> = self.found.iter().map(fields).collect();
        if let Content::Row { columns, .. } = self.content {
            for part in &self.parts {
                let samples = self.content.samples(part.values.clone(), self.found.len())?;
                let name = |i: usize| columns.get(i).cloned().unwrap_or_else(|| parameter(i));
                heads.extend((0..dim).map(|i| format!("{}.{}", part.name, name(i))));
                for (i, row) in rows.iter_mut().enumerate() {
                    row.extend((i * dim..(i + 1) * dim).map(|at| match samples.doubles() {
                        Some(doubles) => doubles[at].to_string(),
                        None => samples.values()[at].to_string(),
                    }));
                }
            }
        }
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(&heads)?;
        for row in &rows {
            csv.write_record(row)?;
        }
        Ok(csv.flush()?)
    }
}

fn fields(nearest: &Nearest) -> Vec<String> {
    let row = nearest.held_out_row.map(|row| row.to_string()).unwrap_or_default();
    let distance = nearest.held_out_distance.map(|distance| distance.to_string()).unwrap_or_default();
    let training = [nearest.training_row.to_string(), nearest.training_distance.to_string()];
    [vec![nearest.sample.to_string()], training.to_vec(), vec![row, distance]].concat()
}
