//! Images under affine maps.

use std::array;

use crate::ImageShape;
use crate::images::reflection::reflected;

/// A map of the plane, p ↦ A p + b, p = (x, y): x to the right and y downwards, in pixels from the centre of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    /// A, row by row.
    linear: [[f64; 2]; 2],
    /// b.
    offset: [f64; 2],
}

impl Affine {
    /// (x, y) ↦ (a x, b y).
    pub(crate) fn scaling([a, b]: [f64; 2]) -> Self {
        Self { linear: [[a, 0.0], [0.0, b]], offset: [0.0; 2] }
    }

    /// By `angle` in radians from the x axis towards the y axis.
    pub(crate) fn rotation(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self { linear: [[cos, -sin], [sin, cos]], offset: [0.0; 2] }
    }

    /// p ↦ p + b.
    pub(crate) fn translation(offset: [f64; 2]) -> Self {
        Self { linear: [[1.0, 0.0], [0.0, 1.0]], offset }
    }

    /// p ↦ self(first(p)).
    pub(crate) fn after(self, first: Self) -> Self {
        let product = |row: [f64; 2], k: usize| row[0] * first.linear[0][k] + row[1] * first.linear[1][k];
        Self {
            linear: self.linear.map(|row| [product(row, 0), product(row, 1)]),
            offset: self.at(first.offset),
        }
    }

    /// Where p goes.
    fn at(self, [x, y]: [f64; 2]) -> [f64; 2] {
        array::from_fn(|i| self.linear[i][0] * x + self.linear[i][1] * y + self.offset[i])
    }
}

/// The image whose pixel at p is the pixel of `image` at `map`(p), rounded to a byte.
///
/// Between pixels by Keys' cubic, which is exact on pixels, so that mirrored images and quarter turns of squares have the
/// bytes of the image in another order; beyond the edges by reflection, pixel −1 is pixel 1. Where the map makes an image
/// smaller nothing is filtered before.
///
/// # Reference
/// Keys (1981), *Cubic convolution interpolation for digital image processing*, eq. 15, with a = −½.
pub(crate) fn resampled(image: &[u8], shape: ImageShape, map: Affine) -> Vec<u8> {
    let ImageShape { height, width, .. } = shape;
    let centre = [width, height].map(|side| 0.5 * (side as f64 - 1.0));
    let area = height * width;
    let mut pixels = vec![0; image.len()];
    for place in 0..area {
        let (x, y) = (place % width, place / width);
        let [u, v] = map.at([x as f64 - centre[0], y as f64 - centre[1]]);
        let (columns, rows) = (Taps::at(u + centre[0], width), Taps::at(v + centre[1], height));
        for (plane, pixels) in image.chunks_exact(area).zip(pixels.chunks_exact_mut(area)) {
            let value = rows.sum(|row| columns.sum(|column| f64::from(plane[row * width + column])));
            pixels[place] = value.round().clamp(0.0, 255.0) as u8;
        }
    }
    pixels
}

/// The four pixels of a row around a point, and their weights.
struct Taps {
    places: [usize; 4],
    weights: [f64; 4],
}

impl Taps {
    fn at(point: f64, side: usize) -> Self {
        let before = point.floor();
        let (first, beyond) = (before as isize - 1, point - before);
        Self {
            places: array::from_fn(|k| reflected(first + k as isize, side)),
            weights: array::from_fn(|k| keys((beyond + 1.0 - k as f64).abs())),
        }
    }

    fn sum(&self, value: impl Fn(usize) -> f64) -> f64 {
        self.places.iter().zip(self.weights).map(|(&place, weight)| value(place) * weight).sum()
    }
}

