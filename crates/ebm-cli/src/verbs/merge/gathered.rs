//! Parts that make up a whole.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};

use crate::terminal::usage::usage;
use crate::verbs::part::{Part, Request, Slip, differences};

/// The most numbers of missing parts that are listed.
const LISTED: usize = 10;

/// All parts of a whole, in their order, with their slips.
#[derive(Debug)]
pub struct Gathered(Vec<(PathBuf, Slip)>);

impl Gathered {
    /// The parts in these files, by their slips. Slips among the files are passed over.
    ///
    /// # Errors
    /// A wrong use of the program if a slip is missing, the parts are not of one whole, or one is missing or there twice;
    /// a slip that cannot be used.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut parts = Vec::with_capacity(paths.len());
        for path in paths.iter().filter(|path| !Slip::is_one(path)) {
            let Some(slip) = Slip::find(path)? else {
                bail!(usage(anyhow!(
                    "{} is not here, in which `ebm sample --part` says what part {} is; bring it, or draw the part again",
                    Slip::path(path).display(),
                    path.display()
                )));
            };
            parts.push((path.clone(), slip));
        }
        Self::of(parts)
    }

    /// The parts, put in order.
    fn of(mut parts: Vec<(PathBuf, Slip)>) -> Result<Self> {
        let Some((first, slip)) = parts.first().cloned() else {
            bail!(usage(anyhow!("expected the files of parts, found slips only")))
        };
        let of = slip.part()?.of();
        for (path, other) in &parts {
            alike(path, other, &first, &slip).map_err(usage)?;
        }
        let number = |slip: &Slip| slip.part().map_or(0, Part::number);
        parts.sort_by_key(|(_, slip)| number(slip));
        for pair in parts.windows(2) {
            let [(a, slip), (b, other)] = pair else { continue };
            ensure!(
                number(slip) != number(other),
                usage(anyhow!(
                    "part {}/{of} is there twice: {} and {}",
                    number(slip),
                    a.display(),
                    b.display()
                ))
            );
        }
        let found: std::collections::BTreeSet<usize> = parts.iter().map(|(_, slip)| number(slip)).collect();
        let n_missing = of - found.len();
        if 0 < n_missing {
            let missing = (1..=of).filter(|number| !found.contains(number)).take(LISTED);
            let mut missing: Vec<String> = missing.map(|number| number.to_string()).collect();
            if LISTED < n_missing {
                missing.push(format!("and {} more", n_missing - LISTED));
            }
            bail!(usage(anyhow!("of {of} parts, {n_missing} missing: {}", missing.join(", "))));
        }
        let mut next = 0usize;
        for (path, slip) in &parts {
            let failed = || format!("{} cannot be used", Slip::path(path).display());
            ensure!(slip.first == next, "{}: first is {}, expected {next}", failed(), slip.first);
            next = next.checked_add(slip.count).with_context(failed)?;
        }
        let all = if slip.chains.is_some() { "chains" } else { "n" };
        let Some(expected) = slip.request.count(all) else {
            bail!("the parts have {next} items, their slips do not say how many were asked for")
        };
        ensure!(
            expected == next,
            "the parts have {next} items, their slips say that {expected} were asked for"
        );
        Ok(Self(parts))
    }

    /// The files with their slips, at least one.
    pub fn parts(&self) -> &[(PathBuf, Slip)] {
        &self.0
    }

    /// That a slip says what cannot be.
    pub fn damaged(path: &Path, damage: &str) -> Error {
        let (path, slip) = (path.display(), Slip::path(path));
        anyhow!(
            "{path}: its slip is damaged: {damage}; bring {} again, or draw the part again",
            slip.display()
        )
    }

    /// Refuses a place that is a part, lies inside one, or has one inside it: what is written there would destroy it.
    ///
    /// # Errors
    /// A wrong use of the program.
    pub fn check_outside(&self, flag: &str, out: &Path) -> Result<()> {
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
        // A link at its place is replaced, and what it leads to stays.
        let itself = place_of(folder.unwrap_or(Path::new("."))).join(out.file_name().unwrap_or_default());
        let (shown, places) = (out.display(), [place_of(out), itself]);
        for (path, _) in &self.0 {
            let (part, path) = (place_of(path), path.display());
            for place in &places {
                ensure!(*place != part, usage(anyhow!("{flag} {shown}: it is one of the parts")));
                let is_inside = place.starts_with(&part);
                ensure!(!is_inside, usage(anyhow!("{flag} {shown}: it is inside the part {path}")));
                let is_around = part.starts_with(place);
                ensure!(!is_around, usage(anyhow!("{flag} {shown}: the part {path} is inside it")));
            }
        }
        Ok(())
    }

    /// What was asked for.
    pub fn request(&self) -> &Request {
        &self.0[0].1.request
    }
}

