//! Keys of `--set` that nothing reads.

use ebm_run::sampling::KeysRead;

use crate::terminal::say;

/// Warns of the assignments that change nothing, since only these keys are read.
pub fn say_unread(read: &KeysRead, set: &[String]) {
    if let Some(line) = read.unread(set) {
        say(&format!("warning: {line}"));
    }
}