/// Keys' cubic at distance `d` from a pixel, at most 2.
fn keys(d: f64) -> f64 {
    if d <= 1.0 { (1.5 * d - 2.5) * d * d + 1.0 } else { ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0 }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use super::*;

    const SQUARE: ImageShape = ImageShape { channels: 2, height: 5, width: 5 };

    /// Bytes without a pattern.
    fn image(shape: ImageShape) -> Vec<u8> {
        (0..shape.dim()).map(|i| (i * 97 % 251) as u8).collect()
    }

    /// The image whose pixel (x, y) of each channel is that of `image` at `from`(x, y).
    fn permuted(shape: ImageShape, from: impl Fn(usize, usize) -> (usize, usize)) -> Vec<u8> {
        let ImageShape { channels, height, width } = shape;
        let image = image(shape);
        let mut pixels = Vec::new();
        for channel in 0..channels {
            for y in 0..height {
                for x in 0..width {
                    let (u, v) = from(x, y);
                    pixels.push(image[(channel * height + v) * width + u]);
                }
            }
        }
        pixels
    }

    #[test]
    fn mirrored_images_and_quarter_turns_have_the_bytes_in_another_order() {
        let wide = ImageShape { channels: 3, height: 3, width: 6 };
        for shape in [SQUARE, wide] {
            let (right, bottom) = (shape.width - 1, shape.height - 1);
            let found = |scale| resampled(&image(shape), shape, Affine::scaling(scale));
            assert_eq!(found([1.0, 1.0]), image(shape));
            assert_eq!(found([-1.0, 1.0]), permuted(shape, |x, y| (right - x, y)));
            assert_eq!(found([1.0, -1.0]), permuted(shape, |x, y| (x, bottom - y)));
            let half = resampled(&image(shape), shape, Affine::rotation(2.0 * FRAC_PI_2));
            assert_eq!(half, permuted(shape, |x, y| (right - x, bottom - y)));
        }
        for shape in [SQUARE, ImageShape { channels: 1, height: 4, width: 4 }] {
            let last = shape.width - 1;
            // (x, y) ↦ (−y, x) from the centre
            let found = resampled(&image(shape), shape, Affine::rotation(FRAC_PI_2));
            assert_eq!(found, permuted(shape, |x, y| (last - y, x)));
            let back = resampled(&found, shape, Affine::rotation(-FRAC_PI_2));
            assert_eq!(back, image(shape));
        }
    }

    #[test]
    fn shifts_by_whole_pixels_reflect_at_the_edge() {
        let found = resampled(&image(SQUARE), SQUARE, Affine::translation([2.0, -1.0]));
        let expected = permuted(SQUARE, |x, y| (reflected(x as isize + 2, 5), reflected(y as isize - 1, 5)));
        assert_eq!(found, expected);
        // as far as one likes
        let far = resampled(&image(SQUARE), SQUARE, Affine::translation([8.0 * 1e6, 0.0]));
        assert_eq!(far, image(SQUARE));
    }

    /// Keys' cubic reproduces polynomials of the second degree.
    #[test]
    fn between_pixels_a_parabola_is_exact() {
        let shape = ImageShape { channels: 1, height: 1, width: 12 };
        let parabola = |x: f64| x * x + 2.0 * x + 3.0;
        let row: Vec<u8> = (0..12).map(|x| parabola(f64::from(x)) as u8).collect();
        for step in [0.25, 0.5, 0.75] {
            let found = resampled(&row, shape, Affine::translation([step, 0.0]));
            for (x, found) in found.into_iter().enumerate().take(10).skip(1) {
                assert_eq!(found, parabola(x as f64 + step).round() as u8, "pixel {x} and {step}");
            }
        }
        for d in [0.0, 0.3, 0.5, 0.9] {
            let weights = [keys(1.0 + d), keys(d), keys(1.0 - d), keys(2.0 - d)];
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-15, "{weights:?}");
        }
        assert_eq!([0.0, 1.0, 2.0].map(keys), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn maps_are_composed_from_the_right() {
        let (turn, shift) = (Affine::rotation(FRAC_PI_2), Affine::translation([1.0, 0.0]));
        let near = |found: [f64; 2], expected: [f64; 2]| {
            assert!((0..2).all(|i| (found[i] - expected[i]).abs() < 1e-12), "{found:?} against {expected:?}");
        };
        near(turn.after(shift).at([1.0, 3.0]), [-3.0, 2.0]);
        near(shift.after(turn).at([1.0, 3.0]), [-2.0, 1.0]);
        near(Affine::scaling([2.0, 3.0]).after(shift).at([1.0, 1.0]), [4.0, 3.0]);
    }
}
