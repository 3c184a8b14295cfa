//! Chains at a glance: their traces, their ranks, and how long they remember.

use ebm_sample::diagnostics::{autocorrelation, rank_histogram};

use super::picture::Colour;
use super::ticks::ticks;
use super::{Picture, parameter, text};

/// Chains and coordinates that are shown at the most.
const MOST: usize = 8;

/// Size of a panel, and the room beside, above and below it, in pixels.
const PANEL: [usize; 2] = [420, 190];
const LEFT: usize = 76;
const TOP: usize = 30;
const BOTTOM: usize = 50;
const HEADER: usize = 34;
const RIGHT: usize = 18;

const PAPER: Colour = [255, 255, 255];
const LINE: Colour = [232, 232, 232];
const BAND: Colour = [240, 240, 240];
const INK: Colour = [70, 70, 70];

/// Of each chain; Okabe and Ito's, which the colour-blind can tell apart.
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

/// A picture of draws of chains with three panels a coordinate: the trace of each chain, the ranks of its draws
/// among those of all chains, and its autocorrelation.
///
/// Chains that have mixed have traces that cannot be told apart and even ranks; their autocorrelation soon stays
/// within the band of ±1.96/√n, where independent draws have it.
#[derive(Clone, Copy, Debug)]
pub struct Traces<'a> {
    /// What was run, in a few words.
    pub title: &'a str,
    /// `[chain, draw, dim]`, row by row; finite.
    pub draws: &'a [f32],
    /// Chains, draws of each, and coordinates, none of them 0.
    pub shape: [usize; 3],
}

impl Traces<'_> {
    /// Draws the picture: of the first eight coordinates, with the first eight chains.
    ///
    /// # Panics
    /// If `draws` has another length than the shape says.
    pub fn draw(&self) -> Picture {
        let [n_chains, n_draws, dim] = self.shape;
        assert_eq!(self.draws.len(), n_chains * n_draws * dim, "draws are {:?}", self.shape);
        let (columns, rows) = (LEFT + PANEL[0] + RIGHT, TOP + PANEL[1] + BOTTOM);
        let mut picture = Picture::plain(3 * columns, HEADER + dim.min(MOST) * rows, PAPER);
        self.draw_header(&mut picture);
        for i in 0..dim.min(MOST) {
            let chain = |draws: &[f32]| draws.iter().skip(i).step_by(dim).map(|&x| f64::from(x)).collect();
            let chains: Vec<Vec<f64>> = self.draws.chunks_exact(n_draws * dim).map(chain).collect();
            let at = |column: usize| [LEFT + column * columns, HEADER + i * rows + TOP];
            draw_trace(&mut picture, at(0), &parameter(i), &chains);
            draw_ranks(&mut picture, at(1), &parameter(i), &chains);
            draw_autocorrelation(&mut picture, at(2), &parameter(i), &chains);
        }
        picture
    }

    /// The title, and which colour is which chain.
    fn draw_header(&self, picture: &mut Picture) {
        let [n_chains, ..] = self.shape;
        text::draw(picture, [LEFT, 10], self.title, INK);
        let mut x = LEFT + text::ADVANCE * (self.title.len() + 4);
        for (c, colour) in CHAINS.iter().enumerate().take(n_chains) {
            let label = format!("chain {c}");
            picture.fill([x, 18], [18, 5], *colour);
            text::draw(picture, [x + 24, 10], &label, INK);
            x += 24 + text::ADVANCE * (label.len() + 2);
        }
        if MOST < n_chains {
            text::draw(picture, [x, 10], &format!("and {} more, not shown", n_chains - MOST), INK);
        }
    }
}

fn draw_trace(picture: &mut Picture, at: [usize; 2], name: &str, chains: &[Vec<f64>]) {
    let all = chains.iter().flatten();
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    let margin = if low < high { 0.05 * (high - low) } else { 1.0 };
    let last = (chains[0].len() - 1).max(1) as f64;
    let panel = Panel { at, x: [0.0, last], y: [low - margin, high + margin] };
    panel.draw_axes(picture, &format!("{name}: trace"), "draw", true);
    for (chain, colour) in chains.iter().zip(CHAINS) {
        let points = chain.iter().enumerate().map(|(i, x)| [i as f64, *x]);
        // many draws to a pixel would hide what lies beneath
        panel.draw_line(picture, points, colour, if chain.len() <= 4 * PANEL[0] { 0.8 } else { 0.35 });
    }
    panel.draw_frame(picture);
}

