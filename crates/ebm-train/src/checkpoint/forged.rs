//! Checkpoints with a valid seal and invalid content: anybody can compute a hash.

use burn::tensor::{Device, TensorData};
use ebm_model::{Architecture, Init, MlpConfig, Network, NetworkConfig, PreconditionedConfig};
use ebm_ops::Noise;

use super::*;

fn network() -> Network {
    let network = MlpConfig { dim: 2, hidden: 3, layers: 1, ..MlpConfig::default() };
    let network = MlpConfig { embedding: 2, frequencies: 2, ..network };
    let init = Noise::seeded(1);
    Architecture::Mlp(PreconditionedConfig { sigma_data: 0.5, bounds: None, preconditioning: None, network })
        .build(&Init::new(init, &Device::flex()))
        .unwrap()
}

/// Why a checkpoint is refused whose `file` has an additional tensor `name` of that shape.
fn refusal(file: &'static str, name: &str, shape: &[usize]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path().into(), "hash".into(), 1);
    let state = TrainState::new(network(), Noise::seeded(2));
    let path = checkpoints.save(&state).unwrap();
    let bytes = |file: &str| std::fs::read(path.join(file)).unwrap_or_default();
    let mut forged = weights::from_bytes(&bytes(file)).map(|(tensors, _)| tensors).unwrap_or_default();
    let numbers = vec![0.0f32; shape.iter().product()];
    forged.insert(name.into(), TensorData::new(numbers, shape.to_vec()));
    let mut files = vec![(WEIGHTS, bytes(WEIGHTS)), (OPTIMIZER, bytes(OPTIMIZER))];
    files.retain(|(other, _)| *other != file);
    files.push((file, weights::to_bytes(&forged, "").unwrap()));
    std::fs::write(path.join(file), &files.last().unwrap().1).unwrap();
    std::fs::write(path.join(MANIFEST), Manifest::new(&state, "hash", &files).to_bytes()).unwrap();
    match checkpoints.latest(&network()) {
        Err(TrainError::NoCheckpoint { refused, .. }) => refused.concat(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tensors_of_a_wrong_shape_are_refused_by_name() {
    for shape in [&[][..], &[2], &[0], &[1, 1], &[2, 2]] {
        let reason = refusal(OPTIMIZER, LOSS, shape);
        assert!(reason.contains(&format!("loss has shape {shape:?}, expected [1]")), "{reason}");
    }
    assert!(refusal(OPTIMIZER, "first.nothing", &[3]).contains("first.nothing is unknown"));
    assert!(refusal(WEIGHTS, "nothing", &[3]).contains("nothing [3] is unknown"));
    assert!(refusal(OBJECTIVE, "buffer", &[3]).contains("buffer has shape [3], expected two dimensions"));
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_device_in_place_of_a_file_is_refused_without_waiting() {
    for file in [MANIFEST, WEIGHTS, OPTIMIZER] {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path().into(), "hash".into(), 1);
        let path = checkpoints.save(&TrainState::new(network(), Noise::seeded(2))).unwrap().join(file);
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = checkpoints.latest(&network()).unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
        // Saving over it does not wait either, and repairs the checkpoint.
        checkpoints.save(&TrainState::new(network(), Noise::seeded(2))).unwrap();
        checkpoints.latest(&network()).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = checkpoints.latest(&network()).unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
    }
}
