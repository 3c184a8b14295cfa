//! The way of a few samples from noise, kept with a run for its page.

use ebm_model::weights;
use ebm_report::page::{Embedded, Plane, Relief};
use ebm_report::{Grid, Samples, Shape, window};
use serde::{Deserialize, Serialize};

use crate::card::Content;
use crate::error::{Context, Result};
use crate::folder::RunFolder;
use crate::sampling::Keep;

/// Most bytes of the file.
const MAX_BYTES: u64 = 1 << 21;

/// Most bytes of the picture in it.
pub(crate) const MAX_PICTURE: usize = 700_000;

/// Images whose way is shown, moments before the last one, and the numbers of all of them.
const IMAGES: usize = 10;
const ROWS: usize = 9;
const NUMBERS: usize = 4_000_000;

/// Points whose way is shown, moments, and points of the data beneath.
const POINTS: usize = 150;
const MOMENTS: usize = 30;
const DATA: usize = 700;

/// Columns whose values are counted, and in how many parts.
const COLUMNS: usize = 12;
const PARTS: usize = 40;

/// Numbers in the rows whose columns are counted, and the fewest rows.
const COUNTED: usize = 1_000_000;
const FEWEST: usize = 200;

/// What is shown of samples at a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Film {
    /// The step.
    pub step: u64,
    /// What is seen.
    #[serde(flatten)]
    pub shown: Shown,
}

/// What is seen of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Shown {
    /// Images: a picture with a row for each moment.
    Images {
        /// The number of rows.
        rows: usize,
        /// Base64 of the picture.
        png: String,
    },
    /// Points in the plane, over the data and, of an energy, the landscape.
    Plane {
        /// The names of the coordinates.
        names: [String; 2],
        /// The ends of the coordinates.
        ranges: [[f64; 2]; 2],
        /// Places of the points at each moment, as a [`Plane`] has them.
        frames: Vec<Vec<[i32; 2]>>,
        /// Places of data.
        data: Vec<[i32; 2]>,
        /// The energy.
        relief: Option<Relief>,
    },
    /// Rows of a table, column by column.
    Columns {
        /// The first columns.
        columns: Vec<Column>,
        /// How many there are; 0 in files of older versions.
        #[serde(default)]
        of: usize,
        /// How many samples were counted.
        #[serde(default)]
        samples: usize,
    },
}

/// How often the values of a column lie where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The ends of what is counted, in even parts.
    pub range: [f64; 2],
    /// The share of samples in each part.
    pub samples: Vec<f64>,
    /// The share of data; empty if they are not known.
    pub data: Vec<f64>,
}

impl Film {
    /// What of the way to `n` samples in `dim` dimensions is needed.
    pub fn keep(content: &Content, [n, dim]: [usize; 2]) -> Keep {
        match content {
            Content::Image { .. } => {
                let most = (NUMBERS / (dim.max(1) * (ROWS + 1))).clamp(1, IMAGES);
                Keep { samples: n.min(most), moments: ROWS }
            }
            Content::Row { .. } => Keep { samples: n.min(POINTS), moments: MOMENTS },
        }
    }

    /// Of the way of some samples, moment by moment and in the model's units, the last one being the first of `samples`.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn of(step: u64, content: &Content, way: Vec<Vec<f32>>, samples: &Samples) -> Result<Self> {
        let way = content.frames(way);
        let shown = match *samples.shape() {
            Shape::Images { channels, height, width, .. } => {
                let rows = way.len();
                let columns = way.first().map_or(1, |row| row.len() / (channels * height * width).max(1));
                let grid = Grid::in_columns(rows * columns, columns, [channels, height, width])?;
                let png = grid.draw(&way.concat())?.png()?;
                Shown::Images { rows, png: Embedded::of_png(&png, MAX_PICTURE)?.base64().to_owned() }
            }
            Shape::Table { .. } | Shape::Chains { .. } => {
                let window = window(samples);
                let ranges = [0, 1].map(|c| window.range(c));
                let places = |values: &[f32], most: usize| -> Vec<[i32; 2]> {
                    let points = values.as_chunks::<2>().0.iter().take(most);
                    points.map(|point| Plane::place(point.map(f64::from), ranges)).collect()
                };
                let relief = samples.landscape().map(Relief::of).transpose()?;
                Shown::Plane {
                    names: [0, 1].map(|c| samples.axis(c)),
                    ranges,
                    frames: way.iter().map(|frame| places(frame, POINTS)).collect(),
                    data: places(samples.background(), DATA),
                    relief,
                }
            }
        };
        Ok(Self { step, shown })
    }

    /// As many of `n` rows of `dim` numbers as are counted: all but of a wide table, of which few columns are shown.
    pub fn counted(n: usize, dim: usize) -> usize {
        n.min((COUNTED / dim.max(1)).max(FEWEST))
    }

    /// How often the values of the first columns lie where, of samples and of data.
    pub fn of_columns(step: u64, samples: &Samples, data: Option<&Samples>) -> Self {
        let dim = match *samples.shape() {
            Shape::Table { dim, .. } | Shape::Chains { dim, .. } => dim,
            Shape::Images { .. } => 0,
        };
        let of = |samples: &Samples, c: usize| -> Vec<f64> {
            let values = samples.values().iter().skip(c).step_by(dim.max(1));
            values.map(|&value| f64::from(value)).filter(|value| value.is_finite()).collect()
        };
        let column = |c: usize| {
            let (drawn, known) = (of(samples, c), data.map_or_else(Vec::new, |data| of(data, c)));
            let range = middle(if known.is_empty() { &drawn } else { &known });
            let name = samples.axis(c);
            Column { name, range, samples: shares(&drawn, range), data: shares(&known, range) }
        };
        let columns = (0..dim.min(COLUMNS)).map(column).collect();
        let n = samples.values().len() / dim.max(1);
        Self { step, shown: Shown::Columns { columns, of: dim, samples: n } }
    }

    /// Writes it to a run's folder, whole or not at all.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        Ok(ebm_files::write_bytes(&folder.film(), serde_json::to_string(self)?.as_bytes())?)
    }

    /// That of a run, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(folder: &RunFolder) -> Result<Option<Self>> {
        let path = folder.film();
        if !path.exists() {
            return Ok(None);
        }
        let failed = || format!("{} cannot be used", path.display());
        let bytes = weights::read_file(&path, MAX_BYTES).with_context(failed)?;
        Ok(Some(serde_json::from_slice(&bytes).with_context(failed)?))
    }
}

