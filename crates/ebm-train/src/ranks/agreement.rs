//! Whether ranks do the same.

use crate::{Ranks, TrainError};

/// Compares facts that have to be the same on all ranks, each with its name: the hash of the program, of the
/// configuration, of the data. All ranks call this with the same names, and all get the same answer.
///
/// # Errors
/// [`TrainError::Rank`] with the first rank that differs from rank 0, and in what.
pub fn agree(ranks: &dyn Ranks, facts: &[(&str, &str)]) -> Result<(), TrainError> {
    let lines: Vec<&str> = facts.iter().map(|(_, fact)| *fact).collect();
    let gathered = ranks.gather(lines.join("\n").as_bytes())?;
    let texts: Vec<_> = gathered.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    for (rank, text) in texts.iter().enumerate().skip(1) {
        if *text == texts[0] {
            continue;
        }
        let mut pairs = facts.iter().zip(text.split('\n').zip(texts[0].split('\n')));
        let differing = pairs.find(|(_, (found, expected))| found != expected);
        let reason = match differing {
            Some(((name, _), (found, expected))) => {
                format!("its {name} is {found}, that of rank 0 {expected}")
            }
            None => "it compares other things than rank 0".to_owned(),
        };
        return Err(TrainError::Rank { rank, reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::LocalRanks;

    /// What the ranks find that have these configurations.
    fn found(configurations: &[&str]) -> Vec<Result<(), String>> {
        let ranks = LocalRanks::new(configurations.len(), Duration::from_secs(5));
        std::thread::scope(|scope| {
            let threads: Vec<_> = ranks
                .into_iter()
                .zip(configurations)
                .map(|(ranks, configuration)| {
                    let compare =
                        move || agree(&ranks, &[("program", "p"), ("configuration", configuration)]);
                    scope.spawn(move || compare().map_err(|error| error.to_string()))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn every_rank_names_the_one_that_differs_and_in_what() {
        assert_eq!(found(&["a", "a", "a"]), [Ok(()), Ok(()), Ok(())]);
        let expected = Err("rank 2: its configuration is b, that of rank 0 a".to_owned());
        assert_eq!(found(&["a", "a", "b", "c"]), vec![expected; 4]);
    }
}
