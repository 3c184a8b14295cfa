//! Chains as a page: their warnings, what is known of each coordinate, and how they move.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::Potential;
use ebm_report::page::{
    Block, Cell, Frame, LineChart, Page, Plane, Relief, Section, Series, Table, Tone, compact,
};
use ebm_report::{Landscape, Samples, parameter, window};
use ebm_run::sampling::host;
use ebm_sample::diagnostics::{Summary, autocorrelation, rank_histogram};

use crate::verbs::part::{About, Tested};

/// Chains and coordinates that are shown.
const CHAINS: usize = 8;
const COORDINATES: usize = 4;

/// Draws of a chain that move, and draws that lie beneath.
const MOMENTS: usize = 200;
const STILL: usize = 1500;

/// Points of the landscape whose energy is computed at once.
const TOGETHER: usize = 4096;

/// What a page tells of chains.
pub struct Chains<'a> {
    /// The closed form.
    pub target: &'a str,
    /// The sampler.
    pub sampler: &'a str,
    /// The seed.
    pub seed: u64,
    /// Chain after chain.
    pub values: &'a [f32],
    /// Chains, draws of each, coordinates.
    pub shape: [usize; 3],
    /// What is known of the chains.
    pub about: &'a About,
    /// What is known of each coordinate.
    pub summaries: &'a [Summary],
    /// What is wrong.
    pub warnings: Vec<String>,
}

impl Chains<'_> {
    /// The page.
    ///
    /// # Errors
    /// If the landscape cannot be computed or drawn.
    pub fn page(&self, energy: &dyn Potential, device: &Device) -> Result<Page> {
        let [chains, draws, dim] = self.shape;
        let what = if self.about.steps.is_some() { "chains" } else { "groups of independent draws" };
        let lead = format!(
            "{chains} {what}, {} draws each, from the closed form {} in {dim} {}, by {}.",
            compact(draws as f64),
            self.target,
            if dim == 1 { "dimension" } else { "dimensions" },
            self.sampler,
        );
        let warnings = match self.warnings.as_slice() {
            [] => Vec::new(),
            warnings => vec![Block::Warnings(warnings.to_vec())],
        };
        let plane = self.plane(energy, device)?.into_iter().map(Block::Plane).collect();
        Ok(Page {
            title: format!("{}, {}", self.target, self.sampler),
            status: match self.warnings.len() {
                0 => "no warnings".into(),
                1 => "1 warning".into(),
                n => format!("{n} warnings"),
            },
            lead,
            facts: self.facts(),
            sections: vec![
                Section::new("Warnings", "", warnings),
                Section::new("On the energy", "", plane),
                Section::new("Coordinates", "", vec![Block::Table(self.table())]),
                Section::new("Mixing", MIXING, vec![Block::Charts(self.charts())]),
            ],
        })
    }

    fn facts(&self) -> Vec<[String; 2]> {
        let [chains, draws, _] = self.shape;
        let About { step_size, trajectory, adapted, test, .. } = self.about;
        let how = if *adapted { ", adapted" } else { "" };
        let divergences = test.as_ref().map(|test| {
            let [n, steps] = test.n_diverged;
            format!("{} of {}", compact(n as f64), compact(steps as f64))
        });
        let facts = [
            ("chains", Some(chains.to_string())),
            ("draws of each", Some(compact(draws as f64))),
            ("step size", step_size.map(|size| compact(size) + how)),
            ("trajectory", trajectory.map(compact)),
            ("acceptance", test.as_ref().map(Tested::mean_acceptance).map(compact)),
            ("divergences", divergences),
            ("seed", Some(self.seed.to_string())),
            ("version of ebm", Some(env!("CARGO_PKG_VERSION").to_owned())),
        ];
        facts.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).collect()
    }

    fn table(&self) -> Table {
        let heads = [
            "coordinate",
            "mean",
            "± error",
            "deviation",
            "5 %",
            "median",
            "95 %",
            "R-hat",
            "ESS, bulk",
            "ESS, tails",
        ];
        let row = |(i, s): (usize, &Summary)| {
            let numbers = [s.mean, s.mcse_mean, s.sd, s.q5, s.median, s.q95];
            let r_hat = Cell::toned(compact(s.r_hat), if s.r_hat <= 1.01 { Tone::Good } else { Tone::Bad });
            let sizes = [s.ess_bulk, s.ess_tail].map(|size| Cell::number(compact(size.round())));
            std::iter::once(Cell::code(parameter(i)))
                .chain(numbers.map(|number| Cell::number(compact(number))))
                .chain([r_hat])
                .chain(sizes)
                .collect()
        };
        let rows = self.summaries.iter().enumerate().map(row).collect();
        Table { caption: String::new(), heads: heads.map(String::from).to_vec(), rows }
    }

    /// The chains over the energy, if they are in the plane.
    fn plane(&self, energy: &dyn Potential, device: &Device) -> Result<Option<Plane>> {
        let ([chains, draws, dim], values) = (self.shape, self.values);
        if dim != 2 {
            return Ok(None);
        }
        let window = window(&Samples::chains(values.to_vec(), self.shape)?);
        let ranges = [0, 1].map(|c| window.range(c));
        let mut energies = Ok(Vec::new());
        let landscape = Landscape::of(&window, |points| {
            energies = points.chunks(2 * TOGETHER).try_fold(Vec::new(), |mut found, points| {
                let batch = TensorData::new(points.to_vec(), [points.len() / 2, 2]);
                found.extend(host(energy.energy(Tensor::from_data(batch, device)))?);
                anyhow::Ok(found)
            });
            energies.as_ref().map(Vec::clone).unwrap_or_default()
        });
        energies?;
        // Of draws so far off that no energy is finite there is no landscape.
        let relief = landscape.ok().map(|landscape| Relief::of(&landscape)).transpose()?;
        let point = |chain: usize, draw: usize| {
            let at = (chain * draws + draw) * 2;
            Plane::place([values[at], values[at + 1]].map(f64::from), ranges)
        };
        let shown = chains.min(CHAINS);
        let moments = draws.min(MOMENTS);
        let frame = |draw: usize| Frame {
            label: format!("draw {} of {}", draw + 1, compact(draws as f64)),
            points: (0..shown).map(|chain| point(chain, draw)).collect(),
        };
        let stride = (chains * draws).div_ceil(STILL).max(1);
        let still = (0..chains * draws).step_by(stride).map(|i| point(i / draws, i % draws));
        Ok(Some(Plane {
            title: format!(
                "{} over the energy, draw by draw",
                if shown == 1 { "The chain" } else { "The chains" }
            ),
            kinds: ["chain".into(), "draws of all chains".into()],
            names: [0, 1].map(parameter),
            ranges,
            relief,
            still: still.collect(),
            frames: (0..moments).map(frame).collect(),
            has_colours: true,
        }))
    }

    /// Traces, ranks and autocorrelations of the first coordinates.
    fn charts(&self) -> Vec<LineChart> {
        let [chains, draws, dim] = self.shape;
        let of = |i: usize| -> Vec<Vec<f64>> {
            let chain = |values: &[f32]| values.iter().skip(i).step_by(dim).map(|&x| f64::from(x)).collect();
            self.values.chunks_exact(draws * dim).map(chain).collect()
        };
        let mut charts = Vec::new();
        for i in 0..dim.min(COORDINATES) {
            let all = of(i);
            let name = parameter(i);
            let shown = &all[..chains.min(CHAINS)];
            let line = |t: usize, x: &f64| [t as f64, *x];
            let curves = |values: &[Vec<f64>]| curves(values, line);
            charts.push(LineChart {
                title: format!("Trace of {name}"),
                axis: "draw".into(),
                series: curves(shown),
                ..LineChart::default()
            });
            if all.iter().flatten().any(|x| !x.is_finite()) {
                continue;
            }
            charts.push(ranks(&name, &all));
            let forgotten: Vec<Vec<f64>> = shown.iter().map(|chain| autocorrelation(chain)).collect();
            let mean =
                |t: usize| forgotten.iter().map(|rho| rho[t].abs()).sum::<f64>() / forgotten.len() as f64;
            // Twice as far as it takes to forget.
            let first = (0..draws).find(|&t| mean(t) < 0.1).unwrap_or(draws);
            let last = (2 * first).clamp(20, 500).min(draws);
            let forgotten: Vec<Vec<f64>> = forgotten.iter().map(|rho| rho[..last].to_vec()).collect();
            charts.push(LineChart {
                title: format!("Autocorrelation of {name}"),
                axis: "lag".into(),
                series: curves(&forgotten),
                ..LineChart::default()
            });
        }
        charts.retain(LineChart::has_curves);
        charts
    }
}

