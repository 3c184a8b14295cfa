//! Objectives by name: every one can be built, written and read, and refuses the networks that it does not train.

use burn::tensor::{Device, Tensor};
use ebm_model::layers::{Activation, Hidden};
use ebm_model::{
    Architecture, Init, MlpConfig, MlpEnergyConfig, Network, NetworkConfig, NoisyEnergyConfig,
    PreconditionedConfig,
};
use ebm_ops::Noise;
use ebm_train::{
    Batch, BuildContext, ChainKernel, ContrastSettings, ContrastiveDivergenceSettings, LABEL_DROPOUT, Memory,
    Need, Objective, ObjectiveConfig, TrainError,
};
use serde_json::json;

fn build(architecture: &Architecture) -> Network {
    architecture.build(&Init::new(Noise::seeded(1), &Device::flex())).unwrap()
}

fn small() -> MlpConfig {
    MlpConfig { dim: 2, hidden: 8, layers: 1, embedding: 4, frequencies: 2, ..MlpConfig::default() }
}

/// A score at every noise level.
fn noisy() -> Network {
    let network = small();
    build(&Architecture::Mlp(PreconditionedConfig {
        sigma_data: 1.0,
        bounds: None,
        preconditioning: None,
        network,
    }))
}

/// An energy at every noise level whose levels compare.
fn joint() -> Network {
    let network = small();
    build(&Architecture::NoisyEnergy(NoisyEnergyConfig { sigma_data: 1.0, normalized: true, network }))
}

/// An energy of the data themselves.
fn energy() -> Network {
    let network = Hidden::new(vec![8], Activation::Silu);
    build(&Architecture::MlpEnergy(MlpEnergyConfig { dim: 2, network, confinement: 0.1 }))
}

fn rows(n: usize) -> Tensor<2> {
    Noise::seeded(2).normal([n, 2], &Device::flex())
}

fn built(config: &ObjectiveConfig, network: &Network) -> Result<Box<dyn Objective<Network>>, TrainError> {
    config.build(network, &BuildContext { sampler_scale: 1.0, rows: &|n| Ok(rows(n)) })
}

#[test]
fn every_objective_is_finite_on_its_network_and_refuses_the_others() {
    for (name, about) in ObjectiveConfig::ALL {
        let config = ObjectiveConfig::named(name).unwrap();
        assert!(config.name() == *name && !about.is_empty());
        // The simplest network that it trains; what it needs says as much.
        let networks = [
            (energy(), &[Need::Score, Need::Energy][..]),
            (noisy(), &[Need::NoisyScore]),
            (joint(), &[Need::JointEnergy]),
        ];
        let is_trained = |network: &Network| built(&config, network).is_ok();
        let (fits, needs) = networks.iter().find(|(network, _)| is_trained(network)).unwrap();
        let (unfit, _) = networks.iter().find(|(network, _)| !is_trained(network)).unwrap();
        let objective = built(&config, fits).unwrap();
        let (batch, mut noise) = (Batch::from(rows(64)), Noise::seeded(3));
        let memory = objective.start(fits, &batch.rows, &mut noise);
        let numbers: usize = memory.values().map(|tensor| tensor.dims().iter().product::<usize>()).sum();
        assert_eq!(numbers, config.memory_numbers(2), "{name}");
        objective.check(&memory, Some(2)).unwrap();
        let outcome = objective.loss(fits, &batch, memory, &mut noise);
        assert!(outcome.loss.into_scalar::<f32>().is_finite(), "{name}");
        assert_eq!(outcome.report.is_some(), config.is_contrastive(), "{name}");
        objective.check(&outcome.memory, Some(2)).unwrap();

        let error = built(&config, unfit).err().unwrap();
        let TrainError::Unfit { objective, need } = &error else { panic!("{name}: {error}") };
        assert!(objective == name && error.to_string() == format!("{name} trains {need}"), "{error}");
        assert!(needs.contains(need), "{name}: {need}");
    }
    let error = ObjectiveConfig::named("likelihood").unwrap_err().to_string();
    assert!(
        error.contains("known: denoising, denoising-at") && error.contains("noise-contrastive"),
        "{error}"
    );
}

