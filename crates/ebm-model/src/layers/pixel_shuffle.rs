//! Pixels of a small square as channels, and back.

use burn::tensor::Tensor;

/// `[b, c, h·r, w·r]` → `[b, c·r², h, w]`; the channel of colour c, row i, column j is c·r² + i·r + j.
///
/// # Panics
/// Unless `r` divides height and width.
pub fn pixel_unshuffle(x: Tensor<4>, r: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    assert!(h.is_multiple_of(r) && w.is_multiple_of(r), "squares of {r}×{r} do not tile an image of {h}×{w}");
    let x: Tensor<6> = x.reshape([b, c, h / r, r, w / r, r]);
    x.permute([0, 1, 3, 5, 2, 4]).reshape([b, c * r * r, h / r, w / r])
}

/// `[b, c·r², h, w]` → `[b, c, h·r, w·r]`, the inverse of [`pixel_unshuffle`].
///
/// # Reference
/// Shi et al. (2016), *Real-time single image and video super-resolution*, §2.2.
///
/// # Panics
/// Unless `r²` divides the channels.
pub fn pixel_shuffle(x: Tensor<4>, r: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    assert!(c.is_multiple_of(r * r), "{c} channels cannot become squares of {r}×{r}");
    let x: Tensor<6> = x.reshape([b, c / (r * r), r, r, h, w]);
    x.permute([0, 1, 4, 2, 5, 3]).reshape([b, c / (r * r), h * r, w * r])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Int};

    #[test]
    fn shuffle_undoes_unshuffle_and_the_channel_order_is_colour_row_column() {
        let x = Tensor::<1, Int>::arange(0..2 * 4 * 6, &Device::flex()).float().reshape([1, 2, 4, 6]);
        let y = pixel_unshuffle(x.clone(), 2);
        assert_eq!(y.dims(), [1, 8, 2, 3]);
        // colour 1, row 1, column 0 of the square at (0, 2): pixel (1, 4) of colour 1
        let found = y.clone().slice([0..1, 6..7, 0..1, 2..3]).into_scalar::<f32>();
        assert_eq!(found, 24.0 + 6.0 + 4.0);
        assert_eq!(pixel_shuffle(y, 2).into_data(), x.into_data());
    }
}
