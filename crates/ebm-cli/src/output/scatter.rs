//! Points in the plane, darker where they are dense.

use super::picture::Colour;
use super::ticks::ticks;
use super::{Landscape, Picture, text};

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
        let half = 0.55 * (x[1] - x[0]).max(y[1] - y[0]);
        let half = if half.is_finite() && half > 0.0 { half } else { 1.0 };
        Self { centre: [x, y].map(|[low, high]| low / 2.0 + high / 2.0), half }
    }

    /// The point at a place in the unit square, the second coordinate upwards.
    pub fn point(&self, unit: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|c| self.centre[c] + (2.0 * unit[c] - 1.0) * self.half)
    }

    /// Where in the unit square a point lies, the second coordinate upwards.
    fn place(&self, point: &[f32], c: usize) -> f32 {
        (point[c] - self.centre[c]) / (2.0 * self.half) + 0.5
    }
}

/// A picture of points over a second, paler set of points, with axes.
#[derive(Clone, Copy, Debug)]
pub struct Scatter<'a> {
    /// What part of the plane is shown.
    pub window: Window,
    /// `[n, 2]`.
    pub points: &'a [f32],
    /// `[m, 2]`; may be empty.
    pub underneath: &'a [f32],
    /// The energy over the window, beneath everything.
    pub landscape: Option<&'a Landscape>,
}

const SIDE: usize = 576;
const LEFT: usize = 62;
const TOP: usize = 12;
const WIDTH: usize = LEFT + SIDE + 12;
const HEIGHT: usize = TOP + SIDE + 30;

const PAPER: Colour = [255, 255, 255];
const LINE: Colour = [236, 236, 236];
const INK: Colour = [96, 96, 96];

/// From thin to dense.
const SAMPLES: [Colour; 2] = [[66, 133, 190], [10, 24, 84]];
const DATA: [Colour; 2] = [[238, 170, 96], [214, 128, 44]];

impl Scatter<'_> {
    /// Draws the picture, 650 by 618 pixels; points outside the window or not finite are left out.
    pub fn draw(&self) -> Picture {
        let mut picture = Picture::plain(WIDTH, HEIGHT, PAPER);
        if let Some(landscape) = self.landscape {
            for at in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| [x, y])) {
                picture.set(LEFT + at[0], TOP + at[1], landscape.colour(at, SIDE));
            }
        }
        self.draw_axes(&mut picture);
        draw_density(&mut picture, &density(self.underneath, &self.window), self.underneath.len() / 2, DATA);
        draw_density(&mut picture, &density(self.points, &self.window), self.points.len() / 2, SAMPLES);
        for i in 0..SIDE {
            for [x, y] in [[i, 0], [i, SIDE - 1], [0, i], [SIDE - 1, i]] {
                picture.set(LEFT + x, TOP + y, INK);
            }
        }
        picture
    }

    fn draw_axes(&self, picture: &mut Picture) {
        for c in 0..2 {
            let low = f64::from(self.window.centre[c]) - f64::from(self.window.half);
            let range = 2.0 * f64::from(self.window.half);
            for (value, label) in ticks(low, range) {
                let along = ((value - low) / range * SIDE as f64) as usize;
                let along = along.min(SIDE - 1);
                let width = text::ADVANCE * label.len();
                if c == 0 {
                    picture.fill([LEFT + along, TOP], [1, SIDE], LINE);
                    picture.fill([LEFT + along, TOP + SIDE], [1, 5], INK);
                    let at = [(LEFT + along).saturating_sub(width / 2), TOP + SIDE + 6];
                    text::draw(picture, at, &label, INK);
                } else {
                    let row = TOP + SIDE - 1 - along;
                    picture.fill([LEFT, row], [SIDE, 1], LINE);
                    picture.fill([LEFT - 5, row], [5, 1], INK);
                    let at = [(LEFT - 8).saturating_sub(width), row.saturating_sub(text::HEIGHT / 2)];
                    text::draw(picture, at, &label, INK);
                }
            }
        }
    }
}

/// Smallest and largest of the middle 99.8 % of the finite values.
fn range(values: impl Iterator<Item = f32>) -> Option<[f32; 2]> {
    let mut values: Vec<f32> = values.filter(|v| v.is_finite()).collect();
    values.sort_unstable_by(f32::total_cmp);
    let cut = values.len() / 1_000;
    Some([*values.get(cut)?, *values.get(values.len() - 1 - cut)?])
}

