//! A safetensors file with one tensor, `samples`.

use std::collections::HashMap;
use std::io::Write;

use safetensors::tensor::{Dtype, TensorView};

use super::little_endian::Numbers;
use crate::ReportError;

/// Writes `values` to `out` as the tensor `samples` of shape `dims`, in float32 or float64; the metadata `columns` is a
/// JSON list of the names of the columns, if there are any.
///
/// # Errors
/// If `values` does not have the length that `dims` says, or `out` cannot be written.
pub(crate) fn encode(
    dims: &[usize],
    values: Numbers<'_>,
    columns: &[String],
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let mut bytes = Vec::with_capacity(values.len() * values.width());
    values.write(&mut bytes)?;
    let dtype = match values {
        Numbers::Single(_) => Dtype::F32,
        Numbers::Double(_) => Dtype::F64,
    };
    let view = TensorView::new(dtype, dims.to_vec(), &bytes)?;
    let names = serde_json::Value::from(columns.to_vec()).to_string();
    let metadata = (!columns.is_empty()).then(|| HashMap::from([("columns".to_owned(), names)]));
    out.write_all(&safetensors::serialize([("samples", view)], metadata)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    #[test]
    fn the_tensor_comes_back_with_its_shape_and_bits() {
        let values: Vec<f32> = (0..40_000).map(|i| (i as f32 - 7.5) / 3.0).collect();
        let mut file = Vec::new();
        encode(&[4, 100, 100], Numbers::Single(&values), &[], &mut file).unwrap();

        let read = SafeTensors::deserialize(&file).unwrap();
        let samples = read.tensor("samples").unwrap();

        assert_eq!(read.names(), ["samples"]);
        assert_eq!((samples.dtype(), samples.shape()), (Dtype::F32, [4, 100, 100].as_slice()));
        let expected: Vec<u8> = values.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
        assert_eq!(samples.data(), expected);
    }

    #[test]
    fn a_wrong_count_is_refused() {
        assert!(encode(&[2, 2], Numbers::Single(&[0.0; 3]), &[], &mut Vec::new()).is_err());
    }

    #[test]
    fn doubles_and_names_come_back() {
        let (values, names) = ([3e-7, 0.1 + 0.2], ["a".to_owned(), "b,c".into()]);
        let mut file = Vec::new();
        encode(&[1, 2], Numbers::Double(&values), &names, &mut file).unwrap();
        let read = SafeTensors::deserialize(&file).unwrap();
        assert_eq!(read.tensor("samples").unwrap().data(), values.map(f64::to_le_bytes).concat());
        let (_, header) = SafeTensors::read_metadata(&file).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["columns"], r#"["a","b,c"]"#);
    }
}
