//! The meaning of the axes of samples.

/// The meaning of the axes of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `[n, channels, height, width]`, pixels in [0, 1].
    Images {
        /// Number of images.
        n: usize,
        /// Channels of an image, 1 for grey and 3 for red, green and blue.
        channels: usize,
        /// Rows of pixels.
        height: usize,
        /// Columns of pixels.
        width: usize,
    },
    /// `[n, dim]`, in the table's own units.
    Table {
        /// Number of rows.
        n: usize,
        /// Number of columns.
        dim: usize,
    },
    /// `[chain, draw, dim]`.
    Chains {
        /// Number of chains.
        chains: usize,
        /// Draws of each chain.
        draws: usize,
        /// Coordinates of a draw.
        dim: usize,
    },
}

impl Shape {
    /// The array's dimensions in a file: grey images have no channel axis.
    pub fn dims(&self) -> Vec<usize> {
        match *self {
            Self::Images { n, channels: 1, height, width } => vec![n, height, width],
            Self::Images { n, channels, height, width } => vec![n, channels, height, width],
            Self::Table { n, dim } => vec![n, dim],
            Self::Chains { chains, draws, dim } => vec![chains, draws, dim],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grey_images_lose_their_channel_axis() {
        assert_eq!(Shape::Images { n: 5, channels: 1, height: 3, width: 2 }.dims(), [5, 3, 2]);
        assert_eq!(Shape::Images { n: 5, channels: 3, height: 4, width: 2 }.dims(), [5, 3, 4, 2]);
        assert_eq!(Shape::Chains { chains: 1, draws: 2, dim: 3 }.dims(), [1, 2, 3]);
    }
}
