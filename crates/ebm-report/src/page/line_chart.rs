//! Curves over steps, as SVG.
//!
//! Curves are stretched with the page while text and lines keep their size, so that a chart can be read at any width;
//! `plotters` would scale its text along.

use std::fmt::Write;

use maud::{Markup, html};

use super::pieces::short;
use super::ticks::{Axis, Scale, compact};

/// Most points of a curve.
const POINTS: usize = 400;

/// Colours that there are.
const COLOURS: usize = 8;

/// Most marks that are drawn.
const MARKS: usize = 60;

/// A curve with its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// In the legend, if there are several.
    pub name: String,
    /// In the order of the first coordinate; those that are not finite are left out.
    pub points: Vec<[f64; 2]>,
    /// The number of the colour.
    pub colour: usize,
}

/// Something that happened at a place of the horizontal axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// Where.
    pub at: f64,
    /// What.
    pub what: String,
}

/// A chart of curves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// What it shows.
    pub title: String,
    /// A sentence about how to read it; may be empty.
    pub about: String,
    /// The name of the horizontal axis.
    pub axis: String,
    /// How the horizontal and the vertical axis go.
    pub scales: [Scale; 2],
    /// The curves.
    pub series: Vec<Series>,
    /// What is marked.
    pub marks: Vec<Mark>,
    /// The ends of the horizontal axis, if not those of the curves.
    pub ends: Option<[f64; 2]>,
}

impl LineChart {
    /// Whether there is a curve with two points.
    pub fn has_curves(&self) -> bool {
        self.series.iter().any(|series| 1 < finite(&series.points).count())
    }

    pub(super) fn html(&self) -> Markup {
        let numbers =
            |c: usize| self.series.iter().flat_map(|series| finite(&series.points)).map(move |p| p[c]);
        let ends = self.ends.into_iter().flatten();
        let x = Axis::of(numbers(0).chain(ends), self.scales[0], true);
        let y = Axis::of(numbers(1), self.scales[1], false);
        let [[left, right], [low, high]] = [x.range(), y.range()];
        let logs = [x, y].map(|axis| if axis.is_log() { "1" } else { "0" }).concat();
        let marks: Vec<(f64, &Mark)> =
            self.marks.iter().filter_map(|mark| Some((x.place(mark.at)?, mark))).take(MARKS).collect();
        html! {
            figure.chart data-range=(format!("{left:e} {right:e} {low:e} {high:e}")) data-log=(logs) {
                figcaption {
                    strong { (short(&self.title)) }
                    @if !self.about.is_empty() { " " span.about { (short(&self.about)) } }
                    @if 1 < self.series.len() || !marks.is_empty() {
                        ul.legend {
                            @if 1 < self.series.len() {
                                @for series in &self.series {
                                    li class=(format!("c{}", series.colour % COLOURS)) { (short(&series.name)) }
                                }
                            }
                            @for what in distinct(&marks) { li.marked { (short(what)) } }
                        }
                    }
                }
                div.plot {
                    svg role="img" aria-label=(self.alternative(right)) {
                        @for (at, text) in y.ticks() {
                            line.grid x1="0" x2="100%" y1=(percent(1.0 - at)) y2=(percent(1.0 - at)) {}
                            text.y x="0" y=(percent(1.0 - at)) dx="-8" dy="4" { (text) }
                        }
                        @for (at, text) in x.ticks() {
                            line.tick x1=(percent(at)) x2=(percent(at)) y1="100%" y2="100%" {}
                            text.x.end[0.93 < at] x=(percent(at)) y="100%" dy="18" { (text) }
                        }
                        @for (at, mark) in &marks {
                            line.mark x1=(percent(*at)) x2=(percent(*at)) y1="0" y2="100%" {
                                title { (short(&mark.what)) " at " (compact(mark.at)) }
                            }
                        }
                        line.base x1="0" x2="100%" y1="100%" y2="100%" {}
                        svg.curves viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%" {
                            @for series in &self.series {
                                polyline class=(format!("c{}", series.colour % COLOURS))
                                    points=(places(&series.points, [&x, &y])) data-name=(short(&series.name)) {}
                            }
                        }
                    }
                }
                p.axis { span { (short(&self.axis)) } output {} }
            }
        }
    }

    /// The chart in words.
    fn alternative(&self, right: f64) -> String {
        let mut text = short(&self.title);
        let mut named = 0;
        for series in &self.series {
            let mut points = finite(&series.points);
            let Some(first) = points.next() else { continue };
            let last = points.next_back().unwrap_or(first);
            let least = finite(&series.points).map(|point| point[1]).fold(f64::INFINITY, f64::min);
            let name =
                if self.series.len() == 1 { String::new() } else { format!(" {}", short(&series.name)) };
            let [from, to, lowest] = [first[1], last[1], least].map(compact);
            let _ = write!(text, ";{name} from {from} to {to}, at least {lowest}");
            named += 1;
            if named == COLOURS {
                break;
            }
        }
        if named == 0 {
            text += "; nothing is known yet";
        } else if !self.axis.is_empty() {
            let _ = write!(text, "; {} to {}", short(&self.axis), compact(right));
        }
        text
    }
}

