//! A file of rows that is written piece by piece.

use crate::files::little_endian::Numbers;
use crate::files::{csv, npy, safetensors};
use crate::{Format, ReportError, Samples, Shape};

/// A file of rows or images whose number is known before they are: its [`head`](Self::head), followed by the
/// [`body`](Self::body) of each piece in their order; between them, of samples of classes, their [`classes`](Self::classes).
///
/// It has the bytes that [`write`](crate::write()) gives to all of them at once.
///
/// ```
/// use ebm_report::{Format, Pieces, Samples};
///
/// let piece = |values: Vec<f32>| Samples::table(values, [1, 2]);
/// let pieces = Pieces::new(Format::Csv, &piece(vec![0.0; 2])?, 2)?;
/// let parts = [pieces.head()?, pieces.body(&piece(vec![0.5, 1.0])?)?, pieces.body(&piece(vec![2.0, 3.0])?)?];
/// assert_eq!(parts.concat(), b"x0,x1\n0.5,1\n2,3\n");
/// # Ok::<(), ebm_report::ReportError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    format: Format,
    /// One sample, for its shape, precision and names.
    like: Samples,
    n: usize,
}

impl Pieces {
    /// A file in `format` of `n` samples that have the shape, precision and column names of the one sample `like`, and
    /// labels if it has one.
    ///
    /// # Errors
    /// A format that is not written in pieces, samples that it cannot hold, chains, or not one sample.
    pub fn new(format: Format, like: &Samples, n: usize) -> Result<Self, ReportError> {
        format.check(like.shape())?;
        let one = match *like.shape() {
            Shape::Images { n, .. } | Shape::Table { n, .. } => n,
            Shape::Chains { .. } => 0,
        };
        if !format.is_in_pieces() || one != 1 {
            let extension = format.extension();
            return Err(ReportError::Format(format!(
                "a .{extension} of these samples is not written in pieces; .npy, .safetensors and .csv of rows are"
            )));
        }
        Ok(Self { format, like: like.clone(), n })
    }

    /// The same with another number of samples.
    #[must_use]
    pub fn with_n(&self, n: usize) -> Self {
        Self { n, ..self.clone() }
    }

    /// The array's dimensions in the file.
    pub fn dims(&self) -> Vec<usize> {
        let mut dims = self.like.shape().dims();
        dims[0] = self.n;
        dims
    }

    /// The bytes before the first sample.
    ///
    /// # Errors
    /// If the format cannot count so many.
    pub fn head(&self) -> Result<Vec<u8>, ReportError> {
        let (dims, width) = (self.dims(), self.like.numbers().width());
        match self.format {
            Format::Npy => npy::header(&dims, width),
            Format::Safetensors => {
                let names = self.like.labels().map(|labels| labels.names.as_slice());
                safetensors::header(&dims, width, self.like.columns(), names)
            }
            _ => {
                let mut out = Vec::new();
                csv::head(&self.like, &mut out)?;
                Ok(out)
            }
        }
    }

    /// How many bytes each sample has between the head and the first sample: its class, in a `.safetensors`.
    pub fn class_width(&self) -> usize {
        let is_there = self.format == Format::Safetensors && self.like.labels().is_some();
        if is_there { safetensors::CLASS_WIDTH } else { 0 }
    }

    /// The bytes of the next samples between the head and the first sample, given the numbers of their classes.
    pub fn classes(&self, classes: &[usize]) -> Vec<u8> {
        if self.class_width() == 0 { Vec::new() } else { safetensors::numbers_of(classes) }
    }

    /// The bytes of the next samples.
    ///
    /// # Errors
    /// If they are of another kind than the others.
    pub fn body(&self, piece: &Samples) -> Result<Vec<u8>, ReportError> {
        let kind = |samples: &Samples| {
            let is_double = matches!(samples.numbers(), Numbers::Double(_));
            (samples.shape().dims().split_off(1), is_double, samples.labels().is_some())
        };
        if kind(piece) != kind(&self.like) {
            let (found, expected) = (piece.shape().dims(), self.dims());
            return Err(ReportError::Format(format!("a piece of shape {found:?} of a file of {expected:?}")));
        }
        let numbers = piece.numbers();
        let mut out = Vec::with_capacity(numbers.len() * numbers.width());
        match self.format {
            Format::Npy | Format::Safetensors => numbers.write(&mut out)?,
            _ => csv::lines(piece, &mut out)?,
        }
        Ok(out)
    }

