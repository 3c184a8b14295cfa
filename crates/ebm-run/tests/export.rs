//! Exported networks give the same scores in PyTorch, which `export/check.py` compares where there is one.

use std::path::Path;
use std::process::Command;

use burn::tensor::{Device, TensorData};
use ebm_model::{Architecture, Capabilities, Init, Input, Network, NetworkConfig, weights};
use ebm_ops::Noise;
use ebm_run::card::{Content, ModelCard};
use ebm_run::export::export;
use ebm_run::sampling::SampleConfig;
use serde_json::json;

/// A network of random weights, none of them what a new network has, with its card.
fn model(text: &str) -> (ModelCard, Network) {
    let (architecture, device) = (serde_json::from_str::<Architecture>(text).unwrap(), Device::flex());
    let network = architecture.build(&Init::new(Noise::seeded(1), &device)).unwrap();
    let stirred = weights::collect(&network).into_iter().map(|(name, data)| {
        let noise = Noise::seeded(2).derive(&name).normals(data.num_elements());
        let fan_in = data.shape().as_slice().iter().skip(1).product::<usize>().max(16) as f32;
        let values = data.iter::<f32>().zip(noise).map(|(value, z)| value + z / fan_in.sqrt());
        (name, TensorData::new(values.collect::<Vec<_>>(), data.shape().clone()))
    });
    let network = weights::apply(network, stirred.collect()).unwrap();
    let content = match architecture.input() {
        Input::Image { channels, height, width } => Content::Image { channels, height, width },
        Input::Row { .. } => Content::Row { transform: None, columns: vec![] },
    };
    (ModelCard::new("exported".into(), 0, architecture, content, SampleConfig::default()), network)
}

/// Rows, levels and scores beside an exported network.
fn write_expected(card: &ModelCard, network: &Network, folder: &Path) {
    let (device, dim) = (Device::flex(), card.architecture.dim());
    let y = Noise::seeded(3).normal([4, dim], &device);
    let sigma = burn::tensor::Tensor::<1>::from_floats([0.03, 0.2, 1.1, 30.0], &device);
    let score = network.as_noisy_score().unwrap().score_at(y.clone(), sigma.clone());
    let rows = |t: burn::tensor::Tensor<2>| -> Vec<Vec<f32>> {
        t.into_data().iter::<f32>().collect::<Vec<_>>().chunks(dim).map(<[f32]>::to_vec).collect()
    };
    let sigma: Vec<f32> = sigma.into_data().iter::<f32>().collect();
    let expected = json!({"y": rows(y), "sigma": sigma, "score": rows(score)});
    std::fs::write(folder.join("expected.json"), expected.to_string()).unwrap();
}

#[test]
#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test says that it skips, and what it was told"
)]
fn exported_networks_give_the_same_scores_in_pytorch() {
    let python = std::env::var_os("EBM_PYTHON").unwrap_or_else(|| "python3".into());
    let has_torch = Command::new(&python).args(["-c", "import torch"]).output();
    if !has_torch.is_ok_and(|output| output.status.success()) {
        println!("skipped: EBM_PYTHON or python3 is no Python with torch");
        return;
    }
    let networks = [
        r#"{"kind":"unet","sigma_data":0.5,"channels":1,"height":28,"width":28,"patch":2,"widths":[32,64],
            "blocks":[1,3],"groups":8,"embedding":128,"frequencies":32}"#,
        r#"{"kind":"unet","sigma_data":0.5,"channels":3,"height":9,"width":7,"patch":1,"widths":[8,16,8],
            "blocks":[1,2,1],"groups":4,"embedding":8,"frequencies":3}"#,
        r#"{"kind":"mlp","sigma_data":1.0,"dim":3,"hidden":16,"layers":2,"embedding":8,"frequencies":4}"#,
        r#"{"kind":"mlp","sigma_data":0.7,"dim":2,"hidden":16,"layers":1,"embedding":0,"frequencies":4}"#,
        r#"{"kind":"ncsn","channels":1,"height":10,"width":7,"features":4,"levels":5,"top":2.0,"bottom":0.02,
            "pixels":"unit","activation":"elu"}"#,
        r#"{"kind":"ncsnv2","channels":3,"height":8,"width":8,"features":4,"activation":"silu"}"#,
    ];
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/check.py");
    for text in networks {
        let ((card, network), folder) = (model(text), tempfile::tempdir().unwrap());
        export(&card, &network, folder.path()).unwrap();
        write_expected(&card, &network, folder.path());
        let output = Command::new(&python).arg(&check).arg(folder.path()).output().unwrap();
        let [out, error] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert!(output.status.success(), "{text}: {out}{error}");
        println!("{:?}: {}", card.architecture.input(), out.trim());
    }
}

#[test]
fn a_network_that_is_told_of_augmentations_is_exported_without_them() {
    let unet = |augmentations: &str| {
        let text = format!(
            r#"{{"kind":"unet","sigma_data":0.5,"channels":1,"height":8,"width":8,"patch":1,"widths":[8,8],
            "blocks":[1,1],"groups":4,"embedding":8,"frequencies":3{augmentations}}}"#
        );
        let ((card, network), folder) = (model(&text), tempfile::tempdir().unwrap());
        export(&card, &network, folder.path()).unwrap();
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        (read("config.json"), read("weights.safetensors"))
    };
    assert!(unet(r#","augmentations":9"#) == unet(""), "the files differ");
}

#[test]
fn a_kind_without_a_module_in_python_is_refused() {
    let (card, network) =
        model(r#"{"kind":"mlp-score","dim":2,"hidden":[4],"activation":"silu","residual":false}"#);
    let folder = tempfile::tempdir().unwrap();
    let error = export(&card, &network, folder.path()).unwrap_err().to_string();
    assert!(error.contains("a kind that has no module for PyTorch"), "{error}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}
