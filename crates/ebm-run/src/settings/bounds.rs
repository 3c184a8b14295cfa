//! What is too much to ask for: refused in a line, and not by a system that has run out of memory or by a wait
//! without an end.

use ebm_model::NetworkConfig;

use crate::config::Config;
use crate::error::{Result, anyhow, ensure, usage};
use crate::limits::{EVALUATIONS, product};

/// Most numbers of samples or draws that are held at once: a gibibyte, of which there are a few copies.
const NUMBERS: u128 = 1 << 28;

/// Most numbers of samples that go to the disk as they are drawn: a quarter of a tebibyte.
const WRITTEN: u128 = 1 << 36;

/// Most numbers of a batch: each becomes some hundreds within a network.
const BATCH: u128 = 1 << 24;

/// Most draws that are kept of a chain.
const DRAWS: u128 = 10_000_000;

/// Most steps of training: years.
const STEPS: u128 = 1_000_000_000;

/// # Errors
/// A wrong use of the command line if the product of `factors` is too large for samples.
pub fn samples(what: &str, factors: &[usize]) -> Result<()> {
    at_most(what, factors, NUMBERS, "numbers")
}

/// # Errors
/// A wrong use of the command line if the product of `factors` is too large for samples on the disk.
pub fn written(what: &str, factors: &[usize]) -> Result<()> {
    at_most(what, factors, WRITTEN, "numbers")
}

/// # Errors
/// A wrong use of the command line if the product of `factors` is too large for a batch.
pub fn batch(what: &str, factors: &[usize]) -> Result<()> {
    at_most(what, factors, BATCH, "numbers")
}

/// # Errors
/// A wrong use of the command line if a chain's draws are too many, or its steps with `evaluations` each.
pub fn chain(draws: usize, thin: usize, burn_in: usize, evaluations: usize) -> Result<()> {
    at_most("--draws", &[draws], DRAWS, "draws")?;
    let steps = product(&[draws, thin]).saturating_add(burn_in as u128);
    let found = steps.saturating_mul(evaluations as u128);
    let what = "--burn-in, --draws × --thin and --leapfrog";
    ensure!(
        found <= EVALUATIONS,
        usage(anyhow!("{what} ask for {found} evaluations, expected at most {EVALUATIONS}"))
    );
    Ok(())
}

/// # Errors
/// A wrong use of the command line if a run is of too many steps, or a batch or a picture of it is too large.
pub fn run(config: &Config) -> Result<()> {
    let dim = config.model.dim().max(1);
    at_most("train.steps", &[usize::try_from(config.train.steps).unwrap_or(usize::MAX)], STEPS, "steps")?;
    // A network has one shard at a time; of the others only the rows are held.
    let shard = config.batch_size.div_ceil(config.train.shards.max(1));
    let what = if config.train.shards <= 1 { "batch_size" } else { "batch_size / train.shards" };
    batch(what, &[shard, dim])?;
    batch(&format!("{what} × objective"), &[shard, dim, config.objective.rows_per_row()])?;
    samples("batch_size", &[config.batch_size, dim])?;
    samples("objective.chains.capacity", &[config.objective.memory_numbers(dim)])?;
    samples("record.picture_samples", &[config.record.picture_samples, dim])
}

fn at_most(what: &str, factors: &[usize], most: u128, unit: &str) -> Result<()> {
    let found = product(factors);
    let asked = factors.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
    ensure!(found <= most, usage(anyhow!("{what}: {asked} {unit}, expected at most {most}")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn a_batch_may_be_as_large_as_its_shards_allow() {
        let run = |shards: usize| {
            let set = vec!["batch_size=16777216".into(), format!("train.shards={shards}")];
            run(&Config::resolve("two-moons", &Overrides { set }).unwrap()).map_err(|error| error.to_string())
        };
        let error = run(1).unwrap_err();
        assert_eq!(error, "batch_size: 16777216 × 2 numbers, expected at most 16777216");
        assert_eq!(run(2), Ok(()));
    }

    #[test]
    fn what_no_memory_holds_is_refused_though_its_product_wraps_to_little() {
        assert!(samples("--n", &[1000, 784]).is_ok());
        let error = samples("--n", &[1 << 63, 2]).unwrap_err().to_string();
        assert_eq!(error, "--n: 9223372036854775808 × 2 numbers, expected at most 268435456");
        assert!(chain(1000, 1, 500, 10).is_ok());
        assert!(chain(1000, usize::MAX, usize::MAX, usize::MAX).is_err());
        assert!(chain(1, 1, usize::MAX, 0).is_ok(), "steps that cost nothing");
    }
}
