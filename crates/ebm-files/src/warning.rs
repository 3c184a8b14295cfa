//! What is worth saying although the work is done.

use std::error::Error;
use std::sync::OnceLock;

/// Who is told of a warning.
static TOLD: OnceLock<fn(&str)> = OnceLock::new();

/// Names the function that is told, in a line, what could not be cleaned up after a file or folder was written.
///
/// Libraries do not print; a program calls this once at its start. Without it, and after the first call, nothing
/// changes: whoever writes the same path next tries to clean up again.
pub fn on_warning(tell: fn(&str)) {
    let _ = TOLD.set(tell);
}

/// Tells of `error`, with its causes, to the function that [`on_warning`] names.
///
/// For clean-ups: after them the work is done, so they are no error of it.
pub fn warn(error: &dyn Error) {
    let Some(tell) = TOLD.get() else { return };
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    tell(&text);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_first_function_named_is_told_of_the_error_and_its_causes() {
        static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());
        on_warning(|line| FOUND.lock().unwrap().push(line.to_owned()));
        on_warning(|_| panic!("only the first one is told"));
        let scratch = std::path::PathBuf::from("a-scratch-of-this-test");
        warn(&crate::FileError::Scratch { scratch, source: std::io::Error::other("the disk is ill") });
        let expected =
            "could not remove a-scratch-of-this-test, which an unfinished write left: the disk is ill";
        assert!(FOUND.lock().unwrap().iter().any(|line| line == expected));
    }
}
