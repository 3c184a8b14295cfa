//! Points in the plane, darker where they are dense.

use plotters::prelude::{Circle, DrawingBackend, PathElement};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

use super::chart::{Area, Chart, Drawn, colour, fine};
use super::landscape::{CONTOUR, Landscape};
use super::panel::{Axes, BOTTOM, LABEL, LEFT, Panel, TITLE, line, text};
use super::window::Window;
use super::{chart, lettering};
use crate::{Colour, Picture, ReportError};

/// Side of the plot, and the room around it, in pixels.
const SIDE: u32 = 576;
const TOP: u32 = 40;
const RIGHT: u32 = 18;

const SAMPLES: Colour = [18, 66, 150];
const DATA: Colour = [232, 128, 24];

/// Radius of a point in pixels.
const RADIUS: f64 = 1.75;

/// A chart of points over a second set of points and an energy.
#[derive(Clone, Debug)]
pub struct Scatter<'a> {
    /// The title.
    pub title: String,
    /// The names of the coordinates.
    pub names: [String; 2],
    /// The part of the plane that is shown.
    pub window: Window,
    /// The samples, `[n, 2]`.
    pub points: &'a [f32],
    /// The data, `[m, 2]`, drawn first; may be empty.
    pub underneath: &'a [f32],
    /// The energy over the window, beneath everything.
    pub landscape: Option<&'a Landscape>,
}

impl Scatter<'_> {
    /// Draws the chart, 672 by 666 pixels; points outside the window or not finite are left out.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn draw(&self) -> Result<Picture, ReportError> {
        chart::picture(self)
    }

    /// The chart as an SVG document.
    ///
    /// # Errors
    /// As [`Scatter::draw`].
    pub fn svg(&self) -> Result<String, ReportError> {
        chart::svg(self)
    }

    fn draw_points<DB: DrawingBackend>(&self, axes: &Axes<'_, DB>, points: &[f32], of: Colour) -> Drawn<DB> {
        let style = colour(of).mix(opacity(points.len() / 2)).filled();
        for point in points.as_chunks::<2>().0 {
            let point = point.map(f64::from);
            if self.window.holds(point) {
                axes.plotting_area().draw(&Circle::new((point[0], point[1]), fine(RADIUS), style))?;
            }
        }
        Ok(())
    }

    /// The title, and what is what, from the right end of its line.
    fn draw_header<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let (mut x, y) = (f64::from(LEFT + SIDE), 21.0);
        let kinds = [
            ("samples", SAMPLES, !self.points.is_empty()),
            ("data", DATA, !self.underneath.is_empty()),
            ("energy", CONTOUR, self.landscape.is_some()),
        ];
        for (name, of, _) in kinds.into_iter().filter(|(_, _, is_shown)| *is_shown) {
            text(area, name, [x, y], LABEL, HPos::Right, VPos::Center)?;
            x -= f64::from(lettering::width(name, LABEL as f32)) + 16.0;
            if of == CONTOUR {
                let ends = [-7.0, 7.0].map(|dx| (fine(x + dx), fine(y)));
                area.draw(&PathElement::new(ends.to_vec(), line(of, 1.5)))?;
            } else {
                area.draw(&Circle::new((fine(x + 2.0), fine(y)), fine(4.5), colour(of).filled()))?;
            }
            x -= 24.0;
        }
        // A viewer's font for an SVG may be wider.
        let room = (x - f64::from(LEFT)) / 1.1;
        let title = lettering::fitted(&self.title, TITLE as f32, room as f32);
        text(area, &title, [f64::from(LEFT), 20.0], TITLE, HPos::Left, VPos::Center)
    }
}

