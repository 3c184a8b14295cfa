//! A batch in shards: the same mean, its own noise and memory for each, and the same bytes wherever it goes on.

#[path = "common/bowl.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod bowl;
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use bowl::Bowl;
use burn::module::Module;
use burn::tensor::{Int, Tensor};
use common::{Persistent, batches, bits, device, mlp, objective, persistent};
use ebm_model::layers::{Activation, Hidden};
use ebm_model::{Init, MlpEnergy, MlpEnergyConfig, weights};
use ebm_ops::Noise;
use ebm_sample::Langevin;
use ebm_train::{
    Batch, BoxError, Checkpoints, ContrastReading, ContrastSettings, ContrastiveDivergence, Divergence,
    Event, ImplicitScoreMatching, Memory, Objective, OnNonfinite, Outcome, Shard, ShortRun, TrainError,
    TrainSettings, TrainState, Trainer,
};

const STEPS: u64 = 6;

fn settings(shards: usize) -> TrainSettings {
    // Adam's first step has the sign of the gradient only; its moments, unclipped, have the gradient itself.
    let slow = TrainSettings { steps: STEPS, learning_rate: 1e-2, warm_up: 0, ..TrainSettings::default() };
    TrainSettings { shards, clip_norm: 1e9, ..slow }
}

fn energy() -> MlpEnergy {
    let network = Hidden::new(vec![16, 16], Activation::Silu);
    let config = MlpEnergyConfig { dim: 2, network, confinement: 0.1 };
    MlpEnergy::new(&config, &Init::new(Noise::seeded(1), &device())).unwrap()
}

/// 37 rows, which 2, 3 and 8 do not divide.
fn rows(step: u64) -> Result<Tensor<2>, BoxError> {
    Ok(Noise::seeded(2).child(step).normal([37, 2], &device()))
}

/// The first moment of every parameter after a step in shards, and what the trainer says of it.
fn first_step(
    objective: impl Objective<MlpEnergy>,
    shards: usize,
) -> (BTreeMap<String, Vec<f64>>, f64, Option<ContrastReading>) {
    let state = TrainState::new(energy(), Noise::seeded(3));
    let mut run = Trainer::new(state, objective, settings(shards)).unwrap();
    let mut report = None;
    let mut look = |event: &Event<'_, MlpEnergy>| -> Result<ControlFlow<()>, BoxError> {
        report = event.report.map(|report| report.read());
        Ok(ControlFlow::Break(()))
    };
    run.run(rows, &mut look).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = checkpoints(folder.path()).save(run.state()).unwrap();
    let bytes = fs::read(path.join("optimizer.safetensors")).unwrap();
    let (tensors, _) = weights::from_bytes(&bytes).unwrap();
    let first = tensors.into_iter().filter(|(name, _)| name.starts_with("first."));
    let moments = first.map(|(name, data)| (name, data.iter::<f64>().collect())).collect();
    (moments, run.state().loss(), report)
}

fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder.to_owned(), "hash".into(), 100)
}

fn near(found: f64, expected: f64, scale: f64) -> bool {
    (found - expected).abs() <= 2e-5 * scale
}

#[test]
fn the_gradient_of_the_shards_is_that_of_the_batch_also_where_they_are_not_equal() {
    // Without noise of its own a loss is a function of the rows.
    let still = ShortRun::new(0.05, 0.0, None).unwrap();
    let contrast = ContrastSettings { sampler_steps: 4, magnitude: 0.3, ..ContrastSettings::default() };
    let divergence = || ContrastiveDivergence::new(still, contrast).unwrap();
    let whole = [first_step(ImplicitScoreMatching, 1), first_step(divergence(), 1)];
    for shards in [2, 3, 8, 37] {
        let cut = [first_step(ImplicitScoreMatching, shards), first_step(divergence(), shards)];
        for ((found, loss, report), (expected, whole_loss, whole_report)) in cut.iter().zip(&whole) {
            assert!(near(*loss, *whole_loss, 1.0), "{shards}: {loss} against {whole_loss}");
            for (name, expected) in expected {
                let scale = expected.iter().fold(1e-3, |scale: f64, x| scale.max(x.abs()));
                for (found, expected) in found[name].iter().zip(expected) {
                    assert!(near(*found, *expected, scale), "{shards}, {name}: {found} against {expected}");
                }
            }
            let (Some(report), Some(whole)) = (report, whole_report) else { continue };
            assert!(near(report.data_energy, whole.data_energy, 1.0), "{report:?} against {whole:?}");
            assert!(near(report.energy_gap, whole.energy_gap, 1.0), "{report:?} against {whole:?}");
            assert!(near(report.score_norm.unwrap(), whole.score_norm.unwrap(), 1.0), "{report:?}");
        }
    }
}

