//! Chains at a glance: their traces, their ranks, and their autocorrelation.

use ebm_sample::diagnostics::{autocorrelation, rank_histogram};
use plotters::prelude::{DrawingBackend, PathElement, Rectangle};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

use super::chart::{Area, Chart, Drawn, colour, fine};
use super::panel::{BOTTOM, INK, LABEL, LEFT, Panel, TITLE, line, text};
use super::{chart, lettering};
use crate::{Colour, Format, Picture, ReportError, parameter};

/// Chains and coordinates that are shown at most.
const MOST: usize = 8;

/// Size of a panel, and the room above and beside it, in pixels.
const PANEL: [u32; 2] = [420, 190];
const HEADER: u32 = 40;
const TOP: u32 = 34;
const RIGHT: u32 = 18;
const COLUMN: u32 = LEFT + PANEL[0] + RIGHT;
const ROW: u32 = TOP + PANEL[1] + BOTTOM + 8;

const BAND: Colour = [236, 236, 236];

/// A colour for each chain: the palette of Okabe and Ito, which the colour-blind can tell apart.
const CHAINS: [Colour; MOST] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [230, 159, 0],
    [90, 90, 90],
    [150, 120, 40],
];

/// A chart of draws of chains with three panels for each coordinate: the trace of each chain, the ranks of its draws
/// among those of all chains, and its autocorrelation.
///
/// Chains that have mixed have traces that cannot be told apart and even ranks; their autocorrelation soon stays
/// within the band of ±1.96/√n, where that of independent draws lies.
#[derive(Clone, Copy, Debug)]
pub struct Traces<'a> {
    /// The title.
    pub title: &'a str,
    /// `[chain, draw, dim]`, row by row; finite.
    pub draws: &'a [f32],
    /// Chains, draws of each, and coordinates, none of them 0.
    pub shape: [usize; 3],
}

impl Traces<'_> {
    /// Writes the chart to a `.png` or `.svg`, complete or not at all.
    ///
    /// # Errors
    /// Another extension, draws that do not have their shape, or a failure of the file system.
    pub fn write(&self, path: &std::path::Path) -> Result<(), ReportError> {
        let bytes = match Format::of_chart(path)? {
            Format::Svg => self.svg()?.into_bytes(),
            _ => self.draw()?.png()?,
        };
        Ok(ebm_files::write_bytes(path, &bytes)?)
    }

    /// Draws the chart: the first eight coordinates of the first eight chains.
    ///
    /// # Errors
    /// If `draws` has another length than its shape, or the shape a 0.
    pub fn draw(&self) -> Result<Picture, ReportError> {
        self.check()?;
        chart::picture(self)
    }

    /// The chart as an SVG document.
    ///
    /// # Errors
    /// As [`Traces::draw`].
    pub fn svg(&self) -> Result<String, ReportError> {
        self.check()?;
        chart::svg(self)
    }

    fn check(&self) -> Result<(), ReportError> {
        let (n, expected) = (self.draws.len(), self.shape.iter().product::<usize>());
        if n == 0 || n != expected {
            return Err(ReportError::length(format!("draws of shape {:?}", self.shape), expected.max(1), n));
        }
        Ok(())
    }

    /// The title, and the colour of each chain.
    fn draw_header<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let [n_chains, ..] = self.shape;
        let (mut x, y) = (f64::from(LEFT), 24.0);
        let width = |words: &str, size: f64| f64::from(lettering::width(words, size as f32));
        text(area, self.title, [x, y], TITLE, HPos::Left, VPos::Center)?;
        // A viewer's font for an SVG may be wider.
        x += 1.1 * width(self.title, TITLE) + 36.0;
        for (c, of) in CHAINS.iter().enumerate().take(n_chains) {
            let name = format!("chain {c}");
            let ends = [0.0, 18.0].map(|dx| (fine(x + dx), fine(y)));
            area.draw(&PathElement::new(ends.to_vec(), line(*of, 4.0)))?;
            text(area, &name, [x + 25.0, y], LABEL, HPos::Left, VPos::Center)?;
            x += 25.0 + 1.1 * width(&name, LABEL) + 20.0;
        }
        if MOST < n_chains {
            let more = format!("and {} more, not shown", n_chains - MOST);
            text(area, &more, [x, y], LABEL, HPos::Left, VPos::Center)?;
        }
        Ok(())
    }
}

