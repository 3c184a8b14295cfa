//! A run that diverges is detected, never saved, and can retreat.

#[path = "common/bowl.rs"]
mod bowl;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use bowl::Bowl;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use ebm_model::Energy;
use ebm_ops::Noise;
use ebm_sample::{Langevin, Mala};
use ebm_train::{
    Batch, BoxError, BufferSettings, Checkpoints, ContrastSettings, ContrastiveDivergence, Divergence, Event,
    Every, Finish, Memory, Objective, Outcome, PersistentContrastiveDivergence, Restart, Retreats,
    TrainError, TrainSettings, TrainState, Trainer,
};

type Persistent = PersistentContrastiveDivergence<Langevin>;

const STEPS: u64 = 60;
const RATE: f64 = 4.0;

fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder.to_owned(), "hash".into(), 100)
}

fn batches(step: u64) -> Result<Tensor<2>, BoxError> {
    Ok(Noise::seeded(2).child(step).normal([64, 2], &Device::flex()))
}

fn settings() -> TrainSettings {
    let schedule = TrainSettings { steps: STEPS, warm_up: 0, floor: 1.0, ..TrainSettings::default() };
    // Far too high for precisions of one: some step makes one negative, or steeper than the sampler bears.
    TrainSettings { learning_rate: RATE, ..schedule }
}

fn objective() -> Persistent {
    let contrast = ContrastSettings { sampler_steps: 10, gap_bound: 5.0, ..ContrastSettings::default() };
    let restart = Restart::Normal { deviation: 1.0 };
    let chains = BufferSettings { capacity: 128, restart_share: 0.1, restart };
    PersistentContrastiveDivergence::new(Langevin::new(0.3).unwrap(), contrast, chains).unwrap()
}

fn model() -> Bowl {
    Bowl::new(&[0.8, 1.2])
}

fn begin() -> Trainer<Bowl, Persistent> {
    Trainer::new(TrainState::new(model(), Noise::seeded(1)), objective(), settings()).unwrap()
}

/// The first step at which the energies are apart, by reading them at every step.
fn first_wrong_step() -> u64 {
    let mut first = None;
    let mut look = |event: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> {
        let gap = event.report.unwrap().read().energy_gap;
        if first.is_none() && (!gap.is_finite() || 5.0 < gap.abs()) {
            first = Some(event.state.step());
        }
        Ok(ControlFlow::Continue(()))
    };
    let error = begin().run(batches, &mut look).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    first.unwrap()
}

#[test]
fn energies_that_drift_apart_end_the_run_at_the_next_check_and_the_step_is_named() {
    let first = first_wrong_step();
    assert!(!first.is_multiple_of(20), "{first} is where the trainer looks anyway");
    let mut run = begin();
    match run.run(batches, &mut ()).unwrap_err() {
        TrainError::Diverged { step, reason: Divergence::EnergyGap { gap, bound } } => {
            assert_eq!((step, bound), (first, 5.0));
            assert!(5.0 < gap.abs(), "{gap}");
        }
        error => panic!("{error}"),
    }
    // the next look is that of step 20, if there is a number left until then
    assert!((first..=first.next_multiple_of(20)).contains(&run.state().step()), "{}", run.state().step());
}

