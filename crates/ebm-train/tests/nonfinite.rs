//! Non-finite values injected into a run: each is named, and no checkpoint is lost or damaged.

#[path = "common/bowl.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod bowl;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use bowl::Bowl;
use burn::tensor::{Device, Tensor};
use ebm_model::{Energy, Score};
use ebm_ops::Noise;
use ebm_sample::{Kernel, Langevin, LangevinInfo, State};
use ebm_train::{
    Batch, BoxError, BufferSettings, Checkpoints, ContrastSettings, DenoisingAt, Divergence, Event, Finish,
    Memory, Objective, OnNonfinite, Outcome, PersistentContrastiveDivergence, Restart, TrainError,
    TrainSettings, TrainState, Trainer,
};

const STEPS: u64 = 6;
const SAMPLER_STEPS: u64 = 3;
const ROWS: usize = 8;

/// A fault to inject.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Batch {
        row: usize,
        column: usize,
        value: f64,
    },
    Loss(f64),
    /// With a loss that is finite.
    Gradient {
        infinite: bool,
    },
    Chains(f64),
}

/// An objective with a fault in one step.
struct Faulty {
    inner: Inner,
    fault: Option<(u64, Fault)>,
    seen: Cell<u64>,
}

#[allow(clippy::large_enum_variant, reason = "one lives at a time")]
enum Inner {
    Denoising(DenoisingAt),
    Persistent(PersistentContrastiveDivergence<Unsteady>),
}

/// Langevin steps, with a value added to the positions in one of them.
#[derive(Clone, Debug)]
struct Unsteady {
    langevin: Langevin,
    fault: Option<(u64, f64)>,
    seen: Cell<u64>,
}

impl<M: Score + ?Sized> Kernel<M> for Unsteady {
    type Memo = ();
    type Info = LangevinInfo;

    fn init(&self, model: &M, position: Tensor<2>) -> State<()> {
        self.langevin.init(model, position)
    }

    fn step(&self, model: &M, state: State<()>, noise: &mut Noise) -> (State<()>, LangevinInfo) {
        let (mut state, info) = self.langevin.step(model, state, noise);
        if let Some((at, value)) = self.fault
            && self.seen.get() == at
        {
            state.position = state.position + value;
        }
        self.seen.set(self.seen.get() + 1);
        (state, info)
    }
}

impl Faulty {
    fn new(persistent: bool, fault: Option<(u64, Fault)>) -> Self {
        let inner = if persistent {
            let unsteady = match fault {
                Some((at, Fault::Chains(value))) => Some((at * SAMPLER_STEPS, value)),
                _ => None,
            };
            let langevin = Langevin::new(0.1).unwrap();
            let sampler = Unsteady { langevin, fault: unsteady, seen: Cell::new(0) };
            let contrast =
                ContrastSettings { sampler_steps: SAMPLER_STEPS as usize, ..ContrastSettings::default() };
            let restart = Restart::Uniform { low: -1.0, high: 1.0 };
            let chains = BufferSettings { capacity: 20, restart_share: 0.2, restart };
            Inner::Persistent(PersistentContrastiveDivergence::new(sampler, contrast, chains).unwrap())
        } else {
            Inner::Denoising(DenoisingAt::new(0.5).unwrap())
        };
        Self { inner, fault, seen: Cell::new(0) }
    }
}

impl Faulty {
    fn inner(&self) -> &dyn Objective<Bowl> {
        match &self.inner {
            Inner::Denoising(inner) => inner,
            Inner::Persistent(inner) => inner,
        }
    }
}

impl Objective<Bowl> for Faulty {
    fn start(&self, model: &Bowl, data: &Tensor<2>, noise: &mut Noise) -> Memory {
        self.inner().start(model, data, noise)
    }

    fn check(&self, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
        self.inner().check(memory, dim)
    }

