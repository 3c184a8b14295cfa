//! The curves of runs.

use ebm_report::page::{LineChart, Mark, Scale, Series, compact};

use super::record::Progress;
use super::story::Story;

/// Noise levels and steps of which there is a curve at most.
const CURVES: usize = 8;

/// What a curve shows of a line of progress.
type Number = fn(&Progress) -> f64;

/// The curves that every run has.
const CURVES_OF_ALL: [(&str, &str, Scale, Number); 3] = [
    ("Running loss", "98 % of the value before and 2 % of the batch", Scale::LogIfWide, |line| line.loss),
    ("Learning rate", "", Scale::Linear, |line| line.rate),
    ("Norm of the gradient", "of single steps, before it is clipped", Scale::LogIfWide, |line| line.norm),
];

/// The curves of a run: of training, its noise levels, and its sampler.
pub fn of(story: &Story) -> Vec<LineChart> {
    let mut charts = of_all(std::slice::from_ref(story));
    if let Some(chart) = levels_over_steps(story) {
        charts.insert(1, chart);
    }
    charts.extend(loss_over_levels(story));
    charts.extend(sampler(story));
    charts.retain(LineChart::has_curves);
    charts
}

/// The curves of several runs over one another.
pub fn of_all(stories: &[Story]) -> Vec<LineChart> {
    let chart = |(title, about, scale, number): (&str, &str, Scale, Number)| {
        let series = stories.iter().enumerate().map(|(i, story)| Series {
            name: story.name.clone(),
            points: points(story, number),
            colour: i,
        });
        let steps = stories.iter().map(|story| story.config.train.steps).max().unwrap_or(1);
        LineChart {
            title: title.into(),
            about: about.into(),
            axis: "steps".into(),
            scales: [Scale::Linear, scale],
            series: series.collect(),
            marks: if let [story] = stories { marks(story) } else { Vec::new() },
            ends: Some([0.0, steps as f64]),
        }
    };
    CURVES_OF_ALL.into_iter().map(chart).collect()
}

fn points(story: &Story, number: impl Fn(&Progress) -> f64) -> Vec<[f64; 2]> {
    story.record.progress.iter().map(|line| [line.step as f64, number(line)]).collect()
}

/// Where the run went back, went on, or was changed.
fn marks(story: &Story) -> Vec<Mark> {
    let mark = |at: u64, what: &str| Mark { at: at as f64, what: what.into() };
    let retreats = story.record.retreats.iter().map(|(at, _)| mark(*at, "went back to here"));
    let resumed = story.record.resumed.iter().map(|at| mark(*at, "resumed"));
    let changed = story.history.iter().map(|entry| mark(entry.step, "settings changed"));
    retreats.chain(resumed).chain(changed).collect()
}

/// A curve for each noise level.
fn levels_over_steps(story: &Story) -> Option<LineChart> {
    let levels = &story.record.levels;
    let (_, first) = levels.last()?;
    let curve = |(i, [sigma, _]): (usize, &[f64; 2])| {
        let at = |(step, losses): &(u64, Vec<[f64; 2]>)| {
            let loss = losses.iter().find(|[other, _]| other == sigma)?[1];
            Some([*step as f64, loss])
        };
        let points = levels.iter().filter_map(at).collect();
        Series { name: format!("σ = {}", compact(*sigma)), points, colour: i }
    };
    Some(LineChart {
        title: "Loss by noise level".into(),
        about: "of the averaged weights on one batch, 1 for a score of zero".into(),
        axis: "steps".into(),
        scales: [Scale::Linear, Scale::LogIfWide],
        series: first.iter().enumerate().take(CURVES).map(curve).collect(),
        marks: marks(story),
        ends: Some([0.0, story.config.train.steps as f64]),
    })
}

/// A curve for each of a few steps, over the noise level.
fn loss_over_levels(story: &Story) -> Option<LineChart> {
    let levels = &story.record.levels;
    let n = levels.len();
    let shown: Vec<usize> = evenly(n, 4);
    (0 < n).then(|| LineChart {
        title: "Loss over noise levels".into(),
        about: "of the averaged weights on one batch".into(),
        axis: "σ".into(),
        scales: [Scale::Log, Scale::LogIfWide],
        series: shown
            .iter()
            .enumerate()
            .map(|(colour, &i)| Series {
                name: format!("after {} steps", compact(levels[i].0 as f64)),
                points: levels[i].1.clone(),
                colour,
            })
            .collect(),
        ..LineChart::default()
    })
}

/// What contrastive divergence watches.
fn sampler(story: &Story) -> Vec<LineChart> {
    type Names = &'static [(&'static str, &'static str)];
    let groups: [(&str, &str, Names); 4] = [
        (
            "Energies",
            "means of the data and of the chains, in nats",
            &[("data_energy", "data"), ("negative_energy", "chains")],
        ),
        ("Acceptance of the chains", "", &[("acceptance", "acceptance")]),
        ("Length of the score at the chains", "", &[("score_norm", "score")]),
        ("Age of the chains", "in steps of the sampler", &[("mean_age", "mean"), ("oldest", "oldest")]),
    ];
    let chart = |(title, about, names): (&str, &str, &[(&str, &str)])| {
        let series = names.iter().enumerate().map(|(colour, (key, name))| Series {
            name: (*name).into(),
            points: points(story, |line| line.sampler.get(*key).copied().unwrap_or(f64::NAN)),
            colour,
        });
        LineChart {
            title: title.into(),
            about: about.into(),
            axis: "steps".into(),
            series: series.collect(),
            marks: marks(story),
            ends: Some([0.0, story.config.train.steps as f64]),
            ..LineChart::default()
        }
    };
    groups.into_iter().map(chart).collect()
}

/// At most `most` of `n` numbers from 0, evenly, with the first and the last.
pub fn evenly(n: usize, most: usize) -> Vec<usize> {
    match (n, most) {
        (0, _) | (_, 0) => Vec::new(),
        (_, 1) => vec![n - 1],
        _ if n <= most => (0..n).collect(),
        _ => (0..most).map(|i| i * (n - 1) / (most - 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_many_is_even_with_the_first_and_the_last() {
        assert_eq!(evenly(5, 10), [0, 1, 2, 3, 4]);
        assert_eq!(evenly(100, 4), [0, 33, 66, 99]);
        assert_eq!(evenly(3, 1), [2]);
        assert!(evenly(0, 4).is_empty() && evenly(4, 0).is_empty());
    }
}
