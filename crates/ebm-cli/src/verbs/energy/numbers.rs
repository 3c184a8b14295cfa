//! The energy of every row, block by block.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use burn::tensor::{Device, Tensor};
use ebm_ops::Noise;
use ebm_run::rows::{Rows, RowsByBlock};

use super::density::Density;
use crate::terminal::usage::usage;

/// How the number of a row is computed: by an energy, or by a density.
pub struct Numbers<'a> {
    pub energy: &'a dyn Fn(Tensor<2>) -> Tensor<1>,
    pub density: Option<&'a Density<'a>>,
    pub device: &'a Device,
}

/// The mean of what is finite, and how much is not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mean {
    sum: f64,
    n: usize,
    /// Numbers that are not finite.
    pub not_finite: usize,
}

impl Mean {
    fn add(&mut self, energy: f64) {
        if energy.is_finite() {
            self.sum += energy;
            self.n += 1;
        } else {
            self.not_finite += 1;
        }
    }

    /// NaN without a finite number.
    pub fn value(&self) -> f64 {
        self.sum / self.n as f64
    }
}

impl Numbers<'_> {
    /// Shows the energies of each block with the place of its first row; their mean. `noise` names the stream for the bytes
    /// of pictures.
    ///
    /// # Errors
    /// Rows that cannot be read, or those of `show`.
    pub fn each(
        &self,
        rows: &RowsByBlock,
        noise: &str,
        mut show: impl FnMut(usize, &[f64]) -> Result<()>,
    ) -> Result<Mean> {
        let noise = std::cell::RefCell::new(Density::stream(&Noise::seeded(0).derive(noise)));
        let energies = |block: &Rows| match self.density {
            Some(density) => density.energies(block, &noise, self.device),
            None => Ok(block.each(self.device, self.energy)?),
        };
        let mut mean = Mean::default();
        for block in rows.blocks() {
            let (first, block) = block?;
            let energies = energies(&block)?;
            energies.iter().for_each(|&energy| mean.add(energy));
            show(first, &energies)?;
        }
        Ok(mean)
    }

    /// All of them, and their mean.
    ///
    /// # Errors
    /// As [`each`](Self::each).
    pub fn all(&self, rows: &RowsByBlock, noise: &str) -> Result<(Vec<f64>, Mean)> {
        let mut energies = Vec::with_capacity(rows.n_rows());
        let mean = self.each(rows, noise, |_, block| {
            energies.extend_from_slice(block);
            Ok(())
        })?;
        Ok((energies, mean))
    }
}

/// A table that grows line by line.
pub struct Lines<'a, W: std::io::Write> {
    csv: csv::Writer<W>,
    rows: &'a RowsByBlock,
    density: Option<&'a Density<'a>>,
}

impl<'a, W: std::io::Write> Lines<'a, W> {
    /// The table with its head; with a density, a row has its log likelihood in place of its energy.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn new(writer: W, rows: &'a RowsByBlock, density: Option<&'a Density<'a>>) -> Result<Self> {
        let has_bits = density.is_some_and(|density| density.bits(0.0).is_some());
        let columns = match (density, has_bits) {
            (None, _) => vec!["row", "energy", "file"],
            (Some(_), false) => vec!["row", "log_likelihood", "file"],
            (Some(_), true) => vec!["row", "log_likelihood", "bits_per_dim", "file"],
        };
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_record(columns)?;
        Ok(Self { csv, rows, density })
    }

    /// The line of a row.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn line(&mut self, row: usize, energy: f64) -> Result<()> {
        let density = self.density;
        let mut fields = vec![self.rows.number(row).to_string()];
        fields.push(if density.is_some() { -energy } else { energy }.to_string());
        fields.extend(density.and_then(|density| density.bits(energy)).map(|bits| bits.to_string()));
        let file = self.rows.file(row).map(Path::to_string_lossy);
        fields.push(file.map(|file| file.into_owned()).unwrap_or_default());
        Ok(self.csv.write_record(fields)?)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn end(mut self) -> Result<()> {
        Ok(self.csv.flush()?)
    }
}

/// Writes to the file, complete or not at all, or else to standard output.
///
/// # Errors
/// Those of `write`, or a disk that refuses.
pub fn to<T>(out: Option<&PathBuf>, write: impl FnOnce(&mut dyn std::io::Write) -> Result<T>) -> Result<T> {
    match out {
        None => write(&mut crate::terminal::tell::Results),
        Some(path) => {
            let mut found = None;
            ebm_files::write(path, |writer| -> Result<()> {
                found = Some(write(writer)?);
                Ok(())
            })?;
            found.ok_or_else(|| anyhow!("{}: nothing was written", path.display()))
        }
    }
}

/// The rows, the highest energy first; before all those whose energy is no number, then those that are infinite.
///
/// # Errors
/// A wrong use of the program for 2³² rows or more, which no memory is to sort.
pub fn order(energies: &[f64]) -> Result<Vec<u32>> {
    let energy = |row: u32| energies[row as usize];
    let class = |row: u32| (energy(row).is_finite(), !energy(row).is_nan());
    let n = u32::try_from(energies.len());
    let n = n.map_err(|_| {
        usage(anyhow!("{} rows are too many to sort; --in-order leaves them", energies.len()))
    })?;
    let mut order: Vec<u32> = (0..n).collect();
    order.sort_unstable_by(|&a, &b| {
        class(a).cmp(&class(b)).then(energy(b).total_cmp(&energy(a))).then(a.cmp(&b))
    });
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_that_are_not_finite_come_first_and_of_them_those_that_are_no_numbers() {
        let energies = [1.0, -f64::NAN, 3.0, f64::NEG_INFINITY, f64::INFINITY, 2.0];
        assert_eq!(order(&energies).unwrap(), [1, 4, 3, 2, 5, 0]);
        assert_eq!(order(&[0.5, f64::NAN, 0.5, 0.5]).unwrap(), [1, 0, 2, 3], "equal ones as they come");
    }
}