    fn loss(&self, model: &Bowl, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        let outcome = self.inner().loss(model, batch, memory, noise);
        let (loss, data) = (outcome.loss, batch.rows.clone());
        let now = self.fault.filter(|(at, _)| *at == self.seen.get()).map(|(_, fault)| fault);
        self.seen.set(self.seen.get() + 1);
        let loss = match now {
            Some(Fault::Loss(value)) => loss + value,
            // √E where E is 0 and no weight can change that: a slope of ∞ · 0
            Some(Fault::Gradient { infinite: false }) => loss + model.energy(data * 0.0).mean().sqrt(),
            // √(E − E): 0 with a slope of ∞
            Some(Fault::Gradient { infinite: true }) => {
                let energy = model.energy(data).mean();
                loss + (energy.clone() - energy.detach()).sqrt()
            }
            _ => loss,
        };
        Outcome { loss, ..outcome }
    }
}

fn settings(on_nonfinite: OnNonfinite) -> TrainSettings {
    let schedule =
        TrainSettings { steps: STEPS, warm_up: 0, learning_rate: 1e-2, ..TrainSettings::default() };
    TrainSettings { on_nonfinite, skip_limit: 2, ..schedule }
}

fn model() -> Bowl {
    Bowl::new(&[0.8, 1.2])
}

fn batch(step: u64, fault: Option<(u64, Fault)>) -> Tensor<2> {
    let device = Device::flex();
    let batch = Noise::seeded(2).child(step).normal([ROWS, 2], &device);
    match fault {
        Some((at, Fault::Batch { row, column, value })) if at == step => {
            let wrong = Tensor::<2>::full([1, 1], value, &device);
            batch.slice_assign([row..row + 1, column..column + 1], wrong)
        }
        _ => batch,
    }
}

/// Runs with a checkpoint after every step, the beginning among them.
fn run(
    folder: &Path,
    persistent: bool,
    fault: Option<(u64, Fault)>,
    settings: TrainSettings,
) -> (Result<Finish, TrainError>, Trainer<Bowl, Faulty>) {
    let checkpoints = Checkpoints::new(folder.to_owned(), "hash".into(), 100);
    let state = TrainState::new(model(), Noise::seeded(1));
    checkpoints.save(&state).unwrap();
    let mut trainer = Trainer::new(state, Faulty::new(persistent, fault), settings).unwrap();
    let ended = trainer.run(|step| Ok(batch(step, fault)), &mut &checkpoints);
    (ended, trainer)
}

/// The files of every checkpoint.
type Files = BTreeMap<u64, BTreeMap<String, Vec<u8>>>;

fn files(folder: &Path) -> Files {
    let read = |path: &Path| -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
        entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
    };
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let step = |name: String| name.strip_prefix("step-").unwrap().parse().unwrap();
    entries.map(|entry| (step(entry.file_name().into_string().unwrap()), read(&entry.path()))).collect()
}

fn noise(files: &BTreeMap<String, Vec<u8>>) -> serde_json::Value {
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    manifest["noise"].clone()
}

/// Whether the objective is persistent, the step of the fault, from 0, and the fault.
fn faults() -> Vec<(bool, u64, Fault)> {
    let wrong = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut faults = Vec::new();
    for (i, value) in wrong.into_iter().enumerate() {
        for at in [0, 1, 3, 4] {
            for persistent in [false, true] {
                let fault = Fault::Batch { row: (3 * i + at as usize) % ROWS, column: i % 2, value };
                faults.push((persistent, at, fault));
            }
            faults.push((true, at, Fault::Chains(value)));
        }
        for (at, persistent) in [(0, false), (2, true), (3, false), (5, true)] {
            faults.push((persistent, at, Fault::Loss(value)));
        }
    }
    for infinite in [false, true] {
        for (at, persistent) in [(0, true), (1, false), (3, true), (5, false)] {
            faults.push((persistent, at, Fault::Gradient { infinite }));
        }
    }
    faults
}

