//! Runs that are killed at random instants and resumed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::run::{Program, leftovers, results, skipped_a_checkpoint, succeeds};

/// Kills after which a run is left to finish.
pub(super) const KILLS_PER_RUN: u32 = 10;

/// How many times something happened.
#[derive(Default)]
struct Counts {
    kills: u32,
    /// Kills before the run's folder was complete; the run is then started anew.
    early: u32,
    /// Kills after which the program went on without an error.
    resumed: u32,
}

/// Kills runs `n` times in all, resumes them, and compares their results with those of an undisturbed run; returns one
/// line for each failure.
///
/// # Errors
/// If the program fails without a kill, or cannot be started.
pub fn kills(program: &Program, n: u32, seed: u64, folder: &Path) -> Result<Vec<String>, String> {
    let undisturbed = folder.join("undisturbed");
    let began = Instant::now();
    succeeds(&mut program.train(program.steps, &undisturbed))?;
    let time = began.elapsed();
    let expected = results(&undisturbed, program.steps)?;
    println!("{}: {} steps take {:.2} s undisturbed", program.preset, program.steps, time.as_secs_f64());

    let (mut random, mut counts) = (Random(seed), Counts::default());
    let Disturbed { runs, same, mut failures } = disturbed(program, folder, &expected, |run| {
        (counts.kills < n).then(|| disturb(program, run, n, time, &mut random, &mut counts))
    });
    let names: Vec<&str> = expected.keys().map(String::as_str).collect();
    let Counts { kills, early, resumed } = counts;
    println!(
        "{kills} kills ({early} before the run's folder was complete), {resumed} followed by a clean resume; \
         {same} of {runs} runs ended with the same bytes as the undisturbed one in {}",
        names.join(", ")
    );
    for (name, bytes) in &expected {
        println!("  sha256 {} {name}", sha256(bytes));
    }
    if resumed != kills {
        failures.push(format!("{} kills were not followed by a clean resume", kills - resumed));
    }
    Ok(failures)
}

/// What became of runs that were disturbed.
pub(super) struct Disturbed {
    /// How many there were.
    pub(super) runs: u32,
    /// How many of them ended with the results expected.
    pub(super) same: u32,
    /// A line for each of the others.
    pub(super) failures: Vec<String>,
}

/// Gives new runs in `folder` to `disturb` until it wants no more, and compares their results with those expected; what
/// is left of a run is removed while there is no failure.
pub(super) fn disturbed(
    program: &Program,
    folder: &Path,
    expected: &BTreeMap<String, Vec<u8>>,
    mut disturb: impl FnMut(&Path) -> Option<Result<(), String>>,
) -> Disturbed {
    let mut found = Disturbed { runs: 0, same: 0, failures: Vec::new() };
    loop {
        let run = folder.join(format!("run-{}", found.runs + 1));
        let Some(ended) = disturb(&run) else { return found };
        found.runs += 1;
        match ended.and_then(|()| compare(program, &run, expected)) {
            Ok(()) => found.same += 1,
            Err(error) => found.failures.push(format!("{}: {error}", run.display())),
        }
        if found.failures.is_empty() {
            let _ = fs::remove_dir_all(&run);
        }
    }
}

/// Kills one run again and again, until it finishes before a kill, or has been killed [`KILLS_PER_RUN`] times, or `n`
/// kills are reached over all runs; then lets it finish.
fn disturb(
    program: &Program,
    run: &Path,
    n: u32,
    time: Duration,
    random: &mut Random,
    counts: &mut Counts,
) -> Result<(), String> {
    let mut after_kill = false;
    for kills in 0.. {
        let exists = run.join("config.toml").is_file();
        let mut command = if exists { program.resume(run) } else { program.train(program.steps, run) };
        if kills == KILLS_PER_RUN || counts.kills == n {
            let stderr = succeeds(&mut command)?;
            counts.resumed += u32::from(after_kill);
            return if skipped_a_checkpoint(&stderr) { Err(stderr) } else { Ok(()) };
        }
        let mut child = command.spawn().map_err(|e| format!("could not start the program: {e}"))?;
        std::thread::sleep(time.mul_f64(random.uniform()));
        let ended = child.try_wait().map_err(|e| e.to_string())?;
        if ended.is_none() {
            child.kill().map_err(|e| e.to_string())?;
        }
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        // A death by a signal is expected only if the signal was ours.
        let killed = ended.is_none() && output.status.code().is_none();
        if !(killed || output.status.success()) || skipped_a_checkpoint(&stderr) {
            return Err(format!("{}: {}", output.status, stderr.trim()));
        }
        counts.resumed += u32::from(after_kill);
        if output.status.success() {
            return Ok(());
        }
        after_kill = true;
        counts.kills += 1;
        counts.early += u32::from(!run.join("config.toml").is_file());
    }
    Ok(())
}

/// Compares the results of a run with those expected.
pub(super) fn compare(
    program: &Program,
    run: &Path,
    expected: &BTreeMap<String, Vec<u8>>,
) -> Result<(), String> {
    let (found, left) = (results(run, program.steps)?, leftovers(run));
    if found == *expected && left.is_empty() {
        return Ok(());
    }
    let differ: Vec<&str> = found
        .iter()
        .filter(|(name, bytes)| expected.get(*name) != Some(*bytes))
        .map(|(name, _)| name.as_str())
        .collect();
    Err(format!("different bytes in {differ:?}, temporary files left: {left:?}"))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The generator SplitMix64 (Steele, Lea and Flood, 2014), so that a seed gives the same instants again.
pub(super) struct Random(pub u64);

impl Random {
    /// A number in `[0, 1)`.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `n`; 0 if that is 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        (self.uniform() * f64::from(n)) as u32
    }
}
