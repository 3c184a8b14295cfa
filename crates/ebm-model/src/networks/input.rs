//! The shape of a position.

/// What one row of a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A flattened image.
    Image {
        /// Number of colour channels.
        channels: usize,
        /// Rows of pixels.
        height: usize,
        /// Columns of pixels.
        width: usize,
    },
    /// A point or a row of a table.
    Row {
        /// Number of coordinates.
        dim: usize,
    },
}

impl Input {
    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        match *self {
            Self::Image { channels, height, width } => channels * height * width,
            Self::Row { dim } => dim,
        }
    }

    /// σ_d, the usual standard deviation of such data: images on ±1 have 0.5, standardised rows 1.
    pub(crate) fn usual_deviation(&self) -> f64 {
        match self {
            Self::Image { .. } => 0.5,
            Self::Row { .. } => 1.0,
        }
    }
}

/// Sets each size that is zero to the one found in the data.
fn fill<const N: usize>(sizes: [&mut usize; N], found: [usize; N]) {
    for (size, found) in sizes.into_iter().zip(found) {
        if *size == 0 {
            *size = found;
        }
    }
}

/// The number of coordinates, or, if it is zero, that of the rows found in the data.
pub(crate) fn filled_row(dim: usize, found: Input) -> usize {
    match found {
        Input::Row { dim: found } if dim == 0 => found,
        _ => dim,
    }
}

/// Sets channels, height and width that are zero to those of the images found in the data.
pub(crate) fn fill_image(sizes: [&mut usize; 3], found: Input) {
    if let Input::Image { channels, height, width } = found {
        fill(sizes, [channels, height, width]);
    }
}

/// Whether a number that stands for nothing is not written.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_zero(n: &usize) -> bool {
    *n == 0
}
