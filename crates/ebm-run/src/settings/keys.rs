//! The keys of `--set`, each with its value and its meaning.
//!
//! Values are those of a configuration; a setting that it leaves out has none. Meanings are in one table below, by key
//! without the kind of network, objective or sampler; a test finds every key that has no line in it.

use std::collections::BTreeMap;
use std::fmt;

use ebm_data::DataSpec;
use ebm_sample::Sampler;
use toml::Table;

use crate::config::Config;
use crate::error::Result;
use crate::history::leaves;
use crate::sampling::SampleConfig;

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The dotted key.
    pub key: String,
    /// Its value in TOML, if it has one.
    pub value: Option<String>,
    /// What it is, in a line.
    pub meaning: &'static str,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_deref().unwrap_or("not set");
        write!(f, "{:32} {value:20} {}", self.key, self.meaning)
    }
}

/// The keys of a configuration: those that it has, those of its data that it leaves out, and those of samplers that it
/// does not name, with their defaults.
///
/// # Errors
/// If it cannot be written.
pub fn of(config: &Config) -> Result<Vec<Key>> {
    let given = leaves("", config)?;
    let mut values: BTreeMap<String, Option<String>> = given
        .into_iter()
        .filter(|(key, _)| !key.starts_with("origin."))
        .map(|(key, v)| (key, Some(v)))
        .collect();
    for field in data_fields() {
        values.entry(format!("data.{field}")).or_insert(None);
    }
    for table in ["objective.noise", "sample.langevin"] {
        if values.contains_key(&format!("{table}.bottom")) || values.contains_key(&format!("{table}.law")) {
            values.entry(format!("{table}.sigma")).or_insert(None);
        }
    }
    values.entry("sample.langevin.noise".to_owned()).or_insert(None);
    if values.contains_key("model.frequencies") {
        values.entry("model.classes".to_owned()).or_insert(Some("0".to_owned()));
    }
    // Of networks of images that are conditioned on the noise level.
    if values.contains_key("model.groups") {
        values.entry("model.augmentations".to_owned()).or_insert(Some("0".to_owned()));
    }
    if config.objective.label_dropout().is_some() {
        values.entry("objective.label_dropout".to_owned()).or_insert(None);
    }
    if values.contains_key("model.layers") {
        values.entry("model.fourier_features".to_owned()).or_insert(Some("0".to_owned()));
    }
    // Of the kinds that are an energy at every noise level, or else a score.
    if values.contains_key("model.sigma_data") {
        let is_energy = values.get("model.kind").is_some_and(is_energy);
        let own: &[&str] = if is_energy { &["normalized"] } else { &["bounds", "preconditioning"] };
        for key in own {
            values.entry(format!("model.{key}")).or_insert(None);
        }
    }
    for (key, value) in of_samplers(&config.sample)? {
        values.entry(format!("sample.{key}")).or_insert(Some(value));
    }
    Ok(values.into_iter().map(|(key, value)| Key { meaning: meaning(&key), key, value }).collect())
}

/// Whether the name of a network's kind, in TOML, is that of an energy.
fn is_energy(kind: &Option<String>) -> bool {
    kind.as_deref().is_some_and(|kind| kind.trim_matches('"').ends_with("-energy"))
}

/// The keys of `sample --set`: those of samplers, without `sample.` in front.
///
/// # Errors
/// If the settings cannot be written.
pub fn of_sample(config: &SampleConfig) -> Result<Vec<Key>> {
    let mut values: BTreeMap<String, Option<String>> =
        leaves("", config)?.into_iter().map(|(key, value)| (key, Some(value))).collect();
    values.entry("langevin.sigma".into()).or_insert(None);
    values.entry("langevin.noise".into()).or_insert(None);
    for (key, value) in of_samplers(config)? {
        values.entry(key).or_insert(Some(value));
    }
    let key = |(key, value)| Key { meaning: meaning(&format!("sample.{key}")), key, value };
    Ok(values.into_iter().map(key).collect())
}

