//! Files that somebody has tampered with: a thousand of each format in the suite, and a hundred thousand by
//! `cargo test --release --package ebm-cli --bin ebm -- --ignored tampered --nocapture`.
//!
//! Whatever a file holds, what reads it answers with a value or an error: no panic, no second of waiting, no memory
//! beyond 256 MB and twice the file, nothing written outside the folder.
#![allow(clippy::print_stdout, reason = "a table for who runs the test")]

mod formats;
mod mutator;
mod seeds;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ebm_ops::Noise;

use formats::Format;
use mutator::Mutator;

/// The longest that reading one file may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most memory that reading a file may take besides twice its length, in bytes.
const MEMORY: u64 = 256_000_000;

/// What reading many files took.
struct Found {
    accepted: usize,
    slowest: Duration,
    longest_file: usize,
    /// Bytes by which the process grew at most, where the system says so.
    memory: Option<u64>,
}

#[test]
fn a_thousand_tampered_files_of_each_format_harm_nobody() {
    for format in formats::all() {
        tamper(&format, 1_000, false);
    }
}

#[test]
#[ignore = "takes minutes, and nothing else may run in the process while its memory is measured"]
fn a_hundred_thousand_tampered_files_of_each_format_harm_nobody() {
    println!("format          files  accepted  slowest      memory");
    for format in formats::all() {
        let n = 100_000;
        let found = tamper(&format, n, true);
        let memory = found.memory.map_or("unknown".into(), |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
        let slowest = found.slowest.as_secs_f64() * 1e3;
        println!("{:14} {n:6} {:9}  {slowest:5.1} ms  {memory:>9}", format.name, found.accepted);
    }
}

fn tamper(format: &Format, n: usize, measures: bool) -> Found {
    // In memory where there is such a place: a disk that flushes each small file makes hours of it.
    let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let folder = root.path().join("folder");
    std::fs::create_dir_all(folder.join(format.file).parent().unwrap()).unwrap();
    let path = folder.join(format.file);
    (format.prepare)(&folder);
    for seed in &format.seeds {
        std::fs::write(&path, seed).unwrap();
        assert!((format.read)(&folder), "{}: a seed is no good file", format.name);
    }
    let allowed = entries(root.path());
    let noise = Noise::seeded(71).derive(format.name);
    let before = measures.then(peak_from_here).flatten();
    let mut found = Found { accepted: 0, slowest: Duration::ZERO, longest_file: 0, memory: None };
    for i in 0..n {
        let mut file = Mutator::new(noise.child(i as u64)).mutated(&format.seeds);
        (format.repair)(&mut file, i);
        std::fs::write(&path, &file).unwrap();
        found.longest_file = found.longest_file.max(file.len());
        let read = || {
            let began = Instant::now();
            let accepted = catch_unwind(AssertUnwindSafe(|| (format.read)(&folder)));
            let accepted = accepted.unwrap_or_else(|_| panic!("{}: file {i} makes it panic", format.name));
            (accepted, began.elapsed())
        };
        let (accepted, mut took) = read();
        if PATIENCE <= took {
            // A busy computer, or a file that takes long? The latter takes long again.
            took = took.min(read().1).min(read().1);
        }
        assert!(took < PATIENCE, "{}: file {i} takes {took:?}", format.name);
        found.accepted += usize::from(accepted);
        found.slowest = found.slowest.max(took);
    }
    assert_eq!(entries(root.path()), allowed, "{}: something was written elsewhere", format.name);
    found.memory = before.and_then(|before| Some(status("VmHWM:")?.saturating_sub(before)));
    if let Some(memory) = found.memory {
        let most = MEMORY + 2 * found.longest_file as u64;
        assert!(memory < most, "{}: {memory} bytes of memory, expected at most {most}", format.name);
    }
    found
}

/// Forgets the peak of memory so far; the memory that is held now.
fn peak_from_here() -> Option<u64> {
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    status("VmRSS:")
}

/// A line of what the system says about this process, in bytes.
fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?)
}

/// Everything below a folder.
fn entries(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(entries(&path));
        }
        found.insert(path);
    }
    found
}

#[test]
fn the_run_sees_a_panic_a_wait_and_a_file_elsewhere() {
    let format = |read: fn(&Path) -> bool| Format {
        name: "wrong",
        file: "file",
        seeds: vec![b"some bytes".to_vec()],
        prepare: |_| {},
        repair: |_, _| {},
        read: Box::new(read),
    };
    let is_seed = |folder: &Path| std::fs::read(folder.join("file")).unwrap() == b"some bytes";
    assert!(tamper(&format(is_seed), 50, false).accepted < 50);
    let fails = |read: fn(&Path) -> bool| catch_unwind(|| tamper(&format(read), 50, false)).is_err();
    assert!(fails(|folder| {
        let bytes = std::fs::read(folder.join("file")).unwrap();
        assert!(bytes == b"some bytes" || bytes[2] == b'm', "an index on the word of a file");
        true
    }));
    assert!(fails(|folder| {
        let is_seed = std::fs::read(folder.join("file")).unwrap() == b"some bytes";
        is_seed || std::fs::write(folder.join("../elsewhere"), "").is_ok()
    }));
    assert!(fails(|folder| {
        if std::fs::read(folder.join("file")).unwrap() != b"some bytes" {
            std::thread::sleep(PATIENCE);
        }
        true
    }));
}
