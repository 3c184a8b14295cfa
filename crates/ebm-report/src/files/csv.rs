//! Samples as comma-separated text.

use std::io::Write;

use super::little_endian::Numbers;
use crate::{ReportError, Samples, Shape};

/// Writes a header and a line for each sample: the names of columns or `x0,x1,…` for rows, `chain,draw,x0,x1,…` for chains. Chains and draws are
/// counted from 0, and the draws of a chain stand together. Samples of classes have the name of theirs in a last column,
/// `class`.
///
/// Numbers have the fewest digits that give back the same number, of double precision for tables and of single
/// precision for others.
///
/// # Errors
/// If the samples are images, or `out` cannot be written.
pub(crate) fn encode(samples: &Samples, out: &mut dyn Write) -> Result<(), ReportError> {
    head(samples, out)?;
    lines(samples, out)
}

/// Writes the header.
///
/// # Errors
/// As [`encode`].
pub(crate) fn head(samples: &Samples, out: &mut dyn Write) -> Result<(), ReportError> {
    let (n_draws, dim) = shape(samples)?;
    let places = n_draws.map_or(vec![], |_| vec!["chain".into(), "draw".into()]);
    let class = samples.labels().map(|_| "class".to_owned());
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record(places.into_iter().chain((0..dim).map(|i| samples.column(i))).chain(class))?;
    Ok(csv.flush()?)
}

/// Writes a line for each sample.
///
/// # Errors
/// As [`encode`].
pub(crate) fn lines(samples: &Samples, out: &mut dyn Write) -> Result<(), ReportError> {
    let (n_draws, dim) = shape(samples)?;
    let mut csv = ::csv::Writer::from_writer(out);
    let numbers = samples.numbers();
    for i in 0..numbers.len() / dim {
        let place = n_draws.map_or(vec![], |n| vec![(i / n).to_string(), (i % n).to_string()]);
        let row = (i * dim..(i + 1) * dim).map(|k| match numbers {
            Numbers::Single(values) => values[k].to_string(),
            Numbers::Double(values) => shortest(values[k]),
        });
        let class = samples.labels().map(|labels| labels.name(i));
        csv.write_record(place.into_iter().chain(row).chain(class))?;
    }
    Ok(csv.flush()?)
}

/// The draws of a chain, if the samples are chains, and the coordinates of a sample.
fn shape(samples: &Samples) -> Result<(Option<usize>, usize), ReportError> {
    match *samples.shape() {
        Shape::Table { dim, .. } => Ok((None, dim)),
        Shape::Chains { draws, dim, .. } => Ok((Some(draws), dim)),
        Shape::Images { .. } => {
            Err(ReportError::Format("a .csv stores rows, these are images; write .npy".into()))
        }
    }
}

/// The fewest digits that give back the number, with an exponent where it is very large or very small.
fn shortest(value: f64) -> String {
    match value.abs() {
        0.0 | 1e-5..1e16 => value.to_string(),
        _ => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(samples: &Samples) -> String {
        let mut out = Vec::new();
        encode(samples, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn chains_are_written_one_after_the_other_with_chain_and_draw() {
        let values = vec![0.1, 1.0, -2.5, 1e-9, 5.0, 6.0, 7.0, 8.0];
        let chains = Samples::chains(values, [2, 2, 2]).unwrap();
        assert_eq!(text(&chains), "chain,draw,x0,x1\n0,0,0.1,1\n0,1,-2.5,0.000000001\n1,0,5,6\n1,1,7,8\n");
    }

    #[test]
    fn rows_are_written_without_places_and_images_are_refused() {
        let rows = Samples::table(vec![0.5, 1.0, 2.0], [1, 3]).unwrap();
        assert_eq!(text(&rows), "x0,x1,x2\n0.5,1,2\n");
        let images = Samples::images(vec![0.5; 4], [1, 1, 2, 2]).unwrap();
        assert!(encode(&images, &mut Vec::new()).is_err());
    }

    #[test]
    fn rows_of_classes_have_the_name_of_theirs() {
        let rows = Samples::table(vec![0.5, 1.0, 2.0], [3, 1]).unwrap();
        let labels = crate::Labels { classes: vec![1, 0, 2], names: vec!["left".into(), "right".into()] };
        assert_eq!(text(&rows.with_labels(labels).unwrap()), "x0,class\n0.5,right\n1,left\n2,2\n");
    }

    #[test]
    fn every_number_comes_back() {
        let values = vec![f32::MIN_POSITIVE, 0.1 + 0.2, 16_777_217.0, -1.0e-45, 3.402_823_5e38, 1.0 / 3.0];
        let table = text(&Samples::table(values.clone(), [6, 1]).unwrap());
        let found: Vec<f32> = table.lines().skip(1).map(|line| line.parse().unwrap()).collect();
        assert_eq!(found, values);
    }

    #[test]
    fn tables_have_their_names_and_every_double_comes_back() {
        let values = vec![3e-7, 5_529_999.994_260_434, 0.1 + 0.2, -1e300, 5e-324, 0.0, 1.0, 1e15];
        let samples = Samples::rows(values.clone(), [4, 2], vec![0.0; 2]).unwrap();
        let table = text(&samples.with_columns(vec!["k".into(), "north, m".into()]).unwrap());
        let mut lines = table.lines();
        assert_eq!((lines.next(), lines.next()), (Some("k,\"north, m\""), Some("3e-7,5529999.994260434")));
        let found: Vec<f64> = table
            .lines()
            .skip(1)
            .flat_map(|line| line.split(','))
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(found, values);
    }
}