#[test]
fn a_network_of_classes_is_trained_by_denoising_and_refused_by_the_others() {
    let network = MlpConfig { dim: 2, hidden: 8, layers: 1, classes: 3, ..MlpConfig::default() };
    let network = build(&Architecture::Mlp(PreconditionedConfig {
        sigma_data: 1.0,
        bounds: None,
        preconditioning: None,
        network,
    }));
    for (name, _) in ObjectiveConfig::ALL {
        match built(&ObjectiveConfig::named(name).unwrap(), &network) {
            Ok(_) => assert_eq!(*name, "denoising"),
            Err(error) => assert_eq!(
                error.to_string(),
                format!("{name} trains networks without classes; `denoising` trains those with classes")
            ),
        }
    }
    for (name, _) in ObjectiveConfig::ALL {
        let by_default = ObjectiveConfig::named(name).unwrap().label_dropout();
        assert_eq!(by_default, (*name == "denoising").then_some(LABEL_DROPOUT), "{name}");
    }
    let mut denoising = serde_json::to_value(ObjectiveConfig::named("denoising").unwrap()).unwrap();
    denoising["label_dropout"] = json!(0.3);
    let denoising: ObjectiveConfig = serde_json::from_value(denoising).unwrap();
    assert_eq!(denoising.label_dropout(), Some(0.3));
    assert_eq!(serde_json::to_value(&denoising).unwrap()["label_dropout"], 0.3);
    let labels = Tensor::from_data([0i64, 2, 1, 1], &Device::flex());
    let batch = Batch { labels: Some(labels), ..Batch::from(rows(4)) };
    let outcome =
        built(&denoising, &network).unwrap().loss(&network, &batch, Memory::new(), &mut Noise::seeded(3));
    assert!(outcome.loss.into_scalar::<f32>().is_finite());
    let error = built(&denoising, &noisy()).err().unwrap().to_string();
    assert!(
        error.starts_with("label_dropout: expected none for a network that is not conditioned"),
        "{error}"
    );
}

#[test]
fn every_objective_is_written_under_its_name_and_read_again() {
    for (name, _) in ObjectiveConfig::ALL {
        let config = ObjectiveConfig::named(name).unwrap();
        let written = serde_json::to_value(&config).unwrap();
        assert_eq!(written["kind"], *name);
        assert_eq!(serde_json::from_value::<ObjectiveConfig>(written).unwrap(), config);
    }
    let denoising = json!({
        "kind": "denoising",
        "noise": {"law": "log-uniform", "top": 10.0, "bottom": 0.01},
        "weighting": "edm",
        "sigma_data": 1.0,
    });
    assert_eq!(serde_json::to_value(ObjectiveConfig::named("denoising").unwrap()).unwrap(), denoising);
    let persistent = json!({
        "kind": "persistent-contrastive-divergence",
        "sampler": "mala",
        "step_size": 0.01,
        "contrast": {
            "sampler_steps": 20, "magnitude": 0.01, "gap_bound": 1000.0, "acceptance_bound": 0.5,
        },
        "chains": {"capacity": 8192, "restart_share": 0.05, "restart": {"from": "data"}},
    });
    let found = ObjectiveConfig::named("persistent-contrastive-divergence").unwrap();
    assert_eq!(serde_json::to_value(found).unwrap(), persistent);
}

#[test]
fn a_file_without_a_sampler_means_langevin() {
    let text = r#"{"kind": "contrastive-divergence", "step_size": 0.1, "contrast": {}}"#;
    let expected = ContrastiveDivergenceSettings {
        sampler: ChainKernel::named("langevin").unwrap(),
        step_size: 0.1,
        contrast: ContrastSettings::default(),
    };
    assert_eq!(
        serde_json::from_str::<ObjectiveConfig>(text).unwrap(),
        ObjectiveConfig::ContrastiveDivergence(expected)
    );
}

#[test]
fn settings_out_of_range_are_refused_by_their_path() {
    let network = energy();
    let named = |name: &str| serde_json::to_value(ObjectiveConfig::named(name).unwrap()).unwrap();
    let refused = |config: serde_json::Value, start: &str| {
        let config: ObjectiveConfig = serde_json::from_value(config).unwrap();
        let error = built(&config, &network).err().unwrap().to_string();
        assert!(error.starts_with(start), "{error}");
    };
    let mut config = named("contrastive-divergence");
    config["step_size"] = json!(-1.0);
    refused(config, "step_size: expected a positive, finite number, found -1");
    let mut config = named("contrastive-divergence");
    config["contrast"]["sampler_steps"] = json!(0);
    refused(config, "contrast.sampler_steps: expected at least 1, found 0");
    let mut config = named("persistent-contrastive-divergence");
    config["chains"]["capacity"] = json!(0);
    refused(config, "chains.capacity: expected at least 1, found 0");
    let mut config = named("persistent-contrastive-divergence");
    config["chains"]["restart"] = json!({"from": "uniform", "low": 1.0, "high": 0.0});
    refused(config, "chains.restart.high: expected a finite number greater than low = 1, found 0");
    let mut config = named("denoising");
    config["noise"]["bottom"] = json!(20.0);
    refused(config, "noise.top: expected");
}

#[test]
fn a_memory_of_another_objective_is_refused_by_its_names() {
    let objective = built(&ObjectiveConfig::named("implicit").unwrap(), &energy()).unwrap();
    let memory: Memory = [("positions".into(), rows(3))].into();
    assert_eq!(objective.check(&memory, None).unwrap_err(), "positions is unknown");
}
