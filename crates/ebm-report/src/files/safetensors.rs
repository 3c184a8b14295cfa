//! A safetensors file with a tensor `samples`, and `labels` of samples of classes.

use std::collections::HashMap;
use std::io::Write;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::little_endian::Numbers;
use crate::{Labels, ReportError};

/// Writes `values` to `out` as the tensor `samples` of shape `dims`, in float32 or float64, and the numbers of their
/// classes, if they have any, as `labels`, `[n]` in int64; the metadata `columns`, or without
/// names of columns `classes`, is a JSON list of names, if there are any.
///
/// # Errors
/// If `values` does not have the length that `dims` says, or `out` cannot be written.
pub(crate) fn encode(
    dims: &[usize],
    values: Numbers<'_>,
    columns: &[String],
    labels: Option<&Labels>,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let expected = dims.iter().product::<usize>();
    if expected != values.len() {
        return Err(ReportError::length(format!("tensor of shape {dims:?}"), expected, values.len()));
    }
    let names = labels.map(|labels| labels.names.as_slice());
    out.write_all(&header(dims, values.width(), columns, names)?)?;
    if let Some(labels) = labels {
        out.write_all(&numbers_of(&labels.classes))?;
    }
    Ok(values.write(out)?)
}

/// Bytes of the number of a class.
pub(crate) const CLASS_WIDTH: usize = 8;

/// The numbers of classes as the tensor `labels` has them, which stands before the samples.
pub(crate) fn numbers_of(classes: &[usize]) -> Vec<u8> {
    classes.iter().flat_map(|class| (*class as i64).to_le_bytes()).collect()
}

