//! A run is a pure function of its configuration and seed, whatever happens on the way.

#[path = "common/bowl.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod bowl;
mod common;

use std::fs;
use std::ops::ControlFlow;

use bowl::Bowl;
use common::{
    Persistent, batches, begin, bits, device, labelled, mlp, mlp_of_classes, objective, persistent, settings,
    song_unet, unet, with_labels,
};
use ebm_model::{Network, weights};
use ebm_ops::Noise;
use ebm_train::{
    BoxError, Checkpoints, Divergence, Event, Finish, Restored, TrainError, TrainState, Trainer,
};

const STEPS: u64 = 12;

fn checkpoints(folder: &std::path::Path) -> Checkpoints {
    Checkpoints::new(folder.join("checkpoints"), "hash".into(), 3)
}

#[test]
fn a_run_resumed_at_every_step_ends_in_the_same_bytes() {
    let mut whole = begin(mlp(), STEPS);
    assert_eq!(whole.run(batches(2), &mut ()).unwrap(), Finish::Complete);

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

/// Labels and which of them are left out are functions of the step, as everything else.
#[test]
fn a_run_of_classes_resumed_at_every_step_ends_in_the_same_bytes() {
    let begin = |state| Trainer::new(state, with_labels(), settings(STEPS)).unwrap();
    let mut whole = begin(TrainState::new(mlp_of_classes(), Noise::seeded(2)));
    whole.run(labelled(), &mut ()).unwrap();
    let table = |network: &Network| weights::collect(network)["network.classes.weight"].clone();
    assert_ne!(table(whole.state().model()), table(&mlp_of_classes()), "the table of classes is not trained");

    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    let mut run = begin(TrainState::new(mlp_of_classes(), Noise::seeded(2)));
    for _ in 0..STEPS {
        let mut stop =
            |_: &Event<'_, Network>| -> Result<ControlFlow<()>, BoxError> { Ok(ControlFlow::Break(())) };
        run.run(labelled(), &mut stop).unwrap();
        checkpoints.save(run.state()).unwrap();
        run = begin(checkpoints.latest(&mlp_of_classes()).unwrap().state);
    }
    for (found, expected) in
        [(run.state().model(), whole.state().model()), (&run.state().average(), &whole.state().average())]
    {
        assert!(weights::collect(found) == weights::collect(expected), "the weights differ");
    }
}

#[test]
fn ten_successive_resumes_from_any_step_end_in_the_same_bytes() {
    const CHAINED: u64 = 10;
    let steps = STEPS + CHAINED;
    let mut whole = begin(mlp(), steps);
    whole.run(batches(2), &mut ()).unwrap();
    for first in 1..=STEPS {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = checkpoints(folder.path());
        let mut run = begin(mlp(), steps);
        for stop in first..first + CHAINED {
            let mut until = |event: &Event<'_, Network>| -> Result<ControlFlow<()>, BoxError> {
                let there = event.state.step() == stop;
                Ok(if there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            };
            run.run(batches(2), &mut until).unwrap();
            checkpoints.save(run.state()).unwrap();
            let state = checkpoints.latest(&mlp()).unwrap().state;
            assert_eq!(state.step(), stop);
            run = Trainer::new(state, objective(), settings(steps)).unwrap();
        }
        run.run(batches(2), &mut ()).unwrap();
        assert!(bits(&run) == bits(&whole), "ten resumes from step {first} on");
        assert_eq!(run.state().loss().to_bits(), whole.state().loss().to_bits());
    }
}

#[test]
fn a_run_resumed_with_another_number_of_threads_each_time_ends_in_the_same_bytes() {
    resume_on_threads(|| unet(&device()));
}

#[test]
fn a_run_with_attention_and_dropout_resumed_with_another_number_of_threads_ends_in_the_same_bytes() {
    resume_on_threads(|| song_unet(&device()));
}

fn resume_on_threads(network: impl Fn() -> Network + Send + Sync) {
    const MOST: usize = 8;
    let whole = in_threads(1, || {
        let mut run = begin(network(), MOST as u64);
        run.run(batches(64), &mut ()).unwrap();
        bits(&run)
    });
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    checkpoints.save(begin(network(), MOST as u64).state()).unwrap();
    let mut last = Vec::new();
    for threads in 1..=MOST {
        last = in_threads(threads, || {
            let state = checkpoints.latest(&network()).unwrap().state;
            let mut run = Trainer::new(state, objective(), settings(MOST as u64)).unwrap();
            let mut stop =
                |_: &Event<'_, Network>| -> Result<ControlFlow<()>, BoxError> { Ok(ControlFlow::Break(())) };
            run.run(batches(64), &mut stop).unwrap();
            checkpoints.save(run.state()).unwrap();
            bits(&run)
        });
    }
    assert!(last == whole, "one to eight threads in turn and one alone differ");
}

fn trainer(state: TrainState<Bowl>) -> Trainer<Bowl, Persistent> {
    Trainer::new(state, persistent(), settings(STEPS)).unwrap()
}

#[test]
fn a_replay_buffer_that_does_not_fit_the_data_is_refused_before_the_step() {
    let mut trainer = trainer(TrainState::new(Bowl::new(&[0.8, 1.2]), Noise::seeded(2)));
    let rows = batches(2)(0).unwrap().narrow(0, 0, 8);
    trainer.step(rows.clone()).unwrap();
    let wide = burn::tensor::Tensor::cat(vec![rows.clone(), rows.clone()], 1);
    let error = trainer.step(wide).unwrap_err().to_string();
    assert!(error.contains("have 2 columns, expected 4"), "{error}");
    assert_eq!(trainer.state().step(), 1);
    trainer.step(rows).unwrap();
}

#[test]
fn a_run_with_a_replay_buffer_resumed_at_every_step_ends_in_the_same_bytes() {
    let bowl = || Bowl::new(&[0.8, 1.2]);
    let few = |step| Ok(batches(2)(step)?.narrow(0, 0, 8));
    let mut stop = |_: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> { Ok(ControlFlow::Break(())) };
    let mut whole = trainer(TrainState::new(bowl(), Noise::seeded(2)));
    whole.run(few, &mut ()).unwrap();
    let (folder, last) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = |run: &Trainer<Bowl, Persistent>, folder| {
        let path = checkpoints(folder).save(run.state()).unwrap();
        let files =
            ["weights.safetensors", "optimizer.safetensors", "objective.safetensors", "manifest.json"];
        files.map(|file| fs::read(path.join(file)).unwrap())
    };

    let mut run = trainer(TrainState::new(bowl(), Noise::seeded(2)));
    let mut buffers = Vec::new();
    for _ in 0..STEPS {
        run.run(few, &mut stop).unwrap();
        buffers.push(bytes(&run, folder.path())[2].clone());
        run = trainer(checkpoints(folder.path()).latest(&bowl()).unwrap().state);
    }
    // the whole checkpoint: weights, moments, buffer, noise
    assert!(bytes(&run, folder.path()) == bytes(&whole, last.path()), "the runs differ");
    buffers.dedup();
    assert_eq!(buffers.len(), STEPS as usize, "the buffer changes at every step");
}

fn in_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn threads_do_not_change_a_bit() {
    let with = |threads: usize| {
        in_threads(threads, || {
            let mut run = begin(unet(&device()), 4);
            run.run(batches(64), &mut ()).unwrap();
            bits(&run)
        })
    };
    let one = with(1);
    assert!(one == with(2), "1 and 2 threads differ");
    assert!(one == with(8), "1 and 8 threads differ");
}

#[test]
fn only_the_last_few_checkpoints_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    begin(mlp(), 6).run(batches(2), &mut &checkpoints).unwrap();
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
fn a_nonfinite_loss_ends_the_run_and_does_not_reach_the_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = checkpoints(folder.path());
    let mut run = begin(mlp(), 60);
    checkpoints.save(run.state()).unwrap();
    let poisoned = |step: u64| {
        let batch = batches(2)(step)?;
        Ok(if step == 21 { batch * f64::NAN } else { batch })
    };
    let error = run.run(poisoned, &mut ()).unwrap_err();
    // batch 21 is that of step 22
    let first = Divergence::Batch { row: 0, column: 0, value: f64::NAN }.to_string();
    match error {
        TrainError::Diverged { step, reason } => assert_eq!((step, reason.to_string()), (22, first)),
        error => panic!("{error}"),
    }
    assert_eq!(run.state().step(), 21);
    assert!(checkpoints.save(run.state()).is_err());
    assert_eq!(checkpoints.latest(&mlp()).unwrap().state.step(), 0);
}
