//! What an objective remembers of each shard, in one memory.
//!
//! The memory of a batch that is not cut has the objective's own names; what shard 3 of several remembers as
//! `positions` is called `shard-3.positions`.

use std::collections::BTreeSet;

use crate::{Memory, Objective, Shard};

/// The memory of `shard`, by the objective's names.
fn of(memory: &Memory, shard: Shard) -> Memory {
    let prefix = prefix(shard);
    let of_shard = memory.iter().filter_map(|(name, rows)| Some((name.strip_prefix(&prefix)?, rows)));
    of_shard.map(|(name, rows)| (name.to_owned(), rows.clone())).collect()
}

/// Takes the memory of `shard` out, so that nothing else holds its tensors.
pub(crate) fn take(memory: &mut Memory, shard: Shard) -> Memory {
    if shard.is_whole() {
        return std::mem::take(memory);
    }
    let taken = of(memory, shard);
    forget(memory, |other| other != shard.index());
    taken
}

/// Puts the memory of `shard` in.
pub(crate) fn put(memory: &mut Memory, shard: Shard, of_shard: Memory) {
    if shard.is_whole() {
        *memory = of_shard;
        return;
    }
    let prefix = prefix(shard);
    memory.extend(of_shard.into_iter().map(|(name, rows)| (format!("{prefix}{name}"), rows)));
}

/// Keeps the memory of the shards that `keeps` says yes to.
pub(crate) fn forget(memory: &mut Memory, keeps: impl Fn(usize) -> bool) {
    memory.retain(|name, _| index(name).is_none_or(&keeps));
}

/// Whether `objective` can continue from what these shards remember, on data of `dim` columns if those are known.
pub(crate) fn check<M: ?Sized, O: Objective<M> + ?Sized>(
    objective: &O,
    memory: &Memory,
    shards: impl Iterator<Item = Shard>,
    dim: Option<usize>,
) -> Result<(), String> {
    for shard in shards {
        if shard.is_whole() {
            return objective.check_shard(shard, memory, dim);
        }
        let checked = objective.check_shard(shard, &of(memory, shard), dim);
        checked.map_err(|reason| format!("shard {}: {reason}", shard.index()))?;
    }
    Ok(())
}

/// The same for all of `count` shards, where there is nothing else in the memory.
pub(crate) fn check_all<M: ?Sized, O: Objective<M> + ?Sized>(
    objective: &O,
    memory: &Memory,
    count: usize,
) -> Result<(), String> {
    let found: BTreeSet<usize> = memory.keys().filter_map(|name| index(name)).collect();
    let is_of_one = found.is_empty() && !memory.is_empty();
    if (!found.is_empty() && !found.iter().copied().eq(0..count)) || (is_of_one && count != 1) {
        return Err(format!("it remembers {} of a batch, expected {count}", parts(found.len().max(1))));
    }
    check(objective, memory, Shard::all(count), None)
}

fn parts(n: usize) -> String {
    if n == 1 { "1 part".into() } else { format!("{n} parts") }
}

fn prefix(shard: Shard) -> String {
    format!("shard-{}.", shard.index())
}

/// The shard of a name, if it is of one.
fn index(name: &str) -> Option<usize> {
    name.strip_prefix("shard-")?.split_once('.')?.0.parse().ok()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    #[test]
    fn each_shard_gets_back_what_it_remembered() {
        let rows = |n: usize| Tensor::<2>::zeros([n, 1], &Device::flex());
        let mut memory = Memory::new();
        for shard in Shard::all(11) {
            put(&mut memory, shard, [("ages".to_owned(), rows(shard.index() + 1))].into());
        }
        assert!(memory.contains_key("shard-10.ages") && memory.len() == 11);
        for shard in Shard::all(11).filter(|shard| shard.index() % 2 == 1) {
            let taken = take(&mut memory, shard);
            assert_eq!((taken.len(), taken["ages"].dims()), (1, [shard.index() + 1, 1]));
        }
        assert_eq!(memory.len(), 6);
        forget(&mut memory, |index| index == 10);
        assert_eq!(memory.into_keys().collect::<Vec<_>>(), ["shard-10.ages"]);
    }
}
