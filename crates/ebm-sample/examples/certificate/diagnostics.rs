//! Diagnostics on stored chains, against the numbers of R's posterior and of Stan.

use ebm_sample::diagnostics::{
    ess_basic, ess_bulk, ess_mean, ess_quantile, ess_sd, ess_tail, mcse_mean, mcse_quantile, mcse_sd, r_hat,
    r_hat_basic, split_r_hat,
};

use super::posteriors::Reference;
use super::report::{Row, Section};

/// A number with the one it should be.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Which statistic.
    pub statistic: String,
    /// Of which variable.
    pub variable: String,
    /// What it is here.
    pub found: f64,
    /// What it should be.
    pub expected: f64,
    /// How far they may be from each other.
    pub tolerance: f64,
}

impl Compared {
    /// Whether they are near enough.
    pub fn holds(&self) -> bool {
        (self.found - self.expected).abs() <= self.tolerance
    }
}

/// The table: of each statistic the largest deviation of all variables.
pub fn section(reference: &Reference) -> Section {
    let mut rows = Vec::new();
    for (source, compared) in [("R posterior", blocker(reference)), ("Stan", bernoulli(reference))] {
        let mut names: Vec<&str> = Vec::new();
        for one in &compared {
            if !names.contains(&one.statistic.as_str()) {
                names.push(&one.statistic);
            }
        }
        for name in names {
            let of: Vec<&Compared> = compared.iter().filter(|one| one.statistic == name).collect();
            let part = |one: &&Compared| (one.found - one.expected).abs() / one.tolerance;
            let worst = of.iter().copied().max_by(|a, b| part(a).total_cmp(&part(b))).expect("a variable");
            let cells = vec![
                source.into(),
                name.into(),
                of.len().to_string(),
                worst.variable.clone(),
                format!("{:.1e}", (worst.found - worst.expected).abs()),
                format!("{:.1e}", worst.tolerance),
            ];
            rows.push(Row::new(cells, of.iter().all(|one| one.holds())));
        }
    }
    Section {
        title: "Diagnostics are those of R and Stan",
        about: "R̂, effective sample sizes and Monte Carlo standard errors of stored chains of Stan: two of 1,000 draws \
                of 11 variables, with what R's posterior says of them, wanted to 10⁻⁸ of 1 + |exact|, and four of 1,000 \
                draws of Stan's own unit tests with Stan's own tolerances. The largest deviation, by its tolerance."
            .into(),
        header: &["against", "statistic", "variables", "worst", "largest deviation", "wanted"],
        rows,
    }
}

/// Rows of a table with a header, without quotes.
fn table(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let cells =
        |line: &str| line.split(',').map(|cell| cell.trim_matches('"').to_owned()).collect::<Vec<_>>();
    let mut lines = text.lines().map(cells);
    (lines.next().expect("a header"), lines.collect())
}

/// The draws of a variable, `[chain][draw]`; numbers may be written `np.float64(1.5)`.
fn chains(text: &str, variable: &str) -> Vec<Vec<f64>> {
    let (header, rows) = table(text);
    let column = header.iter().position(|name| name == variable).expect("the variable");
    let mut chains = Vec::new();
    for row in rows {
        let chain: usize = row[0].parse().expect("a chain");
        chains.resize(chains.len().max(chain), vec![]);
        let number = row[column].trim_start_matches("np.float64(").trim_end_matches(')');
        chains[chain - 1].push(number.parse().expect("a number"));
    }
    chains
}

/// 17 statistics of 11 variables of the blocker chains, against R's posterior 0.1.2.
pub fn blocker(reference: &Reference) -> Vec<Compared> {
    let draws = reference.text("diagnostics/blocker_2x1000.csv");
    let (names, rows) = table(&reference.text("diagnostics/blocker_reference_posterior_R_0.1.2.csv"));
    let (variables, _) = table(&draws);
    let mut compared = Vec::new();
    for row in rows.iter().filter(|row| variables.contains(&row[0])) {
        let chains = chains(&draws, &row[0]);
        for (name, expected) in names.iter().zip(row).skip(1) {
            let expected: f64 = expected.parse().expect("a number");
            compared.push(Compared {
                statistic: name.clone(),
                variable: row[0].clone(),
                found: statistic(name, &chains),
                expected,
                tolerance: 1e-8 * (1.0 + expected.abs()),
            });
        }
    }
    compared
}

fn statistic(name: &str, chains: &[Vec<f64>]) -> f64 {
    match name {
        "rhat_rank" => r_hat(chains),
        "rhat_raw" => r_hat_basic(chains),
        "ess_bulk" => ess_bulk(chains),
        "ess_tail" => ess_tail(chains),
        "ess_mean" => ess_mean(chains),
        "ess_sd" => ess_sd(chains),
        "ess_median" => ess_quantile(chains, 0.5),
        "ess_raw" => ess_basic(chains),
        "ess_quantile01" => ess_quantile(chains, 0.01),
        "ess_quantile10" => ess_quantile(chains, 0.1),
        "ess_quantile30" => ess_quantile(chains, 0.3),
        "mcse_mean" => mcse_mean(chains),
        "mcse_sd" => mcse_sd(chains),
        "mcse_median" => mcse_quantile(chains, 0.5),
        "mcse_quantile01" => mcse_quantile(chains, 0.01),
        "mcse_quantile10" => mcse_quantile(chains, 0.1),
        "mcse_quantile30" => mcse_quantile(chains, 0.3),
        other => panic!("a statistic of another name: {other}"),
    }
}

/// Six statistics of the two variables of Stan's Bernoulli chains.
pub fn bernoulli(reference: &Reference) -> Vec<Compared> {
    let draws = reference.text("diagnostics/bern_4x1000.csv");
    let known = reference.json("diagnostics/bern_expected.json");
    let mut compared = Vec::new();
    for variable in ["lp__", "theta"] {
        let chains = chains(&draws, variable);
        for (name, tolerance, found) in [
            ("rhat_rank", "rhat_rank", r_hat(&chains)),
            ("ess_bulk", "ess_bulk", ess_bulk(&chains)),
            ("ess_tail", "ess_tail", ess_tail(&chains)),
            ("mcse_mean", "mcse", mcse_mean(&chains)),
            ("rhat_split_basic", "rhat_split_basic", split_r_hat(&chains)),
            ("ess_basic_nosplit", "ess_basic_nosplit", ess_basic(&chains)),
        ] {
            compared.push(Compared {
                statistic: name.into(),
                variable: variable.into(),
                found,
                expected: known[variable][name].as_f64().expect("a number"),
                tolerance: known["tolerances"][tolerance].as_f64().expect("a tolerance"),
            });
        }
    }
    compared
}
