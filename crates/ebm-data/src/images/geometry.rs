//! Images moved in the plane at random, and what a network is told of it.

use std::f64::consts::PI;

use ebm_ops::Noise;

use crate::ImageShape;
use crate::images::affine::{Affine, resampled};

/// Parameters of what was done to an image.
pub(crate) const PARAMETERS: usize = 9;

/// Uniform numbers and standard normals that a row takes.
const UNIFORMS: usize = 10;
const NORMALS: usize = 4;

/// Standard deviations of the logarithms of base 2 of a scale and of a stretch, and of a shift as a share of the side.
const SCALE: f64 = 0.2;
const STRETCH: f64 = 0.2;
const SHIFT: f64 = 0.125;

/// What is done to one image; by default nothing.
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative models*, §F.2,
/// after Karras, Aittala, Hellsten, Laine, Lehtinen and Aila (2020), *Training generative adversarial networks with
/// limited data*, §B.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Geometry {
    /// Left to right.
    is_mirrored: bool,
    /// Top to bottom.
    is_upside_down: bool,
    /// Of the logarithm of the scale, in standard deviations.
    scale: f64,
    /// In radians.
    angle: f64,
    /// Of the logarithm of the stretch, in standard deviations.
    stretch: f64,
    /// Of the stretch, in radians.
    direction: f64,
    /// To the right and downwards, in standard deviations.
    shift: [f64; 2],
}

impl Geometry {
    /// Each part with this probability, on its own; a mirror image every second time.
    fn drawn(probability: f64, uniforms: &[f32], normals: &[f32]) -> Self {
        let is_drawn = |k: usize| f64::from(uniforms[k]) < probability;
        let is_heads = |k: usize| uniforms[k] < 0.5;
        let angle = |k: usize| (2.0 * f64::from(uniforms[k]) - 1.0) * PI;
        let normal = |k: usize| f64::from(normals[k]);
        let (is_stretched, is_shifted) = (is_drawn(6), is_drawn(9));
        Self {
            is_mirrored: is_heads(0),
            is_upside_down: is_drawn(1) && is_heads(2),
            scale: if is_drawn(3) { normal(0) } else { 0.0 },
            angle: if is_drawn(4) { angle(5) } else { 0.0 },
            stretch: if is_stretched { normal(1) } else { 0.0 },
            direction: if is_stretched && is_heads(7) { angle(8) } else { 0.0 },
            shift: if is_shifted { [normal(2), normal(3)] } else { [0.0; 2] },
        }
    }

    /// Where the pixels of the changed image are in the image of this shape.
    fn map(&self, shape: ImageShape) -> Affine {
        let sign = |is_turned: bool| if is_turned { -1.0 } else { 1.0 };
        let smaller = (-SCALE * self.scale).exp2();
        let stretch = (STRETCH * self.stretch).exp2();
        let sides = [shape.width, shape.height].map(|side| side as f64);
        let shift = [0, 1].map(|i| -SHIFT * self.shift[i] * sides[i]);
        // In the order of EDM's maps, of which mirror images are the first.
        Affine::scaling([sign(self.is_mirrored), sign(self.is_upside_down)])
            .after(Affine::scaling([smaller, smaller]))
            .after(Affine::rotation(self.angle))
            .after(Affine::rotation(-self.direction))
            .after(Affine::scaling([stretch.recip(), stretch]))
            .after(Affine::rotation(self.direction))
            .after(Affine::translation(shift))
    }

    /// What a network is told: all zero if nothing was done.
    fn parameters(&self) -> [f32; PARAMETERS] {
        let is = |is_turned: bool| f64::from(u8::from(is_turned));
        let parameters = [
            is(self.is_mirrored),
            is(self.is_upside_down),
            self.scale,
            self.angle.cos() - 1.0,
            self.angle.sin(),
            self.stretch * self.direction.cos(),
            self.stretch * self.direction.sin(),
            self.shift[0],
            self.shift[1],
        ];
        parameters.map(|parameter| parameter as f32)
    }
}

