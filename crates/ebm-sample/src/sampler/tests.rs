//! Samplers by name are the samplers by type.

use burn::tensor::{Device, Tensor};
use ebm_model::{Gaussian, GaussianMixture, NoisyPotential, Potential, Score};
use ebm_ops::Noise;

use crate::{
    AnnealedLangevin, AnnealedMala, AnyChain, AnyDescent, AnyKernel, AnySampler, Chain, Chees, Density,
    Descent, Hmc, Integrator, Kernel, Langevin, Level, Mala, Mamclmc, MamclmcWarmUp, Mass, Mclmc,
    MclmcWarmUp, Need, NoiseLadder, ParallelTempering, PreconditionedLangevin, PredictorCorrector,
    ProbabilityFlow, ReverseDiffusion, SampleError, Sampler, State, StepReport, StochasticHeun, Underdamped,
    WarmUp,
};

const VARIANCES: [f64; 2] = [2.0, 0.5];

fn target() -> GaussianMixture {
    let mode = |x: f64| Gaussian::isotropic(vec![x, 0.0], 0.4).unwrap();
    GaussianMixture::new(vec![0.3, 0.7], vec![mode(-1.0), mode(1.0)]).unwrap()
}

fn start() -> Tensor<2> {
    Noise::seeded(1).normal([6, 2], &Device::flex())
}

fn parse(json: &str) -> Sampler {
    serde_json::from_str(json).unwrap()
}

fn kernel(sampler: &Sampler) -> AnyKernel {
    match sampler.build().unwrap() {
        AnySampler::Kernel(kernel) => kernel,
        AnySampler::Descent(_) => panic!("{} moves chains", sampler.name()),
    }
}

fn descent(sampler: &Sampler) -> AnyDescent {
    match sampler.build().unwrap() {
        AnySampler::Descent(descent) => descent,
        AnySampler::Kernel(_) => panic!("{} goes down noise levels", sampler.name()),
    }
}