#[test]
fn labels_and_augmentations_go_with_their_rows() {
    let labels = Tensor::<1, Int>::from_data([0, 1, 2, 3, 4], &device());
    let rows = Tensor::<2>::from_data([[0.0], [1.0], [2.0], [3.0], [4.0]], &device());
    let augmentations = Some(rows.clone() * 2.0);
    let batch = Batch { rows, labels: Some(labels), augmentations };
    let parts: Vec<Vec<i64>> = Shard::all(2)
        .map(|shard| {
            let part = batch.part(shard);
            let labels: Vec<i64> = part.labels.unwrap().into_data().iter::<i64>().collect();
            let doubled: Vec<f64> = part.augmentations.unwrap().into_data().iter::<f64>().collect();
            let rows: Vec<f64> = part.rows.into_data().iter::<f64>().collect();
            assert!(
                rows.iter().zip(&doubled).all(|(row, double)| 2.0 * row == *double),
                "{rows:?} {doubled:?}"
            );
            assert!(
                rows.iter().zip(&labels).all(|(row, label)| *row == *label as f64),
                "{rows:?} {labels:?}"
            );
            labels
        })
        .collect();
    assert_eq!(parts, [vec![0, 1, 2], vec![3, 4]]);
}

#[test]
fn every_shard_of_every_step_has_its_own_noise() {
    /// Writes down the first number of its noise.
    struct First<'a>(&'a std::cell::RefCell<Vec<u32>>);
    impl Objective<Bowl> for First<'_> {
        fn loss(&self, model: &Bowl, batch: &Batch, _: Memory, noise: &mut Noise) -> Outcome {
            self.0.borrow_mut().push(noise.words(1)[0]);
            ebm_model::Energy::energy(model, batch.rows.clone()).mean().into()
        }
    }
    let numbers = |shards: usize| {
        let seen = std::cell::RefCell::default();
        let state = TrainState::new(Bowl::new(&[0.8, 1.2]), Noise::seeded(3));
        Trainer::new(state, First(&seen), settings(shards)).unwrap().run(rows, &mut ()).unwrap();
        seen.into_inner()
    };
    let (four, whole) = (numbers(4), numbers(1));
    assert_eq!((four.len(), whole.len()), (4 * STEPS as usize, STEPS as usize));
    let distinct: std::collections::BTreeSet<u32> = four.iter().chain(&whole).copied().collect();
    assert_eq!(distinct.len(), 5 * STEPS as usize, "{four:?} {whole:?}");
    assert_eq!(four, numbers(4));
}

#[test]
fn threads_do_not_change_a_bit_of_a_run_in_shards() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let state = TrainState::new(mlp(), Noise::seeded(2));
            let mut run = Trainer::new(state, objective(), settings(5)).unwrap();
            run.run(batches(2), &mut ()).unwrap();
            bits(&run)
        })
    };
    let one = with(1);
    assert!(one == with(2), "1 and 2 threads differ");
    assert!(one == with(8), "1 and 8 threads differ");
}

fn bowl() -> Bowl {
    Bowl::new(&[0.8, 1.2])
}

fn begin(settings: TrainSettings) -> Trainer<Bowl, Persistent> {
    Trainer::new(TrainState::new(bowl(), Noise::seeded(4)), persistent(), settings).unwrap()
}

fn stop(_: &Event<'_, Bowl>) -> Result<ControlFlow<()>, BoxError> {
    Ok(ControlFlow::Break(()))
}

/// The files of a state.
fn files<O: Objective<Bowl>>(run: &Trainer<Bowl, O>) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = checkpoints(folder.path()).save(run.state()).unwrap();
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

