//! The slip beside a part's file: which part of what it is.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use ebm_files::Growing;
use ebm_model::weights;
use ebm_run::sampling::StepKey;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::hashing::sha256_at;
use super::range::Part;
use super::request::{Request, differences};
use super::tally::Tally;
use crate::terminal::usage::usage;

/// The version of what a slip says.
const FORMAT: u32 = 1;

/// Most bytes of one: the energies of long chains are in it.
const MAX_BYTES: u64 = 1 << 30;

/// What is added to the name of the part's file.
const EXTENSION: &str = ".part.toml";

/// Which part of what a file is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slip {
    format: u32,
    part: usize,
    of: usize,
    /// The first sample or chain in the file, counted from 0.
    pub first: usize,
    /// How many there are.
    pub count: usize,
    /// SHA-256 of the file.
    pub sha256: String,
    /// What was asked for.
    pub request: Request,
    /// Of samples of a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<OfSamples>,
    /// Of chains on a closed form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chains: Option<OfChains>,
}

/// What a part of samples of a network is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfSamples {
    /// The dimensions of a sample.
    pub dims: Vec<usize>,
    /// Whether it is an image: channels, height and width.
    pub is_image: bool,
    /// Whether its numbers are of double precision.
    pub is_double: bool,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Of samples of classes, the names of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    /// The size of steps, as `step_key` sets it; nothing where steps follow from noise levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_size: Option<f64>,
    /// The key that sets it; `chain.step_size` in slips of earlier versions, which do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_key: Option<String>,
    /// η/σ² in slips of earlier versions, which has the last word there.
    #[serde(default, skip_serializing)]
    pub step_ratio: Option<f64>,
    /// Whether a sampler of chains with a Metropolis test could draw the same.
    #[serde(default)]
    pub can_test: bool,
    /// The only noise level that the chains saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    /// What steps came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
}

/// What a part of chains is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfChains {
    /// Chains, draws of each, coordinates.
    pub shape: [usize; 3],
    /// What is known of each run of chains.
    pub runs: Vec<About>,
}

impl OfSamples {
    /// The key that sets the size of steps, and its value.
    pub fn step(&self) -> Option<StepKey> {
        if let Some(value) = self.step_ratio {
            return Some(StepKey { key: "langevin.step_ratio".into(), value });
        }
        let key = self.step_key.clone().unwrap_or_else(|| "chain.step_size".into());
        self.step_size.map(|value| StepKey { key, value })
    }
}

impl OfChains {
    /// The first field that cannot be of chains of this shape, and why; nothing if all can. Of independent draws there
    /// are no steps.
    pub fn damage(&self, shape: [usize; 3], is_independent: bool) -> Option<String> {
        if self.shape != shape {
            return Some(format!("shape is {:?}, expected {shape:?}", self.shape));
        }
        let [chains, draws, _] = shape;
        // Each chain is a run of its own, or all are one.
        let n = self.runs.len();
        let of_run = match n {
            _ if n == chains => 1,
            1 => chains,
            _ => return Some(format!("runs are {n}, expected {chains}")),
        };
        self.runs.iter().enumerate().find_map(|(run, about)| {
            let damage = about.damage([of_run, draws], is_independent)?;
            Some(format!("runs[{run}].{damage}"))
        })
    }
}

impl Slip {
    /// The slip of a part that has `count` items from `first` on, and a file with this hash.
    pub fn new(part: Part, [first, count]: [usize; 2], sha256: String, request: Request) -> Self {
        let (number, of) = (part.number(), part.of());
        Self { format: FORMAT, part: number, of, first, count, sha256, request, samples: None, chains: None }
    }

    /// Which part it is.
    pub fn part(&self) -> Result<Part> {
        Part::new(self.part, self.of).map_err(|error| anyhow!(error))
    }

    /// Where the slip of a file is.
    pub fn path(file: &Path) -> PathBuf {
        // Without a slash at the end.
        let mut path = file.components().collect::<PathBuf>().into_os_string();
        path.push(EXTENSION);
        path.into()
    }

    /// Whether a path is that of a slip.
    pub fn is_one(path: &Path) -> bool {
        path.as_os_str().as_encoded_bytes().ends_with(EXTENSION.as_bytes())
    }