fn names(fault: Fault, reason: &Divergence) -> bool {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    match (fault, reason) {
        (Fault::Batch { row, column, value }, Divergence::Batch { row: r, column: c, value: v }) => {
            (row, column) == (*r, *c) && same(value, *v)
        }
        (Fault::Loss(value), Divergence::Loss { loss }) => same(value, *loss),
        (Fault::Gradient { infinite }, Divergence::Gradient { parameter, value }) => {
            parameter == "precision" && (if infinite { value.is_infinite() } else { value.is_nan() })
        }
        (Fault::Chains(_), Divergence::Chains { energy }) => !energy.is_finite(),
        _ => false,
    }
}

#[test]
fn nonfinite_values_are_named_and_every_checkpoint_holds_a_sound_step() {
    let clean = [false, true].map(|persistent| {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), persistent, None, settings(OnNonfinite::Stop)).0.unwrap();
        files(folder.path())
    });
    let faults = faults();
    // Each stops one run and is skipped by another.
    assert_eq!(2 * faults.len(), 112);
    // side by side, since most of the time goes into waiting for the disk
    std::thread::scope(|scope| {
        for faults in faults.chunks(6) {
            let clean = &clean;
            scope.spawn(move || {
                for &(persistent, at, fault) in faults {
                    stops_and_skips(&clean[usize::from(persistent)], persistent, at, fault);
                }
            });
        }
    });
}

/// Compares a run that stops at this fault, and one that skips it, with the files of a clean run.
fn stops_and_skips(clean: &Files, persistent: bool, at: u64, fault: Fault) {
    let folder = tempfile::tempdir().unwrap();
    let (ended, trainer) = run(folder.path(), persistent, Some((at, fault)), settings(OnNonfinite::Stop));
    match ended {
        Err(TrainError::Diverged { step, reason }) => {
            assert!(step == at + 1 && names(fault, &reason), "{fault:?} after {at}: {step}, {reason}");
        }
        other => panic!("{fault:?} after {at}: {other:?}"),
    }
    assert_eq!(trainer.state().step(), at);
    let kept = files(folder.path());
    assert!(kept.keys().copied().eq(0..=at), "{fault:?}: {:?}", kept.keys());
    for (step, files) in &kept {
        assert!(files == &clean[step], "{fault:?} after {at}: checkpoint {step} is not that of a clean run");
    }
    let checkpoints = Checkpoints::new(folder.path().to_owned(), "hash".into(), 100);
    assert!(checkpoints.save(trainer.state()).is_err(), "{fault:?}: the step before it is not kept again");

    let folder = tempfile::tempdir().unwrap();
    let (ended, trainer) = run(folder.path(), persistent, Some((at, fault)), settings(OnNonfinite::Skip));
    assert_eq!(ended.unwrap(), Finish::Complete, "{fault:?} after {at}");
    assert_eq!(trainer.state().skipped(), 1);
    let kept = files(folder.path());
    assert!(kept.keys().copied().eq(0..=STEPS), "{fault:?}: {:?}", kept.keys());
    for step in 0..=at {
        assert!(kept[&step] == clean[&step], "{fault:?} after {at}: checkpoint {step} differs");
    }
    // the skipped step changed nothing but its number and its noise, which is that of the clean run
    for (file, bytes) in &kept[&at] {
        assert!(file == "manifest.json" || *bytes == kept[&(at + 1)][file], "{fault:?}: {file}");
    }
    assert_eq!(noise(&kept[&(at + 1)]), noise(&clean[&(at + 1)]), "{fault:?} after {at}");
    if at + 1 < STEPS {
        let (last, before) = (&kept[&STEPS], &kept[&(STEPS - 1)]);
        assert!(last["weights.safetensors"] != before["weights.safetensors"], "{fault:?}: it learns on");
    }
    // and read again, the run is where it was
    let restored = checkpoints_of(folder.path()).latest(&model()).unwrap();
    assert_eq!((restored.state.step(), restored.state.skipped()), (STEPS, 1));
    assert!(restored.refused.is_empty());
}

fn checkpoints_of(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder.to_owned(), "hash".into(), 100)
}

