//! What diagnostics of chains come to.

use std::fmt;

use super::group::Group;
use super::steps::Steps;
use super::thresholds::{
    ACCEPTANCE, ACCEPTANCE_ALONE, DRAWS, ENERGY_FRACTION, ESS, R_HAT, STAY, STAY_AT_LEAST,
};
use super::{Summary, Warning};

/// Whether chains can be trusted: the warnings that Stan gives, with Stan's thresholds.
///
/// A chain warns if R̂ is above 1.01, the bulk or the tails are worth fewer than 100 independent draws a chain, a proposal
/// diverged, nearly none or nearly all are accepted, a chain stays at one point, the energy moves slowly
/// (E-BFMI below 0.3), or a draw is not finite.
/// That nearly all are accepted is a warning only where the chains mix badly as well.
/// One chain, or fewer than 12 draws, are warnings too: then there is nothing to judge by.
///
/// Its [`Display`](fmt::Display) has a line for each kind of warning, with what may help.
///
/// ```
/// use ebm_ops::Noise;
/// use ebm_sample::diagnostics::{Steps, Verdict};
///
/// // four chains of 1,000 draws in the plane; one is elsewhere in the second coordinate
/// let mut draws = Noise::seeded(1).normals_f64(4 * 1000 * 2);
/// draws[..2000].iter_mut().skip(1).step_by(2).for_each(|x| *x += 3.0);
/// let verdict = Verdict::of(&draws, [4, 1000, 2], &Steps::default());
/// let kinds: Vec<&str> = verdict.warnings().iter().map(|warning| warning.kind()).collect();
/// assert_eq!(kinds, ["r-hat", "ess-bulk", "ess-tail"]);
/// assert!(verdict.to_string().starts_with("R-hat of x1 is 1."), "{verdict}");
/// ```
///
/// # Reference
/// Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), *Rank-normalization, folding, and localization: an
/// improved R̂ for assessing convergence of MCMC*, §5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    warnings: Vec<Warning>,
}

impl Verdict {
    /// On draws `[chain, draw, dim]`, laid out row by row, and what their steps reported.
    ///
    /// # Panics
    /// If `draws` has another length than the three say, or one of them is 0.
    pub fn of(draws: &[f64], shape: [usize; 3], steps: &Steps) -> Self {
        Self::with_summaries(draws, shape, &Summary::of_each(draws, shape), steps)
    }

    /// The same with the summaries of every coordinate, which need not be computed again.
    ///
    /// # Panics
    /// If `draws` has another length than the three say, or one of them is 0.
    pub fn with_summaries(
        draws: &[f64],
        [n_chains, n_draws, dim]: [usize; 3],
        summaries: &[Summary],
        steps: &Steps,
    ) -> Self {
        assert_eq!(draws.len(), n_chains * n_draws * dim, "draws are [{n_chains}, {n_draws}, {dim}]");
        let mut warnings = non_finite(draws, dim);
        let is_finite = |i: usize| warnings.iter().all(|warning| warning.coordinate() != Some(i));
        let chains = draws.chunks_exact(n_draws * dim).enumerate();
        let stuck: Vec<Warning> = chains.filter_map(|(chain, draws)| stuck(chain, draws, dim)).collect();
        let mut mixing = vec![];
        if n_draws < DRAWS {
            mixing.push(Warning::FewDraws { n: n_draws });
        } else if stuck.len() < n_chains {
            let finite = summaries.iter().enumerate().filter(|(i, _)| is_finite(*i));
            mixing = mixed(&finite.collect::<Vec<_>>(), n_chains);
        }
        let is_slow = !mixing.is_empty() || n_chains == 1;
        warnings.extend(stuck);
        warnings.extend(acceptance(steps, if is_slow { ACCEPTANCE[1] } else { 1.0 }));
        warnings.extend(divergences(steps));
        // Of a kernel that stays where a step was not finite the draws do not tell.
        if !warnings.iter().any(|warning| matches!(warning, Warning::NonFinite { .. })) {
            warnings.extend(non_finite_steps(steps));
        }
        warnings.extend(mixing);
        warnings.extend(energy_fractions(steps));
        if n_chains == 1 {
            warnings.push(Warning::OneChain);
        }
        Self { warnings }
    }

