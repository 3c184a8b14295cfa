//! Runs on several ranks of MPI, one of which is killed at a random instant; they go on with another number of ranks.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use super::kills::{Disturbed, KILLS_PER_RUN, Random, compare, disturbed, sha256};
use super::run::{Program, captured, results, skipped_a_checkpoint, succeeds};

/// How long all may take to end after one is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// From one look at the processes to the next.
const LOOK: Duration = Duration::from_millis(10);

/// How many times something happened.
#[derive(Default)]
struct Counts {
    kills: u32,
    /// Kills before the run's folder was complete; the run is then started anew.
    early: u32,
    /// Kills of rank 0, which alone writes.
    of_first: u32,
    /// The longest that all took to end.
    slowest: Duration,
}

/// Kills one rank of runs on at most `most` ranks `n` times in all, resumes them with another number of ranks, and
/// compares their results with those of one process that is not disturbed; returns one line for each failure.
///
/// # Errors
/// If the program fails without a kill, or cannot be started.
pub fn kills(program: &Program, most: u32, n: u32, seed: u64, folder: &Path) -> Result<Vec<String>, String> {
    if most < 2 {
        return Err(format!("--ranks {most}: expected at least 2"));
    }
    let undisturbed = folder.join("undisturbed");
    succeeds(&mut program.train(program.steps, &undisturbed))?;
    let expected = results(&undisturbed, program.steps)?;
    // The first number of ranks says how long a run takes.
    let (whole, began) = (folder.join("whole"), Instant::now());
    succeeds(&mut on_ranks(&program.train(program.steps, &whole), 2))?;
    let time = began.elapsed();
    compare(program, &whole, &expected).map_err(|error| format!("on 2 ranks: {error}"))?;
    let (preset, steps, shards) = (&program.preset, program.steps, program.shards);
    println!("{preset}: {steps} steps of {shards} shards take {:.2} s on 2 ranks", time.as_secs_f64());

    let (mut random, mut counts) = (Random(seed), Counts::default());
    let Disturbed { runs, same, failures } = disturbed(program, folder, &expected, |run| {
        (counts.kills < n).then(|| disturb(program, run, [most, n], time, &mut random, &mut counts))
    });
    let names: Vec<&str> = expected.keys().map(String::as_str).collect();
    let Counts { kills, early, of_first, slowest } = counts;
    println!(
        "{kills} kills ({of_first} of rank 0, {early} before the run's folder was complete), each resumed with another \
         number of 1 to {most} ranks; all ended within {:.1} s; {same} of {runs} runs ended with the same bytes as one \
         process in {}",
        slowest.as_secs_f64(),
        names.join(", ")
    );
    for (name, bytes) in &expected {
        println!("  sha256 {} {name}", sha256(bytes));
    }
    Ok(failures)
}

/// Kills ranks of one run again and again, until it finishes before a kill, or has been killed [`KILLS_PER_RUN`] times,
/// or `n` kills are reached over all runs; then lets it finish.
fn disturb(
    program: &Program,
    run: &Path,
    [most, n]: [u32; 2],
    time: Duration,
    random: &mut Random,
    counts: &mut Counts,
) -> Result<(), String> {
    let mut ranks = 1 + random.below(most);
    for kills in 0.. {
        // Another number than before.
        ranks = 1 + (ranks - 1 + 1 + random.below(most - 1)) % most;
        let exists = run.join("config.toml").is_file();
        let command = if exists { program.resume(run) } else { program.train(program.steps, run) };
        let mut command = on_ranks(&command, ranks);
        if kills == KILLS_PER_RUN || counts.kills == n {
            let stderr = succeeds(&mut command)?;
            return if skipped_a_checkpoint(&stderr) { Err(stderr) } else { Ok(()) };
        }
        let mut child = command.spawn().map_err(|e| format!("could not start mpirun: {e}"))?;
        std::thread::sleep(time.mul_f64(random.uniform()));
        let killed = kill_one(&mut child, random)?;
        let began = Instant::now();
        let output = ended(child, killed.map(|_| began))?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if skipped_a_checkpoint(&stderr) {
            return Err(stderr);
        }
        let killed = match killed {
            Some(killed) if !output.status.success() => killed,
            // It had ended before the kill, of a process that nobody had waited for perhaps.
            _ => return if output.status.success() { Ok(()) } else { Err(stderr) },
        };
        counts.kills += 1;
        counts.of_first += u32::from(killed == 0);
        counts.slowest = counts.slowest.max(began.elapsed());
        counts.early += u32::from(!run.join("config.toml").is_file());
    }
    Ok(())
}

/// `command` on so many ranks.
fn on_ranks(command: &Command, ranks: u32) -> Command {
    let mut mpirun = Command::new("mpirun");
    mpirun.args(["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string()]);
    mpirun.arg(command.get_program()).args(command.get_args()).env("RAYON_NUM_THREADS", "1");
    captured(mpirun)
}

/// Kills a random one of the ranks that `mpirun` has started, once there are some; its number, or none if `mpirun` has
/// ended before.
fn kill_one(mpirun: &mut Child, random: &mut Random) -> Result<Option<usize>, String> {
    let id = mpirun.id();
    let list = format!("/proc/{id}/task/{id}/children");
    loop {
        if mpirun.try_wait().map_err(|e| e.to_string())?.is_some() {
            return Ok(None);
        }
        let text = fs::read_to_string(&list).unwrap_or_default();
        let ranks: Vec<&str> = text.split_whitespace().collect();
        if ranks.is_empty() {
            std::thread::sleep(LOOK);
            continue;
        }
        let rank = random.below(ranks.len() as u32) as usize;
        let status = Command::new("kill").args(["-KILL", ranks[rank]]).status();
        // One that has just ended is no longer there.
        return match status {
            Ok(status) if status.success() => Ok(Some(rank)),
            Ok(_) => Ok(None),
            Err(error) => Err(format!("could not start kill: {error}")),
        };
    }
}

/// What `mpirun` ends with, and of one killed at `killed`, in time.
fn ended(mut mpirun: Child, killed: Option<Instant>) -> Result<Output, String> {
    while let Some(killed) = killed {
        if mpirun.try_wait().map_err(|e| e.to_string())?.is_some() {
            break;
        }
        if PATIENCE < killed.elapsed() {
            let _ = mpirun.kill();
            let _ = mpirun.wait();
            return Err(format!("the other ranks went on for {} s after a kill", PATIENCE.as_secs()));
        }
        std::thread::sleep(LOOK);
    }
    mpirun.wait_with_output().map_err(|e| e.to_string())
}
