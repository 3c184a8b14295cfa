//! `ebm encode`: the noise that a network makes pictures or rows of, and the way back.

mod decoded;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use burn::tensor::Device;
use clap::Args;
use ebm_data::Split;
use ebm_model::NetworkConfig;
use ebm_report::{Format, Pieces, Samples};
use ebm_run::bounds;
use ebm_run::card::Content;
use ebm_run::config::assign_to;
use ebm_run::encoding::{Encoder, RoundTrip, RoundTripErrors};
use ebm_run::model::model;
use ebm_run::rows::RowsByBlock;
use ebm_run::sampling::{KeysRead, SampleConfig};
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::columns::counted;
use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::terminal::work::Work;
use crate::verbs::apart;
use crate::verbs::reading::Reading;
use crate::verbs::unread::say_unread;
use decoded::Decoded;

/// `ebm encode`.
#[derive(Debug, Args)]
pub struct Encode {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// The checkpoint of a run, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    step: Option<u64>,
    /// What is encoded: a table, a folder of pictures, IDX files.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// The held-out part of it.
    #[arg(long)]
    test: bool,
    /// The first so many rows [default: all].
    #[arg(long, value_name = "COUNT")]
    n: Option<usize>,
    /// The ends of the flow, heun.top and heun.bottom; may be repeated. `ebm decode` needs the same.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The error that a step may have, in units of the deviation of noise and data.
    #[arg(long, default_value_t = 1e-4)]
    tolerance: f64,
    /// Where the codes go: an array of the shape of the data.
    #[arg(long, value_name = "FILE.npy", default_value = "latents.npy")]
    out: PathBuf,
    /// Where what the codes are decoded to goes: .png, .npy, .safetensors, or .csv for rows.
    #[arg(long, value_name = "FILE")]
    decode: Option<PathBuf>,
    /// Leave out the way back, and with it its error.
    #[arg(long, conflicts_with = "decode")]
    one_way: bool,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Rows that are encoded for a picture of them, unless said otherwise.
const SHOWN: usize = 100;

impl Encode {
    /// Encodes, decodes, and prints how far the way there and back leads.
    ///
    /// # Errors
    /// Data that cannot be read, a network without noise levels, or a file that cannot be written.
    pub fn run(self) -> Result<()> {
        Format::among(&self.out, &[Format::Npy], ".npy").map_err(|error| usage(anyhow!("--out {error}")))?;
        ensure!(self.n != Some(0), usage(anyhow!("--n 0: expected at least 1")));
        apart::check("--out", &self.out, &[("--data", &self.data)])?;
        if let Some(path) = &self.decode {
            apart::check("--decode", path, &[("--data", &self.data), ("--out", &self.out)])?;
        }
        let device = self.backend.device()?;
        let (card, network) = model(&self.run, self.step, &device, &say)?;
        let dim = card.architecture.dim();
        if let Some(path) = &self.decode {
            let shape = *card.content.samples(vec![0.0; dim], 1)?.shape();
            Format::of(path).and_then(|format| format.check(&shape)).map_err(usage)?;
        }
        let config: SampleConfig = assign_to(&card.sample, &self.set).map_err(usage)?;
        config.check().map_err(usage)?;
        say_unread(&KeysRead::new("the flow", ["heun.top", "heun.bottom"]), &self.set);
        let encoder = Encoder::new(&network, &card.content, &config, self.tolerance)?;
        let split = if self.test { Split::Test } else { Split::Train };
        let (spec, noise) = self.reading.described(&self.data, &self.run, split)?;
        // A picture of more has no use, and thousands take long.
        let is_shown =
            self.decode.as_deref().is_some_and(|path| Format::of(path).is_ok_and(Format::is_picture));
        let most = self.n.unwrap_or(if is_shown { SHOWN } else { usize::MAX });
        let rows = RowsByBlock::open(&spec, &noise, &card.content, dim, most)?;
        say(rows.about());
        let n = rows.n_rows();
        if self.n.is_none() && n == most {
            say(&format!("the first {n} of them, for the picture; --n takes more"));
        }

        bounds::written("rows", &[n, dim])?;

        let began = Instant::now();
        let Encoded { trip, calls } = self.encode(&encoder, &rows, &card.content, dim, &device)?;
        let seconds = began.elapsed().as_secs_f64();
        let unit = match card.content {
            Content::Image { .. } => "1/255",
            Content::Row { .. } => "units of the model",
        };
        if self.json {
            let line = json!({
                "event": "done", "rows": n, "mean_absolute_error": trip.map(|trip| trip.mean),
                "largest_error": trip.map(|trip| trip.largest), "error_in": unit, "evaluations": calls,
                "seconds": seconds, "out": self.out.to_string_lossy(),
                "decoded": self.decode.as_ref().map(|path| path.to_string_lossy()),
            });
            tell!("{line}");
            return Ok(());
        }
        let encoded = counted(n, card.content.item());
        tell!("{encoded} in {seconds:.1} s, {calls} evaluations: {}", self.out.display());
        if let Some(RoundTrip { mean, largest }) = trip {
            let [mean, largest] = [mean, largest].map(three_digits);
            tell!("there and back: mean absolute error {mean}, largest {largest}, in {unit}");
        }
        Ok(())
    }