fn finite(points: &[[f64; 2]]) -> impl DoubleEndedIterator<Item = [f64; 2]> + Clone {
    points.iter().copied().filter(|point| point.iter().all(|number| number.is_finite()))
}

/// What the marks are, each once.
fn distinct<'a>(marks: &[(f64, &'a Mark)]) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for (_, mark) in marks {
        if !found.contains(&mark.what.as_str()) && found.len() < COLOURS {
            found.push(&mark.what);
        }
    }
    found
}

fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

/// The points of a curve in a square of side 1000, thinned to the highest and the lowest of each part.
fn places(points: &[[f64; 2]], [x, y]: [&Axis; 2]) -> String {
    let placed =
        finite(points).filter_map(|[a, b]| Some([1000.0 * x.place(a)?, 1000.0 * (1.0 - y.place(b)?)]));
    let placed: Vec<[f64; 2]> = placed.collect();
    let mut text = String::new();
    for [a, b] in thinned(&placed) {
        let _ = write!(text, "{a:.1},{b:.1} ");
    }
    text.truncate(text.trim_end().len());
    text
}

fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let size = points.len().div_ceil(POINTS / 2);
    let part = |part: &[[f64; 2]]| {
        let by_height = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
        let ends = [part.iter().min_by(by_height), part.iter().max_by(by_height)];
        let mut ends = ends.map(|end| end.copied().unwrap_or_default());
        ends.sort_by(|a, b| a[0].total_cmp(&b[0]));
        ends
    };
    points.chunks(size).flat_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<[f64; 2]>) -> LineChart {
        let series = vec![Series { name: "loss".into(), points, colour: 1 }];
        LineChart { title: "Loss".into(), axis: "steps".into(), series, ..LineChart::default() }
    }

    #[test]
    fn a_curve_lies_where_its_numbers_are() {
        let chart =
            LineChart { ends: Some([0.0, 20.0]), ..chart(vec![[0.0, 0.0], [10.0, 1.0], [20.0, f64::NAN]]) };
        let html = chart.html().into_string();
        // A margin of 6 % of the height above and below.
        assert!(html.contains("points=\"0.0,946.4 500.0,53.6\""), "{html}");
        assert!(html.contains("aria-label=\"Loss; from 0 to 1, at least 0; steps to 20\""), "{html}");
    }

    #[test]
    fn a_long_curve_keeps_its_peaks() {
        let mut points: Vec<[f64; 2]> = (0..100_000).map(|i| [f64::from(i), 1.0]).collect();
        points[54_321][1] = 9.0;
        let thin = thinned(&points);
        assert!(thin.len() <= POINTS && thin.contains(&[54_321.0, 9.0]), "{}", thin.len());
        assert!(thin.windows(2).all(|pair| pair[0][0] <= pair[1][0]));
        assert!(chart(points).html().into_string().len() < 20_000);
    }

    #[test]
    fn a_chart_of_nothing_says_so() {
        for points in [vec![], vec![[f64::NAN, 1.0]]] {
            let chart = chart(points);
            assert!(!chart.has_curves());
            assert!(chart.html().into_string().contains("nothing is known yet"));
        }
    }
}