#[test]
fn every_name_is_read_back_as_written_and_has_its_variant() {
    let mut names = vec![];
    for (name, about) in Sampler::list() {
        let sampler = Sampler::named(name).unwrap();
        assert_eq!(sampler.name(), name);
        let text = serde_json::to_string(&sampler).unwrap();
        assert!(text.starts_with(&format!(r#"{{"kind":"{name}""#)), "{text}");
        assert_eq!(parse(&text), sampler);
        assert_eq!(parse(&format!(r#"{{"kind":"{name}"}}"#)), sampler);
        let odd = serde_json::from_str::<Sampler>(&format!(r#"{{"kind":"{name}","nothing":1}}"#));
        assert!(odd.unwrap_err().to_string().contains("nothing"), "{name}");
        assert!(!about.is_empty() && !about.ends_with('.'), "{name}: {about}");
        assert_eq!(sampler.build().unwrap().name(), name);
        assert_eq!(sampler.build().unwrap().need(), sampler.need());
        names.push(name);
    }
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert!(distinct.len() == names.len() && names.contains(&"hmc"), "{names:?}");
    let error = Sampler::named("nothing").unwrap_err().to_string();
    assert_eq!(error, format!("sampler: expected one of {}, found nothing", names.join(", ")));
}

#[test]
fn step_sizes_are_set_and_converted_for_kernels_alone() {
    for (name, _) in Sampler::list() {
        let sampler = Sampler::named(name).unwrap();
        let longer = sampler.clone().with_step_size(0.08);
        if sampler.is_descent() {
            assert_eq!((&longer, &sampler.clone().with_langevin_step(0.08)), (&sampler, &sampler));
            continue;
        }
        assert_eq!((kernel(&sampler).step_size(), kernel(&longer).step_size()), (0.05, 0.08));
        let is_dynamics = matches!(name, "hmc" | "underdamped" | "chees" | "mclmc" | "mamclmc");
        let epsilon = if is_dynamics { 0.4 } else { 0.08 };
        assert_eq!(kernel(&sampler.with_langevin_step(0.08)).step_size(), epsilon);
        assert!(longer.with_step_size(0.0).build().is_err());
    }
}

/// The chain by name makes the steps of the typed kernel: on views, and as a kernel on the model itself.
fn assert_same_chain<K>(json: &str, typed: K)
where
    K: Kernel<GaussianMixture>,
    K::Info: StepReport,
{
    let (target, erased) = (target(), kernel(&parse(json)));
    let typed: Vec<_> = Chain::start(&target, typed, start(), Noise::seeded(2)).take(4).collect();
    let on_views = erased.chain(Density::of_energy(&target), start(), Noise::seeded(2)).unwrap();
    let itself = Chain::start(&target, erased.clone(), start(), Noise::seeded(2));
    let object = Chain::start(&target as &dyn Potential, erased, start(), Noise::seeded(2));
    for (((typed, on_views), itself), object) in typed.into_iter().zip(on_views).zip(itself).zip(object) {
        let expected = typed.position.into_data();
        assert_eq!(on_views.position.into_data(), expected, "{json}");
        assert_eq!(itself.position.into_data(), expected, "{json}");
        assert_eq!(object.position.into_data(), expected, "{json}");
        let acceptance = |info: &dyn StepReport| info.acceptance().map(|a| a.clone().into_data());
        assert_eq!(acceptance(&on_views.info), acceptance(&typed.info));
        let score = |info: &dyn StepReport| info.score().map(|s| s.clone().into_data());
        assert_eq!(score(&itself.info), score(&typed.info));
        assert_eq!(object.info.swaps().len(), typed.info.swaps().len());
    }
}

#[test]
fn every_kernel_by_name_makes_the_steps_of_the_typed_one() {
    assert_same_chain(r#"{"kind":"langevin","step_size":0.1}"#, Langevin::new(0.1).unwrap());
    let mass = Mass::from_variances(VARIANCES.to_vec()).unwrap();
    let preconditioned = PreconditionedLangevin::new(0.05, mass).unwrap();
    assert_same_chain(r#"{"kind":"preconditioned-langevin","variances":[2.0,0.5]}"#, preconditioned);
    let underdamped = Underdamped::new(0.05, 2.0).unwrap();
    assert_same_chain(r#"{"kind":"underdamped","friction":2.0}"#, underdamped);
    assert_same_chain(r#"{"kind":"mala","step_size":0.3}"#, Mala::new(0.3).unwrap());
    assert_same_chain(r#"{"kind":"hmc","step_size":0.3,"leapfrog":3}"#, Hmc::new(0.3, 3).unwrap());
    let rung = |t: f64| (t, Mala::new(0.05 * t).unwrap());
    let replicas = ParallelTempering::new([1.0, 2.0, 4.0, 8.0].map(rung).to_vec()).unwrap();
    assert_same_chain(r#"{"kind":"parallel-tempering"}"#, replicas);
    let hmc = Hmc::new(0.3, 4).unwrap();
    assert_same_chain(r#"{"kind":"chees","step_size":0.3,"leapfrog":4}"#, hmc);
    let mclmc = Mclmc::new(0.3).unwrap().with_length(0.7).unwrap().with_integrator(Integrator::Leapfrog);
    let json = r#"{"kind":"mclmc","step_size":0.3,"length":0.7,"integrator":"leapfrog"}"#;
    assert_same_chain(json, mclmc);
    let mamclmc = Mamclmc::new(0.3).unwrap().with_longest(1.5).unwrap().with_refresh_rate(0.5).unwrap();
    let json = r#"{"kind":"mamclmc","step_size":0.3,"longest":1.5,"refresh_rate":0.5}"#;
    assert_same_chain(json, mamclmc);
}

fn assert_same_descent<D: Descent<GaussianMixture>>(json: &str, typed: &D) {
    let (target, erased) = (target(), descent(&parse(json)));
    assert_eq!((erased.ladder(), erased.n_items()), (typed.ladder(), typed.n_items()));
    let start = || erased.start(5, 2, &mut Noise::seeded(3), &Device::flex());
    let density = Density::of_noisy_energy(&target);
    let found: Vec<Level> = erased.descend(density, start(), Noise::seeded(4)).unwrap().collect();
    let expected: Vec<Level> = typed.descend(&target, start(), Noise::seeded(4)).collect();
    assert_eq!(found.len(), typed.n_items());
    for (found, expected) in found.into_iter().zip(expected) {
        assert_eq!(found.sigma, expected.sigma, "{json}");
        assert_eq!(found.position.into_data(), expected.position.into_data(), "{json}");
    }
}

#[test]
fn every_descent_by_name_has_the_levels_of_the_typed_one() {
    let geometric = || NoiseLadder::geometric(10.0, 0.02, 5).unwrap();
    let karras = || NoiseLadder::karras(20.0, 0.01, 7.0, 5).unwrap();
    let langevin = AnnealedLangevin::new(geometric(), 20, 0.1).unwrap();
    assert_same_descent(r#"{"kind":"annealed-langevin","levels":5}"#, &langevin);
    let consistent = r#"{"kind":"annealed-langevin","levels":5,"noise":"consistent"}"#;
    assert_same_descent(consistent, &langevin.consistent().unwrap());
    let mala = AnnealedMala::new(geometric(), 3, 0.1).unwrap();
    assert_same_descent(r#"{"kind":"annealed-mala","levels":5,"steps_per_level":3}"#, &mala);
    assert_same_descent(r#"{"kind":"reverse-diffusion","levels":5}"#, &ReverseDiffusion::new(geometric()));
    let corrected = PredictorCorrector::new(geometric(), 1, 0.1).unwrap();
    assert_same_descent(r#"{"kind":"predictor-corrector","levels":5}"#, &corrected);
    assert_same_descent(r#"{"kind":"probability-flow","levels":5}"#, &ProbabilityFlow::new(karras()));
    let heun = StochasticHeun::new(karras(), 20.0).unwrap();
    assert_same_descent(r#"{"kind":"stochastic-heun","levels":5}"#, &heun);
}

/// Draws by name from `model`, as far as one item.
fn draw(sampler: &Sampler, model: Density) -> Result<(), SampleError> {
    match sampler.build()? {
        AnySampler::Kernel(kernel) => kernel.chain(model, start(), Noise::seeded(5)).map(drop),
        AnySampler::Descent(descent) => descent.descend(model, start(), Noise::seeded(5)).map(drop),
    }
}

#[test]
fn every_sampler_refuses_a_model_that_lacks_what_it_needs_with_the_reason() {
    let target = target();
    let views = [
        Density::of_score(&target as &dyn Score),
        Density::of_energy(&target as &dyn Potential),
        Density::of_noisy_score(&target),
        Density::of_noisy_energy(&target as &dyn NoisyPotential),
        Density::default(),
    ];
    for (name, _) in Sampler::list() {
        let sampler = match name {
            "preconditioned-langevin" => parse(&format!(r#"{{"kind":"{name}","variances":[1.0,1.0]}}"#)),
            _ => Sampler::named(name).unwrap(),
        };
        for model in views {
            match draw(&sampler, model) {
                Ok(()) => assert!(model.offers(sampler.need()), "{name} on {model}"),
                Err(error) => {
                    assert!(!model.offers(sampler.need()), "{name} on {model}: {error}");
                    let reason = format!("{name} needs {}, this model is {model}", sampler.need());
                    assert_eq!(error.to_string(), reason);
                }
            }
        }
    }
    let error = draw(&Sampler::named("hmc").unwrap(), views[0]).unwrap_err().to_string();
    assert_eq!(error, "hmc needs an energy, this model is a score");
    assert_eq!(Need::NoisyEnergy.to_string(), "an energy at every noise level");
}

#[test]
fn a_warm_up_by_name_adapts_as_the_typed_one_and_its_state_continues() {
    let (target, mut noise, mut expected_noise) = (target(), Noise::seeded(6), Noise::seeded(6));
    let density = Density::of_energy(&target);
    let by_name = kernel(&parse(r#"{"kind":"mala","step_size":0.2}"#));
    assert!(by_name.can_adapt());
    let warm = by_name.warm_up(density, 40, start(), &mut noise).unwrap();
    let typed = WarmUp::new(40).unwrap();
    let tuned = typed.run(&target, &Mala::new(0.2).unwrap(), start(), &mut expected_noise).unwrap();
    assert_eq!(
        (warm.kernel.step_size(), warm.report.as_ref()),
        (tuned.report.step_size, Some(&tuned.report))
    );
    let mut found = warm.kernel.resume(density, warm.state, noise).unwrap();
    let mut expected = Chain::resume(&target, tuned.kernel, tuned.state, expected_noise);
    let expected = expected.nth(3).unwrap().position.into_data();
    assert_eq!(found.nth(3).unwrap().position.into_data(), expected);

    let fixed = kernel(&Sampler::named("langevin").unwrap());
    let error = fixed.warm_up(density, 40, start(), &mut Noise::seeded(6)).unwrap_err().to_string();
    assert_eq!(error, "langevin has no step size or mass that a warm-up adapts");
}

#[test]
fn trajectories_and_microcanonical_dynamics_by_name_adapt_as_the_typed_ones() {
    let target = target();
    let density = Density::of_energy(&target);
    let by_name = |json: &str| {
        let (kernel, mut noise) = (kernel(&parse(json)), Noise::seeded(6));
        let warm = kernel.warm_up(density, 80, start(), &mut noise).unwrap();
        let mut chain = warm.kernel.resume(density, warm.state, noise).unwrap();
        (warm.kernel, warm.report, chain.nth(3).unwrap().position.into_data())
    };
    let mut noise = Noise::seeded(6);
    let tuned =
        Chees::new(80).unwrap().run(&target, &Hmc::new(0.2, 10).unwrap(), start(), &mut noise).unwrap();
    let (kernel, report, position) = by_name(r#"{"kind":"chees","step_size":0.2}"#);
    assert_eq!((kernel.name(), report.as_ref()), ("chees", Some(&tuned.report)));
    assert_eq!(kernel.trajectory(), Some(tuned.report.step_size * tuned.kernel.n_leapfrog() as f64));
    let mut expected = Chain::resume(&target, tuned.kernel, tuned.state, noise);
    assert_eq!(position, expected.nth(3).unwrap().position.into_data());

    let mut noise = Noise::seeded(6);
    let mamclmc = Mamclmc::new(0.2).unwrap();
    let tuned = MamclmcWarmUp::new(80).unwrap().run(&target, &mamclmc, start(), &mut noise).unwrap();
    let (kernel, report, position) = by_name(r#"{"kind":"mamclmc","step_size":0.2}"#);
    assert_eq!((kernel.trajectory(), report.as_ref()), (Some(tuned.kernel.longest()), Some(&tuned.report)));
    let mut expected = Chain::resume(&target, tuned.kernel, tuned.state, noise);
    assert_eq!(position, expected.nth(3).unwrap().position.into_data());

    let mut noise = Noise::seeded(6);
    let warm_up = MclmcWarmUp::new(80).unwrap().with_energy_variance(1e-3).unwrap();
    let tuned = warm_up.run(&target, &Mclmc::new(0.2).unwrap(), start(), &mut noise).unwrap();
    let (kernel, report, position) = by_name(r#"{"kind":"mclmc","step_size":0.2,"energy_variance":1e-3}"#);
    assert_eq!(
        (kernel.step_size(), kernel.trajectory()),
        (tuned.report.step_size, Some(tuned.report.length))
    );
    assert!(report.is_none() && kernel.can_adapt());
    let mut expected = Chain::resume(&target, tuned.kernel, tuned.state, noise);
    assert_eq!(position, expected.nth(3).unwrap().position.into_data());
}

#[test]
fn microcanonical_dynamics_are_refused_on_a_line_and_scores_are_drawn_from_without_a_warm_up() {
    let line = Gaussian::standard(1);
    let start = || Tensor::zeros([3, 1], &Device::flex());
    for name in ["mclmc", "mamclmc"] {
        let kernel = kernel(&Sampler::named(name).unwrap());
        let density = Density::of_energy(&line);
        let error = kernel.chain(density, start(), Noise::seeded(1)).unwrap_err().to_string();
        assert_eq!(error, "coordinates: expected at least 2, found 1", "{name}");
        assert!(kernel.warm_up(density, 30, start(), &mut Noise::seeded(1)).is_err());
        assert!(kernel.has_dimension());
    }
    let target = target();
    let density = Density::of_score(&target);
    let kernel = kernel(&Sampler::named("mclmc").unwrap());
    let start = || Noise::seeded(1).normal([6, 2], &Device::flex());
    assert!(kernel.chain(density, start(), Noise::seeded(1)).unwrap().nth(5).is_some());
    let error = kernel.warm_up(density, 30, start(), &mut Noise::seeded(1)).unwrap_err().to_string();
    assert_eq!(error, "a warm-up needs an energy, this model is a score");
    for (json, error) in [
        (r#"{"kind":"mclmc","length":0.0}"#, "length: expected a positive, finite number, found 0"),
        (r#"{"kind":"mclmc","energy_variance":-1.0}"#, "energy_variance: expected a positive, finite number"),
        (r#"{"kind":"mamclmc","longest":0.0}"#, "longest: expected a positive, finite number, found 0"),
        (r#"{"kind":"mamclmc","refresh_rate":-1.0}"#, "refresh_rate: expected a finite number, 0 or more"),
        (r#"{"kind":"chees","leapfrog":0}"#, "leapfrog: expected at least 1, found 0"),
    ] {
        let found = parse(json).build().unwrap_err().to_string();
        assert!(found.contains(error), "{found}");
    }
}

#[test]
fn a_preconditioner_has_its_variances_given_or_found_by_a_warm_up_or_is_refused() {
    let target = target();
    let density = Density::of_energy(&target);
    let unfinished = kernel(&Sampler::named("preconditioned-langevin").unwrap());
    let error = unfinished.chain(density, start(), Noise::seeded(7)).unwrap_err().to_string();
    assert_eq!(error, "variances: expected one for each coordinate, given or found by a warm-up, found none");

    let warm = unfinished.warm_up(density, 40, start(), &mut Noise::seeded(7)).unwrap();
    let mut noise = Noise::seeded(7);
    let typed = WarmUp::new(40).unwrap();
    let tuned = typed.run(&target, &Mala::new(0.05).unwrap(), start(), &mut noise).unwrap();
    let typed = PreconditionedLangevin::new(0.05, tuned.kernel.mass().clone()).unwrap();
    let mut expected = Chain::start(&target, typed, tuned.state.position, noise.clone());
    let mut found = warm.kernel.resume(density, warm.state, noise).unwrap();
    let expected = expected.nth(3).unwrap().position.into_data();
    assert_eq!(found.nth(3).unwrap().position.into_data(), expected);

    let given = kernel(&parse(r#"{"kind":"preconditioned-langevin","variances":[2.0,0.5]}"#));
    let mut noise = Noise::seeded(8);
    let warm = given.warm_up(density, 10, start(), &mut noise).unwrap();
    assert!(warm.report.is_none());
    let mut found = warm.kernel.resume(density, warm.state, noise).unwrap();
    let mut whole: AnyChain = given.chain(density, start(), Noise::seeded(8)).unwrap();
    let expected = whole.nth(12).unwrap().position.into_data();
    assert_eq!(found.nth(2).unwrap().position.into_data(), expected);
    let error = given.check(3).unwrap_err().to_string();
    assert_eq!(error, "variances: expected 3 numbers, found 2");
}

#[test]
fn every_sampler_names_the_number_that_is_the_size_of_its_steps() {
    let number = |sampler: &Sampler, name: &str| serde_json::to_value(sampler).unwrap()[name].as_f64();
    for (name, _) in Sampler::list() {
        let sampler = Sampler::named(name).unwrap();
        let Some(step) = sampler.step_name() else {
            assert!(sampler.is_descent() && number(&sampler, "step_ratio").is_none(), "{name}");
            continue;
        };
        assert!(number(&sampler, step).is_some(), "{name} has no {step}");
        if !sampler.is_descent() {
            assert_eq!(number(&sampler.with_step_size(0.75), step), Some(0.75), "{name}");
        }
    }
}

/// A kernel of one's own: the score, without noise, and how far it went.
#[derive(Clone)]
struct Ascent;

struct AscentInfo {
    always: Tensor<1>,
}

impl StepReport for AscentInfo {
    fn acceptance(&self) -> Option<&Tensor<1>> {
        Some(&self.always)
    }
}

impl<M: Score + ?Sized> Kernel<M> for Ascent {
    type Memo = ();
    type Info = AscentInfo;

    fn init(&self, _: &M, position: Tensor<2>) -> State<()> {
        State { position, memo: () }
    }

    fn step(&self, model: &M, state: State<()>, _: &mut Noise) -> (State<()>, AscentInfo) {
        let score = model.score(state.position.clone());
        let always = Tensor::ones([state.position.dims()[0]], &state.position.device());
        (State { position: state.position + score * 0.1, memo: () }, AscentInfo { always })
    }
}

#[test]
fn a_kernel_of_ones_own_is_diagnosed_like_any_other() {
    let target = target();
    let kernel = AnyKernel::of_score("ascent", 0.1, Ascent);
    let mut chain = kernel.chain(Density::of_score(&target), start(), Noise::seeded(9)).unwrap();
    let draw = chain.nth(2).unwrap();
    assert_eq!(draw.info.acceptance().unwrap().clone().mean().into_scalar::<f32>(), 1.0);
    assert!(draw.info.diverged().is_none() && draw.info.swaps().is_empty());
    let (state, noise) = chain.into_parts();
    let mut rest = kernel.resume(Density::of_score(&target), state.clone(), noise).unwrap();
    assert!(rest.next().is_some() && state.position.dims() == [6, 2]);
}
