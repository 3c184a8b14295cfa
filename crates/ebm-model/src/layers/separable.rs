//! Maps of the rows and the columns of an image: enlargement, and means over a moving square.

use burn::tensor::{Tensor, TensorData};

use crate::{Jet, Layer};

/// Bilinear interpolation to other sides, the corners on the corners: `[b, c, h, w]` → `[b, c, h′, w′]`.
///
/// Row i of the result is at row i (h − 1)/(h′ − 1) of the image, and likewise for columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bilinear {
    /// h′ and w′.
    to: [usize; 2],
}

/// The mean over a square of pixels around each pixel, zeros around the image counted: the shape stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlidingMean {
    /// The side of the square, which is odd.
    size: usize,
}

impl Bilinear {
    /// To images of these sides, height and width.
    pub fn new(to: [usize; 2]) -> Self {
        Self { to }
    }

    fn map(&self, from: [usize; 2]) -> Option<Separable> {
        let map = |axis: usize| interpolation(from[axis], self.to[axis]);
        (from != self.to).then(|| Separable { rows: map(0), columns: map(1) })
    }
}

impl SlidingMean {
    /// Over squares of `size` × `size` pixels.
    ///
    /// # Panics
    /// If `size` is even.
    pub fn new(size: usize) -> Self {
        assert!(!size.is_multiple_of(2), "a square of side {size} has no middle");
        Self { size }
    }

    fn means(&self, x: Tensor<4>) -> Tensor<4> {
        let ([.., height, width], reach) = (x.dims(), self.size / 2);
        let map = |n: usize| {
            Matrix::of([n, n], |i, k| if i.abs_diff(k) <= reach { 1.0 / self.size as f64 } else { 0.0 })
        };
        Separable { rows: map(height), columns: map(width) }.apply(x)
    }
}

/// Row i has the weights of its place between two of `n` points.
fn interpolation(n: usize, to: usize) -> Matrix {
    let step = if 1 < to { (n - 1) as f64 / (to - 1) as f64 } else { 0.0 };
    Matrix::of([to, n], |i, k| {
        let place = i as f64 * step;
        (1.0 - (place - k as f64).abs()).max(0.0)
    })
}

/// A matrix as the numbers of its rows.
#[derive(Clone, Debug)]
struct Matrix {
    values: Vec<f64>,
    shape: [usize; 2],
}

impl Matrix {
    fn of(shape: [usize; 2], value: impl Fn(usize, usize) -> f64) -> Self {
        let [rows, columns] = shape;
        Self { values: (0..rows * columns).map(|at| value(at / columns, at % columns)).collect(), shape }
    }

    fn transposed(&self) -> Self {
        let [rows, columns] = self.shape;
        Self::of([columns, rows], |i, k| self.values[k * columns + i])
    }

    /// On the device and of the type of `x`.
    fn beside(&self, x: &Tensor<4>) -> Tensor<4> {
        let data = TensorData::new(self.values.clone(), [1, 1, self.shape[0], self.shape[1]]);
        Tensor::from_data(data, (&x.device(), x.dtype()))
    }
}

/// R x Cᵀ for every channel x.
#[derive(Clone, Debug)]
struct Separable {
    rows: Matrix,
    columns: Matrix,
}

impl Separable {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let (rows, columns) = (self.rows.beside(&x), self.columns.transposed().beside(&x));
        rows.matmul(x.matmul(columns))
    }

    fn transposed(&self) -> Self {
        Self { rows: self.rows.transposed(), columns: self.columns.transposed() }
    }
}

impl Layer<4> for Bilinear {
    /// Height and width of x.
    type Trace = [usize; 2];

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, [usize; 2]) {
        let [.., height, width] = x.dims();
        (self.forward(x), [height, width])
    }

    fn pullback(&self, from: [usize; 2], cotangent: Tensor<4>) -> Tensor<4> {
        match self.map(from) {
            Some(map) => map.transposed().apply(cotangent),
            None => cotangent,
        }
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        jet.linear(|x| self.forward(x))
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [.., height, width] = x.dims();
        match self.map([height, width]) {
            Some(map) => map.apply(x),
            None => x,
        }
    }
}

impl Layer<4> for SlidingMean {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (self.means(x), ())
    }

    /// The map is its own transpose.
    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        self.means(cotangent)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        jet.linear(|x| self.means(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::Device;

    #[test]
    fn interpolation_and_means_keep_the_laws_of_a_layer() {
        for (from, to) in
            [([3, 4], [6, 8]), ([2, 3], [2, 3]), ([5, 4], [2, 7]), ([1, 1], [3, 2]), ([3, 2], [1, 1])]
        {
            testing::assert_layer::<4, 4>(&Bilinear::new(to), [2, 2, from[0], from[1]], 74);
        }
        testing::assert_layer::<4, 4>(&SlidingMean::new(5), [2, 2, 4, 6], 75);
        testing::assert_layer::<4, 4>(&SlidingMean::new(3), [1, 1, 2, 2], 76);
    }

    fn image(rows: [[f32; 2]; 2]) -> Tensor<4> {
        Tensor::<2>::from_data(rows, &Device::flex()).reshape([1, 1, 2, 2])
    }

    #[test]
    fn corners_stay_and_pixels_between_are_weighted_by_their_distance() {
        let found = Bilinear::new([3, 4]).forward(image([[0.0, 3.0], [6.0, 9.0]]));
        let found = found.into_data().try_to_vec::<f32>().unwrap();
        let expected = [0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0, 6.0, 7.0, 8.0, 9.0];
        assert!(
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6),
            "{found:?}"
        );
    }

    #[test]
    fn zeros_around_the_image_count_in_a_mean() {
        let found = SlidingMean::new(5).forward(image([[1.0, 2.0], [3.0, 4.0]]));
        let found = found.into_data().try_to_vec::<f32>().unwrap();
        assert!(found.iter().all(|found| (found - 0.4).abs() < 1e-6), "{found:?}");
    }
}
