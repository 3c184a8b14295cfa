//! A run on any number of ranks is one run, to the last bit; a rank that fails ends all, by name.

#[path = "common/bowl.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod bowl;
mod common;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bowl::Bowl;
use burn::module::Module;
use burn::tensor::Tensor;
use common::{device, mlp, persistent};
use ebm_model::Network;
use ebm_ops::Noise;
use ebm_train::{
    BoxError, Checkpoints, ContrastReading, Event, Finish, LocalRanks, Objective, OnNonfinite, TrainError,
    TrainSettings, TrainState, Trainer,
};

const STEPS: u64 = 6;
const SHARDS: usize = 8;
/// How long a rank waits for another; only where one hangs is it all waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings() -> TrainSettings {
    TrainSettings {
        steps: STEPS,
        learning_rate: 1e-2,
        warm_up: 0,
        shards: SHARDS,
        ..TrainSettings::default()
    }
}

/// 27 rows: some shards have three, and some have four.
fn rows(step: u64) -> Result<Tensor<2>, BoxError> {
    Ok(Noise::seeded(2).child(step).normal([27, 2], &device()))
}

fn bowl() -> Bowl {
    Bowl::new(&[0.8, 1.2])
}

fn begin() -> TrainState<Bowl> {
    TrainState::new(bowl(), Noise::seeded(3))
}

/// Does `work` on each of `n` ranks.
fn on_each<T: Send>(n: usize, work: impl Fn(usize, Arc<LocalRanks>) -> T + Sync) -> Vec<T> {
    with_patience(n, PATIENCE, work)
}

fn with_patience<T: Send>(
    n: usize,
    patience: Duration,
    work: impl Fn(usize, Arc<LocalRanks>) -> T + Sync,
) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let ranks = LocalRanks::new(n, patience).into_iter().map(Arc::new).enumerate();
        let threads: Vec<_> = ranks.map(|(rank, ranks)| scope.spawn(move || work(rank, ranks))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// What every rank comes to: its digest, its running loss, and the report of each step, as bits.
fn comes_to<M: Module, O: Objective<M>>(
    n: usize,
    state: impl Fn() -> TrainState<M> + Sync,
    objective: impl Fn() -> O + Sync,
) -> (String, u64, Vec<String>) {
    let ends = on_each(n, |_, ranks| {
        let trainer = Trainer::new(state(), objective(), settings()).unwrap();
        let mut trainer = trainer.with_ranks(ranks, 0).unwrap();
        let mut reports = Vec::new();
        let mut look = |event: &Event<'_, M>| -> Result<ControlFlow<()>, BoxError> {
            reports.extend(event.report.map(|report| written(&report.read())));
            Ok(ControlFlow::Continue(()))
        };
        assert_eq!(trainer.run(rows, &mut look).unwrap(), Finish::Complete);
        let state = trainer.state();
        (state.digest().unwrap(), state.loss().to_bits(), reports)
    });
    assert!(ends.iter().all(|end| *end == ends[0]), "the ranks of {n} differ: {ends:?}");
    ends.into_iter().next().unwrap()
}

fn written(report: &ContrastReading) -> String {
    serde_json::to_string(report).unwrap()
}

#[test]
fn chains_in_shards_come_to_the_same_bytes_on_any_number_of_ranks() {
    // Two parameters: most ranks of eight have none to sum.
    let one = comes_to(1, begin, persistent);
    assert_eq!(one.2.len(), STEPS as usize);
    for n in [2, 3, 4, 8] {
        assert_eq!(comes_to(n, begin, persistent), one, "{n} ranks");
    }
}

#[test]
fn denoising_in_shards_comes_to_the_same_bytes_on_any_number_of_ranks() {
    let state = || TrainState::new(mlp(), Noise::seeded(3));
    let one = comes_to::<Network, _>(1, state, common::objective);
    for n in [2, 3, 8] {
        assert_eq!(comes_to::<Network, _>(n, state, common::objective), one, "{n} ranks");
    }
}

fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder.to_owned(), "hash".into(), 100)
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks_each_time() {
    let (expected, ..) = comes_to(1, begin, persistent);
    let folder = tempfile::tempdir().unwrap();
    checkpoints(folder.path()).save(&begin()).unwrap();
    let mut last = Vec::new();
    for (n, until) in [(3, 1), (1, 2), (8, 4), (2, STEPS)] {
        last = on_each(n, |rank, ranks| {
            let state = checkpoints(folder.path()).latest(&bowl()).unwrap().state;
            let trainer = Trainer::new(state, persistent(), settings()).unwrap();
            let mut trainer = trainer.with_ranks(ranks, 0).unwrap();
            // Only the last rank wants to stop, and all of them do.
            let mut stop = |event: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> {
                let is_there = event.state.step() == until && rank == n - 1;
                Ok(if is_there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            };
            trainer.run(rows, &mut stop).unwrap();
            assert_eq!(trainer.state().step(), until);
            trainer.state().clone()
        });
        checkpoints(folder.path()).save(&last[0]).unwrap();
    }
    assert_eq!(last[0].digest().unwrap(), expected);
}

#[test]
fn a_state_is_whole_where_it_is_gathered_and_is_not_saved_elsewhere() {
    let whole = on_each(2, |_, ranks| {
        let trainer = Trainer::new(begin(), persistent(), settings()).unwrap();
        let mut trainer = trainer.with_ranks(ranks, 2).unwrap();
        let mut seen = Vec::new();
        let mut look = |event: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> {
            seen.push(event.state.digest().map_err(|error| error.to_string()));
            Ok(ControlFlow::Continue(()))
        };
        trainer.run(rows, &mut look).unwrap();
        seen
    });
    assert_eq!(whole[0], whole[1]);
    for (step, digest) in (1..).zip(&whole[0]) {
        match digest {
            Ok(_) => assert_eq!(step % 2, 0),
            Err(error) => assert!(step % 2 == 1 && error.contains("was not gathered"), "{error}"),
        }
    }
}

#[test]
fn a_skipped_step_is_skipped_by_all() {
    let skips = || TrainSettings { on_nonfinite: OnNonfinite::Skip, ..settings() };
    let poisoned = |step: u64| Ok(rows(step)? * if step == 2 { f64::NAN } else { 1.0 });
    let ends = |n: usize| {
        on_each(n, |_, ranks| {
            let trainer = Trainer::new(begin(), persistent(), skips()).unwrap();
            let mut trainer = trainer.with_ranks(ranks, 3).unwrap();
            trainer.run(poisoned, &mut ()).unwrap();
            assert_eq!(trainer.state().skipped(), 1);
            trainer.state().digest().unwrap()
        })
    };
    let one = ends(1);
    assert!(ends(3).iter().all(|digest| *digest == one[0]));
}

#[test]
fn a_rank_with_other_weights_or_settings_is_named_before_the_first_step() {
    let errors = on_each(3, |rank, ranks| {
        let first = if rank == 2 { 0.9 } else { 0.8 };
        let state = TrainState::new(Bowl::new(&[first, 1.2]), Noise::seeded(3));
        let trainer = Trainer::new(state, persistent(), settings()).unwrap();
        trainer.with_ranks(ranks, 0).unwrap_err().to_string()
    });
    assert!(errors.iter().all(|error| error.starts_with("rank 2: its state is ")), "{errors:?}");
    let errors = on_each(2, |rank, ranks| {
        let learning_rate = if rank == 1 { 2e-2 } else { 1e-2 };
        let settings = TrainSettings { learning_rate, ..settings() };
        let trainer = Trainer::new(begin(), persistent(), settings).unwrap();
        trainer.with_ranks(ranks, 0).unwrap_err().to_string()
    });
    assert!(errors.iter().all(|error| error.starts_with("rank 1: its settings is ")), "{errors:?}");
    let errors = on_each(9, |_, ranks| {
        let trainer = Trainer::new(begin(), persistent(), settings()).unwrap();
        trainer.with_ranks(ranks, 0).unwrap_err().to_string()
    });
    assert_eq!(errors[0], "shards: expected at least one for each of 9 ranks, found 8");
}

#[test]
fn a_rank_that_fails_ends_all_and_says_why() {
    // Its data, or its observer: a disk that is full.
    for of_data in [true, false] {
        let errors = on_each(3, |rank, ranks| {
            let trainer = Trainer::new(begin(), persistent(), settings()).unwrap();
            let mut trainer = trainer.with_ranks(ranks, 1).unwrap();
            let data = |step: u64| {
                if of_data && rank == 1 && step == 3 { Err("the file has gone".into()) } else { rows(step) }
            };
            let mut observer = |event: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> {
                let fails = !of_data && rank == 0 && event.state.step() == 3;
                if fails { Err("the disk is full".into()) } else { Ok(ControlFlow::Continue(())) }
            };
            let error = trainer.run(data, &mut observer).unwrap_err();
            (trainer.state().step(), error)
        });
        for (rank, (step, error)) in errors.iter().enumerate() {
            assert_eq!(*step, 3);
            match (error, of_data) {
                (TrainError::Data { step: 3, .. }, true) => assert_eq!(rank, 1),
                (TrainError::Observer { step: 3, .. }, false) => assert_eq!(rank, 0),
                (TrainError::Rank { rank: 1, reason }, true) => {
                    assert!(reason.ends_with("no batch for step 3: the file has gone"), "{reason}");
                }
                (TrainError::Rank { rank: 0, reason }, false) => {
                    assert!(reason.ends_with("after step 3: the disk is full"), "{reason}");
                }
                (error, _) => panic!("rank {rank}: {error}"),
            }
        }
    }
}

#[test]
fn a_rank_that_does_not_answer_is_named() {
    let patience = Duration::from_secs(2);
    let errors = with_patience(3, patience, |rank, ranks| {
        let trainer = Trainer::new(begin(), persistent(), settings()).unwrap();
        let mut trainer = trainer.with_ranks(ranks, 0).unwrap();
        let data = |step: u64| {
            if rank == 1 && step == 3 {
                std::thread::sleep(2 * patience);
            }
            rows(step)
        };
        trainer.run(data, &mut ()).unwrap_err().to_string()
    });
    for error in [&errors[0], &errors[2]] {
        assert_eq!(error, "rank 1: it has not answered for 2 s");
    }
}
