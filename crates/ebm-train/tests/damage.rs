//! Damaged, swapped and partial checkpoints: none is accepted.

#[path = "common/bowl.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod bowl;

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use bowl::Bowl;
use burn::tensor::{Device, Tensor};
use ebm_ops::Noise;
use ebm_sample::Langevin;
use ebm_train::{
    BoxError, BufferSettings, Checkpoints, ContrastSettings, Event, PersistentContrastiveDivergence, Restart,
    TrainError, TrainSettings, TrainState, Trainer,
};
use sha2::{Digest, Sha256};

const FILES: [&str; 4] =
    ["manifest.json", "weights.safetensors", "optimizer.safetensors", "objective.safetensors"];

fn model() -> Bowl {
    Bowl::new(&[0.8, 1.2])
}

fn batches(step: u64) -> Result<Tensor<2>, BoxError> {
    Ok(Noise::seeded(2).child(step).normal([8, 2], &Device::flex()))
}

type Run = Trainer<Bowl, PersistentContrastiveDivergence<Langevin>>;

fn begin(steps: u64) -> Run {
    let contrast = ContrastSettings { sampler_steps: 2, ..ContrastSettings::default() };
    let restart = Restart::Uniform { low: -1.0, high: 1.0 };
    let chains = BufferSettings { capacity: 12, restart_share: 0.2, restart };
    let objective =
        PersistentContrastiveDivergence::new(Langevin::new(0.1).unwrap(), contrast, chains).unwrap();
    let settings = TrainSettings { steps, warm_up: 0, learning_rate: 0.1, ..TrainSettings::default() };
    Trainer::new(TrainState::new(model(), Noise::seeded(1)), objective, settings).unwrap()
}

fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder.to_owned(), "hash".into(), 3)
}

/// A folder with the checkpoints of steps 1 to 3.
fn three() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    begin(3).run(batches, &mut &checkpoints).unwrap();
    folder
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Writes a new file: a file system that waits for the disk where an old one is cut short would make this long.
fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Asserts that the checkpoint of step 3 is refused, and that of step 2 loaded.
fn refused(folder: &Path, what: &dyn Fn() -> String) {
    let found = checkpoints(folder).latest(&model()).unwrap();
    assert_eq!(found.state.step(), 2, "{} was accepted", what());
    assert!(
        found.refused.len() == 1 && found.refused[0].contains("step-3"),
        "{}: {:?}",
        what(),
        found.refused
    );
}

/// Damages the bytes of a file at a random place, and returns the place.
type Damage = fn(&mut Vec<u8>, usize) -> usize;

#[test]
fn none_of_a_thousand_truncated_files_and_ten_thousand_flipped_bits_is_accepted() {
    let kinds: [(usize, Damage); 3] = [
        (1_000, |bytes, random| {
            bytes.truncate(random % bytes.len());
            bytes.len()
        }),
        (10_000, |bytes, random| {
            let bit = random % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            bit
        }),
        (400, |bytes, random| {
            bytes.extend(vec![b' '; 1 + random % 100]);
            bytes.len()
        }),
    ];
    let folder = three();
    // alone, so that nothing else is read
    for step in ["step-1", "step-2"] {
        fs::remove_dir_all(folder.path().join(step)).unwrap();
    }
    let whole = FILES.map(|file| fs::read(folder.path().join("step-3").join(file)).unwrap());
    let (checkpoints, model) = (checkpoints(folder.path()), model());
    let mut noise = Noise::seeded(5);
    for (n, damage) in kinds {
        for (i, random) in noise.indices(n, 1 << 32).into_iter().enumerate() {
            let (file, bytes) = (FILES[i % 4], &whole[i % 4]);
            let path = folder.path().join("step-3").join(file);
            let mut damaged = bytes.clone();
            let at = damage(&mut damaged, random);
            replace(&path, &damaged);
            match checkpoints.latest(&model) {
                Err(TrainError::NoCheckpoint { refused, .. }) => {
                    assert!(refused.len() == 1 && refused[0].contains("step-3"), "{file}, {at}: {refused:?}");
                }
                other => panic!("{file}, damaged at {at}: {other:?}"),
            }
            replace(&path, bytes);
        }
    }
    // and it was the damage
    assert_eq!(checkpoints.latest(&model).unwrap().state.step(), 3);
}

#[test]
fn swapped_files_are_refused() {
    let folder = three();
    let path = |step: u64, file: &str| folder.path().join(format!("step-{step}")).join(file);
    let whole = FILES.map(|file| fs::read(path(3, file)).unwrap());
    for (i, file) in FILES.into_iter().enumerate() {
        // by another file of the checkpoint
        for (j, other) in FILES.into_iter().enumerate().filter(|(j, _)| *j != i) {
            fs::write(path(3, file), &whole[j]).unwrap();
            refused(folder.path(), &|| format!("{other} as {file}"));
        }
        // by the same file of another one
        fs::copy(path(2, file), path(3, file)).unwrap();
        refused(folder.path(), &|| format!("{file} of step 2"));
        fs::write(path(3, file), &whole[i]).unwrap();
    }
    // two files that have changed places
    fs::write(path(3, FILES[1]), &whole[2]).unwrap();
    fs::write(path(3, FILES[2]), &whole[1]).unwrap();
    refused(folder.path(), &|| "weights and optimiser".into());
    // a whole checkpoint under the name of another
    for file in FILES {
        fs::copy(path(2, file), path(3, file)).unwrap();
    }
    refused(folder.path(), &|| "step 2 as step 3".into());
    FILES.iter().zip(&whole).for_each(|(file, bytes)| fs::write(path(3, file), bytes).unwrap());
    assert_eq!(checkpoints(folder.path()).latest(&model()).unwrap().state.step(), 3);
}