#[test]
fn a_run_in_shards_resumed_at_every_step_ends_in_the_same_bytes() {
    let mut whole = begin(settings(3));
    whole.run(rows, &mut ()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let mut run = begin(settings(3));
    for _ in 0..STEPS {
        run.run(rows, &mut stop).unwrap();
        checkpoints(folder.path()).save(run.state()).unwrap();
        let state = checkpoints(folder.path()).latest(&bowl()).unwrap().state;
        run = Trainer::new(state, persistent(), settings(3)).unwrap();
    }
    assert!(files(&run) == files(&whole), "the runs differ");
    assert_eq!(run.state().digest().unwrap(), whole.state().digest().unwrap());
    let (memory, _) = weights::from_bytes(&files(&whole)["objective.safetensors"]).unwrap();
    // the chains are dealt as rows are
    for (shard, chains) in [14, 13, 13].into_iter().enumerate() {
        assert_eq!(memory[&format!("shard-{shard}.positions")].shape().as_slice(), [chains, 2]);
    }
    assert_eq!(memory.len(), 6);
}

#[test]
fn a_memory_of_other_shards_is_refused_with_their_number() {
    let refused = |held: usize, asked: usize| {
        let mut run = begin(settings(held));
        run.run(rows, &mut stop).unwrap();
        let state = run.state().clone();
        Trainer::new(state, persistent(), settings(asked)).unwrap_err().to_string()
    };
    assert!(refused(3, 1).contains("it remembers 3 parts of a batch, expected 1"), "{}", refused(3, 1));
    assert!(refused(1, 3).contains("it remembers 1 part of a batch, expected 3"), "{}", refused(1, 3));
    assert!(refused(3, 4).contains("3 parts of a batch, expected 4"), "{}", refused(3, 4));

    let mut run = begin(settings(38));
    let error = run.step(rows(0).unwrap()).unwrap_err().to_string();
    assert_eq!(error, "shards: expected at most the 37 rows of a batch, found 38");
    let error = Trainer::new(TrainState::new(bowl(), Noise::seeded(1)), persistent(), settings(0));
    assert_eq!(error.unwrap_err().to_string(), "shards: expected at least 1, found 0");
}

#[test]
fn a_buffer_that_does_not_fit_the_data_is_refused_and_no_shard_has_moved() {
    let mut run = begin(settings(3));
    run.step(rows(0).unwrap()).unwrap();
    let before = files(&run);
    let wide = Tensor::cat(vec![rows(1).unwrap(), rows(1).unwrap()], 1);
    let error = run.step(wide).unwrap_err().to_string();
    assert!(error.contains("shard 0: ") && error.contains("have 2 columns, expected 4"), "{error}");
    assert!(files(&run) == before);
    run.step(rows(1).unwrap()).unwrap();
}

#[test]
fn a_value_that_is_not_finite_in_one_shard_stops_or_skips_the_whole_step() {
    // Row 30 is in the last of three shards.
    let poisoned = |step: u64| {
        let batch = rows(step)?;
        let wrong = Tensor::<2>::full([1, 1], f64::NAN, &device());
        Ok(if step == 2 { batch.slice_assign([30..31, 1..2], wrong) } else { batch })
    };
    let mut run = begin(settings(3));
    match run.run(poisoned, &mut ()).unwrap_err() {
        TrainError::Diverged { step: 3, reason: Divergence::Batch { row: 30, column: 1, .. } } => {}
        error => panic!("{error}"),
    }
    let mut run = begin(TrainSettings { on_nonfinite: OnNonfinite::Skip, ..settings(3) });
    let mut kept = Vec::new();
    let mut keep = |event: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> {
        kept.push(event.state.digest()?);
        Ok(ControlFlow::Continue(()))
    };
    run.run(poisoned, &mut keep).unwrap();
    assert_eq!(run.state().skipped(), 1);
    // Neither a weight nor a chain of any shard.
    assert_eq!(kept[1], kept[2]);
    kept.dedup();
    assert_eq!(kept.len(), STEPS as usize - 1);
}

#[test]
fn energies_that_drift_apart_are_found_in_the_mean_over_the_shards() {
    let contrast = ContrastSettings { sampler_steps: 10, gap_bound: 5.0, ..ContrastSettings::default() };
    let objective = || ContrastiveDivergence::new(Langevin::new(0.3).unwrap(), contrast).unwrap();
    let fast = TrainSettings { learning_rate: 4.0, floor: 1.0, steps: 60, ..settings(4) };
    let mut run = Trainer::new(TrainState::new(bowl(), Noise::seeded(1)), objective(), fast.clone()).unwrap();
    let error = run.run(rows, &mut ()).unwrap_err();
    let TrainError::Diverged { reason, .. } = &error else { panic!("{error}") };
    // And it goes on from before with half of the learning rate.
    let state = TrainState::new(bowl(), Noise::seeded(1)).retreat(run.state(), reason);
    assert_eq!(state.retreats().count(), 1);
    Trainer::new(state, objective(), fast).unwrap().step(rows(0).unwrap()).unwrap();
}

#[test]
fn a_batch_that_is_not_cut_is_the_batch_that_it_was() {
    // What a step computed before there were shards, written out.
    let (model, batch) = (bowl().train(), Batch::from(rows(0).unwrap()));
    let mut noise = Noise::seeded(4);
    let memory = persistent().start(&model, &batch.rows, &mut noise);
    let outcome = persistent().loss(&model, &batch, memory, &mut noise);
    let mut run = begin(settings(1));
    run.step(batch).unwrap();
    assert_eq!(run.state().loss().to_bits(), outcome.loss.into_scalar::<f64>().to_bits());
    let (found, _) = weights::from_bytes(&files(&run)["objective.safetensors"]).unwrap();
    for (name, rows) in outcome.memory {
        assert_eq!(found[&name].as_bytes(), rows.into_data().as_bytes(), "{name}");
    }
    let manifest: serde_json::Value = serde_json::from_slice(&files(&run)["manifest.json"]).unwrap();
    assert_eq!(manifest["noise"], serde_json::to_value(&noise).unwrap());
}