impl Chart for Scatter<'_> {
    fn size(&self) -> [u32; 2] {
        [LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM]
    }

    fn draw_on<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let panel = Panel {
            at: [LEFT, TOP],
            size: [SIDE; 2],
            range: [0, 1].map(|c| self.window.range(c)),
            title: "",
            names: [&self.names[0], &self.names[1]],
            has_y_ticks: true,
            has_mesh: self.landscape.is_none(),
        };
        self.draw_header(area)?;
        let axes = panel.axes(area)?;
        if let Some(landscape) = self.landscape {
            landscape.draw_on(&axes)?;
        }
        self.draw_points(&axes, self.underneath, DATA)?;
        self.draw_points(&axes, self.points, SAMPLES)?;
        panel.frame(&axes)
    }
}

/// Few points are nearly opaque; of many, only those that lie together.
fn opacity(n: usize) -> f64 {
    (0.85 * (400.0 / n.max(1) as f64).powf(0.4)).clamp(0.04, 0.85)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(centre: [f32; 2], half: f32) -> Window {
        let half = half / 1.1;
        Window::around(&[centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half])
    }

    fn scatter<'a>(window: Window, points: &'a [f32]) -> Scatter<'a> {
        let names = [0, 1].map(crate::parameter);
        Scatter { title: "points".into(), names, window, points, underneath: &[], landscape: None }
    }

    /// The pixel of the plot for which `value` is smallest.
    fn least(picture: &Picture, value: impl Fn(Colour) -> i32) -> [u32; 2] {
        let inside = (3..SIDE - 3).flat_map(|y| (3..SIDE - 3).map(move |x| [LEFT + x, TOP + y]));
        inside.min_by_key(|[x, y]| value(picture.at(*x as usize, *y as usize))).unwrap()
    }

    fn brightness(colour: Colour) -> i32 {
        colour.map(i32::from).iter().sum()
    }

    fn blueness(colour: Colour) -> i32 {
        i32::from(colour[2]) - i32::from(colour[0])
    }

    #[test]
    fn a_point_lies_where_the_axes_say_with_the_second_axis_upwards() {
        let picture = scatter(window([1.0, -2.0], 2.0), &[2.0, -1.5]).draw().unwrap();
        let [x, y] = least(&picture, brightness);
        // (2 - 1 + 2) / 4 of the way to the right, and (-1.5 + 2 + 2) / 4 of the way up.
        assert!(x.abs_diff(LEFT + SIDE * 3 / 4) <= 1, "{x}");
        assert!(y.abs_diff(TOP + SIDE * 3 / 8) <= 1, "{y}");
    }

    #[test]
    fn dense_is_darker_than_thin() {
        let mut points = [[-0.5, 0.0]; 3_000].concat();
        points.extend([0.5, 0.0]);
        let picture = scatter(window([0.0; 2], 1.0), &points).draw().unwrap();
        let [x, _] = least(&picture, brightness);
        assert!(x.abs_diff(LEFT + SIDE / 4) <= 1, "{x}");
        // One of many is still seen.
        let alone = picture.at((LEFT + SIDE * 3 / 4) as usize, (TOP + SIDE / 2) as usize);
        assert!(20 < 3 * 232 - brightness(alone), "{alone:?}");
    }

    #[test]
    fn samples_are_blue_and_data_orange() {
        let (points, underneath) = ([0.5, 0.5], [-0.5, -0.5]);
        let picture = Scatter { underneath: &underneath, ..scatter(window([0.0; 2], 1.0), &points) };
        let picture = picture.draw().unwrap();
        let at = |x: u32, y: u32| picture.at((LEFT + x) as usize, (TOP + y) as usize);
        assert!(80 < blueness(at(SIDE * 3 / 4, SIDE / 4)), "samples, upper right");
        assert!(blueness(at(SIDE / 4, SIDE * 3 / 4)) < -80, "data, lower left");
    }

    /// ½‖x − (1, 0.5)‖²/0.04 on [−2, 2]².
    fn well(window: &Window) -> Landscape {
        let energy = |p: &[f32]| ((p[0] - 1.0).powi(2) + (p[1] - 0.5).powi(2)) / 0.08;
        Landscape::of(window, |points| points.chunks(2).map(energy).collect()).unwrap()
    }

    #[test]
    fn the_lowest_energy_is_greenest_and_its_contours_lie_where_it_passes_their_levels() {
        let window = window([0.0; 2], 2.0);
        let landscape = well(&window);
        let picture = Scatter { landscape: Some(&landscape), ..scatter(window, &[]) }.draw().unwrap();
        let [x, y] = least(&picture, |colour| i32::from(colour[0]) - i32::from(colour[1]));
        // (1 + 2) / 4 to the right, (0.5 + 2) / 4 up, within the half nat of a contour.
        assert!(x.abs_diff(LEFT + 432) <= 30 && y.abs_diff(TOP + 216) <= 30, "{x} {y}");
        // Along a row to the right: a level E lies at √(0.08 E), 144 pixels to a unit.
        let greens: Vec<i32> = (0..SIDE - 434)
            .map(|d| i32::from(picture.at((LEFT + 432 + d) as usize, (TOP + 216) as usize)[0]))
            .collect();
        for level in [1.0f64, 2.0, 4.0] {
            let expected = (0.08 * level).sqrt() * 144.0;
            let near = expected as usize - 2..expected as usize + 4;
            let darkest = near.min_by_key(|&d| greens[d]).unwrap();
            assert!((darkest as f64 - expected).abs() <= 1.5, "{level}: {darkest}, {expected}");
            assert!(greens[darkest] + 8 < greens[darkest + 4], "{level}: no line");
        }
    }

    #[test]
    fn the_same_points_give_the_same_bytes_and_an_svg_has_a_circle_for_each() {
        let window = window([0.0; 2], 2.0);
        let landscape = well(&window);
        let points: Vec<f32> = (0..40).flat_map(|i| [(i as f32).sin(), (i as f32).cos()]).collect();
        let chart = Scatter { landscape: Some(&landscape), ..scatter(window, &points) };
        assert_eq!(chart.draw().unwrap().png().unwrap(), chart.draw().unwrap().png().unwrap());
        let svg = chart.svg().unwrap();
        assert_eq!(svg, chart.svg().unwrap());
        assert!(
            svg.starts_with("<svg width=\"672\" height=\"666\" viewBox=\"0 0 2688 2664\""),
            "{}",
            &svg[..99]
        );
        // one more for the legend
        assert_eq!(svg.matches("<circle").count(), 41);
        assert!(svg.trim_end().ends_with("</svg>") && svg.contains("points\n</text>"));
    }

    #[test]
    fn any_points_can_be_drawn() {
        for points in [
            vec![],
            vec![f32::NAN; 4],
            vec![3.0; 4],
            vec![f32::MAX, f32::MIN],
            vec![-1e30, 1e-30, 2.0, 2.0],
            vec![3e8; 4],
        ] {
            Scatter { underneath: &points, ..scatter(Window::around(&points), &points) }.draw().unwrap();
        }
    }

    #[test]
    fn text_and_axes_are_inside_the_picture() {
        let picture = scatter(window([-2e6, 3e6], 4e5), &[]).draw().unwrap();
        let edges = (0..picture.width()).flat_map(|x| [[x, 0], [x, picture.height() - 1]]);
        let edges = edges.chain((0..picture.height()).flat_map(|y| [[0, y], [picture.width() - 1, y]]));
        for [x, y] in edges {
            assert_eq!(picture.at(x, y), [255; 3], "{x} {y}");
        }
        // Labels left of and below the plot.
        let has_ink = |x: std::ops::Range<u32>, y: std::ops::Range<u32>| {
            x.flat_map(|x| y.clone().map(move |y| [x, y]))
                .any(|[x, y]| brightness(picture.at(x as usize, y as usize)) < 3 * 130)
        };
        assert!(
            has_ink(20..LEFT - 8, TOP..TOP + SIDE)
                && has_ink(LEFT..LEFT + SIDE, TOP + SIDE + 10..TOP + SIDE + 30)
        );
        assert!(has_ink(LEFT..LEFT + 60, 8..32), "the title");
    }
}