/// The numbers of every sampler that the configuration does not have, by the table that they are read from: that of its
/// section, or of its name where the section is of more samplers and has not this number.
fn of_samplers(config: &SampleConfig) -> Result<BTreeMap<String, String>> {
    let mut given = leaves("", config)?;
    given.entry("langevin.noise".to_owned()).or_default();
    let mut values = BTreeMap::new();
    for (name, _) in Sampler::list() {
        let section = Sampler::named(name)?.section();
        let sampler = config.sampler(name, false).or_else(|_| Sampler::named(name))?;
        let mut table = Table::try_from(&sampler)?;
        table.remove("kind");
        let is_shared = ["langevin", "heun", "chain"].contains(&section);
        for (key, value) in leaves("", &table)? {
            match given.contains_key(&format!("{section}.{key}")) {
                true => {}
                false if is_shared => drop(values.insert(format!("{name}.{key}"), value)),
                false => drop(values.insert(format!("{section}.{key}"), value)),
            }
        }
    }
    Ok(values)
}

/// Every field of a description of data: what the reader says when it is given one that there is not.
fn data_fields() -> Vec<String> {
    let wrong = Table::from_iter([("?".to_owned(), toml::Value::Boolean(true))]);
    let answer =
        toml::Value::Table(wrong).try_into::<DataSpec>().expect_err("there is no such field").to_string();
    let (_, known) = answer.split_once("expected one of").unwrap_or_default();
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What a key means; nothing if nobody has said it.
fn meaning(key: &str) -> &'static str {
    let of = |key: &str| MEANINGS.iter().find(|(known, _)| *known == key).map(|(_, meaning)| *meaning);
    let (first, last) = (key.split('.').next().unwrap_or(key), key.rsplit('.').next().unwrap_or(key));
    of(key).or_else(|| of(&format!("{first}.*.{last}"))).unwrap_or_default()
}

