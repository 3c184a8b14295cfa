//! A safetensors file with a tensor `samples`, and `labels` of samples of classes.

use std::collections::HashMap;
use std::io::Write;

use safetensors::tensor::{Dtype, Metadata, TensorInfo, TensorView};

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
    let Some(labels) = labels else {
        out.write_all(&header(dims, values.width(), columns)?)?;
        return Ok(values.write(out)?);
    };
    let mut bytes = Vec::with_capacity(values.len() * values.width());
    values.write(&mut bytes)?;
    let dtype = match values {
        Numbers::Single(_) => Dtype::F32,
        Numbers::Double(_) => Dtype::F64,
    };
    let classes: Vec<u8> = labels.classes.iter().flat_map(|class| (*class as i64).to_le_bytes()).collect();
    let tensors = [
        ("samples", TensorView::new(dtype, dims.to_vec(), &bytes)?),
        ("labels", TensorView::new(Dtype::I64, vec![labels.classes.len()], &classes)?),
    ];
    // One entry, because the order of several is not fixed.
    let list =
        [("columns", columns), ("classes", &labels.names)].into_iter().find(|(_, names)| !names.is_empty());
    let metadata = list.map(|(key, names)| {
        HashMap::from([(key.to_owned(), serde_json::Value::from(names.to_vec()).to_string())])
    });
    out.write_all(&safetensors::serialize(tensors, metadata)?)?;
    Ok(())
}

/// The bytes before the numbers, each of `width` bytes: as the library writes them, which needs all numbers for it.
///
/// # Errors
/// If there are more numbers than the format can count.
pub(crate) fn header(dims: &[usize], width: usize, columns: &[String]) -> Result<Vec<u8>, ReportError> {
    /// The text is padded to a multiple of so many bytes, as many as its length has before it.
    const ALIGNMENT: usize = 8;
    let dtype = if width == 8 { Dtype::F64 } else { Dtype::F32 };
    let length = dims.iter().try_fold(width, |product, &d| product.checked_mul(d));
    let length =
        length.ok_or_else(|| ReportError::Format(format!("a tensor of shape {dims:?} is too large")))?;
    let info = TensorInfo { dtype, shape: dims.to_vec(), data_offsets: (0, length) };
    let names = serde_json::Value::from(columns.to_vec()).to_string();
    let metadata = (!columns.is_empty()).then(|| HashMap::from([("columns".to_owned(), names)]));
    let metadata = Metadata::new(metadata, vec![("samples".to_owned(), info)])?;
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
