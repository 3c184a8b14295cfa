//! Every kernel on every posterior.

use super::kept::Kept;
use super::moments::{self, Length, Method, Outcome};
use super::posteriors::{self, Posterior, Reference};
use super::report::{Row, Section, Verdict, errors};

/// Fresh seeds of each trial.
const N_SEEDS: u64 = 3;

/// Where a kernel is known to have trouble: the funnel of the centred eight schools, which no step of one length
/// samples to the end of its neck, and a correlation of −0.9999, which takes MALA the square of the steps that it takes
/// HMC: some 4 · 10⁸ for 1,000 effective draws.
const HARD: [(&str, &str); 7] = [
    ("eight_schools-eight_schools_centered", "HMC"),
    ("eight_schools-eight_schools_centered", "MALA"),
    ("eight_schools-eight_schools_centered", "NUTS"),
    ("eight_schools-eight_schools_centered", "ChEES"),
    ("eight_schools-eight_schools_centered", "MAMCLMC"),
    ("eight_schools-eight_schools_centered", "MCLMC"),
    ("kilpisjarvi_mod-kilpisjarvi", "MALA"),
];

/// The kernel's name.
fn kind(method: Method) -> &'static str {
    match method {
        Method::Hmc(_) => "HMC",
        Method::Mala => "MALA",
        Method::Chees => "ChEES",
        Method::Mamclmc => "MAMCLMC",
        Method::Mclmc => "MCLMC",
        #[cfg(feature = "nuts")]
        Method::Nuts => "NUTS",
        #[cfg(feature = "nuts")]
        Method::NutsWithin(_) => "NUTS, steps halved",
    }
}

/// The log densities and gradients of all posteriors at the points where they are known.
pub fn densities(reference: &Reference) -> Section {
    let row = |posterior: Box<dyn Posterior>| {
        let fixtures = reference.fixtures(posterior.name());
        let mut first = None;
        let (mut of_value, mut of_gradient) = (0f64, 0f64);
        for fixture in &fixtures {
            let mut gradient = vec![0.0; posterior.dim()];
            let value = posterior.log_density(&fixture.position, &mut gradient);
            let above = value - *first.get_or_insert(value);
            of_value = of_value.max(relative(above, fixture.above_first));
            let pairs = gradient.iter().zip(&fixture.gradient);
            of_gradient = pairs.map(|(found, exact)| relative(*found, *exact)).fold(of_gradient, f64::max);
        }
        let figures = [of_value, of_gradient].map(|error| format!("{error:.1e}"));
        let cells = [posterior.name().into(), posterior.dim().to_string(), fixtures.len().to_string()];
        let holds = of_value <= 1e-9 && of_gradient <= 1e-8;
        (!fixtures.is_empty()).then(|| Row::new([&cells[..], &figures[..]].concat(), holds))
    };
    Section {
        title: "Log densities are those of the reference",
        about: "The largest error of log density (above that of the first point, wanted to 10⁻⁹) and gradient (10⁻⁸), \
                relative to 1 + |exact|, in double precision."
            .into(),
        header: &["posterior", "dim", "points", "log density", "gradient"],
        rows: posteriors::all(reference).into_iter().filter_map(row).collect(),
    }
}

