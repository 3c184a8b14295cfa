//! Constants as tensors, and sizes of pictures.

use burn::tensor::{DType, Tensor, TensorData};
use ebm_ops::OutOfRange;

use crate::SampleError;

/// `values` in the given shape, on the device and in the float type of `x`.
pub(crate) fn constants<const D: usize, const E: usize>(
    values: &[f64],
    shape: [usize; D],
    x: &Tensor<E>,
) -> Tensor<D> {
    let data = TensorData::new(values.to_vec(), shape);
    let data = if x.dtype() == DType::F64 { data } else { data.convert::<f32>() };
    Tensor::from_data(data, (&x.device().inner(), x.dtype()))
}

/// The numbers in a picture of `[channels, height, width]`.
///
/// # Errors
/// [`SampleError::OutOfRange`] if a side is zero.
pub(crate) fn numbers([channels, height, width]: [usize; 3]) -> Result<usize, SampleError> {
    for (what, side) in [("channels", channels), ("height", height), ("width", width)] {
        OutOfRange::at_least(what, 1, side)?;
    }
    Ok(channels * height * width)
}
