//! Points that move in the plane, over an energy.

use std::fmt::Write;

use maud::{Markup, html};

use super::embedded::uri;
use super::pieces::{controls, short};
use super::relief::Relief;
use super::ticks::{Axis, Scale};

/// The side of the square, in units of places.
const SIDE: f64 = 1000.0;

/// Colours that there are.
const COLOURS: usize = 8;

/// The points at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// When it is, in a word or two.
    pub label: String,
    /// Places from the upper left corner, in thousandths of the square's side; they may be outside.
    pub points: Vec<[i32; 2]>,
}

/// Points in the plane moment by moment, the last one being seen first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plane {
    /// What it shows.
    pub title: String,
    /// What the points are, and those that do not move.
    pub kinds: [String; 2],
    /// The names of the coordinates.
    pub names: [String; 2],
    /// The ends of each coordinate.
    pub ranges: [[f64; 2]; 2],
    /// The energy beneath.
    pub relief: Option<Relief>,
    /// Points that do not move, as those of a frame.
    pub still: Vec<[i32; 2]>,
    /// The moments.
    pub frames: Vec<Frame>,
    /// Whether each point has a colour of its own: for a few chains.
    pub has_colours: bool,
}

impl Plane {
    /// The place of a point in a square over `ranges`, and outside of it no farther than a fifth of its side.
    pub fn place(point: [f64; 2], ranges: [[f64; 2]; 2]) -> [i32; 2] {
        let across = |c: usize| {
            let [low, high] = ranges[c];
            let share = (point[c] - low) / (high - low);
            let share = if c == 0 { share } else { 1.0 - share };
            // NaN is outside.
            if share.is_nan() { -200 } else { (SIDE * share).round().clamp(-200.0, 1.2 * SIDE) as i32 }
        };
        [across(0), across(1)]
    }

    pub(super) fn html(&self) -> Markup {
        let [x, y] = self.ranges.map(|range| Axis::of(range.into_iter(), Scale::Linear, true));
        let last = self.frames.last();
        let n = self.frames.len();
        html! {
            figure.plane data-frames=(self.data()) data-coloured=(u8::from(self.has_colours)) {
                figcaption {
                    strong { (short(&self.title)) }
                    ul.legend {
                        @if !self.has_colours { li.c0 { (short(&self.kinds[0])) } }
                        @if self.has_colours {
                            @for i in 0..last.map_or(0, |frame| frame.points.len()).min(COLOURS) {
                                li class=(format!("c{i}")) { (short(&self.kinds[0])) " " (i) }
                            }
                        }
                        @if !self.still.is_empty() { li.still { (short(&self.kinds[1])) } }
                        @if self.relief.is_some() { li.relief { "low energy" } }
                    }
                }
                @if 1 < n { (controls(n, &short(&self.title))) }
                div.plot {
                    svg role="img" aria-label=(self.alternative()) {
                        @for (at, text) in y.ticks() {
                            text.y x="0" y=(percent(1.0 - at)) dx="-8" dy="4" { (text) }
                        }
                        @for (at, text) in x.ticks() {
                            text.x.end[0.93 < at] x=(percent(at)) y="100%" dy="18" { (text) }
                        }
                        svg.curves viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%" {
                            @if let Some(Relief { shades, lines }) = &self.relief {
                                image href=(uri(shades)) width="1000" height="1000" preserveAspectRatio="none" {}
                                path.contour d=(lines) {}
                            }
                            path.still d=(dots(self.still.iter())) {}
                            g.moving {
                                @if self.has_colours {
                                    @for (i, point) in last.iter().flat_map(|frame| &frame.points).enumerate() {
                                        path class=(format!("dot c{}", i % COLOURS)) d=(dots([point].into_iter())) {}
                                    }
                                } @else if let Some(frame) = last {
                                    path.dots.c0 d=(dots(frame.points.iter())) {}
                                }
                            }
                        }
                        rect.frame width="100%" height="100%" {}
                    }
                }
                p.axis { span { (short(&self.names[0])) " →, " (short(&self.names[1])) " ↑" } }
            }
        }
    }

    /// The moments for the script: labels, and the numbers of the points.
    fn data(&self) -> String {
        let labels: Vec<String> = self.frames.iter().map(|frame| short(&frame.label)).collect();
        let points: Vec<Vec<i32>> =
            self.frames.iter().map(|frame| frame.points.iter().flatten().copied().collect()).collect();
        serde_json::json!({ "labels": labels, "points": points }).to_string()
    }

    fn alternative(&self) -> String {
        let points = self.frames.last().map_or(0, |frame| frame.points.len());
        let mut text = format!("{}: {points} {} in the plane", short(&self.title), short(&self.kinds[0]));
        if !self.still.is_empty() {
            let _ = write!(text, " over {} {}", self.still.len(), short(&self.kinds[1]));
        }
        if self.relief.is_some() {
            text += " over the energy, with contour lines";
        }
        text
    }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

/// Points as a path of strokes without length, whose round ends are seen.
fn dots<'a>(points: impl Iterator<Item = &'a [i32; 2]>) -> String {
    points.fold(String::new(), |mut text, [x, y]| {
        let _ = write!(text, "M{x} {y}h0");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_its_place_from_the_upper_left_corner() {
        let ranges = [[-2.0, 2.0], [0.0, 10.0]];
        assert_eq!(Plane::place([-2.0, 10.0], ranges), [0, 0]);
        assert_eq!(Plane::place([1.0, 2.5], ranges), [750, 750]);
        assert_eq!(Plane::place([1e30, -1e30], ranges), [1200, 1200]);
        assert_eq!(Plane::place([f64::NAN, f64::INFINITY], ranges), [-200, -200]);
    }

    #[test]
    fn the_last_moment_is_seen_without_scripts_and_all_of_them_are_there() {
        let frame = |label: &str, points: &[[i32; 2]]| Frame { label: label.into(), points: points.to_vec() };
        let frames = vec![frame("first", &[[1, 2], [3, 4]]), frame("last", &[[5, 6], [7, 8]])];
        let html = Plane { frames, ..Plane::default() }.html().into_string();
        assert!(html.contains("d=\"M5 6h0M7 8h0\"") && !html.contains("M1 2h0"), "{html}");
        assert!(html.contains("[[1,2,3,4],[5,6,7,8]]"), "{html}");
    }
}