/// A strip a chain, its bars as high as there are ranks in them, a line where even ones would be.
fn draw_ranks(picture: &mut Picture, at: [usize; 2], name: &str, chains: &[Vec<f64>]) {
    let n = chains[0].len();
    let n_bins = (n / 5).clamp(1, 20);
    let (shown, total) = (chains.len().min(MOST), chains.len() * n);
    let panel = Panel { at, x: [0.0, total as f64], y: [0.0, shown as f64] };
    panel.draw_axes(picture, &format!("{name}: ranks"), "rank among all draws", false);
    let even = n as f64 / n_bins as f64;
    for (c, counts) in rank_histogram(chains, n_bins).into_iter().enumerate().take(shown) {
        // the first chain is at the top; even ranks fill half of a strip
        let base = (shown - 1 - c) as f64;
        for (bin, count) in counts.into_iter().enumerate() {
            let [left, right] = [bin, bin + 1].map(|b| b as f64 * total as f64 / n_bins as f64);
            let height = (0.5 * count as f64 / even).min(0.95);
            panel.fill(picture, [left, right], [base, base + height], CHAINS[c]);
        }
        panel.draw_line(picture, [[0.0, base + 0.5], [total as f64, base + 0.5]].into_iter(), INK, 0.9);
        panel.draw_line(picture, [[0.0, base], [total as f64, base]].into_iter(), INK, 0.9);
        panel.mark(picture, base + 0.5, &format!("{c}"));
    }
    panel.draw_frame(picture);
}

fn draw_autocorrelation(picture: &mut Picture, at: [usize; 2], name: &str, chains: &[Vec<f64>]) {
    let shown: Vec<Vec<f64>> = chains.iter().take(MOST).map(|chain| autocorrelation(chain)).collect();
    let n = chains[0].len();
    let mean = |t: usize| shown.iter().map(|rho| rho[t].abs()).sum::<f64>() / shown.len() as f64;
    // twice as far as it takes to forget
    let forgotten = (0..n).find(|&t| mean(t) < 0.1).unwrap_or(n);
    let last = (2 * forgotten).clamp(20, 500).min(n - 1).max(1);
    let panel = Panel { at, x: [0.0, last as f64], y: [-0.3, 1.05] };
    let band = 1.96 / (n as f64).sqrt();
    panel.fill(picture, [0.0, last as f64], [-band, band], BAND);
    panel.draw_axes(picture, &format!("{name}: autocorrelation"), "lag", true);
    panel.draw_line(picture, [[0.0, 0.0], [last as f64, 0.0]].into_iter(), INK, 0.9);
    for (rho, colour) in shown.iter().zip(CHAINS) {
        let points = rho.iter().take(last + 1).enumerate().map(|(t, rho)| [t as f64, *rho]);
        panel.draw_line(picture, points, colour, 0.9);
    }
    panel.draw_frame(picture);
}

/// A part of the picture, and the ranges that it shows.
struct Panel {
    at: [usize; 2],
    x: [f64; 2],
    y: [f64; 2],
}