#[test]
fn an_excessive_learning_rate_is_named_and_reaches_no_checkpoint() {
    for (learning_rate, policy) in [1e30, 1e39, 1e300]
        .into_iter()
        .flat_map(|rate| [OnNonfinite::Stop, OnNonfinite::Skip].map(|policy| (rate, policy)))
    {
        let folder = tempfile::tempdir().unwrap();
        let settings = TrainSettings { learning_rate, ..settings(policy) };
        let (ended, _) = run(folder.path(), false, None, settings);
        match (ended.unwrap_err(), policy) {
            // 1e30 can be done in 32 bits: the weight shows it
            (TrainError::Diverged { step: 1, reason: Divergence::Weight { parameter, value, rate } }, _) => {
                assert!(learning_rate == 1e30 && rate == learning_rate && parameter == "precision");
                assert!(1e29 < value.abs() && value.is_finite(), "{value}");
            }
            (
                TrainError::Diverged { step: 1, reason: Divergence::LearningRate { rate } },
                OnNonfinite::Stop,
            ) => {
                assert!(1e30 < learning_rate && rate == learning_rate);
            }
            (TrainError::Skipped { skipped: 3, limit: 2, step: 3, reason }, OnNonfinite::Skip) => {
                assert!(
                    1e30 < learning_rate && matches!(reason, Divergence::LearningRate { .. }),
                    "{reason}"
                );
            }
            (error, _) => panic!("{learning_rate} {policy:?}: {error:?}"),
        }
        let kept = files(folder.path());
        let first = &kept[&0]["weights.safetensors"];
        assert!(kept.values().all(|files| files["weights.safetensors"] == *first), "{learning_rate}");
    }
}

#[test]
fn too_many_consecutive_skips_end_the_run_and_a_sound_step_resets_the_count() {
    let bad = |steps: &'static [u64], limit: u64| {
        let state = TrainState::new(model(), Noise::seeded(1));
        let settings = TrainSettings { skip_limit: limit, ..settings(OnNonfinite::Skip) };
        let mut trainer = Trainer::new(state, Faulty::new(true, None), settings).unwrap();
        let batches = |step: u64| Ok(batch(step, None) * if steps.contains(&step) { f64::NAN } else { 1.0 });
        (trainer.run(batches, &mut ()), trainer.state().skipped())
    };
    assert!(matches!(bad(&[0, 1, 3, 4], 2), (Ok(Finish::Complete), 4)));
    let (ended, skipped) = bad(&[0, 1, 3, 4], 1);
    match ended.unwrap_err() {
        error @ TrainError::Skipped { skipped: 2, limit: 1, step: 2, .. } => {
            assert!(error.to_string().contains("the batch holds NaN in row 0, column 0"), "{error}");
        }
        error => panic!("{error}"),
    }
    assert_eq!(skipped, 2);
}

#[test]
fn a_run_that_skips_resumes_to_the_same_bytes_from_every_step() {
    let faults = [0, 2].map(|at| Some((at, Fault::Batch { row: 1, column: 1, value: f64::NAN })));
    for (fault, stop) in faults.into_iter().flat_map(|fault| (1..STEPS).map(move |stop| (fault, stop))) {
        let whole = tempfile::tempdir().unwrap();
        run(whole.path(), true, fault, settings(OnNonfinite::Skip)).0.unwrap();
        let whole = files(whole.path());
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = checkpoints_of(folder.path());
        let mut until = |event: &Event<'_, Bowl>| -> Result<ControlFlow<()>, BoxError> {
            let there = event.state.step() == stop;
            Ok(if there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let state = TrainState::new(model(), Noise::seeded(1));
        let mut first = Trainer::new(state, Faulty::new(true, None), settings(OnNonfinite::Skip)).unwrap();
        first.run(|step| Ok(batch(step, fault)), &mut until).unwrap();
        checkpoints.save(first.state()).unwrap();

        let state = checkpoints.latest(&model()).unwrap().state;
        let mut second = Trainer::new(state, Faulty::new(true, None), settings(OnNonfinite::Skip)).unwrap();
        second.run(|step| Ok(batch(step, fault)), &mut ()).unwrap();
        checkpoints.save(second.state()).unwrap();
        assert!(files(folder.path())[&STEPS] == whole[&STEPS], "resumed at step {stop}");
    }
}