impl Chart for Traces<'_> {
    fn size(&self) -> [u32; 2] {
        [3 * COLUMN, HEADER + self.shape[2].min(MOST) as u32 * ROW]
    }

    fn draw_on<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let [_, n_draws, dim] = self.shape;
        self.draw_header(area)?;
        for i in 0..dim.min(MOST) {
            let chain = |draws: &[f32]| draws.iter().skip(i).step_by(dim).map(|&x| f64::from(x)).collect();
            let chains: Vec<Vec<f64>> = self.draws.chunks_exact(n_draws * dim).map(chain).collect();
            draw_trace(area, i, &chains)?;
            draw_ranks(area, i, &chains)?;
            draw_autocorrelation(area, i, &chains)?;
        }
        Ok(())
    }
}

/// Upper left corner of the plot in a column of the row of coordinate `i`.
fn corner(column: u32, i: usize) -> [u32; 2] {
    [LEFT + column * COLUMN, HEADER + TOP + i as u32 * ROW]
}

fn draw_trace<DB: DrawingBackend>(area: &Area<DB>, i: usize, chains: &[Vec<f64>]) -> Drawn<DB> {
    let shown = &chains[..chains.len().min(MOST)];
    let all = shown.iter().flatten();
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    let margin = (0.05 * (high - low)).max(1e-5 * low.abs().max(high.abs()));
    let margin = if 0.0 < margin { margin } else { 1.0 };
    let last = (chains[0].len() - 1).max(1) as f64;
    let (name, title) = (parameter(i), format!("Trace of {}", parameter(i)));
    let panel = Panel {
        at: corner(0, i),
        size: PANEL,
        range: [[0.0, last], [low - margin, high + margin]],
        title: &title,
        names: ["draw", &name],
        has_y_ticks: true,
        has_mesh: true,
    };
    let axes = panel.axes(area)?;
    for (chain, of) in shown.iter().zip(CHAINS) {
        let points: Vec<(f64, f64)> = chain.iter().enumerate().map(|(t, x)| (t as f64, *x)).collect();
        // Many draws to a pixel would hide the chains beneath.
        let opacity = if chain.len() <= PANEL[0] as usize { 0.8 } else { 0.5 };
        let style = colour(of).mix(opacity).stroke_width(fine(1.0) as u32);
        axes.plotting_area().draw(&PathElement::new(points, style))?;
    }
    panel.frame(&axes)
}

/// A strip for each chain with bars as high as there are ranks in them, and a line where even ranks would be.
fn draw_ranks<DB: DrawingBackend>(area: &Area<DB>, i: usize, chains: &[Vec<f64>]) -> Drawn<DB> {
    let n = chains[0].len();
    let n_bins = (n / 5).clamp(1, 20);
    let (shown, total) = (chains.len().min(MOST), (chains.len() * n) as f64);
    let title = format!("Ranks of {}", parameter(i));
    let panel = Panel {
        at: corner(1, i),
        size: PANEL,
        range: [[0.0, total], [0.0, shown as f64]],
        title: &title,
        names: ["rank among all draws", "chain"],
        has_y_ticks: false,
        has_mesh: false,
    };
    let axes = panel.axes(area)?;
    let even = n as f64 / n_bins as f64;
    let gap = total / f64::from(PANEL[0]);
    for (c, counts) in rank_histogram(chains, n_bins).into_iter().enumerate().take(shown) {
        // The first chain is at the top; even ranks fill half of a strip.
        let base = (shown - 1 - c) as f64;
        for (bin, count) in counts.into_iter().enumerate() {
            let [left, right] = [bin, bin + 1].map(|b| b as f64 * total / n_bins as f64);
            let height = (0.5 * count as f64 / even).min(0.95);
            let corners = [(left, base), (right - gap, base + height)];
            axes.plotting_area().draw(&Rectangle::new(corners, colour(CHAINS[c]).filled()))?;
        }
        for height in [base, base + 0.5] {
            let ends = vec![(0.0, height), (total, height)];
            axes.plotting_area().draw(&PathElement::new(ends, line(INK, 0.75)))?;
        }
        let [left, top] = panel.at.map(f64::from);
        let middle = top + f64::from(PANEL[1]) * (c as f64 + 0.5) / shown as f64;
        text(area, &c.to_string(), [left - 10.0, middle], LABEL, HPos::Right, VPos::Center)?;
    }
    panel.frame(&axes)
}

