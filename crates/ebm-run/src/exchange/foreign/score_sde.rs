//! NCSN++ and DDPM++ of Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole.

use ebm_model::weights::{NamedTensors, foreign};
use ebm_model::{Architecture, EncoderInput, NoiseFeatures, PreconditionedConfig, Preconditioning};
use toml::{Table, Value};

use super::found::{Found, ends, levels};
use crate::error::{Result, ensure};
use crate::sampling::{HeunConfig, LangevinConfig, SampleConfig};

/// Levels of the variance-preserving process at the times 1 and 0.001, between which the authors sample.
const VP: [f64; 2] = [152.17, 0.010486];

/// The network of yang-song/score_sde_pytorch, with its highest and lowest level of pixels from 0 to 1 if they are
/// given.
///
/// Networks with Fourier features are of the variance-exploding process, all others, which read no halved picture, are
/// taken for networks of the variance-preserving one: so it is in the authors' configurations of networks that are
/// conditioned on continuous time.
///
/// # Errors
/// If the tensors are not of one.
pub(super) fn score_sde(tensors: NamedTensors, given: Option<[f64; 2]>) -> Result<Found> {
    let is_known = tensors.keys().any(|name| name.starts_with("all_modules."));
    ensure!(is_known, "it has no all_modules.0: it is no network of this kind");
    let ladder = levels(&tensors);
    let (network, tensors) = foreign::score_sde(tensors)?;
    ensure!(
        network.noise_features == NoiseFeatures::Fourier || network.encoder == EncoderInput::Standard,
        "it has no Fourier features and reads the halved picture (progressive_input = residual), as NCSN++ of the \
         variance-exploding process in discrete time; expected a network of continuous time"
    );
    // Of pixels from −1 to 1, where levels are twice those of pixels from 0 to 1.
    let doubled = |ends: [f64; 2]| ends.map(|level| 2.0 * level);
    let (form, sample, assumed) = match network.noise_features {
        NoiseFeatures::Fourier => {
            let [top, bottom] = doubled(given.or(ends(&ladder)).unwrap_or([50.0, 0.01]));
            let levels = if ladder.len() < 2 { 1000 } else { ladder.len() };
            (Preconditioning::Ve, corrected([top, bottom], levels), None)
        }
        NoiseFeatures::Positional => {
            let assumed = "the variance-preserving process in continuous time is assumed, with β from 0.1 to 20: its \
                           networks have the tensors of those of sub-VP and of discrete time";
            let sample =
                SampleConfig { sampler: "probability-flow".into(), ..between(given.map_or(VP, doubled)) };
            (Preconditioning::Vp, sample, Some(assumed))
        }
    };
    let config = PreconditionedConfig { sigma_data: 0.5, bounds: None, preconditioning: Some(form), network };
    Ok(Found { architecture: Architecture::SongUnet(config), sample, tensors, assumed })
}

/// Every sampler between these levels.
fn between([top, bottom]: [f64; 2]) -> SampleConfig {
    let default = SampleConfig::default();
    let langevin = LangevinConfig { top, bottom, ..default.langevin };
    let heun = HeunConfig { top, bottom, ..default.heun };
    SampleConfig { langevin, heun, ..default }
}

/// Predictor and corrector on so many levels, as in the paper; a step there has the signal-to-noise ratio 0.16, which
/// is η/σ² = 2 · 0.16² where noise prevails.
fn corrected(ends: [f64; 2], levels: usize) -> SampleConfig {
    let numbers = [
        ("levels", Value::Integer(levels as i64)),
        ("corrections", Value::Integer(1)),
        ("step_ratio", Value::Float(0.0512)),
    ];
    let reverse: Table = numbers.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut sample = SampleConfig { sampler: "predictor-corrector".into(), ..between(ends) };
    sample.others.insert("reverse".into(), Value::Table(reverse));
    sample
}