/// The manifest with other lines and the seal that belongs to them.
fn sealed(text: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let changed: Vec<String> = text.lines().filter_map(change).collect();
    let (last, seal) = (changed.len() - 2, "  \"seal\": \"\"".to_owned());
    let open = [&changed[..last], std::slice::from_ref(&seal), &changed[last + 1..]].concat().join("\n");
    let found: String = Sha256::digest(&open).iter().map(|byte| format!("{byte:02x}")).collect();
    open.replace(&seal, &format!("  \"seal\": \"{found}\""))
}

#[test]
fn older_formats_are_read_and_newer_ones_are_refused() {
    let folder = three();
    let path = folder.path().join("step-3/manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(sealed(&text, |line| Some(line.to_owned())), text, "the seal is made as the program makes it");
    let format = |line: &str, number: u32| line.replace("\"format\": 2", &format!("\"format\": {number}"));

    let first = sealed(&text, |line| (!line.contains("\"loss\"")).then(|| format(line, 1)));
    assert!(first.contains("\"format\": 1") && !first.contains("loss"));
    fs::write(&path, first).unwrap();
    let found = checkpoints(folder.path()).latest(&model()).unwrap();
    assert_eq!((found.state.step(), found.refused), (3, Vec::new()));
    assert!(found.state.loss().is_finite(), "its running loss is among the tensors");

    for number in [0, 3, 70] {
        let other = sealed(&text, |line| {
            Some(format(line, number).replace("\"step\"", "\"what_nobody_knows_yet\": 1,\n  \"step\""))
        });
        fs::write(&path, other).unwrap();
        let refused = checkpoints(folder.path()).latest(&model()).unwrap().refused.join("; ");
        let reason = format!("its format is {number}, this program reads 1 to 2");
        assert!(refused.contains(&reason), "{refused}");
    }
}

#[test]
fn the_checkpoints_with_the_smallest_loss_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path().to_owned(), "hash".into(), 2).with_best(2);
    let mut losses: Vec<(f64, u64)> = Vec::new();
    let mut run = begin(80);
    // the energy of such data is higher
    let batches = |step| Ok(batches(step)? * if 64 < step { 2.0 } else { 1.0 });
    let mut save = |event: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> {
        checkpoints.save(event.state)?;
        if 50 <= event.state.step() {
            losses.push((event.state.loss(), event.state.step()));
        }
        losses.sort_by(|a, b| a.0.total_cmp(&b.0));
        let best = losses.iter().take(2).map(|(_, step)| *step);
        let last = event.state.step().saturating_sub(1).max(1)..=event.state.step();
        let expected: BTreeSet<String> = best.chain(last).map(|step| format!("step-{step}")).collect();
        assert_eq!(names(folder.path()), expected);
        Ok(ControlFlow::Continue(()))
    };
    run.run(batches, &mut save).unwrap();
    assert!(losses[1].1 < 79, "the best are not merely the last: {losses:?}");
    let best = checkpoints.best(&model()).unwrap().state;
    assert_eq!((best.step(), best.loss()), (losses[0].1, losses[0].0));

    // if it is damaged, the next best
    let weights = folder.path().join(format!("step-{}/weights.safetensors", losses[0].1));
    fs::write(weights, b"").unwrap();
    let found = checkpoints.best(&model()).unwrap();
    assert_eq!((found.state.step(), found.refused.len()), (losses[1].1, 1));
}

#[test]
fn recover_completes_or_undoes_what_a_dead_process_was_doing() {
    let folder = three();
    let at = |name: &str| folder.path().join(name);
    // it was replacing step 2, removing step 1, and writing step 4
    fs::rename(at("step-2"), at(".step-2.old")).unwrap();
    fs::create_dir(at(".step-2.partial")).unwrap();
    fs::rename(at("step-1"), at(".step-1.gone")).unwrap();
    fs::remove_file(at(".step-1.gone/manifest.json")).unwrap();
    fs::create_dir(at(".step-4.partial")).unwrap();
    fs::write(at(".step-4.partial/weights.safetensors"), b"half").unwrap();
    // it had replaced step 3
    fs::create_dir(at(".step-3.old")).unwrap();
    fs::write(at("a word"), b"of somebody else").unwrap();

    checkpoints(folder.path()).recover().unwrap();

    let expected = ["a word", "step-2", "step-3"].map(String::from);
    assert_eq!(names(folder.path()), BTreeSet::from(expected));
    fs::remove_dir_all(at("step-3")).unwrap();
    assert_eq!(checkpoints(folder.path()).latest(&model()).unwrap().state.step(), 2);
}

#[test]
fn saving_replaces_a_damaged_checkpoint() {
    let folder = three();
    let path = folder.path().join("step-3/weights.safetensors");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, b"damaged").unwrap();
    let state = checkpoints(folder.path()).latest(&model()).unwrap().state;
    assert_eq!(state.step(), 2);
    let mut run = begin(3);
    run.run(batches, &mut ()).unwrap();

    checkpoints(folder.path()).save(run.state()).unwrap();

    assert!(fs::read(&path).unwrap() == whole);
    assert_eq!(names(folder.path()).len(), 3, "{:?}", names(folder.path()));
    let error = Checkpoints::new(folder.path().join("none"), "hash".into(), 3).latest(&model()).unwrap_err();
    assert!(matches!(error, TrainError::NoCheckpoint { refused, .. } if refused.is_empty()));
}
