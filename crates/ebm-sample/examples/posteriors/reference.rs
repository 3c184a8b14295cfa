//! The folder of reference posteriors.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of reference posteriors, beside the workspace or above it.
pub struct Reference {
    folder: PathBuf,
}

/// A point at which the log density is known.
pub struct Fixture {
    /// x, `[dim]`.
    pub position: Vec<f64>,
    /// log p(x) less that of the first point.
    pub above_first: f64,
    /// ∇ log p(x), `[dim]`.
    pub gradient: Vec<f64>,
}

/// What is known of the parameters of a posterior, one entry each.
pub struct Expected {
    /// E θ.
    pub means: Vec<f64>,
    /// E (θ − E θ)².
    pub variances: Vec<f64>,
    /// The standard errors of the means; 0 where they are by quadrature.
    pub mean_errors: Vec<f64>,
    /// The standard errors of the variances.
    pub variance_errors: Vec<f64>,
}

impl Reference {
    /// The folder, if it is there; else a line on standard error.
    #[allow(clippy::print_stderr, reason = "a test that was not made says so")]
    pub fn find() -> Option<Self> {
        let folder = |above: &Path| above.join("shared/reference/posteriordb");
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(folder).find(|path| path.is_dir());
        if found.is_none() {
            eprintln!("skipped: no shared/reference/posteriordb beside the workspace");
        }
        found.map(|folder| Self { folder })
    }

    /// A file in it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// A file of text in it.
    pub fn text(&self, file: &str) -> String {
        let path = self.path(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A JSON file in it.
    pub fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The observed data of a model.
    pub fn data(&self, name: &str) -> Value {
        self.json(&format!("data/{name}.json"))
    }

    /// The points at which the log density of a posterior is known, if there are any.
    pub fn fixtures(&self, name: &str) -> Vec<Fixture> {
        let file = format!("logp/{name}.json");
        if !self.path(&file).is_file() {
            return vec![];
        }
        let fixture = |point: &Value| Fixture {
            position: numbers(&point["unconstrained"]),
            above_first: number(&point["lp_minus_lp0"]),
            gradient: numbers(&point["grad"]),
        };
        self.json(&file)["points"].as_array().expect("points").iter().map(fixture).collect()
    }

    /// Exact moments where there are any, else those by importance sampling with their errors.
    pub fn summary(&self, name: &str) -> Expected {
        let summary = self.json(&format!("summary/{name}.json"));
        let exact = &summary["exact"];
        if exact.is_object() {
            return Expected::exact(numbers(&exact["mean"]), &numbers(&exact["sd"]));
        }
        let sampled = &summary["importance_sampling_check"];
        let [means, errors, deviations] = ["mean", "se", "sd"].map(|key| numbers(&sampled[key]));
        Expected::estimated(means, errors, &deviations)
    }
}

impl Expected {
    /// Moments without an error.
    pub fn exact(means: Vec<f64>, deviations: &[f64]) -> Self {
        let none = vec![0.0; means.len()];
        let variances = deviations.iter().map(|sd| sd * sd).collect();
        Self { variances, mean_errors: none.clone(), variance_errors: none, means }
    }

    /// Moments whose means have these standard errors.
    ///
    /// An error e of a mean is worth n = (sd/e)² independent draws, so that of the variance is taken to be
    /// √(2/n) of it, as for normal draws.
    pub fn estimated(means: Vec<f64>, mean_errors: Vec<f64>, deviations: &[f64]) -> Self {
        let variances = deviations.iter().map(|sd| sd * sd).collect();
        let errors = deviations.iter().zip(&mean_errors);
        let variance_errors = errors.map(|(sd, error)| 2f64.sqrt() * sd * error).collect();
        Self { means, variances, mean_errors, variance_errors }
    }
}

/// A number of a JSON file.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("expected a number, found {value}"))
}

/// A list of numbers of a JSON file.
pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("expected a list, found {value}")).iter().map(number).collect()
}
