//! What is seen of samples: pictures over time, and the film.

use ebm_model::weights;
use ebm_report::page::{
    Block, Embedded, Frame, LineChart, Plane, Section, Series, Slide, Slides, Strip, compact,
};

use super::charts::evenly;
use super::story::Story;
use crate::film::{Column, MAX_PICTURE, Shown};

/// Most bytes of all pictures over time in the page.
const PICTURES: usize = 1_300_000;

/// Most bytes of a file of a picture.
const MAX_FILE: u64 = 1 << 25;

/// Sections about samples; `most` pictures over time.
pub fn sections(story: &Story, most: usize) -> Vec<Section> {
    let mut notes = Vec::new();
    let mut blocks: Vec<Block> = Vec::new();
    if let Some(slides) = over_time(story, most, &mut notes) {
        blocks.push(Block::Slides(slides));
    }
    blocks.extend(film(story, most, &mut notes));
    if !notes.is_empty() {
        blocks.push(Block::Notes(notes));
    }
    let about = "drawn with the averaged weights, always from the same noise";
    vec![Section::new("Samples", if blocks.is_empty() { "" } else { about }, blocks)]
}

/// The last picture of a run.
pub fn last_picture(story: &Story, most: usize) -> Option<Embedded> {
    let (_, path) = story.pictures.last()?;
    Embedded::of_png(&weights::read_file(path, MAX_FILE).ok()?, most).ok()
}

fn over_time(story: &Story, most: usize, notes: &mut Vec<String>) -> Option<Slides> {
    let shown = evenly(story.pictures.len(), most);
    let each = PICTURES / shown.len().max(1);
    let mut slides = Vec::new();
    for (step, path) in shown.iter().map(|&i| &story.pictures[i]) {
        let bytes = weights::read_file(path, MAX_FILE).map_err(|error| error.to_string());
        match bytes.and_then(|bytes| Embedded::of_png(&bytes, each).map_err(|error| error.to_string())) {
            Ok(picture) => slides.push(Slide {
                label: format!("{} steps", compact(*step as f64)),
                picture,
                is_drawing: story.is_of_rows(),
            }),
            Err(error) => notes.push(format!("the picture of step {step} cannot be shown: {error}")),
        }
    }
    let left_out = story.pictures.len() - shown.len();
    if 0 < left_out {
        notes.push(format!("{left_out} pictures between these are in the folder samples"));
    }
    let title = "Samples as training goes".into();
    (!slides.is_empty()).then_some(Slides { title, slides, is_gallery: false })
}

fn film(story: &Story, most: usize, notes: &mut Vec<String>) -> Vec<Block> {
    let Some(film) = &story.film else { return Vec::new() };
    let after = format!("after {} steps", compact(film.step as f64));
    match &film.shown {
        Shown::Images { rows, png } => {
            let room = if most == 0 { MAX_PICTURE / 4 } else { MAX_PICTURE };
            match Embedded::of_base64(png, room) {
                Ok(picture) => {
                    let title = format!("From noise to samples, {after}");
                    vec![Block::Strip(Strip { title, picture, rows: (*rows).clamp(1, 1000) })]
                }
                Err(error) => {
                    notes.push(format!("the way from noise cannot be shown: {error}"));
                    Vec::new()
                }
            }
        }
        Shown::Plane { names, ranges, frames, data, relief } => {
            let n = frames.len();
            let frame = |(i, points): (usize, &Vec<[i32; 2]>)| Frame {
                label: format!("{} of {n}", i + 1),
                points: points.iter().copied().take(400).collect(),
            };
            // Few enough, whatever the file holds.
            let relief = relief.clone().filter(|relief| relief.bytes() < 500_000);
            let what = if relief.is_some() {
                "The landscape, with samples on their way"
            } else {
                "Samples on their way"
            };
            vec![Block::Plane(Plane {
                title: format!("{what} from noise, {after}"),
                kinds: ["samples".into(), "data".into()],
                names: names.clone(),
                ranges: *ranges,
                relief,
                still: data.iter().copied().take(2000).collect(),
                frames: frames.iter().enumerate().take(60).map(frame).collect(),
                has_colours: false,
            })]
        }
        Shown::Columns { columns, of, samples } => {
            let charts: Vec<LineChart> = columns.iter().take(12).map(histogram).collect();
            if charts.len() < *of {
                let n = charts.len();
                notes.push(format!("the first {n} of {of} columns are shown, of {samples} samples"));
            }
            vec![Block::Charts(charts)]
        }
    }
}

/// The values of a column, of samples and of data, as steps.
fn histogram(column: &Column) -> LineChart {
    let Column { name, range: [low, high], samples, data } = column;
    let steps = |shares: &[f64]| -> Vec<[f64; 2]> {
        let n = shares.len().max(1) as f64;
        let at = |i: usize| low + (high - low) * i as f64 / n;
        let parts = shares.iter().take(200).enumerate();
        parts.flat_map(|(i, share)| [[at(i), 100.0 * share], [at(i + 1), 100.0 * share]]).collect()
    };
    let series =
        |name: &str, shares: &[f64], colour| Series { name: name.into(), points: steps(shares), colour };
    LineChart {
        title: name.clone(),
        about: "where its values lie, in per cent of them".into(),
        axis: name.clone(),
        series: [series("samples", samples, 0), series("data", data, 1)]
            .into_iter()
            .filter(|series| !series.points.is_empty())
            .collect(),
        ..LineChart::default()
    }
}
