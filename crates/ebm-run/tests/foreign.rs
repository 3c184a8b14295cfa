//! Checkpoints of others, made by `foreign/make.py` and `foreign/make_score_sde.py`, become models that give the same scores.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use ebm_model::{Capabilities, weights};
use ebm_run::card::ModelCard;
use ebm_run::foreign::{Checkpoint, Foreign, ForeignKind, Weights};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(name)
}

fn foreign(kind: ForeignKind, sides: [usize; 2]) -> Foreign {
    Foreign { kind, name: "imported".into(), sides: Some(sides), levels: None, weights: None }
}

/// Pixels of the files are x from 0 to 1, ours y = 2x − 1: levels are doubled and scores halved.
fn compare(name: &str, foreign: &Foreign) -> ModelCard {
    let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
    let checkpoint = Checkpoint::open(&file(&format!("{name}.pth"))).unwrap();
    let (card, network) = foreign.import(&checkpoint, &device, &|_| ()).unwrap();
    let path = folder.path().join("model.safetensors");
    card.save(&network, &path).unwrap();
    let (read, network) = ModelCard::load(&path, &device).unwrap();
    assert_eq!(read, card);

    let bytes = std::fs::read(file(&format!("{name}.safetensors"))).unwrap();
    let (mut tensors, _) = weights::from_bytes(&bytes).unwrap();
    let mut take = |name: &str| tensors.remove(name).unwrap();
    let y = Tensor::<2>::from_data(take("x"), &device) * 2.0 - 1.0;
    let sigma = Tensor::<1>::from_data(take("sigma"), &device) * 2.0;
    let expected = Tensor::<2>::from_data(take("score"), &device) / 2.0;
    let found = network.as_noisy_score().unwrap().score_at(y, sigma);
    let error = (found - expected.clone()).abs().max_dim(1) / expected.abs().max_dim(1);
    let error = error.max().into_scalar::<f32>();
    assert!(error < 1e-5, "{name}: {error:e}");
    card
}

#[test]
fn a_checkpoint_of_ncsn_in_the_older_form_gives_its_scores() {
    let card = compare("ncsn", &foreign(ForeignKind::Ncsn, [8, 6]));
    assert_eq!((card.step, card.sample.langevin.levels, card.sample.langevin.top), (0, 3, 2.0));
}

#[test]
fn a_checkpoint_of_ncsnv2_gives_the_scores_of_its_averages_and_its_levels() {
    let card = compare("ncsnv2", &foreign(ForeignKind::NcsnV2, [4, 4]));
    assert_eq!((card.step, card.sample.langevin.levels), (300, 5));
    assert!((card.sample.langevin.top - 100.0).abs() < 1e-4, "{:?}", card.sample.langevin);
    let raw = Foreign { weights: Some(Weights::Raw), ..foreign(ForeignKind::NcsnV2, [4, 4]) };
    let checkpoint = Checkpoint::open(&file("ncsnv2.pth")).unwrap();
    let tensors = |foreign: &Foreign| {
        let (_, network) = foreign.import(&checkpoint, &Device::flex(), &|_| ()).unwrap();
        weights::collect(&network)
    };
    assert_ne!(tensors(&raw), tensors(&foreign(ForeignKind::NcsnV2, [4, 4])));
}

#[test]
fn a_checkpoint_of_ncsnpp_gives_the_scores_of_its_list_of_averages_and_its_levels() {
    let kind = foreign(ForeignKind::ScoreSde, [4, 8]);
    let card = compare("ncsnpp", &kind);
    assert_eq!((card.step, card.sample.sampler.as_str()), (700, "predictor-corrector"));
    let text = serde_json::to_string(&card).unwrap();
    for part in [r#""preconditioning":"ve""#, r#""levels":10"#, r#""encoder":"residual""#] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for [found, expected] in [[card.sample.heun.top, 100.0], [card.sample.heun.bottom, 0.02]] {
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    }
    let checkpoint = Checkpoint::open(&file("ncsnpp.pth")).unwrap();
    let tensors = |weights| {
        let foreign = Foreign { weights: Some(weights), ..kind.clone() };
        weights::collect(&foreign.import(&checkpoint, &Device::flex(), &|_| ()).unwrap().1)
    };
    let [raw, averaged] = [Weights::Raw, Weights::Averaged].map(tensors);
    for (name, data) in &raw {
        assert_eq!(*data == averaged[name], name == "network.embedding.frequencies", "{name}");
    }
}

#[test]
fn a_checkpoint_of_ddpmpp_gives_the_scores_of_the_variance_preserving_process_which_is_told() {
    let card = compare("ddpmpp", &foreign(ForeignKind::ScoreSde, [8, 8]));
    assert_eq!((card.step, card.sample.sampler.as_str()), (900, "probability-flow"));
    assert_eq!((card.sample.heun.top, card.sample.heun.bottom), (152.17, 0.010486));
    let text = serde_json::to_string(&card).unwrap();
    assert!(text.contains(r#""preconditioning":"vp""#) && text.contains(r#""filter":"box""#), "{text}");
    let told = RefCell::new(vec![]);
    let checkpoint = Checkpoint::open(&file("ddpmpp.pth")).unwrap();
    let imported = foreign(ForeignKind::ScoreSde, [8, 8]).import(&checkpoint, &Device::flex(), &|line| {
        told.borrow_mut().push(line.to_owned());
    });
    imported.unwrap();
    assert!(told.borrow()[0].contains("variance-preserving process"), "{told:?}");
}

#[test]
fn a_network_of_the_other_kind_is_refused() {
    let refused = |name: &str, kind| {
        let checkpoint = Checkpoint::open(&file(name)).unwrap();
        let imported = foreign(kind, [8, 8]).import(&checkpoint, &Device::flex(), &|_| ());
        format!("{:#}", imported.unwrap_err())
    };
    let error = refused("ncsn.pth", ForeignKind::NcsnV2);
    assert!(error.contains("it has no normalizer.alpha"), "{error}");
    let error = refused("ncsnv2.pth", ForeignKind::Ncsn);
    assert!(error.contains("it has no normalizer.embed.weight"), "{error}");
    let error = refused("ncsnv2.pth", ForeignKind::ScoreSde);
    assert!(error.contains("it has no all_modules.0"), "{error}");
    let error = refused("ddpmpp.pth", ForeignKind::Ncsn);
    assert!(error.contains("it has no begin_conv.weight"), "{error}");
}

#[test]
fn a_checkpoint_that_asks_for_a_call_is_refused_and_nothing_is_called() {
    let error = format!("{:#}", Checkpoint::open(&file("evil.pth")).unwrap_err());
    let asks =
        ["posix.system", "nt.system"].iter().any(|name| error.contains(&format!("it asks to call {name}")));
    assert!(asks && error.contains("refused"), "{error}");
    assert!(!Path::new("called").exists());
}

#[test]
fn damaged_checkpoints_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pth");
    for name in ["ncsn.pth", "ncsnv2.pth", "ncsnpp.pth"] {
        let bytes = std::fs::read(file(name)).unwrap();
        for end in [0, 1, 13, 14, 100, 5_000, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..end]).unwrap();
            let read = Checkpoint::open(&path).and_then(|checkpoint| checkpoint.weights(Weights::Raw));
            assert!(read.is_err(), "{name} to {end}");
        }
    }
    std::fs::write(&path, "no checkpoint at all").unwrap();
    let error = format!("{:#}", Checkpoint::open(&path).unwrap_err());
    assert!(error.contains("it is no file of PyTorch"), "{error}");
}
