//! `ebm decode`: pictures or rows of the noise that a network makes them of.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use ebm_data::files::npy;
use ebm_model::NetworkConfig;
use ebm_report::Format;
use ebm_run::bounds;
use ebm_run::config::assign_to;
use ebm_run::encoding::Encoder;
use ebm_run::model::model;
use ebm_run::sampling::{KeysRead, SampleConfig};
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::terminal::work::Work;
use crate::verbs::apart;
use crate::verbs::unread::say_unread;

/// `ebm decode`.
#[derive(Debug, Args)]
pub struct Decode {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// The codes, as `ebm encode` writes them: an array of NumPy whose first axis counts them.
    latents: PathBuf,
    /// The checkpoint of a run, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    step: Option<u64>,
    /// The ends of the flow, heun.top and heun.bottom, as they were encoded; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The error that a step may have, in units of the deviation of noise and data.
    #[arg(long, default_value_t = 1e-4)]
    tolerance: f64,
    /// Where the pictures or rows go: .png, .npy, .safetensors, or .csv for rows.
    #[arg(long, default_value = "decoded.png")]
    out: PathBuf,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Decode {
    /// Decodes and writes.
    ///
    /// # Errors
    /// Codes that cannot be read or are not of this network, or a file that cannot be written.
    pub fn run(self) -> Result<()> {
        let format = Format::of(&self.out).map_err(usage)?;
        apart::check("--out", &self.out, &[("the file of codes", &self.latents)])?;
        let device = self.backend.device()?;
        let (card, network) = model(&self.run, self.step, &device, &say)?;
        let dim = card.architecture.dim();
        let like = card.content.samples(vec![0.0; dim], 1)?;
        format.check(like.shape()).map_err(usage)?;
        let config: SampleConfig = assign_to(&card.sample, &self.set).map_err(usage)?;
        config.check().map_err(usage)?;
        say_unread(&KeysRead::new("the flow", ["heun.top", "heun.bottom"]), &self.set);
        let encoder = Encoder::new(&network, &card.content, &config, self.tolerance)?;
        let codes = self.codes(&like.shape().dims()[1..])?;
        let n = codes.len() / dim;
        bounds::samples("codes", &[n, dim])?;
        let (found, expected) = (deviation(&codes), encoder.deviation_of_codes());
        if 16 <= codes.len() && !(0.5..2.0).contains(&(found / expected)) {
            say(&format!(
                "the codes have a deviation of {found:.3}, those of this flow have about {expected:.3}: is heun.top \
                 what they were encoded with?"
            ));
        }

        let began = Instant::now();
        let work = Work::new("decoding", n, 0);
        let found = encoder.decode(&codes, dim, &device, |rows| work.add(rows))?;
        work.finish();
        ebm_report::write(&self.out, &card.content.samples(found.values, n)?)?;
        let (seconds, calls, out) = (began.elapsed().as_secs_f64(), found.calls, self.out.display());
        if self.json {
            tell!(
                "{}",
                json!({
                    "event": "done", "n": n, "evaluations": calls, "seconds": seconds,
                    "out": self.out.to_string_lossy(),
                })
            );
        } else {
            let s = if n == 1 { "" } else { "s" };
            tell!("{n} code{s} decoded in {seconds:.1} s, {calls} evaluations: {out}");
        }
        Ok(())
    }

    /// The numbers of the file, `[n, …]` with the sides of a sample, or one sample without the first axis.
    fn codes(&self, sides: &[usize]) -> Result<Vec<f32>> {
        let file = self.latents.display();
        let npy::Numbers { shape, values } = npy::open(&self.latents).map_err(usage)?;
        let dim: usize = sides.iter().product();
        let after_first = shape.get(1..).unwrap_or_default();
        let fits = shape == sides || after_first == sides || after_first == [dim];
        if !fits {
            bail!(usage(anyhow!(
                "{file}: an array of shape {shape:?}, expected [n, …] with {sides:?} after n"
            )));
        }
        let codes: Vec<f32> = values.iter().map(|&value| value as f32).collect();
        if let Some(at) = codes.iter().position(|code| !code.is_finite()) {
            let (found, row) = (values[at], at / dim);
            bail!(usage(anyhow!("{file}: expected finite numbers, found {found} in row {row}")));
        }
        Ok(codes)
    }
}

/// The standard deviation of normal numbers of which a few may be far out: by their median size.
fn deviation(codes: &[f32]) -> f64 {
    let mut sizes: Vec<f32> = codes.iter().map(|code| code.abs()).collect();
    let middle = sizes.len() / 2;
    let (_, median, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
    f64::from(*median) / 0.674_489_750_196_081_7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_by_the_middle_and_not_by_what_is_far_out() {
        // the quartiles of N(0, 2²), and one that is far out
        let quartile = 2.0 * 0.674_489_75;
        let found = deviation(&[-quartile, quartile, 0.1, -3.0, -quartile, 0.2, 900.0]);
        assert!((found - 2.0).abs() < 1e-5, "{found}");
    }
}