#[test]
fn no_checkpoint_holds_a_state_that_has_diverged() {
    let (first, folder) = (first_wrong_step(), tempfile::tempdir().unwrap());
    let checkpoints = checkpoints(folder.path());
    let error = begin().run(batches, &mut &checkpoints).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { step, .. } if step == first), "{error}");
    assert_eq!(checkpoints.latest(&model()).unwrap().state.step(), first - 1);

    // also if it has come right again since: the trainer does not look before step 20
    let mut run = begin();
    let mut stop = |event: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> {
        let past = first < event.state.step();
        Ok(if past { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    assert_eq!(run.run(batches, &mut stop).unwrap(), Finish::Stopped);
    assert!(matches!(checkpoints.save(run.state()), Err(TrainError::Diverged { .. })));
}

#[test]
fn a_run_that_diverges_retreats_to_its_last_checkpoint_until_it_is_stable() {
    let ends = |folder: &Path| {
        let checkpoints = checkpoints(folder);
        let mut observer = Every { steps: 10, observer: &checkpoints };
        let mut run = begin();
        checkpoints.save(run.state()).unwrap();
        let mut rates = Vec::new();
        while let Err(error) = run.run(batches, &mut observer) {
            let TrainError::Diverged { reason, .. } = error else { panic!("{error}") };
            let restored = checkpoints.latest(&model()).unwrap();
            let state = restored.state.retreat(run.state(), &reason);
            rates.push(state.learning_rate(&settings(), state.step()));
            assert!(rates.len() < 20, "it goes back for ever");
            run = Trainer::new(state, objective(), settings()).unwrap();
        }
        let retreats = checkpoints.latest(&model()).unwrap().state.retreats();
        (rates, retreats, run.state().model().precision())
    };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (rates, retreats, precision) = ends(folders[0].path());
    assert!(!rates.is_empty() && retreats.count() as usize == rates.len());
    for (i, rate) in rates.iter().enumerate() {
        // also where it diverged twice from one checkpoint, which knows of neither time
        assert_eq!(*rate, RATE * 0.5f64.powi(i as i32 + 1), "{rates:?}");
    }
    assert!(precision.iter().all(|lambda| 0.0 < *lambda), "{precision:?}");
    assert_eq!(ends(folders[1].path()), (rates, retreats, precision), "it is a function of the seed");
}

#[test]
fn a_low_acceptance_ends_the_run_where_a_bound_is_set() {
    let objective = |acceptance_bound| {
        let contrast = ContrastSettings { sampler_steps: 3, acceptance_bound, ..ContrastSettings::default() };
        ContrastiveDivergence::new(Mala::new(0.5).unwrap(), contrast).unwrap()
    };
    let calm = TrainSettings { learning_rate: 1e-3, ..settings() };
    let ends = |acceptance_bound| {
        let state = TrainState::new(model(), Noise::seeded(1));
        let mut run = Trainer::new(state, objective(acceptance_bound), calm.clone()).unwrap();
        run.run(batches, &mut ())
    };
    // it accepts about nine of ten
    for bound in [0.0, 0.5] {
        assert_eq!(ends(bound).unwrap(), Finish::Complete);
    }
    match ends(0.99).unwrap_err() {
        TrainError::Diverged { step, reason: Divergence::Acceptance { acceptance, bound } } => {
            assert!(step < 20 && bound == 0.99, "step {step}, bound {bound}");
            assert!(0.5 < acceptance && acceptance < 0.99, "{acceptance}");
        }
        error => panic!("{error}"),
    }
}

#[test]
fn a_finite_loss_does_not_hide_a_nonfinite_gradient() {
    #[derive(Module, Debug)]
    struct Root {
        weight: Param<Tensor<1>>,
    }
    struct RootLoss;
    impl Objective<Root> for RootLoss {
        fn loss(&self, model: &Root, _: &Batch, _: Memory, _: &mut Noise) -> Outcome {
            // zero, and its slope there is ∞ · 0
            (model.weight.val() * 0.0).sqrt().sum().into()
        }
    }
    let weight = Param::from_tensor(Tensor::ones([3], &Device::flex()));
    let state = TrainState::new(Root { weight }, Noise::seeded(1));
    let mut run = Trainer::new(state, RootLoss, settings()).unwrap();
    match run.step(batches(0).unwrap()) {
        Err(TrainError::Diverged { step: 1, reason: Divergence::Gradient { parameter, value } }) => {
            assert!(parameter == "weight" && value.is_nan(), "{parameter}: {value}");
        }
        other => panic!("{other:?}"),
    }
    // the weight is what it was, and all the same nobody can keep what comes after
    assert_eq!(run.state().model().weight.val().into_data().iter::<f64>().collect::<Vec<_>>(), [1.0; 3]);
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        checkpoints(folder.path()).save(run.state()),
        Err(TrainError::Diverged { step: 1, .. })
    ));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_report_is_what_the_sampler_did() {
    let (model, data) = (model().train(), batches(0).unwrap());
    let batch = Batch::from(data.clone());
    let k = ContrastSettings { sampler_steps: 3, ..ContrastSettings::default() };
    let objective = ContrastiveDivergence::new(Langevin::new(0.1).unwrap(), k).unwrap();
    let outcome = objective.loss(&model, &batch, Memory::new(), &mut Noise::seeded(5));
    let (loss, report) = (outcome.loss.into_scalar::<f64>(), outcome.report.unwrap().read());
    let energy = model.valid().energy(data.clone()).mean().into_scalar::<f64>();
    assert!((report.data_energy - energy).abs() < 1e-6 * energy, "{report:?}");
    assert!((report.energy_gap - loss).abs() < 1e-6, "{report:?} and loss {loss}");
    assert!(0.1 < report.score_norm.unwrap() && report.acceptance.is_none() && report.mean_age.is_none());

    let objective = ContrastiveDivergence::new(Mala::new(0.5).unwrap(), k).unwrap();
    let outcome = objective.loss(&model, &batch, Memory::new(), &mut Noise::seeded(5));
    let acceptance = outcome.report.unwrap().read().acceptance.unwrap();
    assert!(0.5 < acceptance && acceptance < 0.99, "{acceptance}");

    // 128 chains, 64 of them a step: after one step half are 10 steps old, and no chain is older than it can be
    let objective = self::objective();
    let mut noise = Noise::seeded(6);
    let memory = objective.start(&model, &data, &mut noise);
    let mut outcome = objective.loss(&model, &batch, memory, &mut noise);
    let report = outcome.report.unwrap().read();
    assert_eq!((report.mean_age, report.oldest), (Some(5.0), Some(10.0)), "{report:?}");
    let (mut restarts, mut age) = (vec![report.restarts.unwrap()], f64::NAN);
    for _ in 0..99 {
        outcome = objective.loss(&model, &batch, outcome.memory, &mut noise);
        let report = outcome.report.unwrap().read();
        restarts.push(report.restarts.unwrap());
        age = report.mean_age.unwrap();
    }
    let share = restarts.iter().sum::<f64>() / 100.0;
    assert!((share - 0.1).abs() < 5.0 * (0.09f64 / 6400.0).sqrt(), "{share}");
    // A chain's visits since it restarted are geometric with mean 1/0.1, at 10 steps each; visits are random too,
    // and neither changes the mean of 100. Chains are independent, and their ages' deviation is about their mean.
    assert!((age - 100.0).abs() < 5.0 * 100.0 / 128f64.sqrt(), "{age}");
}

#[test]
fn the_manifest_of_a_plain_run_has_its_original_keys() {
    let folder = tempfile::tempdir().unwrap();
    let k = ContrastSettings { sampler_steps: 1, ..ContrastSettings::default() };
    let plain = ContrastiveDivergence::new(Langevin::new(0.1).unwrap(), k).unwrap();
    let calm = TrainSettings { learning_rate: 1e-3, ..settings() };
    let mut run =
        Trainer::new(TrainState::new(model(), Noise::seeded(1)), plain.clone(), calm.clone()).unwrap();
    run.step(batches(0).unwrap()).unwrap();
    let path = checkpoints(folder.path()).save(run.state()).unwrap();
    let mut names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["manifest.json", "optimizer.safetensors", "weights.safetensors"]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(path.join("manifest.json")).unwrap()).unwrap();
    let mut keys: Vec<_> = manifest.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["config_hash", "files", "format", "loss", "noise", "seal", "step"]);

    // and an objective that wants more of it says so
    let state = checkpoints(folder.path()).latest(&model()).unwrap().state;
    assert_eq!(state.retreats(), Retreats::default());
    let error = Trainer::new(state, objective(), settings()).unwrap_err().to_string();
    assert!(error.contains("positions of the replay buffer are missing"), "{error}");
}

#[test]
fn a_memory_that_does_not_fit_is_refused_with_the_reason() {
    let mut run = begin();
    run.step(batches(0).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    checkpoints(folder.path()).save(run.state()).unwrap();
    let state = || checkpoints(folder.path()).latest(&model()).unwrap().state;

    let contrast = ContrastSettings::default();
    let chains = BufferSettings { capacity: 64, ..BufferSettings::default() };
    let langevin = Langevin::new(0.3).unwrap();
    let smaller = PersistentContrastiveDivergence::new(langevin, contrast, chains).unwrap();
    let error = Trainer::new(state(), smaller, settings()).unwrap_err().to_string();
    assert!(error.contains("positions are of 128 chains, expected 64"), "{error}");

    let plain = ContrastiveDivergence::new(langevin, contrast).unwrap();
    let error = Trainer::new(state(), plain, settings()).unwrap_err();
    assert!(matches!(error, TrainError::Memory { .. }), "{error}");
    assert!(error.to_string().contains("ages is unknown; positions is unknown"), "{error}");
    assert!(Trainer::new(state(), objective(), settings()).is_ok());
}