/// The bytes before the numbers, each of `width` bytes: as the library writes them, which needs all numbers for it.
/// Samples of classes have the names of these, or an empty list.
///
/// # Errors
/// If there are more numbers than the format can count.
pub(crate) fn header(
    dims: &[usize],
    width: usize,
    columns: &[String],
    classes: Option<&[String]>,
) -> Result<Vec<u8>, ReportError> {
    /// The text is padded to a multiple of so many bytes, as many as its length has before it.
    const ALIGNMENT: usize = 8;
    let dtype = if width == 8 { Dtype::F64 } else { Dtype::F32 };
    let n = dims.first().copied().unwrap_or(0);
    let first = if classes.is_some() { n.checked_mul(CLASS_WIDTH) } else { Some(0) };
    let length = dims.iter().try_fold(width, |product, &d| product.checked_mul(d));
    let end = first.zip(length).and_then(|(first, length)| first.checked_add(length));
    let (first, end) = first
        .zip(end)
        .ok_or_else(|| ReportError::Format(format!("a tensor of shape {dims:?} is too large")))?;
    let info = |dtype, shape, data_offsets| TensorInfo { dtype, shape, data_offsets };
    let labels = classes.map(|_| ("labels".to_owned(), info(Dtype::I64, vec![n], (0, first))));
    let samples = ("samples".to_owned(), info(dtype, dims.to_vec(), (first, end)));
    // One entry, because the order of several is not fixed.
    let mut lists = [("columns", columns), ("classes", classes.unwrap_or_default())].into_iter();
    let list = lists.find(|(_, names)| !names.is_empty());
    let metadata = list.map(|(key, names)| {
        HashMap::from([(key.to_owned(), serde_json::Value::from(names.to_vec()).to_string())])
    });
    let metadata = Metadata::new(metadata, labels.into_iter().chain([samples]).collect())?;
    let mut text = serde_json::to_vec(&metadata).map_err(|error| ReportError::Format(error.to_string()))?;
    text.resize(text.len().next_multiple_of(ALIGNMENT), b' ');
    Ok([(text.len() as u64).to_le_bytes().as_slice(), &text].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;
    use safetensors::tensor::TensorView;

    #[test]
    fn the_bytes_are_those_that_the_library_writes() {
        let names = ["a".to_owned(), "b \"c\"".into()];
        for columns in [&[][..], &names] {
            for n in 1..30 {
                let values: Vec<f32> = (0..2 * n).map(|i| i as f32 / 3.0).collect();
                let mut found = Vec::new();
                encode(&[n, 2], Numbers::Single(&values), columns, None, &mut found).unwrap();
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                let view = TensorView::new(Dtype::F32, vec![n, 2], &bytes).unwrap();
                let text = serde_json::Value::from(columns.to_vec()).to_string();
                let metadata = (!columns.is_empty()).then(|| HashMap::from([("columns".into(), text)]));
                assert_eq!(found, safetensors::serialize([("samples", view)], metadata).unwrap());
            }
        }
        // Of both precisions, with names of classes and without.
        for (names, n) in [(&[][..], 5), (&names, 3)] {
            let labels = Labels { classes: (0..n).map(|i| (i * 7) % 3).collect(), names: names.to_vec() };
            let classes: Vec<u8> = labels.classes.iter().flat_map(|&i| (i as i64).to_le_bytes()).collect();
            let doubles: Vec<f64> = (0..2 * n).map(|i| i as f64 / 3.0).collect();
            let singles: Vec<f32> = doubles.iter().map(|&x| x as f32).collect();
            let bytes = [
                singles.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>(),
                doubles.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ];
            let numbers = [(Dtype::F32, Numbers::Single(&singles)), (Dtype::F64, Numbers::Double(&doubles))];
            for ((dtype, numbers), bytes) in numbers.into_iter().zip(&bytes) {
                let mut found = Vec::new();
                encode(&[n, 2], numbers, &[], Some(&labels), &mut found).unwrap();
                let tensors = [
                    ("samples", TensorView::new(dtype, vec![n, 2], bytes).unwrap()),
                    ("labels", TensorView::new(Dtype::I64, vec![n], &classes).unwrap()),
                ];
                let text = serde_json::Value::from(names.to_vec()).to_string();
                let metadata = (!names.is_empty()).then(|| HashMap::from([("classes".into(), text)]));
                assert_eq!(found, safetensors::serialize(tensors, metadata).unwrap());
            }
        }
    }

    #[test]
    fn the_tensor_comes_back_with_its_shape_and_bits() {
        let values: Vec<f32> = (0..40_000).map(|i| (i as f32 - 7.5) / 3.0).collect();
        let mut file = Vec::new();
        encode(&[4, 100, 100], Numbers::Single(&values), &[], None, &mut file).unwrap();

        let read = SafeTensors::deserialize(&file).unwrap();
        let samples = read.tensor("samples").unwrap();

        assert_eq!(read.names(), ["samples"]);
        assert_eq!((samples.dtype(), samples.shape()), (Dtype::F32, [4, 100, 100].as_slice()));
        let expected: Vec<u8> = values.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
        assert_eq!(samples.data(), expected);
    }

    #[test]
    fn a_wrong_count_is_refused() {
        assert!(encode(&[2, 2], Numbers::Single(&[0.0; 3]), &[], None, &mut Vec::new()).is_err());
    }

    #[test]
    fn doubles_and_names_come_back() {
        let (values, names) = ([3e-7, 0.1 + 0.2], ["a".to_owned(), "b,c".into()]);
        let mut file = Vec::new();
        encode(&[1, 2], Numbers::Double(&values), &names, None, &mut file).unwrap();
        let read = SafeTensors::deserialize(&file).unwrap();
        assert_eq!(read.tensor("samples").unwrap().data(), values.map(f64::to_le_bytes).concat());
        let (_, header) = SafeTensors::read_metadata(&file).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["columns"], r#"["a","b,c"]"#);
    }

    #[test]
    fn labels_come_back_beside_the_samples() {
        let labels = Labels { classes: vec![3, 0], names: ["a", "b", "c", "d"].map(String::from).into() };
        let mut file = Vec::new();
        encode(&[2, 1], Numbers::Single(&[0.5, 1.0]), &[], Some(&labels), &mut file).unwrap();
        let read = SafeTensors::deserialize(&file).unwrap();
        let found = read.tensor("labels").unwrap();
        assert_eq!((found.dtype(), found.shape()), (Dtype::I64, [2].as_slice()));
        assert_eq!(found.data(), [3i64, 0].map(i64::to_le_bytes).concat());
        let (_, header) = SafeTensors::read_metadata(&file).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["classes"], r#"["a","b","c","d"]"#);
    }
}
