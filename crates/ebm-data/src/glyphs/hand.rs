//! The variation of handwriting.

use ebm_ops::Noise;

use super::forms::Stroke;

/// Standard deviation of the displacement of a control point, in heights of a digit.
const JITTER: f32 = 0.024;

/// Most control points of a form.
const POINTS: usize = 32;

/// The random distortion of a digit's form: one way of writing it.
pub(super) struct Hand {
    /// Displacements of control points, x and y.
    jitter: Vec<f32>,
    /// Amplitude and phase of the bend of x along y, and of y along x.
    bend: [[f32; 2]; 2],
    /// Factor on the width of the form.
    width: f32,
    /// Shift to the right per unit of height.
    slant: f32,
    /// Clockwise rotation, in radians.
    rotation: f32,
    /// Longer side of the drawn digit, in pixels.
    pub(super) size: f32,
    /// Half the width of the line, in pixels.
    pub(super) radius: f32,
    /// Amplitude of the relative change of the width along the line, and its phase.
    pub(super) pressure: [f32; 2],
    /// Offset of the centre of mass from the centre of the image, in pixels.
    pub(super) offset: [f32; 2],
}

impl Hand {
    pub(super) fn draw(noise: &mut Noise) -> Self {
        let u = noise.uniforms(8);
        let mut z = noise.normals(8 + 2 * POINTS);
        let jitter = z.split_off(8).into_iter().map(|z| JITTER * z.clamp(-2.5, 2.5)).collect();
        let turn = std::f32::consts::TAU;
        Self {
            jitter,
            bend: [[0.028 * z[0], turn * u[0]], [0.028 * z[1], turn * u[1]]],
            width: (0.06 + 0.16 * z[2].clamp(-2.5, 2.5)).exp(),
            slant: 0.16 + 0.19 * z[3].clamp(-2.5, 2.5),
            rotation: 0.07 * z[4].clamp(-2.5, 2.5),
            size: 18.6 + 1.4 * u[2],
            radius: 1.2 * (0.17 * z[5].clamp(-2.2, 2.2)).exp(),
            pressure: [0.18 * u[3], turn * u[4]],
            offset: [0.35 * z[6], 0.35 * z[7]],
        }
    }

    /// The distorted strokes. Coinciding points move together, so that strokes that touch still touch.
    pub(super) fn write(&self, strokes: &[Stroke]) -> Vec<Vec<[f32; 2]>> {
        let form: Vec<[f32; 2]> = strokes.concat();
        let mut written = form.iter().enumerate().map(|(i, &point)| {
            let same = form[..i].iter().position(|&earlier| earlier == point).unwrap_or(i) % POINTS;
            self.move_point([point[0] + self.jitter[2 * same], point[1] + self.jitter[2 * same + 1]])
        });
        strokes.iter().map(|stroke| written.by_ref().take(stroke.len()).collect()).collect()
    }

    fn move_point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [[a, phase_x], [b, phase_y]] = self.bend;
        let bent = [x + a * (4.5 * y + phase_x).sin(), y + b * (4.5 * x + phase_y).sin()];
        let slanted = [self.width * bent[0] + self.slant * (0.5 - bent[1]), bent[1]];
        let (sin, cos) = self.rotation.sin_cos();
        [cos * slanted[0] - sin * slanted[1], sin * slanted[0] + cos * slanted[1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::forms::FORMS;

    #[test]
    fn no_form_has_more_points_than_there_are_displacements() {
        for form in FORMS.into_iter().flatten() {
            let points: usize = form.strokes.iter().map(|stroke| stroke.len()).sum();
            assert!(points <= POINTS && form.strokes.iter().all(|stroke| 2 <= stroke.len()), "{points}");
        }
    }

    #[test]
    fn touching_strokes_still_touch() {
        let written = Hand::draw(&mut Noise::seeded(4)).write(FORMS[7][0].strokes);
        assert_eq!(written[0].last(), written[1].first());
        assert_ne!(written[0][0], FORMS[7][0].strokes[0][0]);
    }
}
