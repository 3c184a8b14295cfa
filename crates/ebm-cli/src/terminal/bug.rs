//! What a panic says, in whatever thread.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

/// The exit code, Rust's own.
const CODE: u8 = 101;

/// Most characters of a panic's message.
const LONGEST: usize = 300;

/// Most panics that are kept: on a GPU, kernels that are tried out may panic and be left out.
const MOST: usize = 100;

/// What panicked so far, and where.
static PANICS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Does the work; if it panics, in this thread or in one that it waits for, says so in one line.
///
/// A panic that is caught on its way says nothing: whoever caught it knows what to do.
///
/// # Errors
/// The exit code, if it panics.
pub fn or_a_line<T>(work: impl FnOnce() -> T) -> Result<T, u8> {
    panic::set_hook(Box::new(|info| {
        let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        if panics.len() < MOST {
            panics.push((message(info.payload()), place(info)));
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        super::say(&line(&message(&*payload)));
        CODE
    })
}

fn line(what: &str) -> String {
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    // That of another thread is handed on without a second call of the hook.
    let found = panics.iter().find(|(message, _)| message == what).or_else(|| panics.last());
    let at = found.map(|(_, place)| format!(", at {place}")).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "error: this is a bug in ebm {version}: {what}{at}; please report this line, the command, and what \
         `ebm inspect --bug-report` prints"
    )
}

/// The message of a panic in one line.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
}

fn place(info: &PanicHookInfo<'_>) -> String {
    info.location().map_or_else(String::new, |at| format!("{}:{}", inner(at.file()), at.line()))
}

/// A source file from its crate on.
fn inner(file: &str) -> &str {
    let after = |mark: &str| Some(file.split_once(mark)?.1);
    match (after("/registry/src/"), after("/library/")) {
        (Some(rest), _) => rest.split_once('/').map_or(rest, |(_, rest)| rest),
        (None, Some(rest)) => rest,
        (None, None) => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_is_named_without_the_folders_of_the_machine() {
        let there =
            "/home/someone/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/burn-0.22/src/tensor.rs";
        assert_eq!(inner(there), "burn-0.22/src/tensor.rs");
        assert_eq!(inner("/rustc/0123/library/core/src/option.rs"), "core/src/option.rs");
        assert_eq!(inner("crates/ebm-ops/src/noise.rs"), "crates/ebm-ops/src/noise.rs");
    }

    #[test]
    fn a_panic_of_a_thread_is_one_line_with_the_place_where_it_happened() {
        PANICS.lock().unwrap().extend([
            ("first".to_owned(), "a.rs:1".to_owned()),
            ("two lines".to_owned(), "b.rs:2".to_owned()),
            ("last".to_owned(), "c.rs:3".to_owned()),
        ]);
        assert_eq!(message(&"two\n  lines"), "two lines");
        let said = line("two lines");
        assert!(said.starts_with("error: this is a bug in ebm ") && !said.contains('\n'), "{said}");
        assert!(said.contains(": two lines, at b.rs:2; please report"), "{said}");
        assert!(line("another").contains("at c.rs:3"));
    }
}