    /// The length of the file in bytes; `None` where it depends on the numbers.
    pub fn length(&self) -> Option<u64> {
        if self.format == Format::Csv {
            return None;
        }
        let numbers = self.dims().iter().map(|&d| d as u64).product::<u64>();
        let classes = (self.n * self.class_width()) as u64;
        Some(self.head().ok()?.len() as u64 + classes + numbers * self.like.numbers().width() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Labels, write};

    /// Samples `from..to` of each kind.
    fn kinds(from: usize, to: usize) -> [Samples; 3] {
        let n = to - from;
        let values = |dim: usize| (from * dim..to * dim).map(|i| (i as f32 - 7.5) / 3.0).collect::<Vec<_>>();
        let doubles = values(2).into_iter().map(|x| f64::from(x) / 3.0).collect();
        [
            Samples::table(values(3), [n, 3]).unwrap(),
            Samples::rows(doubles, [n, 2], vec![0.0; 2])
                .unwrap()
                .with_columns(vec!["a".into(), "b, c".into()])
                .unwrap(),
            Samples::images(values(3 * 2 * 2), [n, 3, 2, 2]).unwrap(),
        ]
    }

    #[test]
    fn pieces_have_the_bytes_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (all, one) = (kinds(0, 10), kinds(0, 1));
        for format in [Format::Npy, Format::Safetensors, Format::Csv] {
            for (kind, whole) in all.iter().enumerate() {
                if format.check(whole.shape()).is_err() {
                    continue;
                }
                let path = folder.path().join(format!("a.{}", format.extension()));
                write(&path, whole).unwrap();
                let pieces = Pieces::new(format, &one[kind], 10).unwrap();
                let body = |(from, to)| pieces.body(&kinds(from, to)[kind]).unwrap();
                let bodies: Vec<u8> = [(0, 1), (1, 7), (7, 10)].into_iter().flat_map(body).collect();
                let found = [pieces.head().unwrap(), bodies].concat();
                assert_eq!(found, std::fs::read(&path).unwrap(), "{format:?}, {:?}", whole.shape());
                assert_eq!(pieces.length().unwrap_or(found.len() as u64), found.len() as u64);
            }
        }
    }

    #[test]
    fn pieces_of_classes_have_the_bytes_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let class = |i: usize| (i * i) % 3;
        for names in [vec![], vec!["left".to_owned(), "right".into()]] {
            let labelled = |from: usize, to: usize| {
                let labels = Labels { classes: (from..to).map(class).collect(), names: names.clone() };
                kinds(from, to).map(|samples| samples.with_labels(labels.clone()).unwrap())
            };
            for format in [Format::Npy, Format::Safetensors, Format::Csv] {
                for (kind, whole) in labelled(0, 10).iter().enumerate() {
                    if format.check(whole.shape()).is_err() {
                        continue;
                    }
                    let path = folder.path().join(format!("a.{}", format.extension()));
                    write(&path, whole).unwrap();
                    let pieces = Pieces::new(format, &labelled(0, 1)[kind], 10).unwrap();
                    let spans = [(0, 1), (1, 7), (7, 10)];
                    let mut found = pieces.head().unwrap();
                    for (from, to) in spans {
                        found.extend(pieces.classes(&(from..to).map(class).collect::<Vec<_>>()));
                    }
                    for (from, to) in spans {
                        found.extend(pieces.body(&labelled(from, to)[kind]).unwrap());
                    }
                    assert_eq!(found, std::fs::read(&path).unwrap(), "{format:?}, {:?}", whole.shape());
                    assert_eq!(pieces.length().unwrap_or(found.len() as u64), found.len() as u64);
                    assert!(pieces.body(&kinds(0, 1)[kind]).is_err(), "a sample without its class");
                }
            }
        }
    }

    #[test]
    fn a_piece_of_another_kind_is_refused_and_so_are_pictures_and_chains() {
        let [table, rows, images] = kinds(0, 1);
        let pieces = Pieces::new(Format::Npy, &table, 4).unwrap();
        assert!(pieces.body(&rows).is_err() && pieces.body(&images).is_err());
        assert!(Pieces::new(Format::Png, &images, 4).is_err());
        assert!(Pieces::new(Format::Csv, &images, 4).is_err());
        let chains = Samples::chains(vec![0.0; 2], [1, 1, 2]).unwrap();
        assert!(Pieces::new(Format::Npy, &chains, 4).is_err());
    }
}