    /// The slip of the file; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is not one of this program.
    pub fn find(file: &Path) -> Result<Option<Self>> {
        let path = Self::path(file);
        if matches!(fs::symlink_metadata(&path), Err(error) if error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        let failed = || format!("{} cannot be used", path.display());
        let bytes = weights::read_file(&path, MAX_BYTES).with_context(failed)?;
        let text = String::from_utf8(bytes).with_context(failed)?;
        let slip: Self =
            toml::from_str(&text).map_err(|error| anyhow!("{}", error.message())).with_context(failed)?;
        ensure!(
            slip.format == FORMAT,
            "{} has format {}, this program reads {FORMAT}",
            path.display(),
            slip.format
        );
        slip.part().with_context(failed)?;
        Ok(Some(slip))
    }

    /// The slip of the file, if it is this part of what is asked for.
    ///
    /// # Errors
    /// A wrong use of the program if the file is another part of the same.
    pub fn of_drawn(file: &Path, part: Part, request: &Request) -> Result<Option<Self>> {
        // What a damaged one says does not count: the part is drawn again.
        let slip =
            Self::find(file).ok().flatten().filter(|slip| differences(&slip.request, request).is_empty());
        let Some(slip) = slip else { return Ok(None) };
        if !slip.is_of(file)? {
            return Ok(None);
        }
        let (found, extension) = (slip.part()?, file.extension().unwrap_or_default().display());
        ensure!(
            found == part,
            usage(anyhow!(
                "{} is part {found} of the same; name another file for part {part}, as in --out part-{{part}}.{extension}",
                file.display()
            ))
        );
        // What a call for something else left, which was killed on the way to this place.
        Growing::clear(file);
        ebm_files::recover(file)?;
        ebm_files::recover(&Self::path(file))?;
        Ok(Some(slip))
    }

    /// Writes it beside the file, whole or not at all.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = format!("# What `ebm merge` has to know of {}.\n{}", name(file), toml::to_string(self)?);
        Ok(ebm_files::write_bytes(&Self::path(file), text.as_bytes())?)
    }

    /// Removes the slip that an earlier part has left, for a file that is no part.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn remove(file: &Path) -> Result<()> {
        let path = Self::path(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("could not remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Whether the file is there and is the one that the slip is of.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn is_of(&self, file: &Path) -> Result<bool> {
        match sha256_at(file) {
            Ok(found) => Ok(found == self.sha256),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("could not read {}", file.display())),
        }
    }
}

fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_comes_back_and_knows_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.npy");
        fs::write(&file, "numbers").unwrap();
        let part = Part::new(2, 3).unwrap();
        let request = Request::new().with("seed", "7").with("n", 3);
        let mut slip = Slip::new(part, [4, 5], sha256_at(&file).unwrap(), request);
        slip.chains = Some(OfChains { shape: [5, 1, 1], runs: vec![About::default()] });
        assert_eq!(Slip::find(&file).unwrap(), None);
        slip.write(&file).unwrap();
        assert_eq!(Slip::find(&file).unwrap(), Some(slip.clone()));
        assert_eq!(slip.part().unwrap(), part);
        assert!(slip.is_of(&file).unwrap());
        fs::write(&file, "other").unwrap();
        assert!(!slip.is_of(&file).unwrap() && !slip.is_of(&folder.path().join("none")).unwrap());
        fs::write(Slip::path(&file), "format = 1").unwrap();
        let error = format!("{:#}", Slip::find(&file).unwrap_err());
        assert!(error.contains("a.npy.part.toml cannot be used: missing field"), "{error}");
        Slip::remove(&file).unwrap();
        Slip::remove(&file).unwrap();
        assert_eq!(Slip::find(&file).unwrap(), None);
    }

    #[test]
    fn the_step_of_an_earlier_version_is_read_by_its_own_key() {
        let common = "dims = [2]\nis_image = false\nis_double = false\ncolumns = []\nstep_size = 0.1";
        let step = |more: &str| toml::from_str::<OfSamples>(&format!("{common}\n{more}")).unwrap().step();
        assert_eq!(step(""), Some(StepKey { key: "chain.step_size".into(), value: 0.1 }));
        let ratio = StepKey { key: "langevin.step_ratio".into(), value: 0.5 };
        assert_eq!(step("step_ratio = 0.5"), Some(ratio));
        let own = StepKey { key: "mclmc.step_size".into(), value: 0.1 };
        assert_eq!(step("step_key = 'mclmc.step_size'"), Some(own));
    }
}
