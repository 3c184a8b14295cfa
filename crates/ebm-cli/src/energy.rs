//! `ebm energy`: how unlikely a trained energy finds each row of a table or each picture.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::{Device, Tensor};
use ebm_data::Split;
use ebm_eval::auroc;
use ebm_model::{AtNoise, Capabilities, Energy, Network, NetworkConfig};
use serde_json::json;

use crate::output::atomic;
use crate::rows::Rows;
use crate::sample::model;
use crate::usage::usage;

/// What the command line asks for.
pub struct Request {
    /// A run's folder or a model file.
    pub run: PathBuf,
    /// The rows.
    pub data: PathBuf,
    /// Which part of them.
    pub split: Split,
    /// Rows that the energy should find less likely.
    pub against: Option<PathBuf>,
    /// The noise level of an energy that is told one.
    pub sigma: Option<f64>,
    /// Where the table goes, if not to standard output.
    pub out: Option<PathBuf>,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// Writes the energy of every row as CSV, the highest first.
///
/// # Errors
/// Whatever keeps the rows from being read or written, or a network that is no energy.
pub fn energy(request: &Request, device: &Device) -> Result<()> {
    let Request { data, split, against, out, .. } = request;
    ensure!(
        !request.json || out.is_some(),
        usage(anyhow!("--json prints the summary on standard output; name a file for the table by --out"))
    );
    let (card, network) = model(&request.run, device)?;
    let sigma = request.sigma.unwrap_or(card.sample.heun.bottom);
    let number = of(&network, sigma)?;
    let read = |path| Rows::read(path, *split, &card.content, card.architecture.dim());
    let rows = read(data)?;
    let energies = rows.each(device, &number)?;
    let contrast = match against {
        Some(path) => Some(auroc(&read(path)?.each(device, &number)?, &energies)?),
        None => None,
    };

    let mut order: Vec<usize> = (0..energies.len()).collect();
    order.sort_by(|&a, &b| energies[b].total_cmp(&energies[a]));
    let table = |writer: &mut dyn Write| -> Result<()> {
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_record(["row", "energy", "file"])?;
        for &row in &order {
            let file = rows.file(row).map(|file| file.to_string_lossy()).unwrap_or_default();
            csv.write_record([&row.to_string(), &energies[row].to_string(), &*file])?;
        }
        Ok(csv.flush()?)
    };
    match out {
        Some(path) => atomic::write(path, |writer| table(writer))?,
        None => table(&mut std::io::stdout().lock())?,
    }
    let mean = energies.iter().sum::<f64>() / energies.len() as f64;
    let line =
        json!({"event": "done", "rows": energies.len(), "mean_energy": mean, "auroc": contrast, "out": out});
    if request.json {
        tell!("{line}");
    } else {
        let auroc = contrast
            .map(|auroc| format!(", AUROC {:.4} ± {:.4}", auroc.value, auroc.standard_error))
            .unwrap_or_default();
        crate::say(&format!("{} rows, mean energy {mean:.4}{auroc}", energies.len()));
    }
    Ok(())
}

/// The energy of a batch by `network`, at `sigma` if it is told a noise level.
///
/// # Errors
/// A wrong use of the command line if the network is no energy, or the level is none.
pub fn of(network: &Network, sigma: f64) -> Result<impl Fn(Tensor<2>) -> Tensor<1> + '_> {
    let (plain, noisy) = (network.as_energy(), network.as_noisy_energy());
    ensure!(
        plain.is_some() || noisy.is_some(),
        usage(anyhow!("the network is a score and has no energy; `--set model=mlp-energy` trains one"))
    );
    ensure!(sigma.is_finite() && 0.0 < sigma, usage(anyhow!("--sigma {sigma}: expected a positive number")));
    Ok(move |x: Tensor<2>| match (plain, noisy) {
        (Some(network), _) => network.energy(x),
        (None, Some(network)) => AtNoise::new(network, sigma).energy(x),
        (None, None) => unreachable!("it was seen to be an energy"),
    })
}
