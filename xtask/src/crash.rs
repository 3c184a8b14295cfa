//! Training that is killed, and a disk that fails: whether nothing is lost.
//!
//! A run is a pure function of its configuration and seed. So the run that nobody disturbed says what every other
//! one has to end in: the same bytes of weights, optimiser, average, chains and noise.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::Instant;

use crate::faults;
use crate::program::cargo;

/// What is done to which run.
#[derive(clap::Args)]
pub struct Crash {
    /// How often a run is killed, at a random instant each time.
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// Seed of the instants.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps of a run, each with a checkpoint.
    #[arg(long, default_value_t = 60)]
    steps: u32,
    /// Instead of killing it at random instants: let each write, flush, renaming and removal of one save fail, or
    /// kill it there. Needs strace.
    #[arg(long)]
    faults: bool,
    /// The preset.
    #[arg(long, default_value = "two-moons")]
    preset: String,
    /// The program, if not the one that is built here.
    #[arg(long)]
    ebm: Option<PathBuf>,
}

/// Kills at most so many times before a run is left to end.
const KILLS_OF_A_RUN: u32 = 10;

/// Disturbs runs, and says what came of it; fails if anything was lost.
///
/// # Errors
/// A line for the person who typed the command.
pub fn crash(crash: &Crash) -> Result<ExitCode, String> {
    let ebm = match &crash.ebm {
        Some(ebm) => ebm.clone(),
        None => built()?,
    };
    let folder = std::env::temp_dir().join(format!("ebm-crash-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| format!("could not make {}: {e}", folder.display()))?;
    let program = Program { ebm, preset: crash.preset.clone(), steps: crash.steps };
    let lost = if crash.faults { faults::faults(&program, &folder) } else { kills(crash, &program, &folder) };
    let lost = lost?;
    if lost.is_empty() {
        let _ = fs::remove_dir_all(&folder);
        return Ok(ExitCode::SUCCESS);
    }
    lost.iter().for_each(|line| eprintln!("{line}"));
    eprintln!("the runs are in {}", folder.display());
    Ok(ExitCode::FAILURE)
}

/// The program, and the run that it is asked for.
pub struct Program {
    ebm: PathBuf,
    preset: String,
    steps: u32,
}

impl Program {
    /// The program.
    pub fn path(&self) -> &Path {
        &self.ebm
    }

    /// A run from its beginning.
    pub fn train(&self, steps: u32, run: &Path) -> Command {
        let mut command = Command::new(&self.ebm);
        command.args(["train", &self.preset, "--backend", "flex", "--seed", "5", "--batch-size", "16"]);
        command.args(["--checkpoint-every", "1", "--steps", &steps.to_string(), "--out"]).arg(run);
        let mut set =
            vec!["record.picture_samples=50", "record.journal_every=1", "record.keep_checkpoints=2"];
        if self.preset.ends_with("cd") {
            set.extend(["objective.contrast.sampler_steps=3"]);
        }
        if self.preset.ends_with("pcd") {
            set.extend(["objective.chains.capacity=200"]);
        }
        for set in set {
            command.args(["--set", set]);
        }
        quiet(command)
    }

    /// Its arguments if the run goes on.
    pub fn resumption(run: &Path) -> Vec<OsString> {
        ["train", "--backend", "flex", "--resume"]
            .map(OsString::from)
            .into_iter()
            .chain([run.into()])
            .collect()
    }

    /// A run that goes on.
    pub fn resume(&self, run: &Path) -> Command {
        let mut command = Command::new(&self.ebm);
        command.args(Self::resumption(run));
        quiet(command)
    }
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// What a program ended with.
///
/// # Errors
/// If it cannot be started.
pub fn ends(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|e| format!("could not start {}: {e}", command.get_program().display()))
}

/// What a program has to say that succeeds.
///
/// # Errors
/// If it does not.
pub fn succeeds(command: &mut Command) -> Result<String, String> {
    let output = ends(command)?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{}: {}", output.status, text.trim())) }
}

/// Every file that a finished run leaves which is a function of its configuration: its last checkpoint and its model.
///
/// # Errors
/// If one cannot be read.
pub fn end(run: &Path, steps: u32) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    let mut read = |path: PathBuf| -> Result<(), String> {
        let bytes = fs::read(&path).map_err(|e| format!("could not read {}: {e}", path.display()))?;
        files.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes);
        Ok(())
    };
    let last = run.join(format!("checkpoints/step-{steps}"));
    let entries = fs::read_dir(&last).map_err(|e| format!("could not read {}: {e}", last.display()))?;
    entries.filter_map(Result::ok).try_for_each(|entry| read(entry.path()))?;
    read(run.join("model.safetensors"))?;
    Ok(files)
}