    /// On chains of which only the reports of their steps are known.
    pub fn of_steps(steps: &Steps) -> Self {
        let mut warnings: Vec<Warning> = acceptance(steps, ACCEPTANCE_ALONE).into_iter().collect();
        warnings.extend(divergences(steps));
        warnings.extend(non_finite_steps(steps));
        Self { warnings }
    }

    /// On draws that are independent of each other, `[draw, dim]`: only whether they are finite.
    pub fn of_independent(draws: &[f64], dim: usize) -> Self {
        Self { warnings: non_finite(draws, dim) }
    }

    /// The warnings, those of a kind one after the other.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether there is no warning.
    pub fn is_clean(&self) -> bool {
        self.warnings.is_empty()
    }

    /// The warnings by kind.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        self.warnings.chunk_by(|a, b| a.kind() == b.kind()).map(Group::of)
    }
}

/// The coordinates with draws that are not finite.
fn non_finite(draws: &[f64], dim: usize) -> Vec<Warning> {
    let (mut counts, of) = (vec![0; dim], draws.len() / dim);
    for row in draws.chunks_exact(dim) {
        counts.iter_mut().zip(row).for_each(|(count, x)| *count += usize::from(!x.is_finite()));
    }
    let of_coordinate = |(coordinate, n)| (0 < n).then_some(Warning::NonFinite { coordinate, n, of });
    counts.into_iter().enumerate().filter_map(of_coordinate).collect()
}

/// Whether a chain's draws, `[draw, dim]`, stay at one point.
fn stuck(chain: usize, draws: &[f64], dim: usize) -> Option<Warning> {
    let of = draws.len() / dim;
    let mut rows = draws.chunks_exact(dim);
    let mut before = rows.next()?;
    let (mut stay, mut longest) = (1, 1);
    for row in rows {
        // a draw that is not a number differs from itself: it is counted elsewhere
        stay = if row == before { stay + 1 } else { 1 };
        (longest, before) = (longest.max(stay), row);
    }
    (STAY_AT_LEAST <= of && STAY.min(of) <= longest).then_some(Warning::Stuck { chain, n: longest, of })
}

fn mixed(summaries: &[(usize, &Summary)], n_chains: usize) -> Vec<Warning> {
    let mut warnings = vec![];
    for &(coordinate, summary) in summaries {
        // The halves of one chain differ by chance more often than that says anything.
        if 1 < n_chains && R_HAT < summary.r_hat {
            warnings.push(Warning::RHat { coordinate, value: summary.r_hat });
        }
    }
    for &(coordinate, summary) in summaries {
        let value = summary.ess_bulk / n_chains as f64;
        if value < ESS {
            warnings.push(Warning::EssBulk { coordinate, value });
        }
    }
    for &(coordinate, summary) in summaries {
        let value = summary.ess_tail / n_chains as f64;
        if value < ESS {
            warnings.push(Warning::EssTail { coordinate, value });
        }
    }
    warnings
}

fn acceptance(steps: &Steps, most: f64) -> Option<Warning> {
    let acceptance = steps.acceptance.as_ref()?;
    let value = acceptance.iter().sum::<f64>() / acceptance.len() as f64;
    if value < ACCEPTANCE[0] {
        return Some(Warning::LowAcceptance { value });
    }
    (most < value).then_some(Warning::HighAcceptance { value })
}

/// Steps of a kernel with a test that diverged.
fn divergences(steps: &Steps) -> Option<Warning> {
    steps.acceptance.as_ref()?;
    n_diverged(steps).map(|(n, of)| Warning::Divergences { n, of })
}

/// Steps of a kernel without a test that were not finite.
fn non_finite_steps(steps: &Steps) -> Option<Warning> {
    if steps.acceptance.is_some() {
        return None;
    }
    n_diverged(steps).map(|(n, of)| Warning::NonFiniteSteps { n, of })
}

/// How many steps diverged, and of how many, unless none did.
fn n_diverged(steps: &Steps) -> Option<(usize, usize)> {
    let diverged = steps.diverged.as_ref()?;
    let n = diverged.iter().sum();
    (0 < n).then_some((n, steps.n_steps * diverged.len()))
}

