//! `ebm merge`: the parts of samples or chains as one file.

mod arguments;
mod chains;
mod gathered;
mod rows;

use anyhow::{Result, anyhow, ensure};
use ebm_report::Format;

pub use self::arguments::Merge;
use self::gathered::Gathered;

use crate::terminal::usage::usage;

impl Merge {
    /// Puts the parts together; the file has the bytes that it would have had without parts.
    ///
    /// # Errors
    /// A wrong use of the program if they are not of one whole, or one is missing or there twice; a file that cannot be
    /// read or written, or is not what its slip says.
    pub fn run(self) -> Result<()> {
        let format = Format::of(&self.out).map_err(usage)?;
        let gathered = Gathered::read(&self.parts)?;
        gathered.check_outside("--out", &self.out)?;
        if let Some(path) = &self.plots {
            gathered.check_outside("--plots", path)?;
        }
        if gathered.parts()[0].1.chains.is_some() {
            return chains::merge(&self, &gathered, format);
        }
        ensure!(self.plots.is_none(), usage(anyhow!("--plots is of chains, these are samples of a network")));
        rows::merge(&self, &gathered, format)
    }
}