fn relative(found: f64, exact: f64) -> f64 {
    let error = (found - exact).abs() / (1.0 + exact.abs());
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Each kernel on each posterior, with three seeds and a control; every row that is not `kept` is found, and every row
/// shown when it is there.
pub fn section(
    reference: &Reference,
    seed: u64,
    quick: bool,
    kept: Option<&Kept>,
    show: impl Fn(&Row),
) -> Section {
    let mut rows = Vec::new();
    for posterior in posteriors::all(reference) {
        for trial in trials(posterior.name(), quick) {
            let find = || trial.row(&*posterior, reference, seed);
            let row = match kept {
                Some(kept) => kept.row(&trial.name(posterior.name(), seed), find),
                None => find(),
            };
            show(&row);
            rows.push(row);
        }
    }
    Section {
        title: "Posteriors have their exact moments",
        about: format!(
            "Each kernel with its own adaptation, from starts twice as wide as the posterior, the worst of {} seeds: the largest distance from an exact mean \
             or variance of a parameter, in standard errors (wanted below 5), the largest R̂ (below 1.01), the least \
             effective sample size of an averaged function (1,000 or more), and proposals or trajectories that diverged \
             after the warm-up. Of the log density times 1.5 the distance has to be seen (above 5). Known to be hard \
             are the funnel of the centred eight schools, for a step of one length, so that NUTS runs there once more with \
             steps that are halved where the energy wants it, and for the short steps of MALA the \
             correlation of kilpisjarvi, −0.9999, which no diagonal mass takes away (that of logearn_interaction, \
             −0.999, takes it 2.5 · 10⁷ steps for 1,000 effective draws).",
            if quick { 1 } else { N_SEEDS }
        ),
        header: &[
            "posterior",
            "kernel",
            "chains × draws",
            "worst z",
            "worst R̂",
            "least ESS",
            "diverged",
            "log p × 1.5",
        ],
        rows,
    }
}

/// A kernel, and how long it runs.
struct Trial {
    method: Method,
    length: Length,
    n_seeds: u64,
    /// Whether it is known that this kernel has trouble here.
    hard: bool,
}

impl Trial {
    /// What tells its row from all others.
    fn name(&self, posterior: &str, seed: u64) -> String {
        let (method, Length { n_chains, n_draws, .. }) = (kind(self.method).replace(", ", "-"), self.length);
        format!("{posterior}-{method}-{n_chains}x{n_draws}-{}-seeds-from-{seed}", self.n_seeds)
            .replace(' ', "-")
    }

    fn row(&self, posterior: &dyn Posterior, reference: &Reference, seed: u64) -> Row {
        let run = |factor: f64, seed: u64| {
            moments::run(posterior, reference, self.method, self.length, factor, seed)
        };
        let (outcome, control) = self.side_by_side(seed, run);
        let holds = outcome.holds() && 5.0 < control;
        let Length { n_chains, n_draws, thinning, .. } = self.length;
        let every = if thinning == 1 { String::new() } else { format!(", every {thinning}th") };
        let cells = vec![
            posterior.name().into(),
            match self.method {
                Method::Hmc(n_leapfrog) => format!("HMC, L ≤ {n_leapfrog}"),
                #[cfg(feature = "nuts")]
                Method::NutsWithin(bound) => format!("{}, ΔH ≤ {bound}", kind(self.method)),
                other => kind(other).into(),
            },
            format!("{n_chains} × {n_draws}{every}"),
            errors(outcome.worst_z),
            format!("{:.4}", outcome.worst_r_hat),
            format!("{:.0}", outcome.least_ess),
            outcome.n_diverged.to_string(),
            errors(control),
        ];
        let verdict = match holds {
            true => Verdict::Holds,
            false if self.hard => Verdict::KnownHard,
            false => Verdict::Fails,
        };
        Row { cells, verdict }
    }

    /// The worst of the seeds, and how far the control is off; every run on a thread of its own, since its few
    /// chains on cheap densities would spend their time waiting for each other.
    fn side_by_side(&self, seed: u64, run: impl Fn(f64, u64) -> Outcome + Sync) -> (Outcome, f64) {
        let alone = |factor: f64, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
            pool.install(|| run(factor, seed))
        };
        std::thread::scope(|scope| {
            let alone = &alone;
            let control = scope.spawn(move || alone(1.5, seed));
            let trials: Vec<_> =
                (0..self.n_seeds).map(|i| scope.spawn(move || alone(1.0, seed + i))).collect();
            let outcomes = trials.into_iter().map(|trial| trial.join().expect("a run"));
            let outcome = outcomes.reduce(Outcome::worse).expect("a seed");
            (outcome, control.join().expect("a run").worst_z)
        })
    }
}

/// The trials of a posterior: trajectories about as long as its widest direction is to its narrowest, and as
/// many steps of MALA as that takes.
fn trials(name: &str, quick: bool) -> Vec<Trial> {
    // leapfrog steps of HMC, steps of MALA from one draw to the next, and the acceptance of all
    let (n_leapfrog, thinning, acceptance) = match name {
        "kidiq-kidscore_momiq" => (20, 100, None),
        "earnings-earn_height" => (40, 500, None),
        "earnings-logearn_interaction" => (100, 5000, None),
        "kilpisjarvi_mod-kilpisjarvi" => (400, 500, None),
        "arK-arK" => (12, 100, None),
        "sblrc-blr" => (5, 20, None),
        "sblri-blr" => (2, 10, None),
        // a step short enough for the tail of τ
        "eight_schools-eight_schools_noncentered" => (8, 50, Some(0.95)),
        "eight_schools-eight_schools_centered" => (20, 50, Some(0.95)),
        "tfp-eight_schools" => (6, 50, Some(0.9)),
        "german_credit" => (4, 15, None),
        _ => (3, 10, None),
    };
    let (n_chains, n_draws) = match name {
        "german_credit" => (16, 600),
        "low_dim_gauss_mix-low_dim_gauss_mix" => (16, 1500),
        _ => (16, 2000),
    };
    let of = |method: Method, n_chains: usize, n_draws: usize, thinning: usize| Trial {
        method,
        length: Length { n_chains, n_warm_up: 1000, n_draws, thinning, acceptance },
        n_seeds: if quick { 1 } else { N_SEEDS },
        hard: HARD.contains(&(name, kind(method))),
    };
    let by_hmc = of(Method::Hmc(n_leapfrog), n_chains, n_draws, 1);
    let by_mala = of(Method::Mala, n_chains, n_draws / 2, thinning);
    let by_chees = of(Method::Chees, n_chains, n_draws, 1);
    let by_mamclmc = of(Method::Mamclmc, n_chains, n_draws, 1);
    // a step is a short piece of what MALA takes for a draw
    let by_mclmc = of(Method::Mclmc, n_chains, n_draws / 2, 10.max(thinning / 5));
    #[cfg(feature = "nuts")]
    let halving = (name == "eight_schools-eight_schools_centered").then(|| {
        // long, for what mixes slowly is τ at the end of the neck
        let trial = of(Method::NutsWithin(0.3), 8, 20_000, 1);
        Trial { length: Length { n_warm_up: 2000, acceptance: Some(0.9), ..trial.length }, ..trial }
    });
    let trials = [by_hmc, by_mala, by_chees, by_mamclmc, by_mclmc].into_iter();
    #[cfg(feature = "nuts")]
    let trials = trials.chain([of(Method::Nuts, 8, 2 * n_draws, 1)]).chain(halving);
    trials.collect()
}
