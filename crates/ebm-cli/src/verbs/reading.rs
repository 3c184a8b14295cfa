//! How data are read: the flags that every verb with data has.

use std::path::Path;

use anyhow::{Result, anyhow};
use clap::{ArgAction, Args, ValueEnum};
use ebm_data::{DataError, DataSpec, Missing, Split, delimiter_named};
use ebm_ops::Noise;
use ebm_run::config::Config;
use ebm_run::folder::RunFolder;
use ebm_run::model::run_and_step;

use crate::terminal::usage::usage;

/// How a table or a folder of pictures is read.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Reading data")]
pub struct Reading {
    /// The columns of a table to read, by name or by number from 1.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// The columns of a table to leave out, by name or by number from 1.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    drop: Option<Vec<String>>,
    /// The column of a table that has the class of each row, by name or by number from 1; it is not learned.
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Whether the first row of a text table is a header [default: found out].
    #[arg(long, value_enum)]
    header: Option<YesOrNo>,
    /// The character between the fields of a text table, or comma, semicolon, tab, space, pipe [default: found out].
    #[arg(long, value_name = "CHAR", value_parser = delimiter_named)]
    delimiter: Option<char>,
    /// The decimal separator of a text table, . or , [default: found out].
    #[arg(long, value_name = "CHAR", value_parser = decimal)]
    decimal: Option<char>,
    /// What to do with a row of a table that has a missing value.
    #[arg(long, value_parser = ["refuse", "drop"])]
    missing: Option<String>,
    /// Follow links that lead out of a folder of pictures.
    #[arg(long, action = ArgAction::SetTrue)]
    follow_links: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum YesOrNo {
    Yes,
    No,
}

fn decimal(text: &str) -> Result<char, String> {
    match text {
        "." | "point" => Ok('.'),
        "," | "comma" => Ok(','),
        _ => Err("expected . or ,".to_owned()),
    }
}

impl Reading {
    /// The description with what the flags say in place of what it said.
    pub fn applied(&self, spec: DataSpec) -> DataSpec {
        let missing = self.missing.as_deref().map(|name| match name {
            "drop" => Missing::Drop,
            _ => Missing::Refuse,
        });
        DataSpec {
            columns: self.columns.clone().or(spec.columns),
            drop: self.drop.clone().or(spec.drop),
            label: self.label.clone().or(spec.label),
            header: self.header.map(|header| matches!(header, YesOrNo::Yes)).or(spec.header),
            delimiter: self.delimiter.or(spec.delimiter),
            decimal: self.decimal.or(spec.decimal),
            missing: missing.or(spec.missing),
            follow_links: self.follow_links.then_some(true).or(spec.follow_links),
            ..spec
        }
    }

    /// How the data at `path`, those of `run` or others, are read as the flags say, and what they are drawn from.
    ///
    /// # Errors
    /// If it is no data that can be read, or the run cannot be read.
    pub fn described(&self, path: &Path, run: &Path, split: Split) -> Result<(DataSpec, Noise)> {
        let (spec, noise) = described(path, config_of(run)?.as_ref(), &Noise::seeded(0))?;
        Ok((DataSpec { split, ..self.applied(spec) }, noise))
    }
}

/// Whether two paths name the same file or folder.
fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

/// The configuration of the run, if it is a run's folder or a checkpoint in it, and not a model file.
///
/// # Errors
/// If it cannot be read.
pub fn config_of(run: &Path) -> Result<Option<Config>> {
    let (run, _) = run_and_step(run, None)?;
    if run.is_dir() { Ok(Some(Config::of(&RunFolder::open(&run)?)?)) } else { Ok(None) }
}

/// The error of reading a run's own data; where they are not there or none of them are held out, with what helps then.
pub fn with_hint(error: ebm_run::Error, hint: &str) -> anyhow::Error {
    let is_absent = matches!(
        error.find::<DataError>(),
        Some(DataError::NoHeldOut { .. } | DataError::NotFound { .. } | DataError::Missing { .. })
    );
    if !is_absent {
        return error.into();
    }
    let hinted = anyhow!("{error:#}; {hint}");
    if error.is_usage() { usage(hinted) } else { hinted }
}

/// How the data of a run are read, and what they are drawn from.
pub fn own(run: &Config) -> (DataSpec, Noise) {
    (run.data.clone(), Noise::seeded(run.seed).derive("data"))
}

/// Whether data at `path` are those of a run.
pub fn is_own(run: &Config, path: &Path) -> bool {
    run.data.path.as_ref().is_some_and(|own| is_same(own, path))
}

/// How the data at `path` are read: as by the run if they are its own, otherwise as they are found to be, drawn from
/// `noise`.
///
/// # Errors
/// If it is no data that can be read.
pub fn described(path: &Path, run: Option<&Config>, noise: &Noise) -> Result<(DataSpec, Noise)> {
    match run {
        Some(run) if is_own(run, path) => Ok(own(run)),
        Some(run) => {
            let spec = DataSpec::detect(path)?.with_images_as(&run.data).with_label_as(&run.data);
            Ok((spec, noise.clone()))
        }
        None => Ok((DataSpec::detect(path)?, noise.clone())),
    }
}
