//! The part of the plane that a picture shows.

/// The square part of the plane that a picture shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    centre: [f32; 2],
    half: f32,
}

impl Window {
    /// A window around the middle 99.8 % of `points`, `[n, 2]`, in each coordinate, with a margin of a tenth.
    ///
    /// Points that are not finite do not count; without any, the window is [-1, 1]².
    pub fn around(points: &[f32]) -> Self {
        let [x, y] = [0, 1].map(|c| range(points.iter().copied().skip(c).step_by(2)));
        let (Some(x), Some(y)) = (x, y) else { return Self { centre: [0.0; 2], half: 1.0 } };
        let centre = [x, y].map(|[low, high]| low / 2.0 + high / 2.0);
        let half = 0.55 * (x[1] - x[0]).max(y[1] - y[0]);
        let half = if half.is_finite() && half > 0.0 { half } else { 1.0 };
        // Wide enough for single precision to tell its ends apart.
        let half = half.max(1e-5 * centre[0].abs().max(centre[1].abs()));
        Self { centre, half }
    }

    /// The point at a place in the unit square, the second coordinate upwards.
    pub fn point(&self, unit: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|c| self.centre[c] + (2.0 * unit[c] - 1.0) * self.half)
    }

    /// Lower and upper end of coordinate `c`.
    pub(super) fn range(&self, c: usize) -> [f64; 2] {
        let (centre, half) = (f64::from(self.centre[c]), f64::from(self.half));
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
        assert!((window.half - 1.1).abs() < 0.01, "{window:?}");
        assert!((window.centre[0] - 1.0).abs() < 0.01 && window.centre[1] == 0.25, "{window:?}");
    }

    #[test]
    fn every_window_has_a_finite_positive_size() {
        for points in
            [vec![], vec![f32::NAN; 4], vec![3e8; 4], vec![f32::MAX, f32::MIN], vec![-1e30, 1e-30, 2.0, 2.0]]
        {
            let window = Window::around(&points);
            assert!(window.half > 0.0 && window.half.is_finite());
            assert!(window.range(0)[0] < window.range(0)[1]);
        }
    }
}