/// Names of what is not whole, or was not removed, anywhere in the folder.
pub fn leftovers(run: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in [run.to_owned(), run.join("checkpoints"), run.join("samples")] {
        let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|name| name.starts_with('.') && name != ".lock"));
    }
    found
}

/// Kills runs at random instants, lets them go on, and compares what they end in.
fn kills(crash: &Crash, program: &Program, folder: &Path) -> Result<Vec<String>, String> {
    let whole = folder.join("whole");
    let began = Instant::now();
    succeeds(&mut program.train(program.steps, &whole))?;
    let time = began.elapsed();
    let whole = end(&whole, program.steps)?;
    let names: Vec<&str> = whole.keys().map(String::as_str).collect();
    println!("{}: {} steps undisturbed take {:.2} s", program.preset, program.steps, time.as_secs_f64());

    let (mut random, mut lost) = (Random(crash.seed), Vec::new());
    let (mut killed, mut early, mut resumed, mut same, mut runs) = (0, 0, 0, 0, 0);
    while killed < crash.kills {
        runs += 1;
        let run = folder.join(format!("run-{runs}"));
        let mut kills = 0;
        let mut after_kill = false;
        let ended = loop {
            let is_run = run.join("config.toml").is_file();
            let mut command = if is_run { program.resume(&run) } else { program.train(program.steps, &run) };
            if kills == KILLS_OF_A_RUN || killed == crash.kills {
                break succeeds(&mut command);
            }
            let mut child = command.spawn().map_err(|e| format!("could not start the program: {e}"))?;
            std::thread::sleep(time.mul_f64(random.uniform()));
            let ended = child.try_wait().map_err(|e| e.to_string())?;
            if ended.is_none() {
                child.kill().map_err(|e| e.to_string())?;
            }
            let output = child.wait_with_output().map_err(|e| e.to_string())?;
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            // Ended by a signal: only if it was ours.
            let by_us = ended.is_none() && output.status.code().is_none();
            let sound = (by_us || output.status.success()) && !text.contains("not used");
            if !sound {
                break Err(format!("{}: {}", output.status, text.trim()));
            }
            resumed += u32::from(after_kill);
            if output.status.success() {
                after_kill = false;
                break Ok(text);
            }
            (kills, killed, after_kill) = (kills + 1, killed + 1, true);
            early += u32::from(!run.join("config.toml").is_file());
        };
        resumed += u32::from(after_kill && ended.is_ok());
        let left = leftovers(&run);
        match ended
            .and_then(|text| if text.contains("not used") { Err(text) } else { end(&run, program.steps) })
        {
            Ok(files) if files == whole && left.is_empty() => same += 1,
            Ok(files) => {
                let differ = files.iter().filter(|(name, bytes)| whole.get(*name) != Some(*bytes));
                let differ: Vec<&str> = differ.map(|(name, _)| name.as_str()).collect();
                lost.push(format!("{}: other bytes in {differ:?}, left behind {left:?}", run.display()));
            }
            Err(error) => lost.push(format!("{}: {error}", run.display())),
        }
        let _ = if lost.is_empty() { fs::remove_dir_all(&run) } else { Ok(()) };
    }
    println!(
        "{killed} kills ({early} before there was a run), {resumed} went on; {same} of {runs} runs ended in the \
         bytes of the undisturbed one: {}",
        names.join(", ")
    );
    for name in names {
        println!("  sha256 {} {name}", sha256(&whole[name]));
    }
    if resumed != killed {
        lost.push(format!("{} did not go on", killed - resumed));
    }
    Ok(lost)
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The program, built as it is here.
fn built() -> Result<PathBuf, String> {
    let mut build = cargo("build");
    build.args(["--quiet", "--release", "--package", "ebm-cli", "--bin", "ebm"]);
    let status = build.status().map_err(|e| format!("could not start cargo: {e}"))?;
    if !status.success() {
        return Err("ebm could not be built".into());
    }
    let us = std::env::current_exe().map_err(|e| format!("where is this program? {e}"))?;
    Ok(us.with_file_name(format!("ebm{}", std::env::consts::EXE_SUFFIX)))
}

/// SplitMix64 (Steele, Lea and Flood, 2014): instants that come again with the seed.
struct Random(u64);

impl Random {
    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