fn draw_autocorrelation<DB: DrawingBackend>(area: &Area<DB>, i: usize, chains: &[Vec<f64>]) -> Drawn<DB> {
    let shown: Vec<Vec<f64>> = chains.iter().take(MOST).map(|chain| autocorrelation(chain)).collect();
    let n = chains[0].len();
    let mean = |t: usize| shown.iter().map(|rho| rho[t].abs()).sum::<f64>() / shown.len() as f64;
    // Twice as far as it takes to forget.
    let forgotten = (0..n).find(|&t| mean(t) < 0.1).unwrap_or(n);
    let last = (2 * forgotten).clamp(20, 500).min(n - 1).max(1);
    let values = shown.iter().flat_map(|rho| rho.iter().take(last + 1)).filter(|rho| rho.is_finite());
    let low = values.fold(-0.3f64, |low, &rho| low.min(1.05 * rho));
    let title = format!("Autocorrelation of {}", parameter(i));
    let panel = Panel {
        at: corner(2, i),
        size: PANEL,
        range: [[0.0, last as f64], [low, 1.05]],
        title: &title,
        names: ["lag", "autocorrelation"],
        has_y_ticks: true,
        has_mesh: true,
    };
    let axes = panel.axes(area)?;
    let band = (1.96 / (n as f64).sqrt()).min(-low);
    let corners = [(0.0, -band), (last as f64, band.min(1.05))];
    axes.plotting_area().draw(&Rectangle::new(corners, colour(BAND).filled()))?;
    axes.plotting_area().draw(&PathElement::new(vec![(0.0, 0.0), (last as f64, 0.0)], line(INK, 0.75)))?;
    for (rho, of) in shown.iter().zip(CHAINS) {
        let points = rho.iter().take(last + 1).enumerate().map(|(t, rho)| (t as f64, *rho));
        let points: Vec<(f64, f64)> = points.filter(|(_, rho)| rho.is_finite()).collect();
        let style = colour(of).mix(0.9).stroke_width(fine(1.25) as u32);
        axes.plotting_area().draw(&PathElement::new(points, style))?;
    }
    panel.frame(&axes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    fn chains(shape: [usize; 3]) -> Vec<f32> {
        Noise::seeded(141).normals(shape.iter().product())
    }

    /// The colour at a place in the unit square of a panel of the first row, the second coordinate upwards.
    fn at(picture: &Picture, column: u32, [x, y]: [f64; 2]) -> Colour {
        let [left, top] = corner(column, 0);
        let across = (x * f64::from(PANEL[0])) as usize;
        let down = ((1.0 - y) * f64::from(PANEL[1])) as usize;
        picture.at(left as usize + across, top as usize + down)
    }

    /// How many pixels of the panel in `column` of the first row have the colour of chain `c`.
    fn coloured(picture: &Picture, column: u32, c: usize) -> usize {
        let [left, top] = corner(column, 0);
        let pixels = (0..PANEL[1]).flat_map(|y| (0..PANEL[0]).map(move |x| [left + x, top + y]));
        pixels.filter(|[x, y]| picture.at(*x as usize, *y as usize) == CHAINS[c]).count()
    }

    #[test]
    fn bars_of_ranks_cover_what_they_count() {
        // The first chain lies below the second: its ranks fill the left half of its strip to the top.
        let mut draws = chains([2, 200, 1]);
        draws[..200].iter_mut().for_each(|x| *x -= 100.0);
        let picture = Traces { title: "two", draws: &draws, shape: [2, 200, 1] }.draw().unwrap();
        let strip = f64::from(PANEL[0] * PANEL[1]) / 2.0;
        for c in 0..2 {
            let share = coloured(&picture, 1, c) as f64 / strip;
            // Half of 0.95, less the gaps between bars and the line across.
            assert!((0.38..0.48).contains(&share), "chain {c}: {share}");
        }
        assert_eq!(at(&picture, 1, [0.28, 0.6]), CHAINS[0], "first strip, low ranks");
        assert_eq!(at(&picture, 1, [0.78, 0.6]), [255; 3], "first strip, high ranks");
        assert_eq!(at(&picture, 1, [0.78, 0.1]), CHAINS[1], "second strip, high ranks");
    }

    #[test]
    fn a_trace_passes_through_its_draws() {
        let draws: Vec<f32> = (0..100).map(|i| if i < 50 { -1.0 } else { 1.0 }).collect();
        let picture = Traces { title: "step", draws: &draws, shape: [1, 100, 1] }.draw().unwrap();
        let is_on = |across: f64, y: f64| {
            let place = |up: f64| [across / 99.0, (y + 1.1) / 2.2 + up / f64::from(PANEL[1])];
            [-1.0, 0.0, 1.0].iter().any(|up| at(&picture, 0, place(*up))[0] < 170)
        };
        assert!(is_on(20.0, -1.0) && is_on(80.0, 1.0));
        assert!(!is_on(21.0, 0.9) && !is_on(81.0, -0.9));
    }

    #[test]
    fn the_autocorrelation_of_a_chain_that_alternates_does_so_too() {
        let draws: Vec<f32> = (0..400).map(|i| if i % 2 == 0 { -1.0 } else { 1.0 }).collect();
        let picture = Traces { title: "alternating", draws: &draws, shape: [1, 400, 1] }.draw().unwrap();
        // The axis goes down to −1, and so does the line.
        let has_line = |y: f64| (4..416).any(|x| at(&picture, 2, [f64::from(x) / 420.0, y])[0] < 120);
        let heights = || (4..99).map(|i| f64::from(i) / 100.0).filter(|&y| has_line(y));
        assert!(heights().next() < Some(0.1) && Some(0.9) < heights().next_back());
    }

    #[test]
    fn the_same_draws_give_the_same_bytes_and_the_file_has_the_format_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let draws = chains([3, 50, 2]);
        let traces = Traces { title: "three", draws: &draws, shape: [3, 50, 2] };
        for (name, start) in [("a.png", b"\x89PNG".as_slice()), ("a.svg", b"<svg ")] {
            let path = folder.path().join(name);
            traces.write(&path).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            traces.write(&path).unwrap();
            assert!(bytes.starts_with(start), "{name}");
            assert_eq!(bytes, std::fs::read(&path).unwrap(), "{name}");
        }
        let error = traces.write(&folder.path().join("a.gif")).unwrap_err().to_string();
        assert!(error.ends_with("the extension must be .png or .svg"), "{error}");
    }

    #[test]
    fn anything_that_is_finite_can_be_drawn() {
        for shape in [[1, 1, 1], [1, 2, 2], [3, 7, 12], [20, 50, 1]] {
            Traces { title: "any", draws: &chains(shape), shape }.draw().unwrap();
            Traces { title: "any", draws: &vec![2.5; shape.iter().product()], shape }.draw().unwrap();
        }
        Traces { title: "far", draws: &[f32::MAX, f32::MIN, 0.0], shape: [1, 3, 1] }.draw().unwrap();
        assert!(Traces { title: "none", draws: &[], shape: [0, 3, 1] }.draw().is_err());
    }
}
