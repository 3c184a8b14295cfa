//! A safetensors file with one tensor, `samples`.

use std::io::Write;

use safetensors::tensor::{Dtype, TensorView};

use super::little_endian::write_little_endian;
use crate::ReportError;

/// Writes `values` to `out` as the float32 tensor `samples` of shape `dims`.
///
/// # Errors
/// If `values` does not have the length that `dims` says, or `out` cannot be written.
pub(crate) fn encode(dims: &[usize], values: &[f32], out: &mut dyn Write) -> Result<(), ReportError> {
    let mut bytes = Vec::with_capacity(size_of_val(values));
    write_little_endian(values, &mut bytes)?;
    let view = TensorView::new(Dtype::F32, dims.to_vec(), &bytes)?;
    out.write_all(&safetensors::serialize([("samples", view)], None)?)?;
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
        encode(&[4, 100, 100], &values, &mut file).unwrap();

        let read = SafeTensors::deserialize(&file).unwrap();
        let samples = read.tensor("samples").unwrap();

        assert_eq!(read.names(), ["samples"]);
        assert_eq!((samples.dtype(), samples.shape()), (Dtype::F32, [4, 100, 100].as_slice()));
        let expected: Vec<u8> = values.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
        assert_eq!(samples.data(), expected);
    }

    #[test]
    fn a_wrong_count_is_refused() {
        assert!(encode(&[2, 2], &[0.0; 3], &mut Vec::new()).is_err());
    }
}