/// `images`, the bytes of each, moved in the plane, and the parameters of each, row after row.
///
/// Each image is mirrored left to right with probability ½, and, each with this `probability`: mirrored top to bottom
/// (in half of the cases), scaled by 2^(0.2 z), turned by an angle uniform on ±π, stretched by 2^(0.2 z) in one direction
/// and by the inverse across it, and shifted by an eighth of the sides times z; z are standard normals of their own. The
/// direction of a stretch is that of the rows in half of the cases, and otherwise uniform. All of it is one affine map.
///
/// Image `i` takes draws `10 i` to `10 i + 9` of the first and `4 i` to `4 i + 3` of the second draw of `noise`.
pub(crate) fn move_images<'a>(
    probability: f64,
    images: impl ExactSizeIterator<Item = &'a mut Vec<u8>>,
    shape: ImageShape,
    noise: &mut Noise,
) -> Vec<f32> {
    let n = images.len();
    let (uniforms, normals) = (noise.uniforms(UNIFORMS * n), noise.normals(NORMALS * n));
    let draws = uniforms.chunks_exact(UNIFORMS).zip(normals.chunks_exact(NORMALS));
    let mut parameters = Vec::with_capacity(PARAMETERS * n);
    for (image, (uniforms, normals)) in images.zip(draws) {
        let geometry = Geometry::drawn(probability, uniforms, normals);
        if geometry != Geometry::default() {
            *image = resampled(image, shape, geometry.map(shape));
        }
        parameters.extend(geometry.parameters());
    }
    parameters
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 3, height: 8, width: 8 };

    fn image() -> Vec<u8> {
        (0..SHAPE.dim()).map(|i| (i * 97 % 251) as u8).collect()
    }

    fn moved(probability: f64, n: usize, seed: u64) -> (Vec<Vec<u8>>, Vec<f32>) {
        let mut images = vec![image(); n];
        let parameters = move_images(probability, images.iter_mut(), SHAPE, &mut Noise::seeded(seed));
        (images, parameters)
    }

    #[test]
    fn an_image_to_which_nothing_was_done_has_its_bytes_and_parameters_of_zero() {
        assert_eq!(Geometry::default().parameters(), [0.0; PARAMETERS]);
        let n = 400;
        let (images, parameters) = moved(0.12, n, 1);
        let mut counts = [0; 2];
        for (found, parameters) in images.iter().zip(parameters.chunks_exact(PARAMETERS)) {
            let is_same = parameters.iter().all(|parameter| *parameter == 0.0);
            assert!(!is_same || *found == image(), "it was changed");
            counts[usize::from(*found == image())] += 1;
        }
        // P = 0.5 · 0.94 · 0.88⁴ = 0.28
        assert!((70..160).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn a_quarter_turn_and_mirror_images_are_the_bytes_in_another_order() {
        let quarter = Geometry { angle: FRAC_PI_2, ..Geometry::default() };
        let found = resampled(&image(), SHAPE, quarter.map(SHAPE));
        for (plane, found) in image().chunks_exact(64).zip(found.chunks_exact(64)) {
            for place in 0..64 {
                let (x, y) = (place % 8, place / 8);
                assert_eq!(found[8 * y + x], plane[8 * x + 7 - y], "({x}, {y})");
            }
        }
        let [_, _, _, cos, sin, ..] = quarter.parameters();
        assert!((cos + 1.0).abs() < 1e-6 && (sin - 1.0).abs() < 1e-6, "{cos} {sin}");

        let both = Geometry { is_mirrored: true, is_upside_down: true, ..Geometry::default() };
        let found = resampled(&image(), SHAPE, both.map(SHAPE));
        for (plane, found) in image().chunks_exact(64).zip(found.chunks_exact(64)) {
            assert!(plane.iter().rev().eq(found), "both mirror images are half a turn");
        }
        assert_eq!(both.parameters()[..2], [1.0, 1.0]);
    }

    #[test]
    fn a_stretch_keeps_the_area_and_a_shift_is_a_share_of_the_sides() {
        // A square in the middle of 33×33 pixels.
        let shape = ImageShape { channels: 1, height: 33, width: 33 };
        let is_inside = |at: usize| (12..21).contains(&at);
        let square: Vec<u8> =
            (0..33 * 33).map(|at| if is_inside(at % 33) && is_inside(at / 33) { 200 } else { 0 }).collect();
        let sums = |geometry: Geometry| {
            let found = resampled(&square, shape, geometry.map(shape));
            let sum = |weight: fn(usize) -> usize| -> f64 {
                found.iter().enumerate().map(|(at, &byte)| f64::from(byte) * weight(at) as f64).sum()
            };
            let whole = sum(|_| 1);
            (whole, sum(|at| at % 33) / whole, sum(|at| at / 33) / whole)
        };
        let (area, x, y) = sums(Geometry::default());
        assert_eq!((area, x, y), (81.0 * 200.0, 16.0, 16.0));
        let near = |found: f64, expected: f64, within: f64| {
            assert!((found - expected).abs() < within, "{found} against {expected}");
        };
        let (stretched, ..) = sums(Geometry { stretch: 1.5, direction: 0.7, ..Geometry::default() });
        near(stretched / area, 1.0, 0.05);
        let (larger, ..) = sums(Geometry { scale: 1.5, ..Geometry::default() });
        near(larger / area, 0.6f64.exp2(), 0.1);
        let (_, x, y) = sums(Geometry { shift: [1.0, -0.5], ..Geometry::default() });
        near(x, 16.0 + 33.0 / 8.0, 0.05);
        near(y, 16.0 - 33.0 / 16.0, 0.05);
    }

    #[test]
    fn each_part_is_as_frequent_as_said_and_on_its_own() {
        let (n, p) = (20_000, 0.12);
        let mut noise = Noise::seeded(2);
        let (uniforms, normals) = (noise.uniforms(UNIFORMS * n), noise.normals(NORMALS * n));
        let draws = uniforms.chunks_exact(UNIFORMS).zip(normals.chunks_exact(NORMALS));
        let drawn: Vec<Geometry> = draws.map(|(u, z)| Geometry::drawn(p, u, z)).collect();
        type IsDone = fn(&Geometry) -> bool;
        let parts: [(&str, f64, IsDone); 8] = [
            ("mirrored", 0.5, |g| g.is_mirrored),
            ("upside down", p / 2.0, |g| g.is_upside_down),
            ("scaled", p, |g| g.scale != 0.0),
            ("turned", p, |g| g.angle != 0.0),
            ("stretched", p, |g| g.stretch != 0.0),
            ("stretched aslant", p / 2.0, |g| g.direction != 0.0),
            ("shifted", p, |g| g.shift != [0.0; 2]),
            ("scaled and turned", p * p, |g| g.scale != 0.0 && g.angle != 0.0),
        ];
        for (name, expected, part) in parts {
            let share = drawn.iter().filter(|geometry| part(geometry)).count() as f64 / n as f64;
            let error = (expected * (1.0 - expected) / n as f64).sqrt();
            assert!((share - expected).abs() < 5.0 * error, "{name}: {share} against {expected}");
        }
    }

    #[test]
    fn an_image_is_moved_alike_in_any_batch() {
        let ((all, of_all), (some, of_some)) = (moved(0.5, 30, 3), moved(0.5, 7, 3));
        assert_eq!((&all[..7], &of_all[..7 * PARAMETERS]), (&some[..], &of_some[..]));
        assert_ne!(moved(0.5, 7, 4).0, some);
    }
}