/// Where a path leads, without links and `..`; there need be nothing yet.
fn place_of(path: &Path) -> PathBuf {
    let mut place = PathBuf::new();
    for component in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match component {
            Component::ParentDir => {
                place.pop();
            }
            other => place.push(other),
        }
        // Link by link: a `..` goes on from where a link leads.
        place = place.canonicalize().unwrap_or(place);
    }
    place
}

/// # Errors
/// If two parts are not of one whole, with what differs.
fn alike(path: &Path, slip: &Slip, first: &Path, held: &Slip) -> Result<()> {
    let (path, first) = (path.display(), first.display());
    let different = differences(&slip.request, &held.request);
    ensure!(different.is_empty(), "{path} is of another whole than {first}: {}", different.join("; "));
    let [a, b] = [slip.part()?, held.part()?];
    ensure!(a.of() == b.of(), "{path} is part {a}, {first} is part {b}");
    let kinds = |slip: &Slip| (slip.samples.is_some(), slip.chains.is_some());
    ensure!(
        kinds(slip) == kinds(held) && kinds(slip).0 != kinds(slip).1,
        "{path} and {first} are not both of samples, or both of chains"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::part::OfChains;

    fn part(number: usize, of: usize, seed: &str) -> (PathBuf, Slip) {
        let part = Part::new(number, of).unwrap();
        let items = part.of_items(10);
        let request = Request::new().with("seed", seed).with("chains", 10);
        let mut slip = Slip::new(part, [items.start, items.len()], String::new(), request);
        slip.chains = Some(OfChains { shape: [items.len(), 1, 1], runs: vec![] });
        (format!("{number}.npy").into(), slip)
    }

    fn refusal(parts: Vec<(PathBuf, Slip)>) -> String {
        Gathered::of(parts).unwrap_err().to_string()
    }

    #[test]
    fn parts_in_any_order_are_put_in_theirs() {
        let parts = [3, 1, 4, 2].map(|number| part(number, 4, "0"));
        let gathered = Gathered::of(parts.to_vec()).unwrap();
        let first: Vec<usize> = gathered.parts().iter().map(|(_, slip)| slip.first).collect();
        assert_eq!(first, [0, 2, 5, 7]);
    }

    #[test]
    fn what_is_missing_twice_or_of_another_whole_is_named() {
        let parts = |numbers: &[usize]| numbers.iter().map(|&i| part(i, 4, "0")).collect::<Vec<_>>();
        assert_eq!(refusal(parts(&[3, 1])), "of 4 parts, 2 missing: 2, 4");
        assert_eq!(refusal(parts(&[1, 2, 3, 4, 2])), "part 2/4 is there twice: 2.npy and 2.npy");
        let other = [parts(&[1, 2, 3]), vec![part(4, 4, "1")]].concat();
        assert_eq!(refusal(other), "4.npy is of another whole than 1.npy: seed is \"1\", not \"0\"");
        let other = [parts(&[1, 2, 3]), vec![part(4, 5, "0")]].concat();
        assert_eq!(refusal(other), "4.npy is part 4/5, 1.npy is part 1/4");
        let mut damaged = parts(&[1, 2, 3, 4]);
        damaged[2].1.count += 1;
        assert!(refusal(damaged).contains("4.npy.part.toml cannot be used: first is 7, expected 8"));
        assert!(refusal(vec![]).contains("slips only"));
    }
}
