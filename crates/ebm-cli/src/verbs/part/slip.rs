//! The slip beside a part's file: which part of what it is.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use ebm_files::Growing;
use ebm_model::weights;
use ebm_sample::diagnostics::Steps;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::about::About;
use super::range::Part;
use super::request::{Request, differences};
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
    /// The step size of chains.
    pub step_size: f64,
    /// The only noise level that the chains saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    /// What the steps of chains with a Metropolis test came to.
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

/// What the steps of many chains with a Metropolis test came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    chains: usize,
    /// Steps of each chain.
    steps: usize,
    /// The sum of the chains' mean acceptances.
    acceptance: f64,
    /// Steps that diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diverged: Option<usize>,
}

impl Tally {
    /// Of chains with a Metropolis test; nothing of others.
    pub fn of(steps: &Steps) -> Option<Self> {
        let acceptance = steps.acceptance.as_ref()?;
        let diverged = steps.diverged.as_ref().map(|diverged| diverged.iter().sum());
        let (chains, acceptance) = (acceptance.len(), acceptance.iter().sum());
        Some(Self { chains, steps: steps.n_steps, acceptance, diverged })
    }

    /// These chains and others.
    pub fn beside(self, other: Self) -> Self {
        let diverged = self.diverged.zip(other.diverged).map(|(a, b)| a.saturating_add(b));
        let chains = self.chains.saturating_add(other.chains);
        let acceptance = self.acceptance + other.acceptance;
        Self { chains, acceptance, diverged, ..self }
    }

    /// The first number that cannot be, and why; nothing if all can.
    pub fn damage(self) -> Option<String> {
        let Self { chains, steps, diverged, .. } = self;
        let Some(all) = chains.checked_mul(steps).filter(|&all| 0 < all) else {
            return Some(format!("tally is of {chains} chains of {steps} steps"));
        };
        let diverged = diverged.filter(|&diverged| all < diverged)?;
        Some(format!("tally.diverged is {diverged} of {all} steps"))
    }

    /// The same as the steps of one chain, about which there is the same to say.
    pub fn steps(self) -> Steps {
        Steps {
            n_steps: self.chains.saturating_mul(self.steps),
            acceptance: Some(vec![self.acceptance / self.chains as f64]),
            diverged: self.diverged.map(|diverged| vec![diverged]),
            energies: None,
        }
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

/// A reader that hashes what is read.
pub struct Hashing<R> {
    reader: R,
    hash: Sha256,
}

impl<R: Read> Hashing<R> {
    /// Of what the reader gives.
    pub fn new(reader: R) -> Self {
        Self { reader, hash: Sha256::new() }
    }

    /// SHA-256 of what was read so far.
    pub fn sha256(self) -> String {
        hex(self.hash)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }
}

/// SHA-256 of all that a reader gives.
///
/// # Errors
/// If it cannot be read.
pub fn sha256_of(reader: impl Read) -> io::Result<String> {
    let mut reader = Hashing::new(reader);
    io::copy(&mut reader, &mut io::sink())?;
    Ok(reader.sha256())
}

/// SHA-256 of a file, or of the names and contents of all files in a folder.
///
/// # Errors
/// If it cannot be read.
pub fn sha256_at(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_dir() {
        return sha256_of(File::open(path)?);
    }
    let mut hash = Sha256::new();
    add_folder(&mut hash, path)?;
    Ok(hex(hash))
}

fn add_folder(hash: &mut Sha256, folder: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, path) = (entry.file_name(), entry.path());
        let is_folder = entry.file_type()?.is_dir();
        // A name has neither a slash nor a zero in it, so that no two folders are alike.
        hash.update(name.as_encoded_bytes());
        hash.update(if is_folder { "/" } else { "\0" });
        if is_folder {
            add_folder(hash, &path)?;
            hash.update("/");
        } else {
            hash.update(sha256_of(File::open(&path)?)?);
        }
    }
    Ok(())
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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
    fn a_tally_that_cannot_be_is_damaged() {
        let tally = |chains, steps, diverged| Tally { chains, steps, acceptance: 0.5, diverged };
        assert_eq!(tally(3, 4, Some(12)).damage(), None);
        assert_eq!(tally(3, 4, None).damage(), None);
        let damage = |tally: Tally| tally.damage().unwrap();
        assert_eq!(damage(tally(3, 4, Some(13))), "tally.diverged is 13 of 12 steps");
        assert_eq!(damage(tally(3, 0, None)), "tally is of 3 chains of 0 steps");
        assert!(tally(usize::MAX, 2, None).damage().is_some());
    }

    #[test]
    fn folders_with_other_names_or_contents_have_other_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |name: &str, files: &[(&str, &str)]| {
            let at = folder.path().join(name);
            for (file, text) in files {
                fs::create_dir_all(at.join(file).parent().unwrap()).unwrap();
                fs::write(at.join(file), text).unwrap();
            }
            sha256_at(&at).unwrap()
        };
        let held = hash("a", &[("x/0", "12"), ("y/0", "3")]);
        assert_eq!(held, hash("b", &[("y/0", "3"), ("x/0", "12")]));
        assert_ne!(held, hash("c", &[("x/0", "1"), ("y/0", "23")]));
        assert_ne!(held, hash("d", &[("x/0", "12"), ("z/0", "3")]));
    }

    #[test]
    fn tallies_of_parts_say_of_all_what_the_steps_of_all_say() {
        let steps = |acceptance: &[f64], diverged: &[usize]| Steps {
            n_steps: 10,
            acceptance: Some(acceptance.to_vec()),
            diverged: Some(diverged.to_vec()),
            energies: None,
        };
        use ebm_sample::diagnostics::Verdict;
        let all = Verdict::of_steps(&steps(&[0.25, 0.5, 0.0, 0.25], &[1, 0, 2, 0]));
        let [a, b] = [steps(&[0.25, 0.5, 0.0], &[1, 0, 2]), steps(&[0.25], &[0])];
        let tally = Tally::of(&a).unwrap().beside(Tally::of(&b).unwrap());
        assert_eq!(Verdict::of_steps(&tally.steps()).to_string(), all.to_string());
        assert!(all.to_string().contains("3 of 40"), "{all}");
    }
}