    /// Encodes and decodes block after block, and writes what comes of it; the files appear when they are whole.
    fn encode(
        &self,
        encoder: &Encoder<'_>,
        rows: &RowsByBlock,
        content: &Content,
        dim: usize,
        device: &Device,
    ) -> Result<Encoded> {
        let n = rows.n_rows();
        let work = Work::new("encoding", if self.one_way { n } else { 2 * n }, 0);
        let tick = |rows: usize| work.add(rows);
        let mut found = Encoded { trip: None, calls: 0 };
        let mut errors = RoundTripErrors::default();
        let pieces = Pieces::new(Format::Npy, &latents(content, vec![0.0; dim], [1, dim])?, n)?;
        let mut decoded =
            self.decode.as_deref().map(|path| Decoded::new(path, content, [n, dim])).transpose()?;
        ebm_files::write(&self.out, |out| -> Result<()> {
            out.write_all(&pieces.head()?)?;
            for block in rows.blocks() {
                let (first, block) = block?;
                let counted = || format!("counted from row {first}");
                let values: Vec<f32> = (0..block.n_rows()).flat_map(|row| block.row(row)).copied().collect();
                let codes = encoder.encode(&block, device, tick).with_context(counted)?;
                found.calls += codes.calls;
                if !self.one_way {
                    let back = encoder.decode(&codes.values, dim, device, tick).with_context(counted)?;
                    found.calls += back.calls;
                    errors.add(content, &values, &back.values);
                    if let Some(decoded) = &mut decoded {
                        decoded.add(content, back.values)?;
                    }
                }
                out.write_all(&pieces.body(&latents(content, codes.values, [block.n_rows(), dim])?)?)?;
            }
            Ok(())
        })?;
        work.finish();
        found.trip = (!self.one_way).then(|| errors.round_trip());
        if let Some(decoded) = decoded {
            decoded.end(content)?;
        }
        Ok(found)
    }
}

/// What encoding came to.
struct Encoded {
    trip: Option<RoundTrip>,
    /// Evaluations of the score.
    calls: usize,
}

/// An error to three digits.
fn three_digits(error: f64) -> String {
    if (1e-4..999.5).contains(&error) {
        let digits = (2.0 - error.log10().floor()).max(0.0) as usize;
        format!("{error:.digits$}")
    } else if error == 0.0 {
        "0".into()
    } else {
        format!("{error:.2e}")
    }
}

/// Codes as an array of the shape of what they are codes of.
fn latents(content: &Content, values: Vec<f32>, [n, dim]: [usize; 2]) -> Result<Samples> {
    Ok(match *content {
        Content::Image { channels, height, width } => Samples::images(values, [n, channels, height, width])?,
        Content::Row { .. } => Samples::table(values, [n, dim])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_three_digits() {
        let numbers = [0.0, 2.346e-7, 0.000_234_2, 0.0123, 0.5, 1.0, 12.32, 123.4, 1234.0];
        let expected = ["0", "2.35e-7", "0.000234", "0.0123", "0.500", "1.00", "12.3", "123", "1.23e3"];
        for (number, expected) in numbers.into_iter().zip(expected) {
            assert_eq!(three_digits(number), expected);
        }
    }
}