impl Panel {
    /// Where a point lies, in pixels from the panel's upper left corner.
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let across = (x - self.x[0]) / (self.x[1] - self.x[0]);
        let up = (y - self.y[0]) / (self.y[1] - self.y[0]);
        [across * (PANEL[0] - 1) as f64, (1.0 - up) * (PANEL[1] - 1) as f64]
    }

    fn draw_axes(&self, picture: &mut Picture, title: &str, below: &str, has_ticks: bool) {
        let [left, top] = self.at;
        text::draw(picture, [left, top - 24], title, INK);
        let middle = left + (PANEL[0] - text::ADVANCE * below.len()) / 2;
        text::draw(picture, [middle, top + PANEL[1] + 26], below, INK);
        for (value, label) in ticks(self.x[0], self.x[1] - self.x[0]) {
            let x = left + self.place([value, 0.0])[0] as usize;
            picture.fill([x, top], [1, PANEL[1]], LINE);
            picture.fill([x, top + PANEL[1]], [1, 5], INK);
            let half = text::ADVANCE * label.len() / 2;
            text::draw(picture, [x.saturating_sub(half), top + PANEL[1] + 7], &label, INK);
        }
        for (value, label) in ticks(self.y[0], self.y[1] - self.y[0]) {
            if has_ticks {
                let y = top + self.place([0.0, value])[1] as usize;
                picture.fill([left, y], [PANEL[0], 1], LINE);
                self.mark(picture, value, &label);
            }
        }
    }

    /// A mark with a label at a height.
    fn mark(&self, picture: &mut Picture, value: f64, label: &str) {
        let [left, top] = self.at;
        let y = top + self.place([0.0, value])[1] as usize;
        picture.fill([left - 5, y], [5, 1], INK);
        let x = (left - 9).saturating_sub(text::ADVANCE * label.len());
        text::draw(picture, [x, y.saturating_sub(text::HEIGHT / 2)], label, INK);
    }

    fn draw_frame(&self, picture: &mut Picture) {
        let ([left, top], [width, height]) = (self.at, PANEL);
        for (at, size) in [
            ([left, top], [width, 1]),
            ([left, top + height - 1], [width, 1]),
            ([left, top], [1, height]),
            ([left + width - 1, top], [1, height]),
        ] {
            picture.fill(at, size, INK);
        }
    }

    fn fill(&self, picture: &mut Picture, x: [f64; 2], y: [f64; 2], colour: Colour) {
        let ([left, bottom], [right, top]) = (self.place([x[0], y[0]]), self.place([x[1], y[1]]));
        let clip = |value: f64, c: usize| value.round().clamp(0.0, (PANEL[c] - 1) as f64) as usize;
        let (left, top) = (clip(left, 0), clip(top, 1));
        // a pixel is left free between neighbours
        let width = (clip(right, 0) - left).saturating_sub(1);
        picture.fill([self.at[0] + left, self.at[1] + top], [width, clip(bottom, 1) - top], colour);
    }

    /// A line through points of which the first coordinate does not fall; what leaves the panel is left out.
    fn draw_line(
        &self,
        picture: &mut Picture,
        points: impl Iterator<Item = [f64; 2]>,
        colour: Colour,
        opacity: f32,
    ) {
        let mut before: Option<[f64; 2]> = None;
        for point in points {
            let here = self.place(point);
            if let Some(before) = before.filter(|_| here.iter().all(|v| v.is_finite())) {
                self.draw_segment(picture, before, here, colour, opacity);
            }
            before = here.iter().all(|v| v.is_finite()).then_some(here);
        }
    }

    /// Along the longer side a pixel at a time, laid on the two pixels that it lies between.
    fn draw_segment(
        &self,
        picture: &mut Picture,
        from: [f64; 2],
        to: [f64; 2],
        colour: Colour,
        opacity: f32,
    ) {
        let long = usize::from((to[0] - from[0]).abs() < (to[1] - from[1]).abs());
        let n = (to[long] - from[long]).abs().ceil().clamp(1.0, 10_000.0);
        for step in 0..n as usize {
            let along = step as f64 / n;
            let [x, y] = [0, 1].map(|c| from[c] + along * (to[c] - from[c]));
            let (main, other) = if long == 0 { (x, y) } else { (y, x) };
            let (first, part) = (other.floor(), (other - other.floor()) as f32);
            for (second, share) in [(first, 1.0 - part), (first + 1.0, part)] {
                let [x, y] = if long == 0 { [main.round(), second] } else { [second, main.round()] };
                if (0.0..PANEL[0] as f64).contains(&x) && (0.0..PANEL[1] as f64).contains(&y) {
                    let at = [self.at[0] + x as usize, self.at[1] + y as usize];
                    picture.blend(at[0], at[1], colour, opacity * share);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    fn chains(shape: [usize; 3]) -> Vec<f32> {
        Noise::seeded(141).normals(shape.iter().product())
    }

    /// How many pixels of the panel in `column` of the first row have the colour of chain `c`.
    fn coloured(picture: &Picture, column: usize, c: usize) -> usize {
        let left = LEFT + column * (LEFT + PANEL[0] + RIGHT);
        let pixels = (0..PANEL[1]).flat_map(|y| (0..PANEL[0]).map(move |x| [left + x, HEADER + TOP + y]));
        pixels.filter(|[x, y]| picture.at(*x, *y) == CHAINS[c]).count()
    }

    #[test]
    fn bars_of_ranks_cover_what_they_count() {
        // the first chain lies below the second: its ranks fill the left half of its strip to the top
        let mut draws = chains([2, 200, 1]);
        draws[..200].iter_mut().for_each(|x| *x -= 100.0);
        let picture = Traces { title: "two", draws: &draws, shape: [2, 200, 1] }.draw();
        let strip = PANEL[0] as f64 * PANEL[1] as f64 / 2.0;
        for c in 0..2 {
            let share = coloured(&picture, 1, c) as f64 / strip;
            // half of 0.95, less the gaps between bars and the line across
            assert!((0.40..0.48).contains(&share), "chain {c}: {share}");
        }
        // which half, by the middle of the first strip
        let at = |x: f64| {
            let left = LEFT + (LEFT + PANEL[0] + RIGHT) + (x * PANEL[0] as f64) as usize;
            picture.at(left, HEADER + TOP + PANEL[1] / 2 - 10)
        };
        assert_eq!((at(0.28), at(0.78)), (CHAINS[0], PAPER));
    }

    #[test]
    fn a_trace_goes_through_its_draws() {
        let draws: Vec<f32> = (0..100).map(|i| if i < 50 { -1.0 } else { 1.0 }).collect();
        let picture = Traces { title: "step", draws: &draws, shape: [1, 100, 1] }.draw();
        let is_on = |across: f64, y: f64| {
            let panel = Panel { at: [LEFT, HEADER + TOP], x: [0.0, 99.0], y: [-1.1, 1.1] };
            let [x, y] = panel.place([across, y]).map(|v| v.round() as usize);
            picture.at(LEFT + x, HEADER + TOP + y)[0] < 140
        };
        assert!(is_on(20.0, -1.0) && is_on(80.0, 1.0));
        assert!(!is_on(21.0, 0.9) && !is_on(81.0, -0.9));
    }

    #[test]
    fn anything_that_is_finite_can_be_drawn() {
        for shape in [[1, 1, 1], [1, 2, 2], [3, 7, 12], [20, 50, 1]] {
            Traces { title: "any", draws: &chains(shape), shape }.draw();
            Traces { title: "any", draws: &vec![2.5; shape.iter().product()], shape }.draw();
        }
        Traces { title: "far", draws: &[f32::MAX, f32::MIN, 0.0], shape: [1, 3, 1] }.draw();
    }
}