/// Keys and meanings; `a.*.b` is any key that begins with `a` and ends with `b`.
const MEANINGS: &[(&str, &str)] = &[
    ("name", "what the run's folder is called"),
    ("seed", "seed of the random number generator"),
    ("batch_size", "rows of a batch"),
    ("classes", "the names of the classes; those of the data if not set"),
    ("data.dataset", "the name of the dataset: table, folder, mnist, two-moons, …"),
    ("data.path", "a folder, an archive, or the file of a table or of an array; --data sets it"),
    ("data.split", "train or test"),
    ("data.standardize", "whether columns of a table are scaled to mean 0 and variance 1"),
    ("data.columns", "the columns of a table to read, by name or number"),
    ("data.drop", "the columns of a table to leave out"),
    ("data.label", "the column of a table that says the class of each row, by name or number"),
    ("data.header", "whether the first row of a table is a header; found out if not set"),
    ("data.delimiter", "the character between fields of a table; found out if not set"),
    ("data.decimal", "the decimal separator of a table; found out if not set"),
    ("data.missing", "what to do with a row that has a missing value: refuse or drop"),
    ("data.holdout", "the share of rows or images that is held out for eval"),
    ("data.transform", "the map of columns to the units of training: none, standardize or quantile"),
    ("data.size", "height and width to which images are brought"),
    ("data.fit", "how images are brought to that size: crop, pad or stretch"),
    ("data.background", "the colour beneath transparent pixels, [red, green, blue]"),
    ("data.channels", "channels to which images are brought: 1 for grey, 3 for colours"),
    ("data.follow_links", "whether links that lead out of an image folder are followed"),
    ("data.cache", "a folder for the decoded bytes of an image folder, which then need not fit into memory"),
    (
        "data.memory",
        "megabytes that images of a folder or a table may take in memory; more are read as they are wanted",
    ),
    ("data.flip", "whether training sees images mirrored left to right, every second time"),
    ("data.shift", "by how many pixels at most training sees images shifted, edges filled by reflection"),
    (
        "data.augment",
        "probability of each augmentation of EDM, of which the network is told: samples have none; 0 for none",
    ),
    ("model.kind", "the network: mlp, mlp-score, mlp-energy, unet, …; sets the defaults of its kind"),
    ("model.*.dim", "coordinates of a point; 0 is taken from the data"),
    ("model.*.channels", "colours of an image; 0 is taken from the data"),
    ("model.*.height", "rows of an image; 0 is taken from the data"),
    ("model.*.width", "columns of an image; 0 is taken from the data"),
    ("model.*.hidden", "units of each hidden layer"),
    ("model.*.layers", "number of hidden layers"),
    ("model.*.embedding", "size of the embedding of the noise level; 0 for none"),
    ("model.*.frequencies", "frequencies in the embedding of the noise level"),
    (
        "model.*.fourier_features",
        "Fourier features of the position, for what changes over short distances; 0 for none",
    ),
    ("model.*.classes", "classes that the network is conditioned on by the labels of the data; 0 for none"),
    (
        "model.*.augmentations",
        "parameters of augmentations that the network is told; 0 for none; data.augment sets it",
    ),
    ("model.*.widths", "channels at each resolution, the finest first"),
    ("model.*.blocks", "residual blocks at each resolution"),
    ("model.*.patch", "side of the squares of pixels that the first layer sees as one"),
    ("model.*.groups", "groups of channels that are normalised together"),
    ("model.*.stem", "channels of the first convolution"),
    ("model.*.noise_features", "how the noise level becomes sines and cosines: positional or fourier"),
    ("model.*.encoder", "what the encoder is given: standard, or residual for a halved picture beside it"),
    ("model.*.filter", "the filter between resolutions: box or binomial"),
    ("model.*.attention", "resolutions with attention, the finest is 0: of 32×32 pixels, 1 is 16×16"),
    ("model.*.attention_heads", "heads of each attention"),
    ("model.*.dropout", "share of numbers dropped in training by denoising score matching; 0 for none"),
    ("model.*.residual_scale", "what the sum of a block and its input is multiplied by"),
    ("model.*.activation", "the function between layers"),
    ("model.*.downsampling", "the way from one resolution to the next"),
    ("model.*.residual", "whether a hidden layer adds to its input"),
    ("model.*.confinement", "λ of ½λ‖x‖², which is added to the energy"),
    ("model.*.sigma_data", "the standard deviation of the data that the network is scaled for"),
    ("model.*.bounds", "the least and the greatest value of the data: [LEAST, GREATEST]; none if not set"),
    (
        "model.*.preconditioning",
        "the form that makes the network a score: edm, or ve or vp of networks of others; edm if not set",
    ),
    ("model.*.normalized", "whether energies of all noise levels compare, for the objective dual: true"),
    ("model.*.features", "channels at the finest resolution of a RefineNet; twice as many below it"),
    ("model.*.levels", "number of noise levels that are classes of the network"),
    ("model.*.top", "the highest noise level of the network"),
    ("model.*.bottom", "the lowest noise level of the network"),
    ("model.*.pixels", "the pixels of whose score the network is: unit, 0 to 1, or symmetric, −1 to 1"),
    ("model.*.scale", "standard deviation of a visible unit given the hidden ones"),
    (
        "objective.kind",
        "the loss: denoising, sliced, contrastive-divergence, …; sets the defaults of its kind",
    ),
    ("objective.weighting", "the weight of each noise level: edm or power"),
    ("objective.sigma_data", "the standard deviation of the data that the weights are for"),
    ("objective.power", "the weight of a noise level is σ to this power"),
    ("objective.slope_weight", "weight of the derivative along the noise level; 0 leaves it out"),
    ("objective.label_dropout", "the share of labels left out in training a network of classes"),
    ("objective.noise.law", "the distribution of the noise level: geometric, log-uniform or log-normal"),
    (
        "objective.noise.sigma",
        "auto: levels between the ends that sample.langevin.sigma finds, in place of these",
    ),
    ("objective.noise.top", "the highest noise level"),
    ("objective.noise.bottom", "the lowest noise level"),
    ("objective.noise.n", "number of noise levels"),
    ("objective.noise.mean", "mean of the logarithm of the noise level"),
    ("objective.noise.deviation", "standard deviation of the logarithm of the noise level"),
    ("objective.sigma", "the noise level, in the units of training"),
    ("objective.epsilon", "the distance of the differences, in the units of training"),
    ("objective.projections", "directions for each row"),
    ("objective.directions", "the distribution of directions: gaussian, rademacher or sphere"),
    ("objective.variance_reduced", "whether the squared length of the score is exact"),
    ("objective.ratio", "draws of noise for each row of data"),
    ("objective.sampler", "the kernel of the chains: langevin or mala"),
    ("objective.step_size", "step size η of the chains"),
    ("objective.contrast.sampler_steps", "steps of the sampler for each gradient"),
    ("objective.contrast.magnitude", "weight of the mean squared energies in the loss"),
    (
        "objective.contrast.gap_bound",
        "nats between the energies of data and negatives that count as divergence",
    ),
    ("objective.contrast.acceptance_bound", "acceptance of the chains below which the run has diverged"),
    ("objective.chains.capacity", "chains in the buffer"),
    ("objective.chains.restart_share", "share of a step's chains that begin anew"),
    ("objective.chains.restart.from", "where chains begin anew: data, normal or uniform"),
    ("objective.chains.restart.deviation", "standard deviation of where they begin anew"),
    ("objective.chains.restart.low", "lower end of where they begin anew"),
    ("objective.chains.restart.high", "upper end of where they begin anew"),
    ("train.steps", "steps of the whole run"),
    (
        "train.shards",
        "parts into which a batch is cut (gradient accumulation): memory falls with it, ranks share them",
    ),
    ("train.learning_rate", "the peak learning rate"),
    ("train.warm_up", "steps over which the learning rate rises to its peak"),
    ("train.floor", "the learning rate at the end, as a share of the peak"),
    ("train.clip_norm", "the bound of the norm of the gradient"),
    ("train.average_decay", "the decay of the averaged weights"),
    ("train.on_nonfinite", "what to do with a step that is not finite: stop or skip"),
    ("train.skip_limit", "steps in a row that may be skipped"),
    ("train.adam.decays", "decays of the two moments of Adam"),
    ("train.adam.epsilon", "what Adam adds to the root of the second moment"),
    ("record.checkpoint_every", "steps between checkpoints; 0 writes only the last one"),
    ("record.keep_checkpoints", "how many of the last checkpoints are kept"),
    ("record.keep_best", "how many of the checkpoints with the least loss are kept besides"),
    ("record.journal_every", "steps between lines of the journal; 0 leaves only the last one"),
    ("record.picture_every", "steps between pictures of samples; 0 draws only the last one"),
    ("record.picture_samples", "samples in a picture; 0 draws none"),
    ("record.retreats", "how often a diverging run of contrastive divergence goes back before it gives up"),
    ("sample.sampler", "the sampler: see the list that `sample --list` prints"),
    ("sample.temperature", "scores and energies are divided by it"),
    ("sample.distances.largest", "the largest distance between points of the data, the top level by rule"),
    ("sample.distances.median", "the median of these distances"),
    ("sample.distances.rows", "rows of data between which distances were taken"),
    ("sample.reach", "the highest noise level that the network has learned, above which no level by rule is"),
    (
        "sample.langevin.sigma",
        "auto: top, levels, step_ratio and noise by rule from the data, bottom and steps_per_level",
    ),
    ("sample.*.top", "the highest noise level"),
    ("sample.*.bottom", "the lowest noise level above 0"),
    ("sample.*.levels", "number of noise levels"),
    ("sample.*.steps_per_level", "Langevin steps at each level"),
    ("sample.*.step_ratio", "η/σ² of a Langevin step"),
    (
        "sample.*.noise",
        "noise of a Langevin step: full (if not set), or consistent, so that samples have that of their level",
    ),
    ("sample.*.churn", "amount of fresh noise over all levels"),
    ("sample.*.corrections", "Langevin steps at each level"),
    ("sample.*.start", "standard deviation of the normal distribution that chains start from"),
    ("sample.*.step_size", "step size η; a leapfrog step has ε = √(2η)"),
    ("sample.*.steps", "steps of a chain"),
    ("sample.*.leapfrog", "leapfrog steps of a step of Hamiltonian Monte Carlo"),
    (
        "sample.*.fixed_length",
        "whether every trajectory has that many leapfrog steps, instead of a number drawn anew",
    ),
    ("sample.*.temperatures", "temperatures of parallel tempering, from 1 upwards"),
    ("sample.*.friction", "friction γ, per unit of time"),
    ("sample.*.variances", "variance of each coordinate; empty leaves them to a warm-up"),
    ("sample.*.length", "time in which the direction of microcanonical dynamics is forgotten"),
    ("sample.*.longest", "time of the longest trajectory of microcanonical dynamics"),
    ("sample.*.refresh_rate", "rate at which the direction is forgotten on a trajectory; 0 for not at all"),
    ("sample.*.integrator", "in which parts a step is made: leapfrog or minimal-norm"),
    ("sample.*.energy_variance", "variance of the energy error per dimension that a warm-up comes to"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ebm_model::{Architecture, NetworkConfig};
    use ebm_train::{NoiseLaw, ObjectiveConfig, Restart};

    use super::*;
    use crate::config::Overrides;
    use crate::presets;

    fn config(preset: &str, set: &[String]) -> Config {
        Config::resolve(preset, &Overrides { set: set.to_vec() }).unwrap()
    }

    #[test]
    fn every_key_of_every_preset_kind_and_sampler_has_a_meaning() {
        let mut configs: Vec<Config> = presets::names().map(|name| config(name, &[])).collect();
        configs
            .extend(Architecture::kinds().iter().map(|kind| config("two-moons", &[format!("model={kind}")])));
        let objectives = ObjectiveConfig::ALL.iter().map(|(kind, _)| format!("objective={kind}"));
        configs.extend(objectives.map(|set| config("two-moons", &[set])));
        let mut keys: BTreeSet<String> =
            configs.iter().flat_map(|config| of(config).unwrap()).map(|key| key.key).collect();
        let laws = [
            NoiseLaw::Geometric { top: 1.0, bottom: 0.1, n: 2 },
            NoiseLaw::LogNormal { mean: 0.0, deviation: 1.0 },
        ];
        keys.extend(laws.iter().flat_map(|law| leaves("objective.noise", law).unwrap().into_keys()));
        let restarts = [Restart::Normal { deviation: 1.0 }, Restart::Uniform { low: 0.0, high: 1.0 }];
        keys.extend(
            restarts.iter().flat_map(|at| leaves("objective.chains.restart", at).unwrap().into_keys()),
        );
        let without: Vec<&String> = keys.iter().filter(|key| meaning(key).is_empty()).collect();
        assert!(without.is_empty(), "no line in MEANINGS: {without:?}");
        assert!(50 < keys.len());
    }

    #[test]
    fn every_line_of_the_table_is_of_a_key_that_there_is() {
        let mut lines: Vec<&str> = MEANINGS.iter().map(|(key, _)| *key).collect();
        lines.sort_unstable();
        let n = lines.len();
        lines.dedup();
        assert_eq!(lines.len(), n, "a key is there twice");
    }

    #[test]
    fn a_key_is_listed_with_its_value_and_can_be_set_to_it_again() {
        let config = config("two-moons-pcd", &[]);
        let keys = of(&config).unwrap();
        let find = |name: &str| keys.iter().find(|key| key.key == name).unwrap();
        assert_eq!(find("train.steps").value.as_deref(), Some(config.train.steps.to_string().as_str()));
        assert_eq!(find("data.path").value, None);
        assert!(find("sample.reverse.levels").value.is_some());
        let set = keys.iter().filter_map(|key| Some(format!("{}={}", key.key, key.value.as_ref()?)));
        let again = config.with(&Overrides { set: set.collect() }).unwrap();
        assert_eq!(
            (again.train, again.objective, again.model),
            (config.train, config.objective, config.model)
        );
    }
}