/// The ends of the middle 99 % of some values, with a margin.
fn middle(values: &[f64]) -> [f64; 2] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let cut = sorted.len() / 200;
    let ends = [sorted.get(cut), sorted.get(sorted.len().saturating_sub(1 + cut))];
    let [low, high] = ends.map(|end| end.copied().unwrap_or(0.0));
    let margin = (0.1 * (high - low)).max(1e-6 * low.abs().max(high.abs())).max(1e-12);
    [low - margin, high + margin]
}

/// The share of values in each part; those outside count for the whole.
fn shares(values: &[f64], [low, high]: [f64; 2]) -> Vec<f64> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut counts = vec![0.0; PARTS];
    for value in values {
        let at = (value - low) / (high - low) * PARTS as f64;
        if (0.0..PARTS as f64).contains(&at) {
            counts[at as usize] += 1.0 / values.len() as f64;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_rows_of_moments_and_points_have_places_over_the_data() {
        let image = Content::Image { channels: 1, height: 2, width: 3 };
        let samples = image.samples(vec![0.0; 4 * 6], 4).unwrap();
        let way = vec![vec![-1.0; 12], vec![0.0; 12], vec![1.0; 12]];
        let film = Film::of(7, &image, way, &samples).unwrap();
        let Shown::Images { rows: 3, png } = &film.shown else { panic!("{film:?}") };
        // Two columns and three rows, twice as large, with gaps of two pixels.
        assert!(Embedded::of_base64(png, MAX_PICTURE).is_ok());

        let row = Content::Row { transform: None, columns: Vec::new() };
        let samples = row.samples(vec![0.0, 0.0, 1.0, 1.0], 2).unwrap();
        let samples = samples.over(vec![-1.0, -1.0, 1.0, 1.0]).unwrap();
        let film = Film::of(7, &row, vec![vec![9e9, 0.0], vec![0.0, 0.0]], &samples).unwrap();
        let Shown::Plane { frames, data, .. } = &film.shown else { panic!("{film:?}") };
        assert_eq!(frames, &[vec![[1200, 500]], vec![[500, 500]]]);
        assert_eq!(data.len(), 2);

        let folder = tempfile::tempdir().unwrap();
        let (run, _lock) = RunFolder::create(Some(&folder.path().join("run")), "run").unwrap();
        assert_eq!(Film::read(&run).unwrap(), None);
        film.write(&run).unwrap();
        assert_eq!(Film::read(&run).unwrap(), Some(film));
        std::fs::write(run.film(), "{\"step\": 1, \"kind\": \"sculpture\"}").unwrap();
        assert!(Film::read(&run).is_err());
    }

    #[test]
    fn the_values_of_a_column_are_counted_where_the_data_are() {
        let table = |values: Vec<f32>| Samples::table(values, [4, 1]).unwrap();
        let film =
            Film::of_columns(1, &table(vec![0.0, 0.0, 10.0, 99.0]), Some(&table(vec![0.0, 5.0, 5.0, 10.0])));
        let Shown::Columns { columns, of: 1, samples: 4 } = film.shown else { panic!("no columns") };
        let Column { range, samples, data, .. } = &columns[0];
        assert_eq!(*range, [-1.0, 11.0]);
        assert_eq!((samples.iter().sum::<f64>(), data.iter().sum::<f64>()), (0.75, 1.0));
        assert_eq!((samples[3], data[20]), (0.5, 0.5));
    }

    #[test]
    fn of_a_wide_table_fewer_rows_are_counted_and_the_first_columns() {
        assert_eq!([3, 500, 2000, 1_000_000].map(|dim| Film::counted(2000, dim)), [2000, 2000, 500, 200]);
        assert_eq!(Film::counted(64, 1_000_000), 64);
        let film = Film::of_columns(1, &Samples::table(vec![0.5; 2 * 100], [2, 100]).unwrap(), None);
        let Shown::Columns { columns, of: 100, samples: 2 } = film.shown else { panic!("no columns") };
        assert_eq!(columns.len(), COLUMNS);
        let old: Film = serde_json::from_str(r#"{"step":1,"kind":"columns","columns":[]}"#).unwrap();
        assert_eq!(old.shown, Shown::Columns { columns: vec![], of: 0, samples: 0 });
    }
}