/// The chains whose energies H of consecutive draws hardly change: Σ (H_n − H_{n−1})² / Σ (H_n − H̄)².
fn energy_fractions(steps: &Steps) -> Vec<Warning> {
    let of_chain = |(chain, energies): (usize, &Vec<f64>)| {
        let mean = energies.iter().sum::<f64>() / energies.len() as f64;
        let spread: f64 = energies.iter().map(|energy| (energy - mean).powi(2)).sum();
        let moves: f64 = energies.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
        let value = moves / spread;
        let is_low = ESS as usize <= energies.len() && value < ENERGY_FRACTION;
        is_low.then_some(Warning::EnergyFraction { chain, value })
    };
    steps.energies.iter().flatten().enumerate().filter_map(of_chain).collect()
}

/// A line for each kind of warning; "no warnings" if there are none.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("no warnings");
        }
        for (i, group) in self.groups().enumerate() {
            let end = if i == 0 { "" } else { "\n" };
            write!(f, "{end}{group}; try {}", group.advice())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    const SHAPE: [usize; 3] = [4, 1000, 2];

    /// x_t = a x_{t−1} + √(1 − a²) z_t in each coordinate, from its stationary distribution.
    fn draws(a: f64, [n_chains, n_draws, dim]: [usize; 3], seed: u64) -> Vec<f64> {
        let chain = |c: usize| {
            let mut z = Noise::seeded(seed).child(c as u64).normals_f64(n_draws * dim);
            for i in dim..z.len() {
                z[i] = a * z[i - dim] + (1.0 - a * a).sqrt() * z[i];
            }
            z
        };
        (0..n_chains).flat_map(chain).collect()
    }

    fn kinds(verdict: &Verdict) -> Vec<&'static str> {
        verdict.groups().map(|group| group.kind()).collect()
    }

    #[test]
    fn chains_that_mix_well_are_not_warned_about() {
        // half of the draws are worth an independent one
        let is_clean =
            |seed: &u64| Verdict::of(&draws(0.33, SHAPE, *seed), SHAPE, &Steps::default()).is_clean();
        let n_clean = (200..300).filter(is_clean).count();
        assert_eq!(n_clean, 100);
    }

    #[test]
    fn slow_chains_are_named_by_coordinate_with_their_number() {
        let mut slow = draws(0.99, SHAPE, 5);
        let fast = draws(0.0, SHAPE, 6);
        slow.iter_mut().zip(fast).skip(1).step_by(2).for_each(|(x, fast)| *x = fast);
        let verdict = Verdict::of(&slow, SHAPE, &Steps::default());
        assert_eq!(kinds(&verdict), ["r-hat", "ess-bulk", "ess-tail"]);
        assert!(verdict.warnings().iter().all(|warning| warning.coordinate() == Some(0)));
        let lines = verdict.to_string();
        assert!(lines.contains("above 1.01: the chains differ; try a longer warm-up"), "{lines}");
    }

    #[test]
    fn chains_that_do_not_move_are_named_and_not_said_to_differ() {
        let mut still = vec![];
        (0..4).for_each(|c| still.extend([f64::from(c), 1.0].repeat(1000)));
        let steps = Steps { n_steps: 1000, acceptance: Some(vec![0.0; 4]), ..Steps::default() };
        let verdict = Verdict::of(&still, SHAPE, &steps);
        assert_eq!(kinds(&verdict), ["stuck", "low-acceptance"]);
        assert_eq!(
            verdict.groups().next().unwrap().to_string(),
            "chains 0, 1, 2 and 3 do not move in 1000 draws"
        );
        // one that stays for a while
        let mut draws = draws(0.0, SHAPE, 7);
        let first = draws[..2].to_vec();
        draws[..200].chunks_exact_mut(2).for_each(|row| row.copy_from_slice(&first));
        let verdict = Verdict::of(&draws, SHAPE, &Steps::default());
        assert!(verdict.warnings().contains(&Warning::Stuck { chain: 0, n: 100, of: 1000 }), "{verdict}");
        assert!(verdict.to_string().starts_with("chain 0 stays at one point for 100 of 1000 draws; try"));
    }

    #[test]
    fn what_is_not_finite_is_counted_and_its_coordinate_not_judged() {
        let mut draws = draws(0.0, SHAPE, 8);
        (draws[1], draws[3]) = (f64::NAN, f64::INFINITY);
        let verdict = Verdict::of(&draws, SHAPE, &Steps::default());
        assert_eq!(verdict.warnings(), [Warning::NonFinite { coordinate: 1, n: 2, of: 4000 }]);
        assert_eq!(verdict.warnings()[0].to_string(), "of 4000 draws are not finite: 2 of x1");
    }

    #[test]
    fn acceptance_near_1_is_a_warning_only_where_chains_are_slow() {
        let steps = Steps { n_steps: 1000, acceptance: Some(vec![0.9995; 4]), ..Steps::default() };
        assert!(Verdict::of(&draws(0.0, SHAPE, 9), SHAPE, &steps).is_clean());
        let verdict = Verdict::of(&draws(0.99, SHAPE, 9), SHAPE, &steps);
        assert_eq!(kinds(&verdict)[0], "high-acceptance");
        assert_eq!(kinds(&Verdict::of_steps(&steps)), ["high-acceptance"]);
    }

    #[test]
    fn divergences_are_counted_with_their_share_and_are_of_kernels_with_a_test() {
        let tested = Steps {
            n_steps: 1000,
            acceptance: Some(vec![0.8; 4]),
            diverged: Some(vec![0, 3, 0, 1]),
            ..Steps::default()
        };
        let verdict = Verdict::of(&draws(0.0, SHAPE, 10), SHAPE, &tested);
        assert_eq!(verdict.warnings(), [Warning::Divergences { n: 4, of: 4000 }]);
        assert!(verdict.to_string().starts_with("4 of 4000 proposals diverged (0.1 %); try shorter steps"));
        let untested = Steps { acceptance: None, ..tested };
        assert_eq!(Verdict::of_steps(&untested).warnings(), [Warning::NonFiniteSteps { n: 4, of: 4000 }]);
        // said once, of the draws where these are not finite themselves
        let mut draws = draws(0.0, SHAPE, 10);
        assert_eq!(kinds(&Verdict::of(&draws, SHAPE, &untested)), ["non-finite-steps"]);
        draws[0] = f64::NAN;
        assert_eq!(kinds(&Verdict::of(&draws, SHAPE, &untested)), ["non-finite"]);
    }

    #[test]
    fn an_energy_that_moves_slowly_is_a_warning() {
        let energies = |a: f64| vec![draws(a, [1, 1000, 1], 11), draws(0.0, [1, 1000, 1], 12)];
        let verdict = |a: f64| {
            let steps = Steps { energies: Some(energies(a)), ..Steps::default() };
            Verdict::of(&draws(0.0, SHAPE, 13), SHAPE, &steps)
        };
        // E(H_n − H_{n−1})² / Var H = 2(1 − a)
        assert!(verdict(0.6).is_clean());
        let Warning::EnergyFraction { chain: 0, value } = verdict(0.95).warnings()[0] else { panic!() };
        assert!((value - 0.1).abs() < 0.03, "{value}");
    }

    #[test]
    fn what_cannot_be_judged_is_said() {
        let few = [2, 5, 1];
        assert_eq!(kinds(&Verdict::of(&draws(0.0, few, 14), few, &Steps::default())), ["few-draws"]);
        let one = [1, 1000, 1];
        assert_eq!(kinds(&Verdict::of(&draws(0.0, one, 15), one, &Steps::default())), ["one-chain"]);
    }

    #[test]
    fn many_coordinates_are_one_line() {
        let shape = [4, 200, 30];
        let verdict = Verdict::of(&draws(0.99, shape, 16), shape, &Steps::default());
        let line = verdict.groups().next().unwrap().to_string();
        assert!(line.contains("of x1 is") && line.contains("and 25 more, above 1.01"), "{line}");
        assert_eq!(verdict.groups().next().unwrap().warnings().len(), 30);
    }
}
