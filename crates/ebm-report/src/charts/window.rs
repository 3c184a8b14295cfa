//! The part of the plane that a picture shows.

/// Ranges that differ by more than this have scales of their own.
const ALIKE: f32 = 4.0;

/// The part of the plane that a picture shows: a square, or, where the ranges of the coordinates differ by more than a
/// factor of four, a rectangle that is drawn as one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    centre: [f32; 2],
    half: [f32; 2],
}

impl Window {
    /// A window around the middle 99.8 % of `points`, `[n, 2]`, in each coordinate, with a margin of a tenth.
    ///
    /// Points that are not finite do not count; without any, the window is [-1, 1]².
    pub fn around(points: &[f32]) -> Self {
        let [x, y] = [0, 1].map(|c| range(points.iter().copied().skip(c).step_by(2)));
        let (Some(x), Some(y)) = (x, y) else { return Self { centre: [0.0; 2], half: [1.0; 2] } };
        let centre = [x, y].map(|[low, high]| low / 2.0 + high / 2.0);
        let halves = [x, y].map(|[low, high]| 0.55 * (high - low));
        let largest = halves[0].max(halves[1]);
        let largest = if largest.is_finite() && largest > 0.0 { largest } else { 1.0 };
        let half = halves.map(|half| match half {
            half if half.is_finite() && 0.0 < half && half * ALIKE < largest => half,
            _ => largest,
        });
        // Wide enough for single precision to tell its ends apart.
        let half = [0, 1].map(|c| half[c].max(1e-5 * centre[c].abs()));
        Self { centre, half }
    }

    /// The point at a place in the unit square, the second coordinate upwards.
    pub fn point(&self, unit: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|c| self.centre[c] + (2.0 * unit[c] - 1.0) * self.half[c])
    }

    /// Lower and upper end of coordinate `c`.
    pub fn range(&self, c: usize) -> [f64; 2] {
        let (centre, half) = (f64::from(self.centre[c]), f64::from(self.half[c]));
        [centre - half, centre + half]
    }

    /// Whether a point lies in the window.
    pub(super) fn holds(&self, point: [f64; 2]) -> bool {
        [0, 1].into_iter().all(|c| {
            let [low, high] = self.range(c);
            (low..=high).contains(&point[c])
        })
    }
}

/// Smallest and largest of the middle 99.8 % of the finite values.
fn range(values: impl Iterator<Item = f32>) -> Option<[f32; 2]> {
    let mut values: Vec<f32> = values.filter(|v| v.is_finite()).collect();
    values.sort_unstable_by(f32::total_cmp);
    let cut = values.len() / 1_000;
    Some([*values.get(cut)?, *values.get(values.len() - 1 - cut)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_ignores_one_outlier_in_a_thousand_and_what_is_not_finite() {
        let mut points: Vec<f32> = (0..2_000).flat_map(|i| [i as f32 / 1_000.0, 0.25]).collect();
        points.extend([1e9, 0.0, f32::NAN, f32::INFINITY]);
        let window = Window::around(&points);
        // The second coordinate is constant, and has the scale of the first.
        assert!(window.half.iter().all(|half| (half - 1.1).abs() < 0.01), "{window:?}");
        assert!((window.centre[0] - 1.0).abs() < 0.01 && window.centre[1] == 0.25, "{window:?}");
    }

    #[test]
    fn every_window_has_a_finite_positive_size() {
        for points in
            [vec![], vec![f32::NAN; 4], vec![3e8; 4], vec![f32::MAX, f32::MIN], vec![-1e30, 1e-30, 2.0, 2.0]]
        {
            let window = Window::around(&points);
            for c in 0..2 {
                assert!(window.half[c] > 0.0 && window.half[c].is_finite());
                assert!(window.range(c)[0] < window.range(c)[1]);
            }
        }
    }

    #[test]
    fn coordinates_of_very_different_ranges_have_scales_of_their_own() {
        let half = |height: f32| Window::around(&[0.0, 0.0, 2.0, height, 1.0, height / 2.0]).half;
        assert_eq!(half(1.0), [1.1, 1.1]);
        let [x, y] = half(8000.0);
        assert!((x - 1.1).abs() < 1e-6 && (y - 4400.0).abs() < 1e-2, "{x} {y}");
        assert_eq!(half(1e-4), [1.1, 0.55e-4]);
    }
}
