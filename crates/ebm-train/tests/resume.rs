//! A run is a pure function of its configuration and seed, whatever happens on the way.

mod common;

use std::fs;
use std::ops::ControlFlow;

use common::{batches, begin, bits, device, mlp, objective, settings, unet};
use ebm_model::Network;
use ebm_train::{BoxError, Checkpoints, Event, Finish, Restored, TrainError, Trainer};

const STEPS: u64 = 12;

fn quiet(_: &Event<'_, Network>) -> Result<ControlFlow<()>, BoxError> {
    Ok(ControlFlow::Continue(()))
}

fn checkpoints(folder: &std::path::Path) -> Checkpoints {
    Checkpoints::new(folder.join("checkpoints"), "hash".into(), 3)
}

#[test]
fn a_run_resumed_at_every_step_ends_in_the_same_bytes() {
    let mut whole = begin(mlp(), STEPS);
    assert_eq!(whole.run(batches(2), &mut quiet).unwrap(), Finish::Complete);

    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    let mut run = begin(mlp(), STEPS);
    for _ in 0..STEPS {
        let mut stop =
            |_: &Event<'_, Network>| -> Result<ControlFlow<()>, BoxError> { Ok(ControlFlow::Break(())) };
        run.run(batches(2), &mut stop).unwrap();
        let path = checkpoints.save(run.state()).unwrap();
        let Restored { state, path: restored, refused } = checkpoints.latest(&mlp()).unwrap();
        assert_eq!((restored, refused), (path, Vec::new()));
        run = Trainer::new(state, objective(), settings(STEPS)).unwrap();
    }
    assert_eq!(run.state().step(), STEPS);
    assert_eq!(run.state().loss().to_bits(), whole.state().loss().to_bits());
    assert!(bits(&run) == bits(&whole), "the weights differ");
}

#[test]
fn threads_do_not_change_a_bit() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut run = begin(unet(&device()), 4);
            run.run(batches(64), &mut quiet).unwrap();
            bits(&run)
        })
    };
    let one = with(1);
    assert!(one == with(2), "1 and 2 threads differ");
    assert!(one == with(8), "1 and 8 threads differ");
}

#[test]
fn only_the_last_few_checkpoints_stay() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    let save = checkpoints.clone();
    let mut watch = move |event: &Event<'_, Network>| -> Result<ControlFlow<()>, BoxError> {
        save.save(event.state)?;
        Ok(ControlFlow::Continue(()))
    };
    begin(mlp(), 6).run(batches(2), &mut watch).unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path().join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["step-4", "step-5", "step-6"]);
}

#[test]
fn a_damaged_checkpoint_is_refused_by_name_and_the_one_before_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    let mut run = begin(mlp(), 2);
    for _ in 0..2 {
        let mut stop =
            |_: &Event<'_, Network>| -> Result<ControlFlow<()>, BoxError> { Ok(ControlFlow::Break(())) };
        run.run(batches(2), &mut stop).unwrap();
        checkpoints.save(run.state()).unwrap();
    }
    let last = folder.path().join("checkpoints/step-2");
    for file in ["weights.safetensors", "optimizer.safetensors", "manifest.json"] {
        let path = last.join(file);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        for damaged in [flipped, whole[..middle].to_vec(), Vec::new()] {
            fs::write(&path, damaged).unwrap();
            let Restored { state, refused, .. } = checkpoints.latest(&mlp()).unwrap();
            assert_eq!(state.step(), 1);
            assert!(refused.len() == 1 && refused[0].contains("step-2"), "{refused:?}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(checkpoints.latest(&mlp()).unwrap().state.step(), 1);
        fs::write(&path, whole).unwrap();
        assert_eq!(checkpoints.latest(&mlp()).unwrap().state.step(), 2);
    }
    let other = Checkpoints::new(folder.path().join("checkpoints"), "another".into(), 3);
    let error = other.latest(&mlp()).unwrap_err().to_string();
    assert!(error.contains("another configuration"), "{error}");
    assert!(matches!(checkpoints.latest(&unet(&device())), Err(TrainError::NoCheckpoint { .. })));
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_spares_the_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    let mut run = begin(mlp(), 60);
    checkpoints.save(run.state()).unwrap();
    let poisoned = |step: u64| {
        let batch = batches(2)(step)?;
        Ok(if step == 21 { batch * f64::NAN } else { batch })
    };
    let error = run.run(poisoned, &mut quiet).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { step: 40, .. }), "{error}");
    assert!(checkpoints.save(run.state()).is_err());
    assert_eq!(checkpoints.latest(&mlp()).unwrap().state.step(), 0);
}
