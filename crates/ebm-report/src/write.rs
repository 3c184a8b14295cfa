//! Samples into a file, in the format that its extension names.

use std::path::Path;

use ebm_files::FileError;

use crate::files::{csv, npy, safetensors, zarr};
use crate::{Film, Format, Grid, Labels, Picture, ReportError, Samples, Scatter, Shape, Window};

/// Writes `samples` to `path` in the format that its extension names, creating the folder if need be.
///
/// The file is complete or absent; an older file of that name stays until the new one is complete. A `.zarr` folder
/// replaces only one that is a Zarr store, or empty.
///
/// # Errors
/// An unknown extension, a shape that the format cannot show, or a failure of the file system.
pub fn write(path: &Path, samples: &Samples) -> Result<(), ReportError> {
    let format = Format::of(path)?;
    format.check(samples.shape())?;
    let dims = samples.shape().dims();
    match format {
        Format::Zarr => {
            let named = |error| match error {
                // Not the file within the folder, which nobody named.
                ReportError::Io(source) => FileError::Write { path: path.to_owned(), source }.into(),
                other => other,
            };
            ebm_files::write_folder(path, zarr::is_one, |folder| zarr::write(samples, folder).map_err(named))
        }
        Format::Png => Ok(ebm_files::write_bytes(path, &picture(samples)?.png()?)?),
        Format::Svg => {
            let svg = scatter(samples, samples.values(), window(samples)).svg()?;
            Ok(ebm_files::write_bytes(path, svg.as_bytes())?)
        }
        Format::Gif => {
            let film = film(samples)?;
            ebm_files::write(path, |out| film.encode(out))
        }
        Format::Npy => ebm_files::write(path, |out| npy::encode(&dims, samples.numbers(), out)),
        Format::Safetensors => ebm_files::write(path, |out| {
            safetensors::encode(&dims, samples.numbers(), samples.columns(), samples.labels(), out)
        }),
        Format::Csv => ebm_files::write(path, |out| csv::encode(samples, out)),
    }
}

/// The samples as one picture: a grid of images, or points in the plane.
///
/// # Errors
/// A shape that has no picture, or a picture that would be too large.
pub fn picture(samples: &Samples) -> Result<Picture, ReportError> {
    Format::Png.check(samples.shape())?;
    draw(samples, samples.values(), window(samples))
}

/// The part of the plane that a picture of `samples` shows. A film has one for all frames, so that its points move and
/// its axes do not.
pub fn window(samples: &Samples) -> Window {
    if samples.background().is_empty() {
        return Window::around(samples.values());
    }
    Window::around(samples.background())
}

fn film(samples: &Samples) -> Result<Film, ReportError> {
    let window = window(samples);
    let mut film = Film::default();
    for values in samples.film().iter().map(Vec::as_slice).chain([samples.values()]) {
        film.push(draw(samples, values, window)?)?;
    }
    Ok(film)
}

fn draw(samples: &Samples, values: &[f32], window: Window) -> Result<Picture, ReportError> {
    match *samples.shape() {
        Shape::Images { n, channels, height, width } => match samples.labels().map(Labels::by_class) {
            None => Grid::of(n, channels, height, width)?.draw(values),
            Some((order, columns)) => {
                let size = channels * height * width;
                let image = |i: usize| values[i * size..][..size].iter().copied();
                let ordered: Vec<f32> = order.into_iter().flat_map(image).collect();
                match columns {
                    Some(columns) => Grid::in_columns(n, columns, [channels, height, width])?.draw(&ordered),
                    None => Grid::of(n, channels, height, width)?.draw(&ordered),
                }
            }
        },
        Shape::Table { .. } | Shape::Chains { .. } => scatter(samples, values, window).draw(),
    }
}

fn scatter<'a>(samples: &'a Samples, points: &'a [f32], window: Window) -> Scatter<'a> {
    let (underneath, landscape) = (samples.background(), samples.landscape());
    let names = [0, 1].map(|i| samples.axis(i));
    Scatter { title: samples.title(), names, window, points, underneath, landscape }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Samples {
        Samples::images((0..2 * 4).map(|i| i as f32 / 7.0).collect(), [2, 1, 2, 2]).unwrap()
    }

    #[test]
    fn each_extension_gets_its_own_format() {
        let folder = tempfile::tempdir().unwrap();
        for (name, signature) in [
            ("a.png", b"\x89PNG\r\n\x1a\n".as_slice()),
            ("a.gif", b"GIF89a"),
            ("a.npy", b"\x93NUMPY\x01\x00"),
            ("A.NPY", b"\x93NUMPY\x01\x00"),
        ] {
            let path = folder.path().join("new/folder").join(name);
            write(&path, &images()).unwrap();
            assert!(std::fs::read(&path).unwrap().starts_with(signature), "{name}");
        }
    }

    #[test]
    fn a_picture_of_classes_has_a_row_for_each_whatever_the_order_of_the_samples() {
        let image = |class: usize, i: usize| vec![(class * 2 + i) as f32 / 7.0; 4];
        let labelled = |classes: &[usize]| {
            let mut seen = [0; 3];
            let values = classes.iter().flat_map(|&class| {
                seen[class] += 1;
                image(class, seen[class] - 1)
            });
            let samples = Samples::images(values.collect(), [classes.len(), 1, 2, 2]).unwrap();
            samples.with_labels(Labels { classes: classes.to_vec(), names: Vec::new() }).unwrap()
        };
        let rows = picture(&labelled(&[2, 0, 1, 2, 0, 1])).unwrap();
        let values = [2, 0, 1].into_iter().flat_map(|class| [image(class, 0), image(class, 1)].concat());
        let expected = Grid::in_columns(6, 2, [1, 2, 2]).unwrap().draw(&values.collect::<Vec<_>>()).unwrap();
        assert_eq!(rows, expected);
        assert_eq!(picture(&labelled(&[2, 2, 0, 0, 1, 1])).unwrap(), expected);
        let plain = Samples::images(vec![0.5; 6 * 4], [6, 1, 2, 2]).unwrap();
        assert!(plain.clone().with_labels(Labels { classes: vec![0; 5], names: Vec::new() }).is_err());
        // one class is a grid like any other
        let one = plain.clone().with_labels(Labels { classes: vec![1; 6], names: Vec::new() }).unwrap();
        assert_eq!(picture(&one).unwrap(), picture(&plain).unwrap());
    }

    #[test]
    fn a_file_of_a_wrong_shape_is_refused_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        write(&path, &images()).unwrap();
        let before = std::fs::read(&path).unwrap();

        let table = Samples::table(vec![0.0; 12], [4, 3]).unwrap();

        assert!(write(&path, &table).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a scratch file was left");
    }

    #[test]
    fn a_film_shows_its_frames_and_then_the_samples() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gif");
        let samples = images().with_film(vec![vec![0.0; 8], vec![0.5; 8]]).unwrap();

        write(&path, &samples).unwrap();

        let file = std::fs::File::open(&path).unwrap();
        let mut decoder = gif::DecodeOptions::new().read_info(std::io::BufReader::new(file)).unwrap();
        let mut frames = 0;
        while decoder.read_next_frame().unwrap().is_some() {
            frames += 1;
        }
        assert_eq!(frames, 3);
    }

    #[test]
    fn chains_in_the_plane_have_a_picture() {
        let chains = Samples::chains(vec![0.25; 3 * 5 * 2], [3, 5, 2]).unwrap();
        assert!(picture(&chains).is_ok());
    }
}
