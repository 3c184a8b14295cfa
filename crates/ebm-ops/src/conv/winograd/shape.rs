//! Sizes supported by the algorithm.

/// Numbers of channels must be multiples of this.
pub(crate) const CHANNELS: usize = crate::transpose::SIDE;

/// Sizes of a convolution with 3×3 kernels, stride 1 and padding 1.
///
/// Both numbers of channels are positive multiples of [`CHANNELS`]; the other sizes are positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub batch: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    /// Panics unless the sizes are valid and the three tensors have matching lengths.
    pub(super) fn check(&self, x: usize, weight: usize, y: usize) {
        let Self { batch, in_channels, out_channels, height, width } = *self;
        let whole = |channels: usize| 0 < channels && channels.is_multiple_of(CHANNELS);
        assert!(whole(in_channels) && whole(out_channels) && 0 < batch * height * width, "{self:?}");
        let expected = [self.pixels() * batch * in_channels, 9 * in_channels * out_channels];
        assert_eq!([x, weight], expected, "lengths of input and weight, found and expected, for {self:?}");
        assert_eq!(y, self.pixels() * batch * out_channels, "length of the result for {self:?}");
    }

    pub(super) fn pixels(&self) -> usize {
        self.height * self.width
    }
}
