//! The parts of samples of a network.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Error, Result, anyhow, ensure};
use ebm_files::Growing;
use ebm_report::{Format, Labels, Pieces, Samples};
use ebm_run::bounds;
use serde_json::json;

use super::arguments::Merge;
use super::gathered::Gathered;
use crate::terminal::columns::counted;
use crate::terminal::usage::usage;
use crate::verbs::part::{Hashing, OfSamples, Slip, Tally};
use crate::verbs::sample::advice::{Advice, verdict};

/// Writes all samples and says what their chains come to.
///
/// # Errors
/// As [`Merge::run`].
pub fn merge(merge: &Merge, gathered: &Gathered, format: Format) -> Result<()> {
    let (parts, request, out) = (gathered.parts(), gathered.request(), &merge.out);
    let (found, expected) = (format.extension(), request.text("file"));
    ensure!(
        found == expected,
        usage(anyhow!("--out {}: the parts are .{expected}, expected the same", out.display()))
    );
    let (first, slip) = &parts[0];
    let Some(samples) = &slip.samples else { return Err(unusable(first)) };
    for (path, slip) in parts {
        let tally = slip.samples.as_ref().and_then(|samples| samples.tally);
        if let Some(damage) = tally.and_then(Tally::damage) {
            return Err(Gathered::damaged(path, &damage));
        }
    }
    let n = parts.iter().map(|(_, slip)| slip.count).sum();
    let pieces = Pieces::new(format, &one(samples)?, n).with_context(|| unusable(first))?;
    Growing::clear(out);
    ebm_files::write(out, |writer| -> Result<(), Error> {
        writer.write_all(&pieces.head()?)?;
        if 0 < pieces.class_width() {
            for (path, slip) in parts {
                classes(path, &pieces.with_n(slip.count), slip.count, writer)?;
            }
        }
        for (path, slip) in parts {
            append(path, slip, &pieces.with_n(slip.count), writer)?;
        }
        Ok(())
    })?;
    Slip::remove(out)?;

    let tallies = parts.iter().filter_map(|(_, slip)| slip.samples.as_ref()?.tally);
    let tally = tallies.reduce(Tally::beside);
    let verdict = verdict(tally.map(Tally::steps).as_ref());
    let acceptance = tally.and_then(Tally::mean_acceptance);
    let advice = Advice::of_network(samples.step(), samples.can_test).at_level(samples.level);
    if merge.json {
        let line = json!({
            "event": "done", "n": n, "seed": request.text("seed").parse::<u64>().ok(), "parts": parts.len(),
            "sampler": request.text("sampler"), "shape": pieces.dims(), "out": out.to_string_lossy(),
            "acceptance": acceptance, "warnings": advice.entries(&verdict),
        });
        tell!("{line}");
    } else {
        let (all, parts) = (counted(n, "sample"), counted(parts.len(), "part"));
        tell!("{all} of {parts}: {}", out.display());
        if let Some(acceptance) = acceptance {
            tell!("acceptance {acceptance:.3}");
        }
        advice.say(&verdict);
    }
    advice.check(&verdict, merge.strict)
}

/// One sample of the kind that a slip describes.
fn one(samples: &OfSamples) -> Result<Samples> {
    let OfSamples { dims, is_image, is_double, columns, .. } = samples;
    bounds::samples("dims", dims)?;
    let n = dims.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim));
    let values = vec![0.0; n.with_context(|| format!("a slip says dims = {dims:?}"))?];
    let one = match (dims.as_slice(), is_image) {
        (&[channels, height, width], true) => Samples::images(values, [1, channels, height, width])?,
        (&[dim], false) if *is_double => {
            Samples::rows(vec![0.0; dim], [1, dim], vec![0.0; dim])?.with_columns(columns.clone())?
        }
        (&[dim], false) => Samples::table(values, [1, dim])?.with_columns(columns.clone())?,
        (dims, _) => return Err(anyhow!("a slip says dims = {dims:?}")),
    };
    Ok(match &samples.class_names {
        Some(names) => one.with_labels(Labels { classes: vec![0], names: names.clone() })?,
        None => one,
    })
}

/// Copies the classes of the `n` samples of a part, which stand before them.
fn classes(path: &Path, pieces: &Pieces, n: usize, out: &mut dyn Write) -> Result<()> {
    let failed = || format!("could not read {}", path.display());
    let mut file = File::open(path).with_context(failed)?;
    file.seek(SeekFrom::Start(pieces.head()?.len() as u64)).with_context(failed)?;
    let length = n as u64 * pieces.class_width() as u64;
    let copied = io::copy(&mut file.take(length), out)
        .with_context(|| format!("could not copy {}", path.display()))?;
    ensure!(copied == length, unusable(path));
    Ok(())
}

/// Appends the samples of a part's file, if it is the one that its slip describes.
fn append(path: &Path, slip: &Slip, pieces: &Pieces, out: &mut dyn Write) -> Result<()> {
    let failed = || format!("could not read {}", path.display());
    let mut file = Hashing::new(File::open(path).with_context(failed)?);
    let expected = pieces.head()?;
    let mut head = Vec::with_capacity(expected.len());
    file.by_ref().take(expected.len() as u64).read_to_end(&mut head).with_context(failed)?;
    ensure!(head == expected, unusable(path));
    // Those of all parts are there already.
    let classes = slip.count as u64 * pieces.class_width() as u64;
    io::copy(&mut file.by_ref().take(classes), &mut io::sink()).with_context(failed)?;
    // An error of either side; that of the writer names its file.
    io::copy(&mut file, out).with_context(|| format!("could not copy {}", path.display()))?;
    ensure!(file.sha256() == slip.sha256, unusable(path));
    Ok(())
}

fn unusable(path: &Path) -> Error {
    anyhow!(
        "{} is not the file that {} describes; draw the part again",
        path.display(),
        Slip::path(path).display()
    )
}