const MIXING: &str = "Chains that have mixed have traces that cannot be told apart, even ranks, and soon no \
                      autocorrelation.";

fn curves(values: &[Vec<f64>], line: impl Fn(usize, &f64) -> [f64; 2]) -> Vec<Series> {
    let curve = |(colour, chain): (usize, &Vec<f64>)| Series {
        name: format!("chain {colour}"),
        points: chain.iter().enumerate().map(|(t, x)| line(t, x)).collect(),
        colour,
    };
    values.iter().enumerate().map(curve).collect()
}

/// How often the draws of each chain have which rank among all, 1 being even.
fn ranks(name: &str, all: &[Vec<f64>]) -> LineChart {
    let n = all[0].len();
    let bins = (n / 5).clamp(1, 20);
    let even = n as f64 / bins as f64;
    let curve = |(colour, counts): (usize, Vec<usize>)| Series {
        name: format!("chain {colour}"),
        points: (counts.iter().enumerate())
            .flat_map(|(bin, count)| {
                [bin, bin + 1].map(|x| [100.0 * x as f64 / bins as f64, *count as f64 / even])
            })
            .collect(),
        colour,
    };
    LineChart {
        title: format!("Ranks of {name}"),
        about: "the share of each chain, 1 if ranks are even".into(),
        axis: "rank among all draws, in per cent".into(),
        series: rank_histogram(all, bins).into_iter().enumerate().take(CHAINS).map(curve).collect(),
        ..LineChart::default()
    }
}