/// The sum of one small Gaussian blob a point, peak 1, on the pixels of the window.
fn density(points: &[f32], window: &Window) -> Vec<f32> {
    const REACH: i64 = 4;
    const WIDTH: f32 = 1.3;
    let mut density = vec![0.0; SIDE * SIDE];
    for point in points.chunks_exact(2) {
        let [x, y] = [window.place(point, 0), 1.0 - window.place(point, 1)].map(|u| u * SIDE as f32 - 0.5);
        let inside = |v: f32| v > -1.0 - REACH as f32 && v < (SIDE as i64 + REACH) as f32;
        if !(inside(x) && inside(y)) {
            continue;
        }
        for row in y.round() as i64 - REACH..=y.round() as i64 + REACH {
            for column in x.round() as i64 - REACH..=x.round() as i64 + REACH {
                let on_canvas = |v: i64| (0..SIDE as i64).contains(&v);
                if on_canvas(row) && on_canvas(column) {
                    let square = (row as f32 - y).powi(2) + (column as f32 - x).powi(2);
                    density[row as usize * SIDE + column as usize] += (-square / (2.0 * WIDTH * WIDTH)).exp();
                }
            }
        }
    }
    density
}

/// Lays ink over the picture: one point of few is nearly opaque, one of many a breath.
fn draw_density(picture: &mut Picture, density: &[f32], n: usize, [thin, dense]: [Colour; 2]) {
    let single = (0.85 * (400.0 / n.max(1) as f32).powf(0.4)).clamp(0.04, 0.85);
    let gain = -(1.0 - single).ln();
    for (i, &amount) in density.iter().enumerate().filter(|(_, amount)| **amount > 1e-3) {
        let opacity = 1.0 - (-gain * amount).exp();
        let depth = 1.0 - (-0.35 * gain * amount).exp();
        let mix = |c: usize| (f32::from(thin[c]) * (1.0 - depth) + f32::from(dense[c]) * depth) as u8;
        picture.blend(LEFT + i % SIDE, TOP + i / SIDE, [mix(0), mix(1), mix(2)], opacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn darkest(picture: &Picture) -> [usize; 2] {
        let inside = (1..SIDE - 1).flat_map(|y| (1..SIDE - 1).map(move |x| [LEFT + x, TOP + y]));
        inside.min_by_key(|[x, y]| picture.at(*x, *y).map(u32::from).iter().sum::<u32>()).unwrap()
    }

    #[test]
    fn a_point_lies_where_the_axes_say_with_up_upwards() {
        let window = Window { centre: [1.0, -2.0], half: 2.0 };
        let picture = Scatter { window, points: &[2.0, -1.5], underneath: &[], landscape: None }.draw();
        // (2 - 1 + 2) / 4 of the way to the right, and (-1.5 + 2 + 2) / 4 of the way up.
        let [x, y] = darkest(&picture);
        assert!(x.abs_diff(LEFT + SIDE * 3 / 4) <= 1, "{x}");
        assert!(y.abs_diff(TOP + SIDE * 3 / 8) <= 1, "{y}");
    }

    #[test]
    fn dense_is_darker_than_thin() {
        let mut points = [[-0.5, 0.0]; 300].concat();
        points.extend([0.5, 0.0]);
        let window = Window { centre: [0.0; 2], half: 1.0 };
        let [x, _] = darkest(&Scatter { window, points: &points, underneath: &[], landscape: None }.draw());
        assert!(x.abs_diff(LEFT + SIDE / 4) <= 1, "{x}");
    }

    #[test]
    fn the_window_ignores_one_runaway_in_a_thousand_and_what_is_not_finite() {
        let mut points: Vec<f32> = (0..2_000).flat_map(|i| [i as f32 / 1_000.0, 0.25]).collect();
        points.extend([1e9, 0.0, f32::NAN, f32::INFINITY]);
        let window = Window::around(&points);
        assert!((window.half - 1.1).abs() < 0.01, "{window:?}");
        assert!((window.centre[0] - 1.0).abs() < 0.01 && window.centre[1] == 0.25, "{window:?}");
    }

    #[test]
    fn anything_can_be_drawn() {
        for points in
            [vec![], vec![f32::NAN; 4], vec![3.0; 4], vec![f32::MAX, f32::MIN], vec![-1e30, 1e-30, 2.0, 2.0]]
        {
            let window = Window::around(&points);
            assert!(window.half > 0.0 && window.half.is_finite());
            Scatter { window, points: &points, underneath: &points, landscape: None }.draw();
        }
    }
}
